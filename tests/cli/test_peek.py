"""`seqae peek`."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqae.cli.peek import _show


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = np.arange(300)
    times = pd.date_range("2024-03-01", periods=310, freq="10s").delete(slice(100, 110))
    frame = pd.DataFrame({"id": rows, "taken": times, "flow [l/min]": np.sin(rows / 9)})
    path = tmp_path / "pump.csv"
    frame.to_csv(path, index=False)
    return path


def test_a_page_is_shown_in_the_words_of_the_shell(table, command):
    done = command("peek", str(table))
    assert done.code == 0
    assert "pump.csv: 300 rows, 2 channels" in done.out
    assert "a row every 10 s, 1 gap" in done.out
    assert "flow l/min" in done.out
    assert "leave it out: --ignore id" in done.out


def test_json_has_every_field(table, command):
    found = json.loads(command("peek", str(table), "--json", "--ignore", "id").printed)
    assert found["rows"] == 300 and found["runs"][0]["gaps"] == 1
    assert [each["name"] for each in found["channels"]] == ["flow"]
    assert found["channels"][0]["unit"] == "l/min"
    assert "recordings" not in found


def test_a_picture_is_written(table, command, tmp_path):
    pytest.importorskip("matplotlib")
    done = command("peek", str(table), "--picture", str(tmp_path / "pump.png"))
    assert done.code == 0
    assert (tmp_path / "pump.png").read_bytes().startswith(b"\x89PNG")


def test_a_file_that_cannot_be_read_is_shown_with_the_line_and_the_option(table, command):
    lines = table.read_text().splitlines()
    lines[199] = lines[199].rsplit(",", 1)[0] + ",broken"
    table.write_text("\n".join(lines) + "\n")
    done = command("peek", str(table))
    assert done.code == 2
    assert f"      1  {lines[0]}\n" in done.err
    assert f"    200  {lines[199]}\n" in done.err
    assert done.err.splitlines()[-1].startswith("error: ") and "--ignore flow" in done.err
    assert command("peek", str(table), "--ignore", "flow").code == 0


def test_what_is_refused_works_with_the_option_that_is_named(table, command):
    frame = pd.read_csv(table)
    frame["sent"] = frame["taken"]
    frame.to_csv(table, index=False)
    done = command("peek", str(table))
    assert done.code == 2 and "--time-column taken, --ignore sent" in done.err
    assert (
        "from" not in done.out and command("peek", str(table), "--time-column", "taken", "--ignore", "sent").code == 0
    )


def test_bars_become_plain_signs_where_the_terminal_lacks_them(monkeypatch):
    plain = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", plain)
    _show("▁▂█ °C")
    plain.flush()
    assert plain.buffer.getvalue() == rb"_.# \xb0C" + b"\n"
