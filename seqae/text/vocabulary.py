"""Vocabularies, from texts to token ids and back: words, characters, byte pairs.

The tokens of a text are `(time,)` int64 and end with END, so that even an empty text is a sequence of one step. Padding
is never read and has no id of its own.
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
from seqae.text.tokenizers import Tokenizer, WordTokenizer, validate_text

UNKNOWN, START, END = 0, 1, 2
SPECIAL_TOKENS = ("<unknown>", "<start>", "<end>")  # in the order of their ids


class Vocabulary:
    """The words of texts and their ids, from 3 on, the most frequent first; 0 to 2 are UNKNOWN, START and END.

    >>> from seqae import CharacterTokenizer, Vocabulary
    >>> vocabulary = Vocabulary().fit(["the cat sat", "the dog"])
    >>> vocabulary.tokens_
    ['the', 'cat', 'dog', 'sat']
    >>> vocabulary.encode("the bird sat")
    tensor([3, 0, 6, 2])
    >>> vocabulary.decode([3, 0, 6, 2])
    'the <unknown> sat'

    Characters in place of words:

    >>> Vocabulary(CharacterTokenizer()).fit(["abba"]).encode("ab")
    tensor([3, 4, 2])

    Args:
        tokenizer: Splits texts: `WordTokenizer()` or `CharacterTokenizer()`.
        max_size: The maximum number of words, without the special tokens; None for all.
        min_frequency: Minimum number of occurrences of a word in the texts.

    Attributes:
        tokens_: The words, in the order of their ids; set by `fit`.
    """

    def __init__(self, tokenizer: Tokenizer = WordTokenizer(), max_size: int | None = None, min_frequency: int = 1):  # noqa: B008 (frozen)
        self.tokenizer = tokenizer
        self.max_size = max_size
        self.min_frequency = min_frequency

    def fit(self, texts: Iterable[str]) -> Vocabulary:
        """Learn the words of texts; return the vocabulary.

        Raises:
            TypeError: A text is no str, for example bytes.
            ValueError: No word occurs often enough, or a text holds half a surrogate pair.
        """
        counts = Counter(word for text in texts for word in self._split(text))
        frequent = sorted(
            (word for word in counts if counts[word] >= self.min_frequency), key=lambda word: (-counts[word], word)
        )
        if not frequent:
            raise ValueError(
                f"no words ({len(counts)} different ones seen, none {self.min_frequency} times or more). "
                "Expected texts with words in them. Give more text, or a smaller min_frequency"
            )
        self.__dict__.pop("_ids", None)
        self.tokens_ = frequent[: self.max_size]
        return self

    @classmethod
    def from_torchtext(cls, vocabulary: Any, tokenizer: Tokenizer = WordTokenizer()) -> Vocabulary:  # noqa: B008 (frozen)
        """Return a vocabulary with the words of a `torchtext.vocab.Vocab`, in their order without its special tokens.

        Args:
            vocabulary: Any object whose `get_itos()` returns a list of words.
            tokenizer: Splits texts into such words.
        """
        found = cls(tokenizer)
        found.tokens_ = [word for word in vocabulary.get_itos() if not re.fullmatch(r"<\w+>", word)]
        return found

    def __len__(self) -> int:
        """Return the number of ids, those of the special tokens included."""
        return len(SPECIAL_TOKENS) + len(self._known)

    def encode(self, text: str) -> Tensor:
        """Return the ids of a text's words and END, `(time,)` int64."""
        ids = self._ids
        return torch.tensor([*(ids.get(word, UNKNOWN) for word in self._split(text)), END])

    def decode(self, tokens: Tensor | Sequence[int]) -> str:
        """Return the text of ids `(time,)` up to END, with `<unknown>` for unknown words.

        Raises:
            ValueError: An id is not of this vocabulary.
        """
        return self.tokenizer.join([self.word(token) for token in _text_part(tokens)])

    def word(self, token: int) -> str:
        """Return the word with this id, or the name of the special token.

        Raises:
            ValueError: The id is not of this vocabulary.
        """
        if not 0 <= token < len(self):
            raise ValueError(f"token {token}. Expected ids from 0 to {len(self) - 1}: is it another vocabulary's?")
        return SPECIAL_TOKENS[token] if token < len(SPECIAL_TOKENS) else self._known[token - len(SPECIAL_TOKENS)]

    def unknown(self, text: str) -> list[str]:
        """Return the words of a text that are not in the vocabulary, each once, in their order."""
        return list(dict.fromkeys(word for word in self._split(text) if word not in self._ids))

    def _split(self, text: str) -> list[str]:
        return self.tokenizer.split(validate_text(text))

    @property
    def _known(self) -> list[str]:
        if not hasattr(self, "tokens_"):
            raise ValueError("this vocabulary is not fitted. Call fit(texts) first")
        return self.tokens_

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: token for token, word in enumerate(self._known, start=len(SPECIAL_TOKENS))}


