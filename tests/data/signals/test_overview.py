"""What a table holds is told without training."""

import gzip

import numpy as np
import pandas as pd
import pytest

from seqae.data import overview
from seqae.data.signals import file_heads
from seqae.data.signals.overview_text import BARS, seconds_text


@pytest.fixture
def frame() -> pd.DataFrame:
    rows = np.arange(1000)
    times = pd.date_range("2024-03-01", periods=1200, freq="10s").delete(slice(500, 700))
    frame = pd.DataFrame({"time": times, "pressure [bar]": 2 + np.sin(rows / 50), "state": rows // 100 % 3})
    frame["fixed"], frame["again"], frame["number"], frame["none"] = 1.5, frame["pressure [bar]"], rows, np.nan
    frame.loc[100:199, "state"] = np.nan
    return frame


def test_channels_are_summed_up_with_what_they_may_be(frame):
    pressure, state, fixed, again, number, none = overview(frame).channels
    values = frame["pressure [bar]"]
    assert (pressure.name, pressure.unit, pressure.missing, pressure.notes) == ("pressure", "bar", 0.0, ())
    np.testing.assert_allclose([pressure.minimum, pressure.mean, pressure.maximum], values.agg(["min", "mean", "max"]))
    assert state.missing == pytest.approx(0.1) and state.notes == ("3 states",)
    assert fixed.notes == ("constant",) and again.notes == ("copy of pressure",)
    assert number.notes == ("counter or clock?",) and none.notes == ("empty",)
    assert np.isnan(none.mean) and none.sketch == ""


def test_the_clock_is_told_with_its_gaps(frame):
    (run,) = overview(frame).runs
    assert (run.rows, run.start, run.end) == (1000, "2024-03-01 00:00:00", "2024-03-01 03:19:50")
    assert (run.period, run.gaps, run.longest_gap, run.before_gap) == (10, 1, 2010, "2024-03-01 01:23:10")
    assert (run.segments, run.longest, run.repeated, run.backward) == (2, 500, 0, 0)


def test_repeated_and_backward_stamps_and_irregular_steps_are_counted():
    (run,) = overview(pd.DataFrame({"time": [0, 1, 1, 2, 1.5, 2.7, 3.7, 4.7], "x": range(8)})).runs
    assert (run.repeated, run.backward) == (1, 1) and run.irregular > 0
    (run,) = overview([1.0, 2.0]).runs
    assert (run.start, run.period, run.longest) == ("", None, 2)


def test_the_page_says_what_the_fields_say(frame):
    page = str(overview(frame))
    assert "1,000 rows, 6 channels" in page
    assert "a row every 10 s, 1 gap, the longest 33.5 min after 2024-03-01 01:23:10" in page
    assert "4 channels that vary, 2 stretches without gaps, the longest of 500 rows" in page
    assert "note     channel 'fixed' is constant" in page
    assert any(line.startswith("pressure  bar") and BARS[-1] in line for line in page.splitlines())


def test_a_sketch_shows_a_spike_and_leaves_a_gap_open(frame):
    frame.loc[800, "pressure [bar]"] = 50
    sketch = overview(frame).channels[0].sketch
    assert len(sketch) == 40 and sketch.count(BARS[-1]) == 1 and " " in sketch.strip()


def test_options_are_those_of_all_readers(frame):
    frame["sent"] = frame["time"]
    frame = frame.rename(columns={"time": "taken"})
    with pytest.raises(ValueError, match=r"time_column='taken', ignore=\['sent'\]"):
        overview(frame)
    found = overview(frame, time_column="taken", ignore=["sent"], time_zone="Europe/Berlin")
    assert found.runs[0].start == "2024-02-29 23:00:00" and "Europe/Berlin" in found.zone


@pytest.fixture
def small_limit(monkeypatch):
    monkeypatch.setattr(file_heads, "LIMIT", 10_000)
    monkeypatch.setattr(file_heads, "PACKED_LIMIT", 1_000)
    monkeypatch.setattr(file_heads, "PARQUET_ROWS", 100)


def test_of_a_large_file_the_first_part_is_read_and_that_is_told(frame, small_limit, tmp_path):
    path = tmp_path / "run.csv"
    frame.to_csv(path, index=False)
    found = overview(path)
    assert 100 < found.rows < 500 and "only the first" in found.part
    assert found.rows_in_all == pytest.approx(1000, rel=0.1)
    assert found.channels[0].maximum == frame["pressure [bar]"][: found.rows].max()
    assert overview(path, whole=True).rows == 1000 and overview(path, whole=True).part == ""


def test_of_a_large_packed_file_the_first_part_is_unpacked(frame, small_limit, tmp_path):
    path = tmp_path / "run.csv.gz"
    path.write_bytes(gzip.compress(frame.to_csv(index=False).encode()))
    assert 100 < overview(path).rows < 500
    path.write_bytes(gzip.compress(frame[:50].to_csv(index=False).encode()))
    assert overview(path).rows == 50


def test_of_a_large_parquet_file_the_first_rows_are_read(frame, small_limit, tmp_path):
    path = tmp_path / "run.parquet"
    frame.to_parquet(path)
    found = overview(path)
    assert (found.rows, found.rows_in_all) == (100, 1000) and "100 of 1,000 rows" in found.part


def test_of_a_large_folder_the_first_files_are_read(frame, small_limit, tmp_path):
    for day in range(4):
        frame[:90].to_csv(tmp_path / f"day{day}.csv", index=False)
    found = overview(tmp_path)
    assert len(found.runs) == 1 and found.part == "only the first 1 of 4 files were read"
    assert len(overview(tmp_path, whole=True).runs) == 4


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.02, "20 ms"), (1.5, "1.5 s"), (60, "1 min"), (90, "90 s"), (7200, "2 h"), (86400, "1 d")]
)
def test_durations_are_short(seconds, text):
    assert seconds_text(seconds) == text
