"""Replies found in old ones, and what is wrong with new ones."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np


class NearestReply:
    """The reply to the most similar text of those that were answered before.

    Texts are compared by their words, rare ones counting more: the cosine between vectors of word counts times the
    logarithm of how rare the word is (Salton & Buckley 1988, https://doi.org/10.1016/0306-4573(88)90021-0).

    Attributes:
        texts_: What was said, in words; set by `fit`.
        replies_: What was answered.
    """

    def fit(self, texts: Sequence[Sequence[str]], replies: Sequence[str]) -> NearestReply:
        """Keep texts, each a list of words, and their replies."""
        if not texts or len(texts) != len(replies):
            raise ValueError(f"{len(texts)} texts and {len(replies)} replies. Expected as many of both, at least one")
        self.texts_ = [list(text) for text in texts]
        self.replies_ = list(replies)
        self.__dict__.pop("_index", None)
        return self

    def reply(self, text: Sequence[str]) -> str:
        """Return the reply to the text most like this one; of equals, and if no word is known, the first."""
        rarity, places = self._index
        likeness = np.zeros(len(self.texts_))
        for word, weight in _weighted(text, rarity).items():
            rows, weights = places[word]
            likeness[rows] += weight * weights
        return self.replies_[int(likeness.argmax())]

    @cached_property
    def _index(self) -> tuple[dict[str, float], dict[str, tuple[np.ndarray, np.ndarray]]]:
        """How rare each word is; in which texts it stands, and with which weights."""
        seen = Counter(word for text in self.texts_ for word in set(text))
        rarity = {word: 1 + math.log(len(self.texts_) / count) for word, count in seen.items()}
        places: dict[str, list[tuple[int, float]]] = {word: [] for word in rarity}
        for place, text in enumerate(self.texts_):
            for word, weight in _weighted(text, rarity).items():
                places[word].append((place, weight))
        pairs = {word: tuple(map(np.array, zip(*found))) for word, found in places.items()}
        return rarity, pairs


def _weighted(text: Sequence[str], rarity: dict[str, float]) -> dict[str, float]:
    """Return the weights of a text's known words; their squares add up to one."""
    weights = {word: count * rarity[word] for word, count in Counter(text).items() if word in rarity}
    length = math.sqrt(sum(weight * weight for weight in weights.values()))
    return {word: weight / length for word, weight in weights.items()}


@dataclass(frozen=True)
class Faults:
    """What is wrong with replies, as shares of them.

    Attributes:
        empty: Without a word.
        looping: In which the same words come three times in a row.
        commonest: That are the most frequent one, word for word.
        different: How many different ones there are among all.
    """

    empty: float
    looping: float
    commonest: float
    different: float

    def __str__(self) -> str:
        """Say what is wrong, for a person."""
        found = [
            (self.empty > 0, f"{self.empty:.1%} are empty"),
            (self.looping > 0, f"{self.looping:.1%} repeat themselves"),
            (self.commonest > 0.5, f"{self.commonest:.0%} are the same"),
        ]
        return "; ".join(words for is_wrong, words in found if is_wrong) or "none empty, none repeats itself"


def faults(replies: Sequence[Sequence[str]]) -> Faults:
    """Return what is wrong with replies to different texts, each a list of words."""
    if not replies:
        raise ValueError("no replies to judge. Give at least one")
    counts, total = Counter(map(tuple, replies)), len(replies)
    return Faults(
        empty=sum(not reply for reply in replies) / total,
        looping=sum(map(is_looping, replies)) / total,
        commonest=max(counts.values()) / total,
        different=len(counts) / total,
    )


def is_looping(words: Sequence[str], times: int = 3) -> bool:
    """Whether the same words come so many times in a row."""
    words = list(words)
    return any(
        words[at : at + length * (times - 1)] == words[at + length : at + length * times]
        for length in range(1, len(words) // times + 1)
        for at in range(len(words) - length * times + 1)
    )


def overlap(reply: Sequence[str], truth: Sequence[str]) -> float:
    """Return the F1 of the words of a reply, 1 if they are those of the true one in any order.

    Rajpurkar et al. 2016, https://arxiv.org/abs/1606.05250.
    """
    common = sum((Counter(reply) & Counter(truth)).values())
    return 2 * common / (len(reply) + len(truth)) if common else float(not reply and not truth)
