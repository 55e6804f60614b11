"""Texts of the help, from docstrings in Google's style."""

from __future__ import annotations

import re


def argument_help(docstring: str, section: str = "Args") -> dict[str, str]:
    """Return the descriptions under a heading of a docstring, by the name of the argument.

    Args:
        docstring: The docstring, dedented.
        section: The heading.
    """
    found = re.search(rf"^{section}:\n((?: .*\n?|\n)+)", docstring, re.MULTILINE)
    entries = re.findall(r"^ {4}\*{0,2}(\w+): *(.*(?:\n {5,}.*)*)", found[1] if found else "", re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def without_sections(docstring: str) -> str:
    """Return a docstring without its sections for readers of the code."""
    return re.sub(r"^(?:Args|Returns|Raises):\n(?: .*\n?|\n)+", "", docstring, flags=re.MULTILINE).strip()
