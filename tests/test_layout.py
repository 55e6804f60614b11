"""The rules of the house: short files, one meaning for each name, and one way in for users."""

import ast
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

import seqae
from seqae.cli.recipes import folder as recipes_folder
from seqae.cli.recipes import scripts

PACKAGE = Path(seqae.__file__).parent
LIBRARY = [path for path in sorted(PACKAGE.rglob("*.py")) if "_recipes" not in path.parts]
RECIPES = sorted(recipes_folder().rglob("*.py"))
README = recipes_folder().with_name("README.md")


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_file_of_the_library_is_longer_than_350_lines():
    assert [path.name for path in LIBRARY if lines_of(path) > 350] == []


def test_no_script_of_a_recipe_is_longer_than_150_lines():
    assert [path.name for path in scripts().values() if lines_of(path) > 150] == []


def test_no_public_name_is_defined_twice():
    homes = defaultdict(set)
    for path in LIBRARY:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                homes[node.name].add(str(path.relative_to(PACKAGE)))
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def test_the_parts_of_all_recipes_have_different_names():
    assert [name for name, count in Counter(path.stem for path in RECIPES).items() if count > 1] == []


def code_for_users() -> dict[str, str]:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    texts = {str(path.relative_to(recipes_folder())): path.read_text(encoding="utf-8") for path in RECIPES}
    return texts | {f"README.md, block {number}": block for number, block in enumerate(blocks, start=1)}


@pytest.mark.parametrize(("name", "code"), code_for_users().items(), ids=list(code_for_users()))
def test_users_import_from_seqae_and_its_packages_only(name: str, code: str):
    modules = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            modules.append(node.module or "")
        elif isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
    own = [module for module in modules if module.split(".")[0] == "seqae"]
    assert [module for module in own if module.count(".") > 1 or "._" in module] == []
