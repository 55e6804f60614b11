"""Between texts and sequences of tokens: words, characters, byte pairs.

A text as a sequence is `(time,)` int64 and ends with END, so that not even an empty text is an empty sequence. What
pads a batch is never read and has no number of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from seqae._extras import require
from seqae.text.tokenizers import CharacterTokenizer as CharacterTokenizer
from seqae.text.tokenizers import FunctionTokenizer, Tokenizer, WordTokenizer, validate_text

UNKNOWN, START, END = 0, 1, 2
SPECIAL = ("<unknown>", "<start>", "<end>")  # how they are shown, in the order of their numbers


class Vocabulary:
    """The words that a model knows, numbered from 3 on, the most frequent first.

    Args:
        tokenizer: What a word is: `Words()` or `CharacterTokenizer()`.
        max_size: How many words at most.
        min_frequency: How often a word must have been seen.

    Attributes:
        words_: The words, in the order of their numbers; set by `fit`.
    """

    def __init__(self, tokenizer: Tokenizer = WordTokenizer(), max_size: int | None = None, min_frequency: int = 1):  # noqa: B008 (frozen)
        self.tokenizer = tokenizer
        self.max_size = max_size
        self.min_frequency = min_frequency

    def fit(self, texts: Iterable[str]) -> Vocabulary:
        """Learn the words of texts.

        Raises:
            TypeError: A text is none, for example bytes.
            ValueError: No word was seen often enough, or a text holds half a character.
        """
        counts = Counter(word for text in texts for word in self._split(text))
        frequent = sorted(
            (word for word in counts if counts[word] >= self.min_frequency), key=lambda word: (-counts[word], word)
        )
        if not frequent:
            raise ValueError(
                f"no words ({len(counts)} different ones seen, none {self.min_frequency} times or more). "
                "Expected texts with words in them. Give more text, or a smaller least"
            )
        self.tokens_ = frequent[: self.max_size]
        self.__dict__.pop("_numbers", None)
        return self

    def __len__(self) -> int:
        return len(SPECIAL) + len(self._known)

    def encode(self, text: str) -> Tensor:
        """Return the numbers of a text's words and END, `(time,)`."""
        numbers = self._numbers
        return torch.tensor([*(numbers.get(word, UNKNOWN) for word in self._split(text)), END])

    def decode(self, tokens: Tensor | Sequence[int]) -> str:
        """Return the text of numbers up to END, with `<unknown>` for what is unknown."""
        return self.tokenizer.join([self.word(number) for number in _text_part(tokens)])

    def word(self, token: int) -> str:
        """Return how a number is shown."""
        if not 0 <= token < len(self):
            raise ValueError(f"token {token}. Expected numbers from 0 to {len(self) - 1}: is it another vocabulary's?")
        return SPECIAL[token] if token < len(SPECIAL) else self._known[token - len(SPECIAL)]

    def unknown(self, text: str) -> list[str]:
        """Return the words of a text that have no number, each once, in their order."""
        return list(dict.fromkeys(word for word in self._split(text) if word not in self._numbers))

    def _split(self, text: str) -> list[str]:
        return self.tokenizer.split(validate_text(text))

    @property
    def _known(self) -> list[str]:
        if not hasattr(self, "tokens_"):
            raise ValueError("this vocabulary has learnt no words. Call fit(texts) first")
        return self.tokens_

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self._known, start=len(SPECIAL))}


class BytePairs:
    """Frequent pieces of words, down to single bytes: nothing is unknown and every text comes back as it was.

    Sennrich et al. 2016, https://arxiv.org/abs/1508.07909, by Hugging Face's tokenizers (extra `text`).

    Args:
        max_size: How many pieces at most; the 256 bytes are always among them.
        min_frequency: How often a pair must have been seen to become a piece.

    Attributes:
        pieces_: What the tokenizer learnt, as it writes it itself; set by `fit`.
    """

    def __init__(self, max_size: int = 8000, min_frequency: int = 2):
        self.max_size = max_size
        self.min_frequency = min_frequency

    def fit(self, texts: Iterable[str]) -> BytePairs:
        """Learn the pieces of texts."""
        hugging = _tokenizers()
        tokenizer = hugging.Tokenizer(hugging.models.BPE())
        tokenizer.pre_tokenizer = hugging.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = hugging.decoders.ByteLevel()
        trainer = hugging.trainers.BpeTrainer(
            vocab_size=len(SPECIAL) + max(self.max_size, 256),
            min_frequency=self.min_frequency,
            special_tokens=list(SPECIAL),
            initial_alphabet=hugging.pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(map(validate_text, texts), trainer)
        self.tokenizer_ = tokenizer.to_str()
        self.__dict__.pop("_tokenizer", None)
        return self

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()

    def encode(self, text: str) -> Tensor:
        """Return the numbers of a text's pieces and END, `(time,)`."""
        return torch.tensor([*self._tokenizer.encode(validate_text(text)).ids, END])

    def decode(self, tokens: Tensor | Sequence[int]) -> str:
        """Return the text of numbers up to END."""
        return self._tokenizer.decode(_text_part(tokens))

    def unknown(self, text: str) -> list[str]:
        """Return nothing: every byte has a number."""
        return []

    @cached_property
    def _tokenizer(self) -> Any:
        if not hasattr(self, "tokenizer_"):
            raise ValueError("this vocabulary has learnt no pieces. Call fit(texts) first")
        tokenizer = _tokenizers().Tokenizer.from_str(self.tokenizer_)
        tokenizer.encode_special_tokens = True  # a text that holds "<end>" does not end there
        return tokenizer


def adopted(tokenizer: Any, splitter: Tokenizer = WordTokenizer()) -> Vocabulary:  # noqa: B008 (frozen)
    """Return a vocabulary made of what somebody already has.

    Args:
        tokenizer: A torchtext vocabulary, whose words are taken over in their order without its special ones; or
            a function from a text to its words, for which the vocabulary still has to be fitted.
        splitter: What cuts texts for a torchtext vocabulary.
    """
    if hasattr(tokenizer, "get_itos"):
        vocabulary = Vocabulary(splitter)
        vocabulary.tokens_ = [word for word in tokenizer.get_itos() if not re.fullmatch(r"<\w+>", word)]
        return vocabulary
    if not callable(tokenizer):
        raise ValueError(
            f"a {type(tokenizer).__name__} is no tokenizer. Expected a torchtext vocabulary or a function from a text "
            "to a list of words"
        )
    return Vocabulary(FunctionTokenizer(tokenizer))


def _text_part(tokens: Tensor | Sequence[int]) -> list[int]:
    numbers = [int(number) for number in (tokens.tolist() if isinstance(tokens, Tensor) else tokens)]
    end = numbers.index(END) if END in numbers else len(numbers)
    return [number for number in numbers[:end] if number != START]


def _tokenizers() -> Any:
    return require("tokenizers", extra="text", purpose="byte pairs")
