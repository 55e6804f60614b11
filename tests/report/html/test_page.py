import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from seqae.anomaly.events import find_events
from seqae.data.signals.recordings import Recording
from seqae.report import Report, write_report


@pytest.fixture(scope="module")
def page(report, tmp_path_factory) -> str:
    return write_report(report, tmp_path_factory.mktemp("page") / "report.html").read_text(encoding="utf-8")


def data_of(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_the_page_fetches_nothing(page):
    without_scripts = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"<link|<script[^>]*\ssrc|@import|<img|<iframe", without_scripts)
    assert "url(" not in without_scripts
    assert not re.search(r"<script[^>]*\ssrc", page)


def test_the_page_tells_which_named_fault_an_alarm_is_like(report, page, tmp_path):
    first, *others = report.events
    known = replace(first, similar_fault="<i>worn</i>", fault_distance=0.03)
    told = write_report(replace(report, events=[known, *others]), tmp_path / "like.html").read_text(encoding="utf-8")
    assert "like &#39;&lt;i&gt;worn&lt;/i&gt;&#39; (distance 0.03)<br>" in told and "<i>worn" not in told
    assert "(distance" not in page
    assert replace(known, fault_distance=1.2).likeness == "", "it has nothing in common with it"


def test_the_page_says_what_was_found(page):
    assert "<h1>2 of 3 faults found, 1 false alarm, first alarm 2 s after the start on average</h1>" in page
    assert "Best AUC-PR: PCA with 0.800; autoencoder 0.700." in page
    assert page.count('class="best"') == 1
    assert "1 gap in time" in page


def test_names_from_data_are_text_and_never_markup(page):
    assert "<b>bold</b>" not in page
    assert "&lt;/script&gt;&lt;b&gt;bold" in page
    assert "Pump &lt;7&gt;" in page


def test_the_page_says_what_a_score_means_and_where_the_threshold_is(page):
    assert "score: -log10 of the fraction of normal rows that score as high" in page
    assert "threshold 1.50" in page


def test_the_page_opens_where_a_signal_departs_from_its_reconstruction(page, report):
    first = data_of(page)["first"]
    assert first == {"event": 0, "channel": 0}  # the "pressure" is 3 too high
    assert report.events[0].start == 1504


def test_every_alarm_has_a_line_and_a_window(page, report):
    assert page.count("data-event=") == len(report.events) == 3
    for event, shown in zip(report.events, data_of(page)["events"]):
        begin, end = report.recording.times[[event.start, event.stop - 1]].astype("datetime64[ms]").astype(float)
        assert shown["left"] < begin < end < shown["right"]
        fractions = [fraction for _, fraction, _ in shown["contributions"]]
        assert fractions == sorted([each.fraction for each in event.channels], reverse=True)


def test_faults_that_raised_no_alarm_are_listed(page):
    section = page[page.index("Known faults without alarm") :]
    assert section.count("data-left=") == 1
    assert "12:18:20" in section[: section.index("</p>")]


def test_the_contributions_to_all_alarms_add_up_to_one(page):
    assert sum(fraction for _, fraction, _ in data_of(page)["contributions"]) == pytest.approx(1)


def test_a_page_without_times_labels_alarms_and_results_is_whole(bare_report, tmp_path):
    page = write_report(bare_report, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "No row raises an alarm." in page
    for absent in ("known fault", "Results", "Training", "Warnings", "Settings"):
        assert absent not in page.partition("<body>")[2].partition("<script")[0]


def one_row() -> Report:
    return Report(
        "one", "one row", [], Recording(np.zeros((1, 1)), ("a",)), *[np.zeros((1, 1))] * 2, np.zeros(1), 2.0, []
    )


def nothing_but_gaps() -> Report:
    empty = np.full((30, 2), np.nan)
    return Report("gaps", "nothing", [], Recording(empty, ("a", "b")), empty, empty, empty[:, 0], 2.0, [])


@pytest.mark.parametrize("odd", [one_row(), nothing_but_gaps()], ids=["one row", "nothing but gaps"])
def test_odd_recordings_are_no_reason_to_fail(odd, tmp_path):
    assert "</html>" in write_report(odd, tmp_path / "report.html").read_text(encoding="utf-8")


def random_report(rows: int, channels: int) -> Report:
    rng = np.random.default_rng(0)
    values, errors = rng.normal(size=(rows, channels)), rng.random((rows, channels)) ** 4
    recording = Recording(values, tuple(f"channel {number}" for number in range(channels)), np.arange(float(rows)))
    scores = errors.sum(axis=1)
    threshold = float(np.quantile(scores, 0.99))
    events = find_events(scores, threshold, errors, recording.channels, recording.times)
    return Report("big", "big", [], recording, values, errors, scores, threshold, events)


@pytest.mark.parametrize(("rows", "channels"), [(10_000, 20), (60_000, 3), (1000, 120)])
def test_large_pages_stay_below_eight_megabytes(rows, channels, tmp_path):
    assert write_report(random_report(rows, channels), tmp_path / "report.html").stat().st_size < 8e6


@pytest.mark.parametrize("name", ["reconstruction", "channel_scores", "scores", "labels"])
def test_parts_of_another_recording_are_refused(report, name):
    with pytest.raises(ValueError, match=rf"{name} has the shape .*Expected \(6000"):
        replace(report, **{name: getattr(report, name)[:-1]})


def test_an_empty_recording_is_refused():
    with pytest.raises(ValueError, match="no rows"):
        Report("", "", [], Recording(np.zeros((0, 1)), ("a",)), *[np.zeros((0, 1))] * 2, np.zeros(0), 2.0, [])


@pytest.mark.parametrize(
    ("package", "call"),
    [("bokeh", "write_report(report, sys.argv[1])"), ("matplotlib", "loss_figure({'train': [1.0]})")],
)
def test_a_missing_package_is_named_with_the_remedy(package, call, tmp_path):
    code = f"""
import sys
sys.modules[{package!r}] = None
import numpy as np
from seqae.data.signals.recordings import Recording
from seqae._extras import MissingExtra
from seqae.report import Report, loss_figure, write_report
zeros = np.zeros((1, 1))
report = Report("", "", [], Recording(zeros, ("a",)), zeros, zeros, zeros[0], 2.0, [])
try:
    {call}
except MissingExtra as error:
    print(error)
"""
    command = [sys.executable, "-c", code, str(tmp_path / "report.html")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert package in told
    assert "pip install 'seqae[report]'" in told
    assert not list(tmp_path.iterdir())


def test_importing_loads_neither_torch_nor_the_extras():
    code = "import sys, seqae.report; print({'torch', 'bokeh', 'matplotlib', 'jinja2', 'pandas'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "set()"
