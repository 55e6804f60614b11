"""Listing, running and copying recipes."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seqae.cli import recipes

RECIPE = '''"""Greet a pump.

By nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seqae import cli

DATA = "three [bar] pumps"
MINUTES = 3
RESULT = "loss 0.1"


@dataclass
class Pump:
    name: str = "pump"


def main(epochs: int = 3, smoke: bool = False, out: Path = Path("runs")) -> dict[str, float]:
    """Train.

    Args:
        epochs: passes over the data
        smoke: a quick run
    """
    print("trained", epochs, smoke, out, Pump().name)
    if epochs == 0:
        raise ValueError("0 epochs. Train for at least 1")
    return {"loss": 0.1}


if __name__ == "__main__":
    print("returned", cli.run(main))
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "sensor_greeting.py").write_text(RECIPE)
    (folder / "audio_bare.py").write_text("raise SystemExit('a recipe was imported')")
    (folder / "_shared.py").write_text("")
    monkeypatch.setattr(recipes, "folder", lambda: folder)
    return folder


def test_ls_reads_what_recipes_say_of_themselves_without_running_them(folder: Path, command: Callable):
    assert command("ls").out.splitlines() == [
        "recipe task data minutes result",
        "audio_bare",
        "sensor_greeting Greet a pump. three [bar] pumps 3 loss 0.1",
    ]


@pytest.mark.parametrize("name", ["sensor_greeting", "sensor-greeting", "sensor_greeting.py"])
def test_run_calls_the_recipe_with_its_own_options(folder: Path, name: str, command: Callable):
    done = command("run", name, "--epochs", "5", "--smoke")
    assert (done.code, done.out) == (0, "trained 5 True runs pump\n")


def test_run_help_is_the_recipes_help(folder: Path, command: Callable):
    done = command("run", "sensor_greeting", "--help")
    assert done.code == 0
    assert done.out.startswith("usage: seqae run sensor_greeting ")
    assert "By nobody." in done.out
    assert "passes over the data (default: 3)" in done.out


def test_errors_of_a_recipe_are_one_line(folder: Path, command: Callable):
    done = command("run", "sensor_greeting", "--epochs", "0")
    assert (done.code, done.err) == (2, "error: 0 epochs. Train for at least 1\n")


def test_an_unknown_recipe_is_met_with_the_nearest_name(folder: Path, command: Callable):
    done = command("run", "sensor_greting")
    assert done.code == 2
    assert done.err == f"error: no recipe sensor_greting (in {folder}). Did you mean sensor_greeting? See: seqae ls\n"


def test_cp_copies_once_and_never_overwrites(folder: Path, tmp_path: Path, command: Callable):
    target = tmp_path / "new" / "mine"
    assert command("cp", "sensor_greeting", str(target)).code == 0
    copy = target / "sensor_greeting.py"
    assert copy.read_text() == RECIPE
    copy.write_text("edited")
    again = command("cp", "sensor_greeting", str(target))
    assert again.code == 2
    assert "exists already. Copying never overwrites" in again.err
    assert copy.read_text() == "edited"


def test_a_recipe_as_a_script_is_the_same_function(folder: Path):
    def script(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(folder / "sensor_greeting.py"), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    good = script("--epochs", "5", "--smoke")
    assert (good.returncode, good.stdout) == (0, "trained 5 True runs pump\nreturned {'loss': 0.1}\n")
    bad = script("--epochs", "0")
    assert (bad.returncode, bad.stderr) == (2, "error: 0 epochs. Train for at least 1\n")
    assert "Traceback" in script("--epochs", "0", "--debug").stderr


def test_the_recipes_of_the_repository_say_what_they_do():
    for path in sorted(recipes.folder().glob("[!_]*.py")):
        recipe = recipes.Recipe.read(path)
        assert recipe.task, f"{path.name} has no docstring"
        assert recipe.data, f"{path.name} has no DATA"
