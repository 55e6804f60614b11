"""The contract: what every encoder, decoder and writer of texts must do, whatever is inside.

How each of them is built and what it reads stands in tests/contract; a new class needs an entry there.
"""

import importlib
import inspect
import pkgutil
from abc import ABC, abstractmethod
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

import seqae
from contract import checks
from contract.decoders import DECODERS
from contract.encoders import ENCODERS, STATES
from contract.entry import CHANNELS, CODE, READINGS, DecoderEntry, EncoderEntry, Entry
from contract.texts import WRITERS
from seqae._extras import MissingExtra
from seqae.batch import Batch
from seqae.modules.decoders import Decoder
from seqae.modules.encoders import Encoder, RecurrentEncoder
from seqae.modules.pooling import mean_over_time
from seqae.modules.recurrent import LSTM
from seqae.seq2seq.models import Seq2SeqEncoder, TextDecoder

OF_SEQUENCES = {
    **{f"states, {name}": entry for name, entry in STATES.items()},
    **{f"decoder, {name}": entry for name, entry in DECODERS.items()},
    **{f"writer, {name}": entry for name, entry in WRITERS.items()},
}
ENTRIES = {**{f"encoder, {name}": entry for name, entry in ENCODERS.items()}, **OF_SEQUENCES}


def each(entries: dict[str, Entry]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", entries.values(), ids=list(entries))


@each(ENTRIES)
def test_it_is_the_same_alone_as_in_any_batch_in_any_order(entry):
    checks.check_same_alone_as_in_any_batch(entry)


@each(ENTRIES)
def test_spoiled_and_longer_padding_changes_nothing(entry):
    checks.check_padding_changes_nothing(entry)


@each(ENTRIES)
def test_every_parameter_learns_and_no_gradient_comes_from_padding(entry):
    checks.check_gradients(entry)


@each(ENTRIES)
def test_four_sequences_are_learnt_by_heart(entry):
    checks.check_overfits_four_sequences(entry)


@each(ENTRIES)
def test_saved_and_loaded_gives_the_same_numbers(entry, tmp_path):
    checks.check_saved_and_loaded_gives_the_same_numbers(entry, tmp_path)


@each(ENTRIES)
def test_length_one_and_very_long_work_side_by_side(entry):
    checks.check_short_and_long_side_by_side(entry)


@each({name: entry for name, entry in ENTRIES.items() if any(read.longest for read in entry.inputs)})
def test_a_length_that_does_not_fit_is_refused_and_the_bound_named(entry):
    checks.check_bounds_are_named(entry)


@each(OF_SEQUENCES)
def test_lengths_asked_for_are_written(entry):
    checks.check_lengths_asked_for_are_written(entry)


@each(WRITERS)
def test_writing_step_by_step_gives_the_logits_of_the_whole(entry):
    checks.check_step_by_step_gives_the_same_logits(entry)


@each({name: entry for name, entry in WRITERS.items() if hasattr(entry.make(), "attention_weights")})
def test_attention_weights_are_of_the_source_and_add_up_to_one(entry):
    checks.check_attention_weights_are_of_the_source(entry)


# Every class has an entry.


def concrete(base: type, package: str = "seqae") -> set[type]:
    """Return the classes of a package below one, at any depth, of which objects can be made."""
    below = {each for child in base.__subclasses__() for each in {child, *concrete(child, package)}}
    return {each for each in below if each.__module__.split(".")[0] == package and not inspect.isabstract(each)}


def everything_imported() -> None:
    for module in pkgutil.walk_packages(seqae.__path__, "seqae."):
        if "_recipes" not in module.name and not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except MissingExtra as error:
                assert "adapters" in module.name or module.name == "seqae.service.http", (
                    f"{module.name} can't be looked at: {error}"
                )


def is_text_writer(kind: type) -> bool:
    return all(hasattr(kind, method.__name__) for method in (TextDecoder.init_state, TextDecoder.decode_step))


def test_every_encoder_decoder_and_writer_has_an_entry():
    everything_imported()
    wanted = {kind for base in (Encoder, Decoder, Seq2SeqEncoder, TextDecoder) for kind in concrete(base)}
    wanted |= {kind for kind in concrete(nn.Module) if is_text_writer(kind)}
    there = {type(entry.built()) for entry in ENTRIES.values()}
    missing = sorted(f"{kind.__module__}.{kind.__qualname__}" for kind in wanted - there)
    assert not missing, f"add an entry to tests/contract for {', '.join(missing)}"
    assert there == wanted, "an entry is of no kind that the contract is for"


def test_classes_are_found_at_any_depth_but_no_abstract_or_foreign_ones():
    class Base(ABC):
        @abstractmethod
        def forward(self): ...

    def made(name: str, base: type, module: str, **methods: object) -> type:
        return type(base)(name, (base,), {"__module__": module, **methods})

    abstract = made("Abstract", Base, "seqae.modules.new")
    child = made("Child", abstract, "seqae.modules.new", forward=print)
    grandchild = made("Grandchild", child, "seqae.new")
    made("Foreign", Base, "tests.new", forward=print)
    assert concrete(Base) == {child, grandchild}


# The checks find what is broken.


class ReadsPadding(Encoder):
    """The mean over padding, too."""

    code_size = CODE

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(CHANNELS, CODE)

    def forward(self, batch: Batch) -> Tensor:
        return self.layer(batch.values).mean(dim=1)


class HidesPaddingTooLate(ReadsPadding):
    """The code is right, the gradient is not: NaN times zero is NaN."""

    def forward(self, batch: Batch) -> Tensor:
        written = self.layer(batch.values)
        return torch.where(batch.mask.unsqueeze(2), written, 0).sum(dim=1) / batch.lengths.unsqueeze(1)


class LooksAtOthers(ReadsPadding):
    """Codes with the mean of the batch taken away."""

    def forward(self, batch: Batch) -> Tensor:
        codes = self.layer(batch.mask_padding().values).sum(dim=1)
        return codes - codes.mean(dim=0)


class StopsGradients(ReadsPadding):
    """Nothing before this encoder could learn."""

    def forward(self, batch: Batch) -> Tensor:
        return self.layer(mean_over_time(batch).detach())


class HasAnIdleParameter(ReadsPadding):
    """It has a parameter that it does not use."""

    def __init__(self):
        super().__init__()
        self.idle = nn.Parameter(torch.ones(2))

    def forward(self, batch: Batch) -> Tensor:
        return self.layer(mean_over_time(batch))


class WritesOneMore(Decoder):
    """A step more than was asked for."""

    def forward(self, code: Tensor, lengths: Tensor, targets: Batch | None = None) -> Batch:
        return Batch(code.unsqueeze(1).expand(-1, int(lengths.max()) + 1, -1), lengths + 1)


def of(kind: type[Encoder]) -> EncoderEntry:
    return EncoderEntry(kind, (READINGS,))


@pytest.mark.parametrize(
    ("check", "entry", "message"),
    [
        (checks.check_same_alone_as_in_any_batch, of(LooksAtOthers), "not close"),
        (checks.check_same_alone_as_in_any_batch, of(ReadsPadding), "not close"),
        (checks.check_padding_changes_nothing, of(ReadsPadding), "not all values are finite"),
        (checks.check_gradients, of(HidesPaddingTooLate), "padding changes the gradient of layer.weight"),
        (checks.check_gradients, of(StopsGradients), "of the four sequences count .False, False, False, False"),
        (checks.check_gradients, of(HasAnIdleParameter), "the gradient of idle is zero"),
        (
            checks.check_gradients,
            replace(ENCODERS["lstm"], ignores_input="it reads"),
            "of the four sequences count .True",
        ),
        (checks.check_overfits_four_sequences, replace(ENCODERS["null"], cannot_overfit=""), "not learnt by heart"),
        (checks.check_overfits_four_sequences, replace(ENCODERS["dense"], cannot_overfit="it learns"), "it learns"),
        (
            checks.check_lengths_asked_for_are_written,
            DecoderEntry(WritesOneMore, DECODERS["dense"].inputs),
            "other len",
        ),
        (checks.check_bounds_are_named, replace(ENCODERS["lstm"], inputs=(READINGS.up_to(12),)), "DID NOT RAISE"),
        (checks.check_bounds_are_named, replace(ENCODERS["dense"], inputs=(READINGS.up_to(11),)), "DID NOT RAISE"),
    ],
)
def test_a_check_fails_for_what_is_broken(check, entry, message):
    with pytest.raises((AssertionError, pytest.fail.Exception), match=message):
        check(entry)


def test_the_check_of_saving_fails_for_what_is_not_saved(tmp_path):
    def hooked() -> RecurrentEncoder:
        encoder = RecurrentEncoder(LSTM(CHANNELS, 4), CODE)
        encoder.register_forward_hook(lambda module, read, codes: 2 * codes)
        return encoder

    with pytest.raises(AssertionError, match="not equal"):
        checks.check_saved_and_loaded_gives_the_same_numbers(EncoderEntry(hooked, (READINGS,)), tmp_path)
