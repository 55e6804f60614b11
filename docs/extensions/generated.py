"""Where pages go that are written while the documentation is built."""

from pathlib import Path

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent


def write(name: str, lines: list[str]) -> None:
    """Write a page below docs/generated, unless it already reads like that: sphinx reads only changed pages again."""
    path = DOCS / "generated" / name
    text = "\n".join(lines) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def heading(text: str, line: str) -> list[str]:
    """Return a heading of reStructuredText, underlined."""
    return [text, line * len(text), ""]


def indented(text: str, spaces: int = 3) -> list[str]:
    """Return the lines of a text as the content of a directive."""
    return [" " * spaces + line if line else "" for line in text.splitlines()]
