"""`seqae ls`, `run` and `cp`: recipes are listed, run and copied."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from seqae.cli.messages import did_you_mean
from seqae.cli.recipe_script import Recipe, load_script
from seqae.cli.tables import show_table

RESULTS = "results.json"  # beside the recipes: their main results


def ls() -> None:
    """List the recipes.

    When the output is not a terminal, the columns are separated by tabs.

    Example:
        seqae ls
    """
    results = _results()
    rows = []
    for name, recipe in ((name, Recipe(script)) for name, script in scripts().items()):
        found = results.get(name)
        if found is None:
            rows.append((name, recipe.task, recipe.constants.get("DATA", ""), "", ""))
        else:
            result = f"{found['metric']}: {found['seqae']} (baseline {found['baseline']})"
            rows.append((name, recipe.task, found["data"], found["minutes"], result))
    show_table(("recipe", "task", "data", "minutes", "result"), rows, tabs=True)


def run_recipe(name: str, *options: str) -> None:
    """Run a recipe.

    Example:
        seqae run sensor_anomaly --help
        seqae run sensor_anomaly --quick

    Args:
        name: which recipe, see: seqae ls
        *options: the recipe's own options
    """
    from seqae.cli.signature import parse, shell_words

    recipe = _recipe(name)
    signature, docstring = recipe.main()
    about, quick = recipe.docstring, recipe.constants.get("QUICK")
    given = parse(signature, docstring, options, prog=f"seqae run {name}", about=about, config=True, quick=quick)
    with shell_words(signature):
        load_script(recipe.script).main(*given.args, **given.kwargs)


def cp(name: str, folder: Path) -> None:
    """Copy a recipe, to make it yours.

    Example:
        seqae cp sensor_anomaly my_pump

    Args:
        name: which recipe, see: seqae ls
        folder: where to copy it; created if absent
    """
    recipe = _recipe(name)
    targets = [folder / source.name for source in recipe.files]
    if existing := next((target for target in targets if target.exists()), None):
        raise FileExistsError(f"{existing} exists already. Copying never overwrites: give another folder or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    for source, target in zip(recipe.files, targets):
        shutil.copyfile(source, target)
        print(f"wrote  {target}")
    print(f"next   python {folder / recipe.script.name} --help")


def folder() -> Path:
    """Return the folder of the recipes: in the package, or beside it in a repository."""
    package = Path(__file__).parents[1]
    inside = package / "_recipes"
    return inside if inside.is_dir() else package.with_name("recipes")


def scripts() -> dict[str, Path]:
    """Return the scripts of the recipes by name, in order: `NAME.py` or `NAME/NAME.py`."""
    here = folder()
    found = [*here.glob("[!_]*.py"), *(path for path in here.glob("*/*.py") if path.stem == path.parent.name)]
    return {path.stem: path for path in sorted(found, key=lambda path: path.stem)}


def _recipe(name: str) -> Recipe:
    known = scripts()
    stem = name.removesuffix(".py").replace("-", "_")
    if stem not in known:
        raise ValueError(f"no recipe {name} (in {folder()}).{did_you_mean(stem, known)} See: seqae ls")
    return Recipe(known[stem])


def _results() -> dict[str, dict[str, Any]]:
    """Return the main results of recipes by name: data, metric, seqae, baseline, published and minutes."""
    path = folder() / RESULTS
    return json.loads(path.read_text(encoding="utf-8"))["recipes"] if path.is_file() else {}
