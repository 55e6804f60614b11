"""The order of day and month that normal rows show holds for rows that are scored, where these are open to both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqae import load, save
from seqae.anomaly.bulk.sample import sample_recordings
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.window_models import PCA
from seqae.data.signals.options import ReadingOptions
from seqae.service.line_reader import LineReader

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # a few normal rows will do

EUROPEAN, AMERICAN = "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"
UNTIL_NEW_YEAR = "2023-12-31 22:00"  # the 31st shows where the day stands
IN_FEBRUARY = "2024-02-01 09:00"  # all of 01/02: either the first of February or the second of January


def frame(form: str, start: str, rows: int = 240) -> pd.DataFrame:
    """Return rows of every minute whose stamps are text."""
    times = pd.date_range(start, periods=rows, freq="min")
    values = np.random.default_rng(0).normal(size=(rows, 2))
    return pd.DataFrame({"time": times.strftime(form), "flow": values[:, 0], "level": values[:, 1]})


def table(folder: Path, form: str, start: str, rows: int = 240) -> Path:
    path = folder / f"{form[1]}-{start[:10]}.csv"
    frame(form, start, rows).to_csv(path, index=False)
    return path


def fitted(data: object, **reading) -> AnomalyDetector:
    return AnomalyDetector(PCA(), resolutions=(1,), window=4).fit(data, **reading)


@pytest.fixture(scope="module", params=[EUROPEAN, AMERICAN, EUROPEAN.replace("/", "-")])
def learnt(request, tmp_path_factory) -> tuple[str, AnomalyDetector]:
    folder = tmp_path_factory.mktemp("models")
    detector = fitted(table(folder, request.param, UNTIL_NEW_YEAR))
    return request.param, load(save(detector, folder / "model"))


def test_a_detector_reads_an_ambiguous_file_as_it_learnt_to(learnt, tmp_path):
    form, detector = learnt
    live = table(tmp_path, form, IN_FEBRUARY, 30)
    assert detector.reading_.day_first is form.startswith("%d")
    assert detector.recording(live).times[0] == np.datetime64(IN_FEBRUARY)
    (detection,) = detector.detect(live)
    assert len(detection.scores) == 30


def test_a_stream_reads_ambiguous_lines_as_the_detector_learnt_to(learnt, tmp_path):
    form, detector = learnt
    text = table(tmp_path, form, IN_FEBRUARY, 30).read_bytes()
    (block,) = LineReader(ReadingOptions(channels=("flow", "level")), detector.reading_).blocks([text])
    assert block.times[0] == np.datetime64(IN_FEBRUARY)


def test_a_file_that_contradicts_what_was_learnt_is_refused_and_read_if_told(learnt, tmp_path):
    form, detector = learnt
    other = AMERICAN if form.startswith("%d") else EUROPEAN
    told = not form.startswith("%d")
    live = table(tmp_path, other, "2024-03-25 09:00", 30)
    with pytest.raises(ValueError, match=rf"line 2\), but day_first={not told}, .*say so: day_first={told}$"):
        detector.detect(live)
    assert detector.recording(live, day_first=told).times[0] == np.datetime64("2024-03-25 09:00")


def test_what_the_caller_says_is_kept_and_stamps_of_another_form_are_read_by_themselves(tmp_path):
    detector = fitted(table(tmp_path, EUROPEAN, IN_FEBRUARY), day_first=True)
    assert detector.reading_.day_first is True
    iso = table(tmp_path, "%Y-%m-%d %H:%M", "2024-02-01 09:00", 30)
    assert detector.recording(iso).times[0] == np.datetime64("2024-02-01 09:00")
    assert fitted(iso.parent / iso.name).reading_.day_first is None


def test_nothing_is_learnt_from_files_that_differ(tmp_path):
    paths = [table(tmp_path, EUROPEAN, UNTIL_NEW_YEAR), table(tmp_path, AMERICAN, "2024-03-25 09:00")]
    detector = fitted(paths)
    assert detector.reading_.day_first is None
    with pytest.raises(ValueError, match="Say which: day_first=True"):
        detector.detect(table(tmp_path, EUROPEAN, IN_FEBRUARY, 30))


def test_a_sample_of_a_large_table_shows_it_too(tmp_path):
    pytest.importorskip("pyarrow")
    frame(EUROPEAN, UNTIL_NEW_YEAR).assign(machine="m1").to_parquet(tmp_path / "part.parquet")
    sampled = sample_recordings(tmp_path, rows=100, by="machine")
    assert fitted(sampled).reading_.day_first is True
