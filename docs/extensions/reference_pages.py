"""A page for each package of seqae, with every public name that is defined in it."""

from __future__ import annotations

import importlib
import inspect
from collections import defaultdict
from typing import TYPE_CHECKING

import seqae
from extensions.generated import heading, write

if TYPE_CHECKING:
    from sphinx.application import Sphinx

CORE = "core"  # what is defined in no package, but in a module beside them


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell sphinx what this extension does."""
    app.connect("builder-inited", lambda _: write_pages())
    app.connect("autodoc-skip-member", skips)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_pages() -> None:
    """Write the pages and their table of contents."""
    packages = by_package()
    for package, names in packages.items():
        write(f"reference/{package}.rst", page(package, names))
    contents = [f"   {package}" for package in packages]
    write("reference/index.rst", [*heading("Reference", "="), *INTRODUCTION, ".. toctree::", "", *contents])


INTRODUCTION = [
    "Everything that ``import seqae`` offers, by the package that defines it. These names are kept; all others may",
    "change from one release to the next.",
    "",
]


def by_package() -> dict[str, list[str]]:
    """Return the public names of each package, the core first, the packages in the order of the alphabet."""
    packages = defaultdict(list)
    for name in seqae.__all__:
        if not name.startswith("__"):
            packages[package_of(getattr(seqae, name))].append(name)
    return dict(sorted(packages.items(), key=lambda item: (item[0] != CORE, item[0])))


def package_of(thing: object) -> str:
    """Return the name of the package right below seqae in which something is defined."""
    parts = getattr(thing, "__module__", type(thing).__module__).split(".")
    if parts[0] != "seqae" or len(parts) < 2:
        return CORE
    return parts[1] if hasattr(importlib.import_module(f"seqae.{parts[1]}"), "__path__") else CORE


def page(package: str, names: list[str]) -> list[str]:
    """Return a page: what the package is for, a table of its names, and each name with its docstring."""
    module = seqae if package == CORE else importlib.import_module(f"seqae.{package}")
    lines = [*heading(package.capitalize(), "="), (inspect.getdoc(module) or "").partition("\n\n")[0], ""]
    lines += [".. currentmodule:: seqae", "", ".. autosummary::", "   :nosignatures:", ""]
    lines += [*(f"   {name}" for name in names), ""]
    for name in names:
        lines += [*heading(name, "-"), *directive(name), ""]
    return lines


def directive(name: str) -> list[str]:
    """Return what makes sphinx read the docstring of a public name."""
    thing = getattr(seqae, name)
    if inspect.isclass(thing):
        lines = [f".. autoclass:: seqae.{name}", "   :members:"]
        return lines if thing.__bases__ == (object,) else [*lines, "   :show-inheritance:"]
    return [f".. autofunction:: seqae.{name}" if inspect.isroutine(thing) else f".. autodata:: seqae.{name}"]


def skips(app: Sphinx, kind: str, name: str, member: object, skip: bool, options: object) -> bool | None:
    """Leave out what other libraries put into a class, and methods that only repeat what these say of them."""
    if skip or not callable(member):
        return None
    if not is_ours(member):
        return True
    if not inspect.isfunction(member) or member.__doc__:
        return None
    cls = getattr(importlib.import_module(member.__module__), member.__qualname__.rpartition(".")[0], object)
    above = [base.__dict__[name] for base in cls.__mro__[1:] if name in base.__dict__]
    told = next((method for method in above if method.__doc__), None)
    return None if told is None or is_ours(told) else True


def is_ours(thing: object) -> bool:
    """Say whether something is defined in seqae."""
    return str(getattr(thing, "__module__", "")).partition(".")[0] == "seqae"
