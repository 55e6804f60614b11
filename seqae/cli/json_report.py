"""Results as one JSON object on standard output, for other programs."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from seqae.cli.terminal import refuse_closed_output, to_json


@contextmanager
def json_report(is_asked: bool) -> Iterator[dict[str, Any]]:
    """Yield a dictionary for results; if JSON is asked for, it is printed at the end, and nothing else is.

    All that is printed meanwhile goes to standard error instead. After an error no JSON is printed.
    """
    found: dict[str, Any] = {}
    if not is_asked:
        yield found
        return
    refuse_closed_output()
    with redirect_stdout(sys.stderr):
        yield found
    print(to_json(plain(found)))


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it: numbers as numbers, null for one that is not finite, paths as text."""
    if hasattr(value, "tolist"):  # arrays and scalars of numpy
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value
