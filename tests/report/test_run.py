"""The folder of a run holds all that repeats the run, and what it found."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from seqae.cli.signature import call
from seqae.report import Run
from seqae.report.run import table

RECIPE = """
from __future__ import annotations

from pathlib import Path
from typing import Literal

import seqae


def main(
    data_root: str = "",
    sizes: tuple[int, ...] = (64, 32),
    cell: Literal["lstm", "gru"] = "lstm",
    rate: float = 1e-3,
    window: int | None = None,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> seqae.Run:
    run = seqae.Run(main, locals())
    later = "is no parameter"
    return run
"""


@pytest.fixture
def recipe(tmp_path: Path) -> ModuleType:
    """A recipe in the file pump.py."""
    (tmp_path / "pump.py").write_text(RECIPE)
    spec = importlib.util.spec_from_file_location("pump", tmp_path / "pump.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_parameter_of_main_is_in_the_configuration_and_nothing_else(recipe: ModuleType, tmp_path: Path):
    run = recipe.main(sizes=(8,), out=tmp_path / "runs")
    assert run.folder.parent == tmp_path / "runs" / "pump"
    latest = run.folder.parent / "latest"
    assert not latest.exists()  # a run that fails takes no one's place
    run.finish([{"loss": 1.0}], {"loss": 1.0})
    assert latest.resolve() == run.folder.resolve()
    assert json.loads(run.path("config.json").read_text()) == {
        "data_root": "",
        "sizes": [8],
        "cell": "lstm",
        "rate": 1e-3,
        "window": None,
        "smoke": False,
        "out": str(tmp_path / "runs"),
    }
    assert json.loads(run.path("environment.json").read_text())["numpy"] == np.__version__


def test_the_configuration_repeats_the_run(recipe: ModuleType, tmp_path: Path):
    first = recipe.main("data", (8, 4), "gru", 0.5, 7, True, tmp_path)
    again = call(recipe.main, ["--config", str(first.path("config.json"))], prog="pump", config=True)
    assert again.settings == first.settings
    assert again.folder != first.folder


def test_texts_are_written_in_utf8(recipe: ModuleType, tmp_path: Path):
    run = recipe.main(out=tmp_path)
    path = run.write_text("written.txt", "你好\n")
    assert path == run.path("written.txt") and path.read_bytes() == "你好\n".encode()


def test_metrics_hold_numbers_of_numpy_and_the_table_is_printed(recipe: ModuleType, tmp_path: Path, capsys):
    run = recipe.main(out=tmp_path)
    results = [{"method": "ours", "error": np.float32(0.25)}, {"method": "PCA", "error": 0.5}]
    run.finish(results, {"error": np.float32(0.25)})
    assert json.loads(run.path("metrics.json").read_text()) == {
        "metrics": {"error": 0.25},
        "results": [{"method": "ours", "error": 0.25}, {"method": "PCA", "error": 0.5}],
    }
    printed = capsys.readouterr().out
    assert table(results) in printed
    assert f"wrote  {run.folder}: config.json  environment.json  metrics.json" in printed


def test_a_main_without_out_and_variables_of_another_function_are_named():
    def without(epochs: int = 3) -> Run:
        return Run(without, locals())

    def other(epochs: int = 3, out: str = "runs") -> Run:
        return Run(other, {"out": "runs"})

    with pytest.raises(ValueError, match=r"no 'out' among the parameters of .*without \(it has epochs\).*locals\(\)"):
        without()
    with pytest.raises(ValueError, match=r"no 'epochs' among the parameters of .*other"):
        other()


def test_a_table_leaves_out_what_a_row_lacks():
    lines = table([{"method": "a", "x": 0.123456}, {"method": "long name", "y": 3}]).split("\n")
    assert lines == ["method     x       y", "---------  ------  -", "a          0.1235", "long name          3"]
