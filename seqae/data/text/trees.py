"""Trees in brackets, as the Penn Treebank writes them: `(3 (2 not) (4 (3 very) (2 bad)))`.

Marcus et al. 1993, https://aclanthology.org/J93-2004; with a class at each node: Socher et al. 2013,
https://aclanthology.org/D13-1170.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seqae.data.text.files import read_characters
from seqae.modules.trees import Tree

_PARTS = re.compile(r"[()]|[^\s()]+")
_ESCAPES = {"-LRB-": "(", "-RRB-": ")"}  # how the Treebank writes brackets that are words


@dataclass(frozen=True, eq=False)
class LabelledTree:
    """A sentence with its tree.

    Attributes:
        words: The leaves, from first to last.
        tree: The merges of the tree.
        labels: One label for each node in the order of the tree, first those of the words; "" where there is none.
    """

    words: tuple[str, ...]
    tree: Tree
    labels: tuple[str, ...]


def read_trees(path: str | Path, encoding: str = "utf-8") -> list[LabelledTree]:
    """Read a tree from each line of a file; empty lines are left out.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line holds no whole binary tree; the message names line and column.
    """
    path = Path(path)
    trees = []
    for number, line in enumerate(read_characters(path, encoding).split("\n"), start=1):
        if line.strip():
            trees.append(parse_tree(line, f"{path.name}, line {number}"))
    if not trees:
        raise ValueError(f"no trees ({path.name}). Expected one a line, such as (3 (2 not) (4 bad))")
    return trees


def parse_tree(line: str, where: str = "a tree") -> LabelledTree:
    """Return the tree that a line holds. A node with one part is that part.

    Args:
        line: `(label left right)` at each merge, `(label word)` or the word alone at each leaf; labels may be missing.
        where: File and line of the text, for error messages.

    Raises:
        ValueError: The brackets do not match, or a node has more than two parts.
    """
    return _Parser(line, where).tree()


@dataclass
class _OpenBracket:
    """An open bracket: its column and its parts so far, texts with their columns or indices of nodes."""

    column: int
    parts: list[tuple[int, str] | int] = field(default_factory=list)


class _Parser:
    """Open brackets are kept in a list, not on Python's stack: trees may be deep.

    The number of words is only known at the end: until then, the column of a word is its index, and merges have the
    indices -1, -2, ...
    """

    def __init__(self, line: str, where: str):
        self.line, self.where = line, where
        self.words: dict[int, str] = {}
        self.merges: list[tuple[int, int]] = []
        self.labels: dict[int, str] = {}

    def tree(self) -> LabelledTree:
        self.read()
        columns = sorted(self.words)
        index = {column: leaf for leaf, column in enumerate(columns)}
        index |= {-1 - merge: len(columns) + merge for merge in range(len(self.merges))}
        merges = np.array([(index[left], index[right]) for left, right in self.merges], dtype=np.int64)
        words = [self.words[column] for column in columns]
        labels = {index[node]: label for node, label in self.labels.items()}
        return LabelledTree(
            tuple(_ESCAPES.get(word, word) for word in words),
            Tree.of(merges),
            tuple(labels.get(node, "") for node in range(len(index))),
        )

    def read(self) -> None:
        opened: list[_OpenBracket] = []
        done = False
        for match in _PARTS.finditer(self.line):
            text, column = match.group(), match.start() + 1
            if done or (not opened and text != "("):
                raise self.error(column, f"{text!r} is outside of all brackets", "one tree in brackets a line")
            if text == "(":
                opened.append(_OpenBracket(column))
            elif text == ")":
                node = self.close(opened.pop())
                done = not opened
                if opened:
                    opened[-1].parts.append(node)
            else:
                opened[-1].parts.append((column, text))
        if not done:
            column = opened[-1].column if opened else 1
            raise self.error(column, "the bracket that opens here is never closed", "as many ) as (")

    def close(self, bracket: _OpenBracket) -> int:
        """Return the index of the node that a bracket stands for."""
        label, parts = "", bracket.parts
        if len(parts) > 1 and isinstance(parts[0], tuple):
            label, parts = parts[0][1], parts[1:]
        if not 1 <= len(parts) <= 2:
            raise self.error(bracket.column, f"a node of {len(parts)} parts", "a word, or two nodes")
        nodes = [self.leaf(*part) if isinstance(part, tuple) else part for part in parts]
        if len(nodes) == 2:
            self.merges.append((nodes[0], nodes[1]))
        node = nodes[0] if len(nodes) == 1 else -len(self.merges)
        if label:
            self.labels[node] = label
        return node

    def leaf(self, column: int, word: str) -> int:
        self.words[column] = word
        return column

    def error(self, column: int, what: str, expected: str) -> ValueError:
        return ValueError(f"{what} ({self.where}, column {column}). Expected {expected}, as in (3 (2 not) (4 bad))")
