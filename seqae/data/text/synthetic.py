"""Synthetic reviews, so that text recipes run without data.

The sentiment of a sentence follows from its words and from how they are joined: "not" reverses a word, and of two
clauses joined by "but" the second decides.
"""

from __future__ import annotations

import random

_THINGS = ("film", "phone", "meal", "room", "song", "book", "game", "hotel", "story", "camera", "waiter", "battery")
_PARTS = ("sound", "price", "end", "start", "service", "screen", "view", "taste", "pace", "cover", "plot", "cast")
_WORDS = {
    "positive": ("great", "lovely", "funny", "clever", "bright", "warm", "solid", "fresh", "superb", "charming"),
    "negative": ("awful", "dull", "weak", "broken", "bland", "cold", "sloppy", "stale", "dreadful", "boring"),
}
_HOW = ("", "", "very ", "really ", "quite ", "so ")
_OPENERS = ("", "", "", "i think ", "for me ", "honestly , ", "my friends say ")
_OPPOSITE = {"positive": "negative", "negative": "positive"}


def synthetic_reviews(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Return sentences of 4 to about 20 words, and the label of each: "positive" or "negative"."""
    rng = random.Random(seed)
    labels = [rng.choice(("negative", "positive")) for _ in range(count)]
    return [_sentence(label, rng) for label in labels], labels


def _sentence(label: str, rng: random.Random) -> str:
    opener, form = rng.choice(_OPENERS), rng.randrange(4)
    if form == 0:
        return f"{opener}{_clause(_OPPOSITE[label], rng)} , but {_clause(label, rng)} ."
    if form == 1:
        return f"{opener}{_clause(label, rng)} and {_clause(label, rng)} ."
    if form == 2:
        return f"{opener}a {_word(label, rng)} {rng.choice(_THINGS)} with a {_word(label, rng)} end !"
    return f"{opener}{_clause(label, rng)} ."


def _clause(label: str, rng: random.Random) -> str:
    thing = rng.choice((f"the {rng.choice(_THINGS)}", f"its {rng.choice(_PARTS)}"))
    if rng.random() < 0.25:
        return f"{thing} is not {_word(_OPPOSITE[label], rng)}"
    return f"{thing} is {rng.choice(_HOW)}{_word(label, rng)}"


def _word(label: str, rng: random.Random) -> str:
    return rng.choice(_WORDS[label])
