"""What is published agrees with itself."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import seqae

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def lowest(*extras: str) -> list[str]:
    done = subprocess.run([sys.executable, ROOT / ".ci" / "lowest.py", *extras], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_version_is_the_same_everywhere():
    cited = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    assert {PROJECT["version"], cited[1]} == {seqae.__version__}


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
