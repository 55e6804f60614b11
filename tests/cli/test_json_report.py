"""Results as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from seqae.cli.json_report import json_report


def test_numbers_are_numbers_and_what_json_lacks_is_null(capsys: pytest.CaptureFixture[str]):
    with json_report(True) as report:
        print("a note")
        report |= {"rows": np.int64(3), "r2": np.float32(0.5), "bad": float("nan"), "far": [np.inf, 1]}
        report |= {"path": Path("a") / "b", "codes": np.arange(2), "is": np.bool_(True), "text": "ä"}
    out, err = capsys.readouterr()
    assert err == "a note\n"
    assert json.loads(out) == {
        "rows": 3, "r2": 0.5, "bad": None, "far": [None, 1], "path": str(Path("a/b")), "codes": [0, 1], "is": True,
        "text": "ä",
    }  # fmt: skip
    assert out.count("\n") == 1


def test_without_json_nothing_changes(capsys: pytest.CaptureFixture[str]):
    with json_report(False) as report:
        print("a note")
        report["rows"] = 3
    assert capsys.readouterr() == ("a note\n", "")


def test_after_an_error_there_is_no_json(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(ValueError, match="mine"), json_report(True):
        raise ValueError("mine")
    assert capsys.readouterr().out == ""
