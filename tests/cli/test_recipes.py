"""Listing, running and copying recipes."""

import inspect
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seqae.cli import recipe_script, recipes
from seqae.cli.recipe_script import Recipe
from seqae.cli.signature import argument_help

RECIPE = '''"""Greet a pump.

By nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seqae import cli

DATA = "three [bar] pumps"
EPOCHS = 3
QUICK = {"epochs": 1}


@dataclass
class Pump:
    name: str = "pump"


def main(epochs: int = EPOCHS, smoke: bool = False, out: Path = Path("runs")) -> dict[str, float]:
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


HEAVY = '''"""Weigh a pump.

Imports torch at its top, and a neighbour.
"""

import os
from pathlib import Path
from typing import Literal

import torch
from scale import weigh

import seqae
from seqae import cli

CELLS = ("lstm", "gru")
KINDS: tuple[str, ...] = ("large", "small")


def main(
    data_root: str = os.environ.get("SEQAE_NOWHERE", "nowhere"),
    cell: Literal["lstm", "gru"] = CELLS[0],
    sizes: tuple[int, ...] = (8, 4),
    rate: float | None = None,
    seed: "int" = 0,
    *,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Weigh it.

    Args:
        cell: of the model
    """
    run = seqae.Run(main, locals())
    print("weighed", weigh(torch.tensor(sizes)), cell, rate, seed, data_root, KINDS[1])
    return {"weight": 0.5}


if __name__ == "__main__":
    cli.run(main)
'''
SCALE = "def weigh(sizes):\n    return int(sizes.sum())\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "sensor_greeting.py").write_text(RECIPE)
    (folder / "audio_bare.py").write_text("raise SystemExit('a recipe was imported')")
    (folder / "_shared.py").write_text("")
    (folder / "sensor_weight").mkdir()
    (folder / "sensor_weight" / "sensor_weight.py").write_text(HEAVY)
    (folder / "sensor_weight" / "scale.py").write_text(SCALE)
    (folder / "sensor_weight" / "README.md").write_text("About pumps.")
    monkeypatch.setattr(recipes, "folder", lambda: folder)
    return folder


def table_of(command: Callable) -> list[list[str]]:
    return [line.split("\t") for line in command("ls").printed.splitlines()]


def test_ls_reads_what_recipes_say_of_themselves_without_running_them(folder: Path, command: Callable):
    assert table_of(command) == [
        ["recipe", "task", "data", "minutes", "result"],
        ["audio_bare", "", "", "", ""],
        ["sensor_greeting", "Greet a pump.", "three [bar] pumps", "", ""],
        ["sensor_weight", "Weigh a pump.", "", "", ""],
    ]


def test_ls_takes_headline_numbers_from_the_results(folder: Path, command: Callable):
    numbers = {"data": "a pump", "metric": "weight", "seqae": ".5", "baseline": "scale, .4", "published": "-"}
    (folder / "results.json").write_text(json.dumps({"recipes": {"sensor_weight": numbers | {"minutes": 2}}}))
    assert table_of(command)[2:] == [
        ["sensor_greeting", "Greet a pump.", "three [bar] pumps", "", ""],
        ["sensor_weight", "Weigh a pump.", "a pump", "2", "weight: .5 (baseline scale, .4)"],
    ]


def test_the_help_of_a_recipe_with_imports_at_its_top_loads_no_torch_and_is_that_of_its_main(folder: Path):
    program = (
        "import sys, pathlib; from seqae.cli import main, recipes\n"
        f"recipes.folder = lambda: pathlib.Path({str(folder)!r})\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: print('code', end.code)\n"
        "print(*{'torch', 'pandas', 'numpy'} & set(sys.modules))"
    )
    for words, code in ((["--help"], 0), (["--cell", "ltsm"], 2)):
        call = [sys.executable, "-c", program, "run", "sensor_weight", *words]
        done = subprocess.run(call, capture_output=True, text=True, check=True)
        *_, last, loaded = done.stdout.split("\n")[:-1]
        assert (last, loaded) == (f"code {code}", "")
        if not code:
            text = " ".join(done.stdout.split())
            assert "Weigh a pump. Imports torch at its top, and a neighbour." in text
            assert "--cell {lstm,gru} of the model (default: lstm)" in text
            assert "(default: 8 4)" in text and "(default: nowhere)" in text and "(default: runs)" in text
        else:
            assert "Did you mean lstm?" in done.stderr


def test_a_signature_read_from_the_file_is_that_of_the_imported_function(folder: Path):
    for name in ("sensor_greeting", "sensor_weight"):
        recipe = Recipe(recipes.scripts()[name])
        signature, docstring = recipe.main()
        main = recipes.load_script(recipe.script).main
        assert signature.parameters == inspect.signature(main, eval_str=True).parameters
        assert docstring == inspect.getdoc(main)


def test_a_signature_that_needs_more_than_the_file_is_taken_from_the_imported_function(tmp_path: Path):
    script = tmp_path / "deep.py"
    script.write_text('import math\n\ndef main(turn: float = math.pi) -> None:\n    "Turn."\n')
    signature, docstring = Recipe(script).main()
    assert (signature.parameters["turn"].default, docstring) == (math.pi, "Turn.")


def test_a_script_without_main_is_named(folder: Path, command: Callable):
    (folder / "audio_bare.py").write_text("x = 1\n")
    done = command("run", "audio_bare")
    assert done.code == 2 and "no function main" in done.err and "audio_bare.py" in done.err


def test_a_folder_recipe_runs_with_its_neighbour(folder: Path, tmp_path: Path, command: Callable):
    done = command("run", "sensor_weight", "--sizes", "3", "4", "--rate", "0.5", "--out", str(tmp_path / "runs"))
    assert (done.code, done.out) == (0, "weighed 7 lstm 0.5 0 nowhere small\n")
    (config,) = (tmp_path / "runs" / "sensor_weight").glob("*/config.json")
    config = json.loads(config.read_text())
    assert config["sizes"] == [3, 4] and config["seed"] == 0


def test_a_copied_folder_recipe_holds_all_its_files_of_python_and_runs(folder: Path, tmp_path: Path, command: Callable):
    target = tmp_path / "mine"
    done = command("cp", "sensor_weight", str(target))
    assert done.code == 0 and f"next python {target / 'sensor_weight.py'} --help" in done.out
    assert sorted(path.name for path in target.iterdir()) == ["scale.py", "sensor_weight.py"]
    call = [sys.executable, "sensor_weight.py", "--sizes", "1", "2", "--out", str(tmp_path / "runs")]
    copy = subprocess.run(call, capture_output=True, text=True, check=False, cwd=target)
    assert (copy.returncode, copy.stdout) == (0, "weighed 3 lstm None 0 nowhere small\n"), copy.stderr
    (target / "sensor_weight.py").unlink()
    again = command("cp", "sensor_weight", str(target))
    assert again.code == 2 and "scale.py exists already" in again.err
    assert not (target / "sensor_weight.py").exists()


@pytest.mark.parametrize("name", ["sensor_greeting", "sensor-greeting", "sensor_greeting.py"])
def test_run_calls_the_recipe_with_its_own_options(folder: Path, name: str, command: Callable):
    done = command("run", name, "--epochs", "5", "--smoke")
    assert (done.code, done.out) == (0, "trained 5 True runs pump\n")


def test_quick_is_what_the_recipe_says(folder: Path, command: Callable):
    assert command("run", "sensor_greeting", "--quick").out == "trained 1 False runs pump\n"
    script = [sys.executable, str(folder / "sensor_greeting.py"), "--quick"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.stdout == "trained 1 False runs pump\nreturned {'loss': 0.1}\n", done.stderr


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


@pytest.mark.parametrize("name", recipes.scripts())
def test_the_recipes_of_the_repository_say_what_they_do_without_being_imported(
    name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(recipe_script, "load_script", lambda script: pytest.fail(f"{script} was imported"))
    recipe = Recipe(recipes.scripts()[name])
    signature, docstring = recipe.main()
    assert recipe.task and docstring
    assert {"smoke", "out"} <= set(signature.parameters)
    assert set(argument_help(docstring)) == set(signature.parameters)
    assert set(recipe.constants["QUICK"]) <= set(signature.parameters) - {"smoke", "out"}
