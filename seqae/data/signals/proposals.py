"""What to say about words in columns that should hold numbers: the options that would read them."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from seqae.data.signals.cells import Cells, plain_word
from seqae.data.signals.names import format_names, quoted
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.warnings import is_label_name

_LONG = 120  # characters: no word of a program
MAX_WORDS = 12  # columns of more different words hold texts, and neither states nor marks
# Pairs of words that are false and true in any order of the rows.
PAIRS = [("false", "true"), ("off", "on"), ("no", "yes"), ("closed", "open"), ("inactive", "active")]
PAIRS += [("stopped", "running"), ("stop", "run"), ("stop", "start"), ("idle", "run"), ("down", "up"), ("aus", "ein")]
PAIRS += [("f", "t"), ("n", "y"), ("not_home", "home"), ("normal", "alarm"), ("ok", "alarm"), ("nein", "ja")]
MISSING = {
    "nan", "na", "n/a", "#n/a", "nil", "null", "none", "missing", "unavailable", "unknown", "bad", "bad input", "error",
    "err", "no data", "nodata", "no value", "invalid", "not available", "offline", "comm fail", "i/o timeout", "fail",
    "pt created", "shutdown", "over range", "under range", "overflow", "-", "--", "---", ".", "*", "?", "#ref!",
    "#div/0!", "#value!", "#name?", "#num!",
}  # fmt: skip


@dataclass
class _Advice:
    """The options that would read the unread columns, together with those that were given."""

    missing: list[float | str]
    states: dict[str, float]
    ignore: list[str]
    new: set[str] = field(default_factory=set)

    def add_missing(self, words: Iterable[str]) -> None:
        known = {plain_word(str(each)) for each in self.missing}
        if fresh := [word for word in words if plain_word(word) not in known]:
            self.missing += fresh
            self.new.add("missing")

    def add_states(self, words: Iterable[str]) -> None:
        words = list(words)
        known = {plain_word(word): number for word, number in self.states.items()}
        taken = {known[plain_word(word)] for word in words if plain_word(word) in known}
        for word, number in _numbered(words):
            if plain_word(word) not in known:
                while number in taken:
                    number += 1
                self.states[word] = number
                taken.add(number)
                self.new.add("states")

    def add_ignored(self, name: str) -> None:
        self.ignore.append(name)
        self.new.add("ignore")

    def __str__(self) -> str:
        values = {"missing": self.missing, "states": self.states, "ignore": self.ignore}
        return ", ".join(f"{name}={value!r}" for name, value in values.items() if name in self.new)


def unread_message(
    unread: Mapping[str, Cells], columns: Mapping[str, pd.Series], options: ReadingOptions, where: Mapping[str, str]
) -> str:
    """Return the message about columns with cells that hold no numbers; it names options that would read all at once.

    Args:
        unread: The cells of each such column.
        columns: These columns.
        options: How the table was read.
        where: The position of the first such cell of each column: "run.csv, line 17".
    """
    name, cells = next(iter(unread.items()))
    item = columns[name].iloc[int(np.argmax(cells.unread))]
    kind = "text" if isinstance(item, str) else f"a {type(item).__name__}"
    problem = f"column {quoted(name)} holds {kind}: {reprlib.repr(item)} ({where[name]}). A channel holds numbers"
    if isinstance(columns[name].dtype, pd.CategoricalDtype) and kind != "text":
        problem = f"column {quoted(name)} holds categories ({where[name]}). A channel holds numbers"
    advice = _Advice(list(options.missing), dict(options.states), list(options.ignore))
    for other, found in unread.items():
        _advise(advice, other, found, columns[other])
    leave_out = f"ignore={[*options.ignore, *unread]!r}"
    if advice.new == {"ignore"}:
        label = ". It looks like a label" if is_label_name(name) else ""
        return f"{problem}{label}. Correct it, or leave the column{'s' * (len(unread) > 1)} out: {leave_out}"
    others = f" (so do {format_names(other for other in unread if other != name)})" if len(unread) > 1 else ""
    out = "it" if len(unread) == 1 else "all of them"
    return f"{problem}{others}. Say what the words mean: {advice}; correct them; or leave {out} out: {leave_out}"


def _advise(advice: _Advice, name: str, cells: Cells, column: pd.Series) -> None:
    """Add what would read one column."""
    words = list({plain_word(word): word for word in reversed(cells.words) if word.strip()}.values())[::-1]
    if cells.has_others or not words or len(words) > MAX_WORDS or is_label_name(name) or max(map(len, words)) > _LONG:
        advice.add_ignored(name)
    elif cells.has_numbers:
        advice.add_missing(words)
    else:
        marks = [word for word in words if plain_word(word) in MISSING]
        states = [word for word in words if word not in marks]
        if len(states) < 2 or 2 * len(words) > len(column):
            advice.add_ignored(name)
        else:
            advice.add_states(states)
            advice.add_missing(marks)


def _numbered(words: list[str]) -> list[tuple[str, float]]:
    """Return words with numbers: 0 and 1 for pairs such as off and on, otherwise in the order of the rows."""
    plain = {plain_word(word): word for word in words}
    for low, high in PAIRS:
        if set(plain) <= {low, high}:
            return [(plain[word], number) for word, number in ((low, 0), (high, 1)) if word in plain]
    return [(word, number) for number, word in enumerate(plain.values())]
