"""Write seqae/__init__.pyi, which tells editors and type checkers where each public name is defined.

    python tests/typing/stub.py

At run time the names are looked up when they are used first, which type checkers cannot follow.
"""

import inspect
from pathlib import Path

import seqae

STUB = Path(seqae.__file__).with_suffix(".pyi")


def contents() -> str:
    """Return what the stub should hold, given the names that seqae offers now."""
    names = [name for name in seqae.__all__ if not name.startswith("__")]
    homes = {name: inspect.getmodule(getattr(seqae, name)) for name in names}
    lines = sorted(f"from {home.__name__} import {name} as {name}" for name, home in homes.items() if home is not None)
    lost = [name for name, home in homes.items() if home is None]
    if lost:
        raise ValueError(f"{', '.join(lost)}: neither a class nor a function. Write such names into the stub by hand")
    return "\n".join(
        ['"""The public names of seqae; written by tests/typing/stub.py."""', "", *lines, "", "__version__: str", ""]
    )


if __name__ == "__main__":
    STUB.write_text(contents(), encoding="utf-8")
