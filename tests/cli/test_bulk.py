"""`seqae score` of data sets that are read bit by bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import seqae
from generators import readings
from seqae.cli import bulk, progress
from seqae.cli.progress import row_progress

CHANNELS = ["flow", "pressure", "still"]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    normal = pd.DataFrame(readings(1000, seed=0), columns=CHANNELS)
    detector = seqae.AnomalyDetector(window=4, resolutions=(1,)).fit(normal)
    return seqae.save(detector, tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture
def data(tmp_path) -> Path:
    for number in range(3):
        folder = tmp_path / "data" / f"machine=m{number}"
        folder.mkdir(parents=True)
        pd.DataFrame(readings(200, seed=number), columns=CHANNELS).to_parquet(folder / "a.parquet", index=False)
    return tmp_path / "data"


def test_shards_are_written_into_one_folder(command, model, data, tmp_path):
    out = tmp_path / "out"
    words = ["score", str(model), str(data), "--by", "machine", "-o", str(out), "--shard"]
    first, second = command(*words, "0/2"), command(*words, "1/2")
    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert "m0 200" in first.out and "2 machines, 400 rows" in first.out
    assert "1 machines, 200 rows" in second.out and f"wrote {out}" in second.out
    scores = pd.read_parquet(out / "scores")
    assert scores.groupby("entity", observed=True).size().to_dict() == {"m0": 200, "m1": 200, "m2": 200}
    detector = seqae.load(model)
    own = scores[scores.entity == "m1"].score
    np.testing.assert_allclose(own, detector.score_samples(readings(200, seed=1)), rtol=1e-6, atol=1e-6)
    assert sorted(path.name for path in out.glob("events*.csv")) == ["events-0-of-2.csv", "events-1-of-2.csv"]


def test_results_are_told_as_json(command, model, data, tmp_path):
    done = command(
        "score", str(model), str(data), "--by", "machine", "-o", str(tmp_path / "o"), "--shard", "0/1", "--json"
    )
    report = json.loads(done.printed)
    assert [(each["name"], each["rows"]) for each in report["entities"]] == [("m0", 200), ("m1", 200), ("m2", 200)]
    assert report["threshold"] == seqae.load(model).threshold_
    assert report["out"] == str(tmp_path / "o")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--shard", "3/3"], "--shard 3/3: there is no such part"),
        (["--shard", "first"], "--shard first. Expected a part from 0 on and their number, such as --shard 0/4"),
        (["--shard", "0/1", "--dask", "tcp://127.0.0.1:1"], "--shard and --dask both share out the work"),
        (["--shard", "0/1", "--overwrite"], "--overwrite does not go with"),
        (["--shard", "0/1", "--format", "csv"], "--format csv does not go with"),
        (["--shard", "0/1", "--by", "pump"], "no column 'pump' (machine=m0/a.parquet). There is"),
        (["--shard", "0/1", "--out", "."], "Name one: --out scored"),
    ],
)
def test_mistakes_are_told_in_the_words_of_the_shell(words, message, command, model, data, tmp_path):
    given = {"--by": "machine", "--out": str(tmp_path / "out")}
    more = [word for name, value in given.items() if name not in words for word in (name, value)]
    done = command("score", str(model), str(data), *more, *words)
    assert done.code == 2
    assert message in done.err


def test_files_that_may_not_fit_into_memory_are_told(command, model, data, tmp_path, monkeypatch):
    monkeypatch.setattr(bulk, "BYTES_PER_BYTE", 2**40)
    done = command("score", str(model), str(data / "machine=m0" / "a.parquet"), "-o", str(tmp_path / "out"))
    assert done.code == 0 and "--shard 0/1 reads them bit by bit" in done.err


def test_another_model_is_refused(command, data, tmp_path):
    folder = seqae.save(seqae.LSTM(2, 3), tmp_path / "lstm")
    done = command("score", str(folder), str(data), "--by", "machine", "--shard", "0/1", "-o", str(tmp_path / "out"))
    assert done.code == 2 and "AnomalyDetector" in done.err


def test_progress_without_a_terminal_is_a_line_now_and_then(monkeypatch, capsys):
    now = iter([0, 0, 2, 2, 12, 12, 13, 13])
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(now)))
    with row_progress() as show:
        show(1000, 10_000)
        show(2000, 10_000)
        show(4000, 10_000)
    (line,) = capsys.readouterr().err.splitlines()
    assert "of 10,000 rows" in line and "rows/s" in line and line.endswith("left")


def test_progress_on_a_terminal_is_a_bar(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with row_progress() as show:
        show(0, 10_000)
        show(10_000, 10_000)
    assert "100%" in capsys.readouterr().err


def test_a_detector_is_fitted_to_a_sample_of_all_machines(command, data, tmp_path):
    words = ["fit", "--detector", str(data), "--by", "machine", "-o", str(tmp_path / "fleet"), "--sample-rows"]
    done = command(*words, "450")
    assert done.code == 0, done.err
    detector = seqae.load(tmp_path / "fleet")
    assert sorted(detector.scorer_.machines) == ["m0", "m1", "m2"] and detector.report_.rows == 450
    refused = command(*words, "2", "--overwrite")
    assert refused.code == 2 and "Sample more: --sample-rows" in refused.err
