"""Trees in brackets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqae.data.text.trees import parse_tree, read_trees
from seqae.modules.trees import Tree, balanced, chain

LINE = "(3 (2 not) (4 (3 very) (2 bad)))"


def test_words_merges_and_labels_are_read():
    found = parse_tree(LINE)
    assert found.words == ("not", "very", "bad")
    assert found.tree.merges.tolist() == [[1, 2], [0, 3]]
    assert found.labels == ("2", "3", "2", "4", "3")


@pytest.mark.parametrize(
    ("line", "words", "merges", "labels"),
    [
        ("(4 hi)", ("hi",), [], ("4",)),
        ("(3 not (2 very))", ("not", "very"), [[0, 1]], ("", "2", "3")),  # a word without a bracket
        ("((a x) (b y))", ("x", "y"), [[0, 1]], ("a", "b", "")),  # a node without a label
        ("(S (VP (V go)))", ("go",), [], ("S",)),  # nodes without sisters: the topmost label
        ("(X (-LRB- -LRB-) (N -RRB-))", ("(", ")"), [[0, 1]], ("-LRB-", "N", "X")),
    ],
)
def test_words_without_brackets_nodes_without_labels_or_sisters(line, words, merges, labels):
    found = parse_tree(line)
    assert (found.words, found.tree.merges.tolist(), found.labels) == (words, merges, labels)


@pytest.mark.parametrize(
    ("line", "column", "what"),
    [
        ("(3 (2 a) (3 b)", 1, "never closed"),
        ("(3 (2 a) (3 b", 10, "never closed"),
        ("(3 (2 a) (3 b)))", 16, "outside"),
        ("(2 a) (3 b)", 7, "outside"),
        ("a", 1, "outside"),
        ("(3 (2 a) (1 b) (3 c))", 1, "3 parts"),
        ("(3 () (2 b))", 4, "0 parts"),
    ],
)
def test_what_is_no_tree_is_refused_with_its_column(line, column, what):
    with pytest.raises(ValueError, match=rf"{what}.*column {column}\)"):
        parse_tree(line)


def test_a_file_is_read_line_by_line_and_a_fault_is_named_with_its_line(tmp_path):
    path = tmp_path / "trees.txt"
    path.write_text(f"{LINE}\n\n(1 (1 a) (2 c))\n", encoding="utf-8")
    assert [tree.words for tree in read_trees(path)] == [("not", "very", "bad"), ("a", "c")]
    path.write_text(f"{LINE}\n\n(1 (2 a) (3 b)\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"never closed \(trees\.txt, line 3, column 1\)"):
        read_trees(path)
    path.write_text("\n \n")
    with pytest.raises(ValueError, match=r"no trees \(trees\.txt\)"):
        read_trees(path)


def test_deep_trees_are_read():
    depth = 5000
    found = parse_tree("(1 " * depth + "w" + " (0 w))" * depth)
    assert found.tree.leaves == depth + 1 and found.tree.heights[-1] == depth


def written(tree: Tree, labels: list[str]) -> str:
    texts = [f"({labels[leaf]} w{leaf})" for leaf in range(tree.leaves)]
    for number, (left, right) in enumerate(tree.merges, start=tree.leaves):
        texts.append(f"({labels[number]} {texts[left]} {texts[right]})")
    return texts[-1]


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 12), st.integers(0, 1000))
def test_what_is_written_is_read(leaves, seed):
    random = np.random.default_rng(seed)
    alive, merges = list(range(leaves)), []
    while len(alive) > 1:
        at = int(random.integers(len(alive) - 1))
        merges.append(alive[at : at + 2])
        alive[at : at + 2] = [leaves + len(merges) - 1]
    tree, labels = Tree.of(np.array(merges)), [str(label) for label in random.integers(0, 5, 2 * leaves - 1)]
    line = written(tree, labels)
    found = parse_tree(line)
    assert found.words == tuple(f"w{leaf}" for leaf in range(leaves))
    assert written(found.tree, list(found.labels)) == line


def test_chains_and_balanced_trees():
    assert chain(4).merges.tolist() == [[0, 1], [4, 2], [5, 3]] and chain(4).heights.tolist() == [1, 2, 3]
    assert balanced(5).merges.tolist() == [[0, 1], [2, 3], [5, 6], [7, 4]]
    assert [balanced(leaves).heights[-1] for leaves in (2, 4, 5, 8, 9)] == [1, 2, 3, 3, 4]
    assert chain(1).merges.shape == (0, 2) and len(chain(1)) == 1


def test_merges_that_make_no_tree_are_refused():
    with pytest.raises(ValueError, match="merge 0 of 2 reads the nodes"):
        Tree.of(np.array([[0, 4], [3, 2]]))
    with pytest.raises(ValueError, match="node 1 is merged more than once"):
        Tree.of(np.array([[0, 1], [1, 2]]))
