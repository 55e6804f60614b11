"""Editors and type checkers see what users see."""

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

import seqae

USES = Path(__file__).with_name("public_api.py")
PACKAGE = Path(seqae.__file__).parent
STUBS = sorted(PACKAGE.rglob("*.pyi"))


def name_of(stub: Path) -> str:
    """Return the package that a stub belongs to, "seqae.modules"."""
    return ".".join(stub.parent.relative_to(PACKAGE.parent).parts)


def entries(stub: Path) -> list[tuple[str, str]]:
    """Return the module, below the package of the stub, and the name of each import in a stub, in its order."""
    statements = ast.parse(stub.read_text(encoding="utf-8")).body
    assert all(isinstance(each, ast.ImportFrom) and each.level == 1 for each in statements), "a stub only imports"
    return [(each.module, alias.name) for each in statements for alias in each.names]


def test_the_file_for_type_checkers_uses_every_public_name():
    used = {
        node.attr
        for node in ast.walk(ast.parse(USES.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "seqae"
    }
    assert used == set(seqae.__all__)


def test_the_packages_with_public_names_are_the_ones_with_a_stub():
    packages = ["anomaly", "data", "datasets", "estimators", "evaluation", "export", "modules", "report", "seq2seq"]
    names = [*packages, "text", "training", "transforms"]
    assert [name_of(stub) for stub in STUBS] == ["seqae", *(f"seqae.{name}" for name in names)]


@pytest.mark.parametrize("stub", STUBS, ids=name_of)
def test_every_name_of_a_stub_is_what_the_package_gives_and_is_defined_where_the_stub_says(stub):
    package = importlib.import_module(name_of(stub))
    assert sorted(package.__all__) == sorted(name for _, name in entries(stub))
    for module, name in entries(stub):
        assert getattr(package, name) is getattr(importlib.import_module(f"{package.__name__}.{module}"), name)


@pytest.mark.parametrize("stub", STUBS, ids=name_of)
def test_a_stub_is_sorted_by_module_and_exports_one_name_a_line(stub):
    lines = [f"from .{module} import {name} as {name}" for module, name in entries(stub)]
    assert stub.read_text(encoding="utf-8").splitlines() == lines
    modules = [module for module, _ in entries(stub)]
    assert modules == sorted(modules)


@pytest.mark.parametrize("stub", STUBS, ids=name_of)
def test_no_package_offers_a_name_twice_or_the_name_of_its_own_submodule(stub):
    """The import of a submodule would put the module in the place of what the package offers."""
    names = [name for _, name in entries(stub)]
    assert len(names) == len(set(names))
    assert not {module.name for module in pkgutil.iter_modules([str(stub.parent)])} & set(names)


@pytest.mark.parametrize("stub", STUBS, ids=name_of)
def test_the_front_of_a_package_holds_nothing_but_its_stub(stub):
    """What it offers stands in one list, and importing a package loads none of it."""
    (*_, attach) = ast.parse(stub.with_suffix(".py").read_text(encoding="utf-8")).body
    assert ast.unparse(attach).endswith("lazy_loader.attach_stub(__name__, __file__)")


def test_the_package_ships_its_types():
    assert (PACKAGE / "py.typed").exists() and (PACKAGE / "__init__.pyi").exists()
