"""What a fault is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """A fault.

    Attributes:
        file: The file, below the package.
        before: The code, which occurs once in it.
        after: The code that is wrong.
        tests: Tests that should fail, below `tests`, separated by spaces: folders, files or `file::function`.
    """

    file: str
    before: str
    after: str
    tests: str
