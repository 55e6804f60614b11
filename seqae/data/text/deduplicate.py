"""Texts without labels from elsewhere, of which nothing stands in a set that is judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def decontaminate(texts: Sequence[str], known: Iterable[str]) -> list[list[str]]:
    """Return the lines of each text, without empty ones and those that are known in any mixture of capitals.

    Args:
        texts: Documents with a sentence on each line.
        known: Sentences of the sets that will be judged.
    """
    taken = {text.strip().lower() for text in known}
    lines = ([line.strip() for line in text.split("\n")] for text in texts)
    documents = ([line for line in each if line and line.lower() not in taken] for each in lines)
    return [document for document in documents if document]
