"""The faults that tests must notice are still faults of lines that exist."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import seqae
from mutations.mutation import Mutation
from mutations.mutations import MUTATIONS

PACKAGE = Path(seqae.__file__).parent


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda each: f"{each.file} {each.before[:40]}")
def test_a_fault_changes_one_place_and_is_still_python(mutation: Mutation):
    right = (PACKAGE / mutation.file).read_text(encoding="utf-8")
    assert right.count(mutation.before) == 1, "the line has changed: change the mutation, too"
    wrong = right.replace(mutation.before, mutation.after)
    assert ast.dump(ast.parse(wrong)) != ast.dump(ast.parse(right))


@pytest.mark.parametrize("tests", sorted({test for each in MUTATIONS for test in each.tests.split()}))
def test_the_tests_that_should_notice_exist(tests: str):
    path, _, function = tests.partition("::")
    found = Path(__file__).parents[1] / path
    assert found.exists() if not function else f"def {function}(" in found.read_text(encoding="utf-8")
