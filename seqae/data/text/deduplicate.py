"""Unlabelled texts without the sentences of test sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def decontaminate(texts: Sequence[str], known: Iterable[str]) -> list[list[str]]:
    """Return the lines of each text without empty and known ones, whatever the case; texts without lines are dropped.

    Args:
        texts: Documents with one sentence a line.
        known: Sentences of the test sets.
    """
    taken = {text.strip().lower() for text in known}
    lines = ([line.strip() for line in text.split("\n")] for text in texts)
    documents = ([line for line in each if line and line.lower() not in taken] for each in lines)
    return [document for document in documents if document]
