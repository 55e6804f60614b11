"""A page of the reference for each package of seqae, with every name that it offers."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import seqae
from extensions.generated import heading, write

if TYPE_CHECKING:
    from sphinx.application import Sphinx

CORE = "core"  # what `seqae` itself offers and none of its packages
MODULES = ("generation", "retrieval")  # public modules beside the packages


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell sphinx what this extension does."""
    app.connect("builder-inited", lambda _: write_pages())
    app.connect("autodoc-skip-member", skips)
    app.connect("autodoc-process-docstring", escape_bars)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_pages() -> None:
    """Write the pages and their table of contents."""
    pages = by_page()
    for title, names in pages.items():
        write(f"reference/{title}.rst", page(title, names))
    contents = [f"   {title}" for title in pages]
    write("reference/index.rst", [*heading("Reference", "="), *INTRODUCTION, ".. toctree::", "", *contents])


INTRODUCTION = [
    "Every public name, by the package that offers it. What is shown as ``seqae.Name`` can be imported from ``seqae``",
    "as well as from its package; ``seqae.package.Name`` from the package alone. All other names may change from one",
    "release to the next.",
    "",
]


def by_page() -> dict[str, list[str]]:
    """Return the public names on each page, with their shortest path, `LSTM` or `modules.ConvLSTM`; the core first."""
    pages = {name: paths(front(name)) for name in [*packages(), *MODULES]}
    elsewhere = {name for names in pages.values() for name in names}
    core = [name for name in seqae.__all__ if not name.startswith("__") and name not in elsewhere]
    return {CORE: core, **dict(sorted(pages.items()))}


def packages() -> list[str]:
    """Return the names of the packages that offer names: those with a stub beside them."""
    return sorted(stub.parent.name for stub in Path(seqae.__file__).parent.glob("*/__init__.pyi"))


def front(name: str) -> ModuleType:
    """Import a package or module of seqae."""
    return importlib.import_module(f"seqae.{name}")


def paths(module: ModuleType) -> list[str]:
    """Return the shortest path, after "seqae.", of each name that a module offers."""
    short = module.__name__.removeprefix("seqae.")
    return [name if is_in_root(module, name) else f"{short}.{name}" for name in offered(module)]


def offered(module: ModuleType) -> list[str]:
    """Return the public names of a module: those of its stub, or the functions and classes that it defines."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    defined = (name for name, thing in vars(module).items() if getattr(thing, "__module__", "") == module.__name__)
    return sorted(name for name in defined if not name.startswith("_"))


def is_in_root(module: ModuleType, name: str) -> bool:
    """Say whether `seqae` itself offers the same thing."""
    return name in seqae.__all__ and getattr(seqae, name) is getattr(module, name)


def page(title: str, names: list[str]) -> list[str]:
    """Return a page: what the package is for, a table of its names, and each name with its docstring."""
    module = seqae if title == CORE else front(title)
    lines = [*heading(title.capitalize(), "="), (inspect.getdoc(module) or "").partition("\n\n")[0], ""]
    lines += [".. currentmodule:: seqae", "", ".. autosummary::", "   :nosignatures:", ""]
    lines += [*(f"   {name}" for name in names if not is_data(thing(name))), ""]
    for name in names:
        lines += [*heading(name.rpartition(".")[2], "-"), *directive(name), ""]
    return lines


def directive(path: str) -> list[str]:
    """Return what makes sphinx read the docstring of a public name, given its path after "seqae."."""
    what = thing(path)
    if inspect.isclass(what):
        lines = [f".. autoclass:: seqae.{path}", "   :members:"]
        return lines if what.__bases__ == (object,) else [*lines, "   :show-inheritance:"]
    if is_data(what):  # its class's docstring would say nothing of it
        named = ", ".join(f"``{each}``" for each in what) if isinstance(what, dict) else ""
        return [f".. py:data:: seqae.{path}", f"   :type: {type(what).__name__}", "", f"   {named}"]
    return [f".. autofunction:: seqae.{path}"]


def thing(path: str) -> object:
    """Return what has a public name, given its path after "seqae."."""
    package, _, name = path.rpartition(".")
    return getattr(front(package) if package else seqae, name)


def is_data(thing: object) -> bool:
    """Say whether something is neither a class nor a function."""
    return not inspect.isclass(thing) and not inspect.isroutine(thing)


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


def escape_bars(app: Sphinx, kind: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Let bars outside code be bars, as around the size of a set: sphinx would look up what they enclose."""
    for number, line in enumerate(lines):
        parts = re.split(r"(`+[^`]*`+)", line)
        lines[number] = "".join(part if part.startswith("`") else part.replace("|", r"\|") for part in parts)


def is_ours(thing: object) -> bool:
    """Say whether something is defined in seqae."""
    return str(getattr(thing, "__module__", "")).partition(".")[0] == "seqae"
