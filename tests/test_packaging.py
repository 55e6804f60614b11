"""What is published agrees with itself."""

import ast
import re
import runpy
import sys
import tomllib
from contextlib import redirect_stdout
from importlib.metadata import packages_distributions
from io import StringIO
from pathlib import Path
from unittest import mock

import pytest
from packaging.utils import canonicalize_name

import seqae

ROOT = Path(__file__).parents[1]
CONTENT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT, TOOLS = CONTENT["project"], CONTENT["tool"]


def lowest(*extras: str) -> list[str]:
    with redirect_stdout(StringIO()) as written, mock.patch.object(sys, "argv", ["lowest.py", *extras]):
        runpy.run_path(str(ROOT / ".ci" / "lowest.py"), run_name="__main__")
    return written.getvalue().split()


def test_the_version_is_written_in_one_file_and_cited_as_it_is():
    assert "version" in PROJECT["dynamic"] and "version" not in PROJECT
    source = (ROOT / TOOLS["hatch"]["version"]["path"]).read_text(encoding="utf-8")
    cited = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    assert f'__version__ = "{seqae.__version__}"' in source
    assert cited[1] == seqae.__version__


def imported_by(folder: str) -> dict[str, str]:
    """Return the packages, neither of Python nor of the project, that files of a folder import, with such a file."""
    found = {}
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            found |= {name.partition(".")[0]: path.name for name in names}
    own = {path.stem for path in (ROOT / folder).rglob("*.py")} | {"seqae", "recipes"}
    return {name: path for name, path in found.items() if name not in own and name not in sys.stdlib_module_names}


@pytest.mark.parametrize(("folder", "extra"), [("seqae", "all,aeon,sktime"), ("recipes", "all,dev")])
def test_what_is_imported_is_asked_for(folder, extra):
    """What comes along with another package today need not come tomorrow."""
    asked = {line.partition("==")[0] for line in lowest(*extra.split(","))}
    provided = packages_distributions()
    for name, path in imported_by(folder).items():
        distributions = {canonicalize_name(each) for each in provided.get(name, [name])}
        assert distributions & {canonicalize_name(each) for each in asked}, f"{path} imports {name}"


def test_the_lowest_versions_of_the_core_are_the_bounds_in_the_project():
    bounds = dict(line.split("==") for line in lowest())
    assert len(bounds) == len(PROJECT["dependencies"])
    for line in PROJECT["dependencies"]:
        name = re.match(r"[\w-]+", line)[0]
        assert f">={bounds[name]}" in line


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_every_extra_says_the_lowest_versions_that_it_works_with(extra):
    assert {"torch", "numpy"} < {line.partition("==")[0] for line in lowest(extra)}


def test_every_supported_python_is_a_classifier():
    named = [line.rpartition(" :: ")[2] for line in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", line)]
    assert named[0] == PROJECT["requires-python"].removeprefix(">=")
    assert named == [f"3.{minor}" for minor in range(11, 11 + len(named))]


TEXTS = [".ci/run", ".pre-commit-config.yaml", "CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"]
TEXTS += ["data/README.md", "data/telemetry/README.md", "docs/index.md", "pyproject.toml", "recipes/RESULTS.md"]


@pytest.mark.parametrize("name", TEXTS)
def test_files_that_a_text_names_are_there(name):
    text = (ROOT / name).read_text(encoding="utf-8").replace("https://github.com/seqae/seqae/blob/main/", "")
    paths = re.findall(r"(?<![\w/.-])(?:\.ci|data|docs|recipes|seqae|tests)/[\w./-]*\w", text)
    known = re.compile(r"seqae/_data|seqae/_recipes|.*NAME")  # in what is installed; any name
    assert not [path for path in paths if not (ROOT / path).exists() and not known.match(path)]
