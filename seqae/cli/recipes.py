"""Recipes: list them, run them, copy them."""

from __future__ import annotations

import ast
import importlib.util
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from seqae.cli.messages import did_you_mean
from seqae.cli.tables import show_table


@dataclass(frozen=True)
class Recipe:
    """What a recipe says of itself: the first line of its docstring, and constants DATA, MINUTES and RESULT.

    Attributes:
        name: The name of its file.
        task: What it does.
        data: What it learns from.
        minutes: How long it takes.
        result: Its headline number.
    """

    name: str
    task: str
    data: str
    minutes: str
    result: str

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """Read a recipe without running it."""
        tree = ast.parse(path.read_text(encoding="utf-8"))
        task = (ast.get_docstring(tree) or "").partition("\n")[0]
        constants = {
            target.id: str(ast.literal_eval(statement.value))
            for statement in tree.body
            if isinstance(statement, ast.Assign)
            for target in statement.targets
            if isinstance(target, ast.Name) and target.id in ("DATA", "MINUTES", "RESULT")
        }
        return cls(path.stem, task, *(constants.get(name, "") for name in ("DATA", "MINUTES", "RESULT")))


def ls() -> None:
    """List the recipes.

    Example:
        seqae ls
    """
    recipes = [Recipe.read(path) for path in scripts().values()]
    rows = [(recipe.name, recipe.task, recipe.data, recipe.minutes, recipe.result) for recipe in recipes]
    show_table(("recipe", "task", "data", "minutes", "result"), rows)


def run(name: str, *options: str) -> None:
    """Run a recipe.

    Example:
        seqae run sensor_anomaly --help
        seqae run sensor_anomaly --smoke

    Args:
        name: which recipe, see: seqae ls
        *options: the recipe's own options
    """
    from seqae.cli.signature import call

    recipe = load_script(_script(name))
    call(recipe.main, options, prog=f"seqae run {name}", about=recipe.__doc__ or "", config=True)


def cp(name: str, folder: Path) -> None:
    """Copy a recipe, to make it yours.

    Example:
        seqae cp sensor_anomaly my_pump

    Args:
        name: which recipe, see: seqae ls
        folder: where to, made if absent
    """
    script = _script(name)
    sources = sorted(script.parent.glob("*.py")) if script.parent.name == script.stem else [script]
    targets = [folder / source.name for source in sources]
    if there := next((target for target in targets if target.exists()), None):
        raise FileExistsError(f"{there} exists already. Copying never overwrites: give another folder or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    for source, target in zip(sources, targets):
        shutil.copyfile(source, target)
        print(f"wrote  {target}")
    print(f"next   python {folder / script.name} --help")


def folder() -> Path:
    """The folder of the recipes: in the package, or beside it in a repository."""
    package = Path(__file__).parents[1]
    inside = package / "_recipes"
    return inside if inside.is_dir() else package.with_name("recipes")


def scripts() -> dict[str, Path]:
    """The scripts of the recipes by name, in order: `NAME.py`, or `NAME/NAME.py` with what only it needs beside it."""
    here = folder()
    found = [*here.glob("[!_]*.py"), *(path for path in here.glob("*/*.py") if path.stem == path.parent.name)]
    return {path.stem: path for path in sorted(found, key=lambda path: path.stem)}


def _script(name: str) -> Path:
    known = scripts()
    stem = name.removesuffix(".py").replace("-", "_")
    if stem not in known:
        raise ValueError(f"no recipe {name} (in {folder()}).{did_you_mean(stem, known)} See: seqae ls")
    return known[stem]


def load_script(path: Path) -> ModuleType:
    """Import a recipe's script; it finds what lies in its own folder, as if it had been started there."""
    spec = importlib.util.spec_from_file_location(f"seqae._recipes.{path.stem}", path)
    assert spec is not None and spec.loader is not None, path
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module
