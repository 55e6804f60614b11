"""Editors and type checkers see what users see."""

import ast
import importlib
from pathlib import Path

import pytest

import seqae

USES = Path(__file__).with_name("public_api.py")
STUB = Path(seqae.__file__).with_suffix(".pyi")


def test_the_file_for_type_checkers_uses_every_public_name():
    used = {
        node.attr
        for node in ast.walk(ast.parse(USES.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "seqae"
    }
    assert used == set(seqae.__all__)


def test_type_checkers_are_told_of_every_public_name_and_where_it_is():
    homes = {
        alias.asname: f"seqae.{node.module}"
        for node in ast.parse(STUB.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert homes.keys() == set(seqae.__all__)
    for name, home in homes.items():
        assert getattr(importlib.import_module(home), name) is getattr(seqae, name)


@pytest.mark.parametrize("name", ["py.typed", "__init__.pyi"])
def test_the_package_ships_its_types(name):
    assert Path(seqae.__file__).with_name(name).exists()
