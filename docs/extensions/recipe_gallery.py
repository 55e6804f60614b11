"""A page of all recipes: what each does, its picture, its result and how to run it."""

from __future__ import annotations

import ast
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from extensions.generated import DOCS, ROOT, heading, write

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PICTURES = ROOT / "data" / "pictures" / "recipes"
RESULTS = ROOT / "recipes" / "results.json"
MAX_BYTES = 60_000  # of a picture: the page has to open at once, and a clone has to stay small
TITLES = {"audio": "Audio", "image": "Images", "sensor": "Machine signals", "text": "Text", "video": "Video"}
NOTHING = "\N{EN DASH}"  # a cell of the table of results without a number
FACTS = {"DATA": "Data", "minutes": "Minutes"}


@dataclass(frozen=True)
class Recipe:
    """What a recipe says of itself.

    Attributes:
        path: The script.
        task: The first line of its docstring.
        facts: Its constant DATA, and the minutes of its line in the table of results, as far as there are such.
        result: Its line in the table of results, in words.
    """

    path: Path
    task: str
    facts: dict[str, str] = field(default_factory=dict)
    result: str = ""

    @property
    def name(self) -> str:
        """The name by which it is run."""
        return self.path.stem

    @property
    def picture(self) -> Path | None:
        """Its picture, if there is one."""
        path = PICTURES / f"{self.name}.png"
        return path if path.exists() else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell sphinx what this extension does."""
    app.connect("builder-inited", lambda _: write("recipes.rst", page(recipes(ROOT / "recipes"))))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def recipes(folder: Path) -> list[Recipe]:
    """Return the recipes of a folder, `NAME.py` or `NAME/NAME.py`, without running them."""
    scripts = [*folder.glob("[!_]*.py"), *(path for path in folder.glob("*/*.py") if path.stem == path.parent.name)]
    results = json.loads(RESULTS.read_text(encoding="utf-8"))["recipes"]
    return [read(path, results.get(path.stem)) for path in sorted(scripts, key=lambda path: path.stem)]


def read(path: Path, cells: dict[str, object] | None) -> Recipe:
    """Read what a recipe says of itself; `cells` are those of its line in the table of results."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    facts = {
        target.id: str(ast.literal_eval(statement.value))
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name) and target.id == "DATA"
    }
    task = (ast.get_docstring(tree) or "").partition("\n")[0]
    facts |= {"minutes": str(cells["minutes"])} if cells else {}
    return Recipe(path, task, facts, headline(cells) if cells else "")


def headline(cells: dict[str, object]) -> str:
    """Return the result in words: "AUROC 0.901 (baseline: PCA, 0.898), on BSData pitting"."""
    others = {"baseline": cells["baseline"], "published": cells["published"]}
    told = "; ".join(f"{name}: {cell}" for name, cell in others.items() if cell != NOTHING)
    return f"{cells['metric']} {cells['seqae']}{f' ({told})' if told else ''}, on {cells['data']}"


def page(found: list[Recipe]) -> list[str]:
    """Return the page, the recipes by what their names begin with."""
    lines = [*heading("Recipes", "="), *INTRODUCTION]
    kinds = sorted({recipe.name.partition("_")[0] for recipe in found})
    for kind in kinds:
        lines += heading(TITLES.get(kind, kind.capitalize()), "-")
        lines += [".. container:: recipes", ""]
        for recipe in found:
            if recipe.name.partition("_")[0] == kind:
                lines += [f"   {line}" if line else "" for line in card(recipe)]
    return lines


INTRODUCTION = [
    "Each recipe is one script: data, model, training, result. ``seqae ls`` lists them, ``seqae run NAME --help``",
    "tells the options, ``seqae cp NAME FOLDER`` gives you a copy to change.",
    "",
]


def card(recipe: Recipe) -> list[str]:
    """Return what the page shows of a recipe."""
    lines = [".. container:: recipe", ""]
    if recipe.picture is not None:
        check_size(recipe.picture)
        place = Path(os.path.relpath(recipe.picture, DOCS / "generated")).as_posix()
        lines += [f"   .. image:: {place}", f"      :alt: What {recipe.name} leaves", ""]
    source = recipe.path.relative_to(ROOT).as_posix()
    address = f"https://github.com/seqae/seqae/blob/main/{source}"
    lines += [f"   .. rubric:: {recipe.name}", "", f"   {literal(recipe.task)}", ""]
    lines += [f"   - {FACTS[fact]}: {literal(text)}" for fact, text in recipe.facts.items()]
    lines += [f"   - Result: {literal(recipe.result)}"] if recipe.result else []
    lines += ["", f"   ``seqae run {recipe.name}`` · `script <{address}>`__", ""]
    return lines


def literal(text: str) -> str:
    """Return a text in which no character means anything to reStructuredText."""
    return "".join(f"\\{character}" if character in "\\`*_|" else character for character in text)


def check_size(picture: Path) -> None:
    """Refuse a picture that is too large for the page."""
    size = picture.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"{picture} has {size} bytes, more than {MAX_BYTES}. Make it smaller")
