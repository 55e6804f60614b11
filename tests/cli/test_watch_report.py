"""What is told while a machine runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqae.cli.watch_report import WatchReport
from seqae.service.rejections import Rejection, RejectionFile
from seqae.service.watch_update import WatchUpdate


def test_rejections_of_a_kind_are_told_more_and_more_rarely(capsys: pytest.CaptureFixture):
    report = WatchReport(None)
    for number in range(150):
        report(WatchUpdate(rejections=(Rejection("late", f"row {number} is late"),)))
    report(WatchUpdate(rejections=(Rejection("time", "no time\x1b[2J", entity="m"),)))
    told = capsys.readouterr().err.splitlines()
    assert told[:6] == [
        *(f"reject row {number} is late" for number in range(5)),
        "reject row 9 is late (10 of this kind so far)",
    ]
    assert told[6:] == ["reject row 99 is late (100 of this kind so far)", "reject m: no time?[2J"]
    assert report.count == {"late": 150, "time": 1} and report.first is not None


def test_parameters_are_told_as_options(capsys: pytest.CaptureFixture):
    report = WatchReport(None)
    report(WatchUpdate(rejections=(Rejection("late", "too late. Let wait=... be longer", entity="m"),)))
    report(WatchUpdate(notes=("rows are late: reorder=100",)))
    assert capsys.readouterr().err.splitlines() == [
        "reject m: too late. Let --wait be longer",
        "note   rows are late: --reorder 100",
    ]


def test_a_file_that_cannot_be_written_is_told_and_nothing_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    def full(rejections: object) -> None:
        raise OSError(28, "No space left on device")

    with RejectionFile(tmp_path / "bad.jsonl") as file:
        report = WatchReport(file, is_told=False)
        report(WatchUpdate(rejections=(Rejection("late", "row 1 is late"),)))
        assert "row 1 is late" in (tmp_path / "bad.jsonl").read_text()
        assert capsys.readouterr().err == ""
        report.is_told = True
        monkeypatch.setattr(file, "write", full)
        report(WatchUpdate(rejections=(Rejection("late", "row 2 is late"),)))
    assert "bad.jsonl was not written: No space left on device. Make room" in capsys.readouterr().err
