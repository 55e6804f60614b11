"""Every block of code in the README runs as it stands."""

import re
import runpy
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
PYTHON = [code for language, code in BLOCKS if language == "python"]
SHELL = [code.strip() for language, code in BLOCKS if language == "sh"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of one's own beside the project's data."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_python_block_runs(number, folder, capsys):
    path = folder / "block.py"
    path.write_text(PYTHON[number], encoding="utf-8")
    torch.manual_seed(0)
    names = runpy.run_path(str(path))
    printed = capsys.readouterr().out
    if number == 0:
        assert len(printed.splitlines()) == 3  # events
    elif number == 1:
        assert float(re.match(r"R2 ([\d.]+) on 30 held-out", printed)[1]) > 0.98
        assert np.mean([abs(len(one) - len(other)) for one, other in zip(names["again"], names["waves"])]) < 2
    elif number == 2:
        assert float(printed.removeprefix("accuracy ")) >= 0.9
    else:
        assert names["history"].train[-1] < 0.8 * names["history"].train[0]
        assert names["codes"].shape == (4, 8)


def test_the_blocks_are_known():
    assert len(PYTHON) == 4 and len(SHELL) == 2
    assert {language for language, _ in BLOCKS} == {"python", "sh", "text"}


def test_the_first_command_runs_the_main_job_after_the_set_up(folder, monkeypatch):
    *set_up, job = SHELL[0].split(" && ")
    assert set_up == ["python3 -m venv .venv", ".venv/bin/pip install -q -e '.[report]'"]
    program, *words = shlex.split(job)
    assert program == ".venv/bin/seqae"
    from seqae.cli import main

    monkeypatch.setattr(sys, "argv", ["seqae", *words, "--smoke"])
    main()
    assert (folder / "runs" / "sensor_anomaly" / "latest" / "report.html").exists()


def test_the_second_command_is_what_ci_runs():
    assert SHELL[1].endswith(".venv/bin/python -m pytest")
    assert "<!-- test -->" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
