"""Warnings that are expected in one thread alone.

`warnings.catch_warnings` changes the filters of the whole process: two threads within it at the same time lose
warnings of each other, and leave filters behind. Here a filter is set as long as some thread wants it, and it applies
in that thread only.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Literal

Action = Literal["ignore", "error"]


class _Rule:
    """What to do with warnings of a category in the threads that ask for it; stands for a pattern in a filter."""

    def __init__(self, action: Action, category: type[Warning], pattern: str):
        self.category = category
        self.pattern = re.compile(pattern)
        self.filter = (action, self, category, None, 0)
        self.count = 0  # of those within it, in all threads

    def match(self, message: str) -> bool:
        """Return whether it applies to a message here."""
        return self in _own_rules.get() and self.pattern.search(message) is not None


_own_rules: ContextVar[tuple[_Rule, ...]] = ContextVar("_own_rules", default=())
_rules: dict[tuple[str, type[Warning], str], _Rule] = {}
_lock = threading.Lock()


@contextmanager
def warnings_here(action: Action, category: type[Warning] = Warning, pattern: str = "") -> Iterator[None]:
    """Ignore warnings in this thread, or raise them as errors; other threads get theirs as before.

    Args:
        action: What to do.
        category: Of which kind they are; of several rules, the one for the most special kind holds.
        pattern: What is found in their messages.
    """
    with _lock:
        rule = _rules.setdefault((action, category, pattern), _Rule(action, category, pattern))
        rule.count += 1
        _set_filters()
    token = _own_rules.set((*_own_rules.get(), rule))
    try:
        yield
    finally:
        _own_rules.reset(token)
        with _lock:
            rule.count -= 1
            _set_filters()


def _set_filters() -> None:
    """Put the filters that some thread wants first, in an order that does not depend on which thread came last."""
    for rule in _rules.values():
        with suppress(ValueError):  # a caller's own filters may have come meanwhile
            warnings.filters.remove(rule.filter)  # type: ignore[attr-defined]
    wanted = [rule for rule in _rules.values() if rule.count]
    wanted.sort(key=lambda rule: len(rule.category.__mro__), reverse=True)  # what is said of a kind before all kinds
    warnings.filters[:0] = [rule.filter for rule in wanted]  # type: ignore[index]
