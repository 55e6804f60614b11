"""Where time stamps come from, for error messages about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class TimeSource:
    """The columns of times of one table.

    Attributes:
        names: The name of each column; several make the time up together.
        locate: Returns the position of a row: "run.csv, line 17".
    """

    names: tuple[str, ...]
    locate: Callable[[int], str]

    def __str__(self) -> str:
        return f"time column{'s' if len(self.names) > 1 else ''} {', '.join(map(repr, self.names))}"

    @property
    def without(self) -> str:
        """How to read the table without times, and what is lost by it."""
        return f"do without times, so that gaps between rows are not seen: ignore={list(self.names)}"

    def says(self, *words: str) -> bool:
        """Whether one of these words is in the name of a column, whatever the case."""
        return any(word in name.lower() for name in self.names for word in words)
