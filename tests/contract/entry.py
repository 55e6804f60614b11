"""Entries of the contract: how a module is built small, what it reads, how it is called, and how it learns by heart."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.inference import evaluating
from seqae.losses import mean_loss, squared_error, token_cross_entropy
from seqae.modules.decoders import DenseDecoder
from seqae.seq2seq.decoding import GreedySearch, decode
from seqae.text.vocabulary import END, START

CHANNELS, CODE, WORDS, FRAME, IMAGE = 3, 5, 12, (2, 7, 6), (1, 8, 8)


@dataclass(frozen=True)
class Input:
    """One of the things that a module reads: sequences.

    Attributes:
        make: Returns a sequence of a length, `(length, *step)`.
        lengths: Of the four sequences that are read together.
        shortest: The minimum length.
        longest: The maximum length; None if there is none. Beyond it has to raise a ValueError that names it.
        long: Steps of the sequence that is read beside one of a single step, where there is no longest one.
    """

    make: Callable[[int], Tensor]
    lengths: tuple[int, int, int, int] = (5, 9, 1, 7)
    shortest: int = 1
    longest: int | None = None
    long: int = 1000

    def some(self, lengths: Sequence[int]) -> list[Tensor]:
        return [self.make(length) for length in lengths]

    def up_to(self, longest: int, shortest: int = 1) -> Input:
        lengths = tuple(min(max(length, shortest), longest) for length in self.lengths)
        return replace(self, lengths=lengths, shortest=shortest, longest=longest)


def gappy(length: int) -> Tensor:
    values = torch.randn(length, CHANNELS)
    values[-1, 0] = torch.nan
    return values


def text(length: int) -> Tensor:
    return torch.cat([torch.randint(3, WORDS, (length - 1,)), torch.tensor([END])])


def vectors(size: int) -> Input:
    return Input(lambda length: torch.randn(length, size))


def codes(size: int) -> Input:
    """Return the codes of a decoder: they take part in a batch as sequences of one step, the only one ever read."""
    return Input(lambda length: torch.randn(1, size), lengths=(1, 1, 1, 1), long=1)


READINGS = vectors(CHANNELS)
GAPPY = Input(gappy)
TOKENS = Input(text)
TEXTS = Input(text, lengths=(3, 1, 8, 4), long=100)
FRAMES = Input(lambda length: torch.rand(length, *FRAME), lengths=(4, 6, 1, 3), long=100)
IMAGES = Input(lambda length: torch.rand(length, *IMAGE)).up_to(1)


@dataclass(frozen=True)
class Entry(ABC):
    """A module with all that the checks have to know of it.

    Attributes:
        make: Builds the module.
        inputs: What it reads, in the order of its arguments.
        ignores_input: Why its input changes nothing; empty if it does.
        cannot_overfit: Why it cannot learn four sequences by heart; empty if it can.
    """

    make: Callable[[], nn.Module]
    inputs: tuple[Input, ...]
    ignores_input: str = field(default="", kw_only=True)
    cannot_overfit: str = field(default="", kw_only=True)

    def built(self) -> nn.Module:
        torch.manual_seed(0)
        return self.make()

    def rows(self, *lengths: Sequence[int]) -> list[list[Tensor]]:
        """Return what is read: for each input a sequence of each length, of the usual ones if none are given."""
        torch.manual_seed(1)
        return [each.some(own) for each, own in zip(self.inputs, lengths or [each.lengths for each in self.inputs])]

    @abstractmethod
    def call(self, module: nn.Module, *batches: Batch) -> list[Batch]:
        """Return all outputs of the module, with the rows of its inputs."""

    @abstractmethod
    def overfits(self, module: nn.Module, *batches: Batch) -> bool:
        """Let the module learn four sequences; return whether it knows them."""

    def _learns(self, parts: Sequence[nn.Module], loss: Callable[[], Tensor], knows: Callable[[], bool]) -> bool:
        """Train until all is known, but no more than 400 steps."""
        whole = nn.ModuleList(parts)
        optimizer = torch.optim.Adam(whole.parameters(), lr=0.02)
        for step in range(1, 401):
            whole.train()
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()
            if step % 10 == 0:
                with evaluating(whole):
                    if knows():
                        return True
        return False


def is_known(predictions: Tensor, steps: Tensor) -> bool:
    """Tell whether tokens are the likeliest ones, or readings are missed by less than a tenth of their variance."""
    if not steps.is_floating_point():
        return bool((predictions.argmax(dim=1) == steps).all())
    known = steps[~steps.isnan()]
    return bool(mean_loss(squared_error(predictions, steps)) < 0.1 * known.var())


@dataclass(frozen=True)
class EncoderEntry(Entry):
    """An encoder of codes."""

    def call(self, module: nn.Module, *batches: Batch) -> list[Batch]:
        found = module(*batches)
        assert found.shape == (len(batches[0]), module.code_size)
        return [Batch.full(found.unsqueeze(1))]

    def overfits(self, module: nn.Module, *batches: Batch) -> bool:
        """Beside a decoder of fully connected layers."""
        (batch,) = batches
        is_text = not batch.values.is_floating_point()
        step = torch.Size([WORDS]) if is_text else batch.values.shape[2:]
        time, error = batch.values.shape[1], token_cross_entropy if is_text else squared_error
        decoder = DenseDecoder(time, step.numel(), module.code_size, head=nn.Unflatten(1, step))

        def predicted() -> Tensor:
            return decoder(module(batch), batch.lengths).steps

        return self._learns(
            [module, decoder],
            lambda: mean_loss(error(predicted(), batch.steps)),
            lambda: is_known(predicted(), batch.steps),
        )


@dataclass(frozen=True)
class DecoderEntry(Entry):
    """A decoder of codes.

    Attributes:
        error: What it learns by.
        means: From its predictions to what is compared with steps, or to logits of tokens.
    """

    error: Callable[[Tensor, Tensor], Tensor] = field(default=squared_error, kw_only=True)
    means: Callable[[Tensor], Tensor] = field(default=lambda predictions: predictions, kw_only=True)

    def call(self, module: nn.Module, *batches: Batch) -> list[Batch]:
        code, target = batches[0].values[:, 0], batches[1]
        return [module(code, target.lengths), module(code, target.lengths, target)]

    def overfits(self, module: nn.Module, *batches: Batch) -> bool:
        """From codes that are learnt, too; it is taught, and known is what it writes without a targets."""
        table, target = nn.Embedding.from_pretrained(batches[0].values[:, 0], freeze=False), batches[1]
        return self._learns(
            [module, table],
            lambda: self.error(module(table.weight, target.lengths, target).steps, target.steps).mean(),
            lambda: is_known(self.means(module(table.weight, target.lengths).steps), target.steps),
        )


@dataclass(frozen=True)
class SequenceEncoderEntry(Entry):
    """An encoder of states, one for each step."""

    def call(self, module: nn.Module, *batches: Batch) -> list[Batch]:
        found = module(*batches)
        assert found.values.shape[2] == module.states_size
        return [found]

    def overfits(self, module: nn.Module, *batches: Batch) -> bool:
        """Beside a linear layer that tells each step from its state."""
        (batch,) = batches
        head = nn.Linear(module.states_size, batch.values.shape[2])

        def predicted() -> Tensor:
            return module(batch).map(head).steps

        return self._learns(
            [module, head],
            lambda: squared_error(predicted(), batch.steps).mean(),
            lambda: is_known(predicted(), batch.steps),
        )


@dataclass(frozen=True)
class TextEntry(Entry):
    """What writes texts: a decoder that reads states, or a model that reads any source."""

    def call(self, module: nn.Module, *batches: Batch) -> list[Batch]:
        source, target = batches
        found = [module(source, target), self.step_by_step(module, source, target)]
        if hasattr(module, "attention_weights"):
            weights = module.attention_weights(source, target)
            waves = torch.outer(torch.arange(weights.shape[2]), torch.arange(1, 9)).cos()
            found.append(Batch(weights @ waves, target.lengths))  # as many numbers for sources of any length
        return found

    def step_by_step(self, module: nn.Module, source: Batch, target: Batch) -> Batch:
        """Return the logits of given texts, each token written after the one before was read."""
        state, tokens, logits = module.init_state(source), torch.full_like(target.lengths, START), []
        for truths in target.mask_padding().values[:, : int(target.lengths.max())].unbind(dim=1):
            written, state = module.decode_step(tokens, state)
            logits.append(written)
            tokens = truths
        return Batch(torch.stack(logits, dim=1), target.lengths)

    def overfits(self, module: nn.Module, *batches: Batch) -> bool:
        source, target = batches
        texts = [row.tolist() for row in target.unpad()]

        def written() -> list[list[int]]:
            return [
                row.tolist()
                for row in decode(module, module.init_state(source), max(target.lengths) + 2, GreedySearch())
            ]

        return self._learns(
            [module],
            lambda: token_cross_entropy(module(source, target).steps, target.steps).mean(),
            lambda: written() == texts,
        )