class BytePairs:
    """Byte-level byte-pair encoding: frequent pieces of words, down to single bytes. Every text comes back as it was.

    Sennrich et al. 2016, https://arxiv.org/abs/1508.07909, by Hugging Face's tokenizers (extra `text`).

    Args:
        max_size: The maximum number of pieces, without the special tokens; the 256 bytes are always among them.
        min_frequency: Minimum number of occurrences for a pair to become a piece.

    Attributes:
        tokenizer_: The fitted tokenizer, in the JSON of tokenizers; set by `fit`.
    """

    def __init__(self, max_size: int = 8000, min_frequency: int = 2):
        self.max_size = max_size
        self.min_frequency = min_frequency

    def fit(self, texts: Iterable[str]) -> BytePairs:
        """Learn the pieces of texts; return the vocabulary.

        Raises:
            TypeError: A text is no str, for example bytes.
            ValueError: A text holds half a surrogate pair.
        """
        library = _tokenizers()
        tokenizer = library.Tokenizer(library.models.BPE())
        tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = library.decoders.ByteLevel()
        trainer = library.trainers.BpeTrainer(
            vocab_size=len(SPECIAL_TOKENS) + max(self.max_size, 256),
            min_frequency=self.min_frequency,
            special_tokens=list(SPECIAL_TOKENS),
            initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(map(validate_text, texts), trainer)
        self.__dict__.pop("_tokenizer", None)
        self.tokenizer_ = tokenizer.to_str()
        return self

    def __len__(self) -> int:
        """Return the number of ids, those of the special tokens included."""
        return self._tokenizer.get_vocab_size()

    def encode(self, text: str) -> Tensor:
        """Return the ids of a text's pieces and END, `(time,)` int64."""
        return torch.tensor([*self._tokenizer.encode(validate_text(text)).ids, END])

    def decode(self, tokens: Tensor | Sequence[int]) -> str:
        """Return the text of ids `(time,)` up to END."""
        return self._tokenizer.decode(_text_part(tokens))

    def unknown(self, text: str) -> list[str]:
        """Return an empty list: every byte has an id."""
        return []

    @cached_property
    def _tokenizer(self) -> Any:
        if not hasattr(self, "tokenizer_"):
            raise ValueError("this vocabulary is not fitted. Call fit(texts) first")
        tokenizer = _tokenizers().Tokenizer.from_str(self.tokenizer_)
        tokenizer.encode_special_tokens = True  # a text that holds "<end>" does not end there
        return tokenizer


def _text_part(tokens: Tensor | Sequence[int]) -> list[int]:
    """Return the ids before END, without START."""
    ids = [int(token) for token in (tokens.tolist() if isinstance(tokens, Tensor) else tokens)]
    end = ids.index(END) if END in ids else len(ids)
    return [token for token in ids[:end] if token != START]


def _tokenizers() -> Any:
    return require("tokenizers", extra="text", purpose="byte pairs")
