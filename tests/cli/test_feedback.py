"""`seqae feedback`: written, listed, taken back, and known to the commands that score."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import seqae
from generators import machine as readings


@pytest.fixture(scope="module")
def detector() -> seqae.AnomalyDetector:
    return seqae.AnomalyDetector(resolutions=(1, 4), epochs=0).fit(readings(1500, seed=0))


@pytest.fixture
def saved(detector: seqae.AnomalyDetector, tmp_path: Path) -> Path:
    return seqae.save(detector, tmp_path / "model")


@pytest.fixture
def today(tmp_path: Path) -> Path:
    frame = readings(600, seed=1)
    frame.loc[150:189, "pressure [bar]"] += 4
    frame.to_csv(tmp_path / "today.csv", index=False)
    return tmp_path / "today.csv"


SPAN = ("--start", "2024-01-01T00:02:30", "--end", "2024-01-01T00:03:09")


def test_accepted_rows_raise_no_alarm_until_that_is_taken_back(
    saved: Path, today: Path, command: Callable, tmp_path: Path
):
    def events() -> str:
        return command("score", str(saved), str(today), "--out", str(tmp_path), "--overwrite").out

    assert "pressure" in (before := events())
    done = command(
        "feedback", str(saved), "--rows", str(today), *SPAN, "--normal", "--author", "Ana", "--note", "cleaning"
    )
    assert (done.code, done.err) == (0, "")
    assert "written 1 2024-01-01T00:02:30 to 2024-01-01T00:03:09: normal, by Ana at " in done.out
    assert events() != before
    assert "(cleaning)" in command("feedback", str(saved)).out
    assert command("feedback", str(saved), "--undo", "1", "--author", "Bo").code == 0
    assert events() == before
    assert "taken back by Bo" in command("feedback", str(saved)).out


def test_named_faults_appear_in_the_events(saved: Path, today: Path, command: Callable, tmp_path: Path):
    assert (
        command("feedback", str(saved), "--rows", str(today), *SPAN, "--fault", "stuck valve", "--author", "Ana").code
        == 0
    )
    assert command("score", str(saved), str(today), "--out", str(tmp_path)).code == 0
    assert any("stuck valve" in path.read_text() for path in tmp_path.rglob("*events.csv"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*SPAN,), "what about these rows? Give --normal"),
        ((*SPAN, "--normal", "--fault", "x"), "what about these rows?"),
        (("--normal",), "which rows?"),
        (("--undo", "1"), "needs no rows"),
    ],
)
def test_what_is_not_clear_is_refused(saved: Path, today: Path, command: Callable, words: tuple, message: str):
    done = command("feedback", str(saved), "--rows", str(today), *words)
    assert done.code == 2
    assert message in done.err
