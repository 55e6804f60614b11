"""The table of results holds what the recipes reached, one line for each."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from seqae.cli.recipes import load_script, scripts

RECIPES = Path(__file__).parents[2] / "recipes"
SCRIPT = RECIPES / "_results.py"
RESULTS = json.loads((RECIPES / "results.json").read_text(encoding="utf-8"))["recipes"]


@pytest.fixture
def results():
    spec = importlib.util.spec_from_file_location("results_of_recipes", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def finished(runs: Path, name: str, metrics: dict[str, float], **config: object) -> None:
    """Leave what a run of a recipe leaves."""
    folder = runs / name / "latest"
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps({"metrics": metrics, "results": []}), encoding="utf-8")
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def test_the_table_is_what_the_numbers_say():
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_changed_number_fails_the_check_until_the_table_is_written_again(results, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(results, "NUMBERS", tmp_path / "results.json")
    monkeypatch.setattr(results, "TABLE", tmp_path / "README.md")
    content = {"recipes": {"image_conv": RESULTS["image_conv"]}}

    def main(*options: str) -> int:
        (tmp_path / "results.json").write_text(json.dumps(content), encoding="utf-8")
        monkeypatch.setattr(sys, "argv", ["_results.py", *options])
        return results.main()

    assert main() == 0 and main("--check") == 0
    content["recipes"]["image_conv"] = RESULTS["image_conv"] | {"seqae": "0.5"}
    assert main("--check") == 1 and "Run: python recipes/_results.py" in capsys.readouterr().err
    assert main() == 0 and main("--check") == 0
    assert "| 0.5 |" in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_every_recipe_has_a_line_and_every_line_a_recipe():
    folders = {path.parent.name for path in RECIPES.glob("*/*.py") if path.stem == path.parent.name}
    assert set(RESULTS) == {path.stem for path in RECIPES.glob("[!_]*.py")} | folders


def test_links_of_the_table_lead_to_files():
    lines = (RECIPES / "README.md").read_text(encoding="utf-8").splitlines()
    paths = [line.partition("](")[2].partition(")")[0] for line in lines if line.startswith("| [")]
    assert len(paths) == len(RESULTS) and all((RECIPES / path).is_file() for path in paths)


@pytest.mark.parametrize("name", RESULTS)
def test_cells_are_short_and_there_are_six(name):
    cells = {key: value for key, value in RESULTS[name].items() if key != "keys"}
    assert set(cells) == {"data", "metric", "seqae", "baseline", "published", "minutes"}
    assert all(0 < len(str(cell)) <= 45 and "|" not in str(cell) for cell in cells.values())
    assert isinstance(cells["minutes"], int)


@pytest.mark.parametrize("name", RESULTS)
def test_every_line_has_its_caveats(name):
    assert f"\n## {name}\n" in (RECIPES / "RESULTS.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("cell", "value", "expected"),
    [
        ("0.867", 0.91237, "0.912"),
        ("PCA-392, 0.0137", 0.5, "PCA-392, 0.5000"),
        ("NB-SVM, 79.0 %", 0.8125, "NB-SVM, 81.2 %"),
        ("90 %", 0.914, "91 %"),
        ("610", 588.6, "589"),
        ("17 of 17", 16, "17 of 16"),
    ],
)
def test_a_new_number_has_the_digits_of_the_old_one_and_percent_stays_percent(results, cell, value, expected):
    assert results.with_value(cell, value) == expected


def test_full_runs_give_their_numbers_and_small_ones_do_not(results, tmp_path):
    keys = {"seqae": "autoencoder: AUROC", "baseline": "PCA: AUROC"}
    recipes = {
        name: {"seqae": "0.867", "baseline": "PCA, 79.0 %", "published": "0.9", "keys": keys}
        for name in ("full", "small", "absent")
    }
    recipes["without_keys"] = {"seqae": "0.867", "baseline": "PCA, 79.0 %", "published": "0.9"}
    for name in ("full", "small", "without_keys"):
        metrics = {"autoencoder: AUROC": 0.12345, "PCA: AUROC": 0.5, "sd": 0.01}
        finished(tmp_path, name, metrics, smoke=name == "small", seed=0)
    assert results.updated(recipes, tmp_path) == ["full"]
    assert recipes["full"] == {"seqae": "0.123", "baseline": "PCA, 50.0 %", "published": "0.9", "keys": keys}
    assert all(recipes[name]["seqae"] == "0.867" for name in ("small", "absent", "without_keys"))


@pytest.mark.parametrize("name", sorted(scripts()))
def test_quick_settings_are_found_in_every_script(results, tmp_path, name):
    quick = load_script(scripts()[name]).QUICK
    finished(tmp_path, name, {}, **{"smoke": False} | quick)
    assert results.is_small(name, tmp_path / name / "latest") == bool(quick)


def test_quick_runs_do_not_give_their_numbers_and_full_ones_of_the_same_recipe_do(results, tmp_path):
    recipes = {"image_vanilla": {"seqae": "0.5", "keys": {"seqae": "autoencoder"}}}
    quick = load_script(scripts()["image_vanilla"]).QUICK
    finished(tmp_path / "quick", "image_vanilla", {"autoencoder": 0.1}, **{"smoke": False, "seed": 0} | quick)
    assert results.updated(recipes, tmp_path / "quick") == []
    full = {"smoke": False, "seed": 0} | quick | {"dataset": "mnist"}
    finished(tmp_path / "full", "image_vanilla", {"autoencoder": 0.1}, **full)
    assert results.updated(recipes, tmp_path / "full") == ["image_vanilla"]


def test_a_metric_that_is_in_percent_already_is_not_multiplied_again(results, tmp_path):
    finished(tmp_path, "one", {"error %": 2.46, "accuracy": 0.9754})
    recipes = {"one": {"seqae": "9.9 %", "baseline": "1.0 %", "keys": {"seqae": "error %", "baseline": "accuracy"}}}
    results.updated(recipes, tmp_path)
    assert recipes["one"]["seqae"] == "2.5 %" and recipes["one"]["baseline"] == "97.5 %"


def test_keys_name_cells_with_a_number():
    for cells in RESULTS.values():
        assert all(any(map(str.isdigit, str(cells[cell]))) for cell in cells.get("keys", {}))


def test_a_metric_that_a_run_lacks_is_named(results, tmp_path):
    finished(tmp_path, "one", {"AUROC": 0.5})
    with pytest.raises(ValueError, match=r"has no 'AUC' for one\. It has: AUROC"):
        results.updated({"one": {"seqae": "0.8", "keys": {"seqae": "AUC"}}}, tmp_path)


def test_a_cell_without_a_number_is_refused(results):
    with pytest.raises(ValueError, match=r"has no number to put 0\.25 in place of"):
        results.with_value("\N{EN DASH}", 0.25)
