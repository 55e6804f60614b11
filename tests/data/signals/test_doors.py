"""One door for readings: whatever they come in, they mean the same channels, values and times, or are refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from seqae import AnomalyDetector, as_recordings
from seqae.data.signals.recordings import Recording
from seqae.data.signals.sampling import Sampling

Door = Callable[[np.ndarray, Path], object]
NUMBERS = ("0", "1", "2")
NAMES = ("flow", "pressure", "speed")
pytestmark = pytest.mark.filterwarnings("ignore:.*normal rows hold about", "ignore:numbers far from all others")
SMALL = {"model": "pca", "resolutions": (1,), "window": 4}


def readings(rows: int, seed: int, channels: int = 3) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(rows, channels))
    return np.sin(np.arange(rows)[:, None] * np.linspace(0.2, 0.4, channels)) + 0.1 * noise


def stamps(rows: int) -> pd.DatetimeIndex:
    return pd.date_range("2024-03-01", periods=rows, freq="10s")


def named(values: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(values, columns=NAMES[: values.shape[1]]).assign(time=stamps(len(values)))


@pytest.fixture(scope="module")
def numbered_detector() -> AnomalyDetector:
    return fitted(readings(300, 0))


@pytest.fixture(scope="module")
def named_detector() -> AnomalyDetector:
    return fitted(named(readings(300, 0)))


def fitted(data: object, **options: object) -> AnomalyDetector:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return AnomalyDetector(**SMALL).fit(data, **options)


def columns_of(values: np.ndarray) -> dict[str, np.ndarray]:
    return {str(number): column for number, column in enumerate(values.T)}


def csv_without_header(values: np.ndarray, folder: Path) -> Path:
    np.savetxt(folder / "run.csv", values, delimiter=",", fmt="%.17g")
    return folder / "run.csv"


def npy(values: np.ndarray, folder: Path) -> Path:
    np.save(folder / "run.npy", values)
    return folder / "run.npy"


def arrow(values: np.ndarray, folder: Path) -> object:
    return pytest.importorskip("pyarrow").table(columns_of(values))


def polars(values: np.ndarray, folder: Path) -> object:
    return pytest.importorskip("polars").DataFrame(columns_of(values))


# Numbered channels through every door.
DOORS: dict[str, Door] = {
    "array": lambda values, folder: values,
    "Fortran array": lambda values, folder: np.asfortranarray(values),
    "masked array": lambda values, folder: np.ma.masked_invalid(values),
    "objects": lambda values, folder: np.where(np.isnan(values), None, values.astype(object)),
    "tensor": lambda values, folder: torch.from_numpy(values),
    "sparse tensor": lambda values, folder: torch.from_numpy(values).to_sparse(),
    "lists": lambda values, folder: values.tolist(),
    "tuples": lambda values, folder: tuple(map(tuple, values.tolist())),
    "list of arrays": lambda values, folder: [values],
    "pieces": lambda values, folder: iter([values[:17], values[17:]]),
    "dict of columns": lambda values, folder: columns_of(values),
    "rows as dicts": lambda values, folder: [dict(zip(columns_of(values), row)) for row in values.tolist()],
    "records": lambda values, folder: np.rec.fromarrays(list(values.T), names=list(columns_of(values))),
    "frame": lambda values, folder: pd.DataFrame(values),
    "frame of Arrow": lambda values, folder: pd.DataFrame(columns_of(values)).astype("double[pyarrow]"),
    "frame with NA": lambda values, folder: pd.DataFrame(columns_of(values)).astype("Float64"),
    "polars": polars,
    "Arrow table": arrow,
    "Recording": lambda values, folder: Recording(values, tuple(columns_of(values))),
    "masked Recording": lambda values, folder: Recording(np.ma.masked_invalid(values), tuple(columns_of(values))),
    "file without header": csv_without_header,
    "npy": npy,
}


def with_hole(values: np.ndarray) -> np.ndarray:
    values = values.copy()
    values[5, 1] = np.nan
    return values


@pytest.mark.parametrize("door", DOORS)
def test_a_door_takes_what_is_right_and_refuses_other_counts(numbered_detector, tmp_path, door):
    enter, values = DOORS[door], with_hole(readings(60, 1))
    scores = numbered_detector.score_samples(enter(values, tmp_path))
    np.testing.assert_array_equal(scores, numbered_detector.score_samples(values))
    wide = np.c_[values, values[:, :2]]
    with pytest.raises(ValueError, match=r"5 channels without names.*Expected 3: '0', '1', '2'"):
        numbered_detector.detect(enter(wide, tmp_path))
    with pytest.raises(ValueError, match=r"2 channels without names|missing '2'"):
        numbered_detector.detect(enter(values[:, :2], tmp_path))
    chosen = numbered_detector.score_samples(enter(wide, tmp_path), channels=NUMBERS)  # as the message advises
    np.testing.assert_array_equal(chosen, scores)


USES = ["score_samples", "predict", "channel_scores", "detect", "events", "drift", "reconstruct", "encode"]


@pytest.mark.parametrize("use", [*USES, "recalibrate"])
def test_every_use_refuses_more_channels(numbered_detector, named_detector, use):
    wide = readings(300, 1, channels=5)
    for detector in (numbered_detector, named_detector):
        with pytest.raises(ValueError, match=r"5 channels without names.*Expected 3"):
            getattr(detector, use)(wide)


def test_arrays_of_different_widths_are_not_learnt_from_together():
    for widths in ((3, 5), (5, 3)):
        with pytest.raises(ValueError, match="channels without names"):
            AnomalyDetector(**SMALL).fit([readings(300, 0, width) for width in widths])
        with pytest.raises(ValueError, match="channels without names"):
            as_recordings([readings(30, 0, width) for width in widths])


def test_channels_that_were_chosen_to_learn_from_are_taken_of_later_rows():
    wide = readings(300, 0, channels=4)
    learnt, same = fitted(wide, channels=["0", "2"]), fitted(wide[:, [0, 2]])
    np.testing.assert_array_equal(learnt.score_samples(wide[:60]), same.score_samples(wide[:60, [0, 2]]))
    first = fitted(wide, channels=["0", "1"])
    np.testing.assert_array_equal(first.score_samples(wide[:60]), first.score_samples(wide[:60, :2]))


def test_names_that_are_given_say_which_columns_are_meant(named_detector):
    values = readings(60, 1)
    turned = named_detector.score_samples(values[:, [2, 0, 1]], channels=["speed", "flow", "pressure"])
    np.testing.assert_array_equal(turned, named_detector.score_samples(values))
    with pytest.raises(ValueError, match="missing 'pressure', 'speed'"):
        named_detector.score_samples(named(values), channels=["flow"])


@pytest.mark.parametrize(
    ("data", "advice"),
    [
        (readings(60, 1).T, r"60 channels without names.*turn it: array\.T"),
        (readings(60, 1)[None], r"3 dimensions.*list\(array\)"),
        (list(readings(60, 1)), "1 channels without names"),
        (list(readings(60, 1, channels=1)), r"arrays of one number each.*np\.stack\(rows\)"),
    ],
    ids=["turned", "batch", "list of rows", "list of single numbers"],
)
def test_a_sequence_and_a_list_of_them_are_not_mixed_up(numbered_detector, data, advice):
    with pytest.raises(ValueError, match=advice):
        numbered_detector.score_samples(data)


@pytest.mark.parametrize("mark", [None, np.nan, np.ma.masked, pd.NA, pd.NaT], ids=repr)
def test_every_mark_of_a_missing_value_is_one(mark):
    (recording,) = as_recordings([[1.0, 2.0], [mark, 4.0]])
    np.testing.assert_array_equal(recording.values, [[1, 2], [np.nan, 4]])


WRONG = {
    "text": ("ab", FileNotFoundError, "no file or folder 'ab'"),
    "bytes": (b"ab", TypeError, "cannot read a bytes"),
    "a number": (np.float64(3), TypeError, "cannot read a float64"),
    "no dimension": (np.array(3.0), ValueError, "0 dimensions"),
    "complex": (readings(9, 0) + 1j, ValueError, "complex"),
    "complex Recording": (lambda: Recording(readings(9, 0) + 1j, NAMES), ValueError, "complex"),
    "text in a Recording": (lambda: Recording(readings(9, 0).astype(str), NAMES), ValueError, "text"),
    "objects": (np.full((9, 3), {}), ValueError, "{} is not a number"),
    "dates": (named(readings(9, 0)).assign(flow=stamps(9)), ValueError, "'flow'"),
    "infinite": (lambda: Recording(np.full((9, 3), np.inf), NAMES), ValueError, "'flow' is infinite"),
    "no time": (lambda: Recording(np.ones((2, 3)), NAMES, np.array([0.0, np.nan])), ValueError, "row 1 has no time"),
    "rounded": (np.array([[2**53, 0, 0], [2**53 + 1, 0, 0]]), ValueError, r"9007199254740993 \(row 1\).*Subtract"),
    "rounded list": ([[0, 0, 2**60 + 1]], ValueError, r"1152921504606846977 \(row 0\)"),
    "rounded column": (
        named(np.ones((2, 3))).assign(flow=[1, 2**62 + 1]),
        ValueError,
        "'flow' holds 4611",
    ),
    "intervals": (pd.DataFrame({"flow": [1.0]}, pd.interval_range(0, 1)), ValueError, "frame.index.left"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_reading_is_refused_by_name(named_detector, name):
    data, kind, message = WRONG[name]
    with pytest.raises(kind, match=message):
        named_detector.score_samples(data() if callable(data) else data)


def test_whole_numbers_that_float64_holds_are_taken_as_they_are():
    exact = np.array([[2**53], [2**60], [-(2**63)]])
    assert as_recordings(exact)[0].values[:, 0].tolist() == [2.0**53, 2.0**60, -(2.0**63)]
    hidden = np.ma.masked_array([[2**53 + 1], [1]], mask=[[True], [False]])
    np.testing.assert_array_equal(as_recordings(hidden)[0].values, [[np.nan], [1]])


# Times


def in_arrow(values: object, kind: str) -> pd.Index:
    pytest.importorskip("pyarrow")
    return pd.Index(pd.Series(values).astype(f"{kind}[pyarrow]"))


INDEXES: dict[str, Callable[[pd.DatetimeIndex], pd.Index]] = {
    "zone": lambda times: times.tz_localize("UTC"),
    "periods": lambda times: times.to_period("10s"),
    "objects": lambda times: times.astype(object),
    "categories": lambda times: pd.CategoricalIndex(times.astype(str)),
    "Arrow": lambda times: in_arrow(times, "timestamp[ns]"),
    "Arrow of microseconds": lambda times: in_arrow(times.as_unit("us"), "timestamp[us]"),
    "Arrow with zone": lambda times: in_arrow(times.tz_localize("UTC"), "timestamp[ns, tz=UTC]"),
    "levels": lambda times: pd.MultiIndex.from_arrays([["m1"] * len(times), times]),
    "levels of Arrow": lambda times: pd.MultiIndex.from_arrays([["m1"] * len(times), in_arrow(times, "timestamp[ns]")]),
}


@pytest.mark.parametrize("kind", INDEXES)
def test_an_index_of_times_of_any_type_is_kept(kind):
    frame = pd.DataFrame(readings(20, 0), columns=NAMES, index=INDEXES[kind](stamps(20)))
    (recording,) = as_recordings(frame)
    np.testing.assert_array_equal(recording.times, stamps(20).to_numpy())
    assert recording.channels == NAMES


def test_durations_and_days_of_arrow_are_times():
    frame = pd.DataFrame({"flow": np.arange(20.0) ** 2})
    (lasting,) = as_recordings(frame.set_index(in_arrow(stamps(20) - stamps(1)[0], "duration[ns]")))
    np.testing.assert_array_equal(lasting.times, 10.0 * np.arange(20))
    days = pd.date_range("2024-01-01", periods=20)
    for dated in (frame.set_index(in_arrow(days, "date32")), frame.assign(time=in_arrow(days, "date32").array)):
        np.testing.assert_array_equal(as_recordings(dated)[0].times, days.to_numpy())


@pytest.mark.parametrize("door", ["frame", "Recording"])
def test_shuffled_rows_are_refused_or_sorted(named_detector, door):
    frame = named(readings(60, 1))
    mixed = frame.sample(frac=1, random_state=0)
    given = mixed if door == "frame" else Recording(mixed[list(NAMES)].to_numpy(), NAMES, mixed["time"].to_numpy())
    with pytest.raises(ValueError, match=r"goes back .* times in 60 rows.*sort=True"):
        named_detector.score_samples(given)
    sorted_rows = named_detector.score_samples(given, sort=True)
    np.testing.assert_array_equal(sorted_rows, named_detector.score_samples(frame))


def with_rates(*parts: tuple[int, float], jitter: float = 0.0) -> np.ndarray:
    steps = np.concatenate([np.full(count, seconds) for count, seconds in parts])
    steps = steps * (1 + jitter * np.random.default_rng(0).uniform(-1, 1, len(steps)))
    return np.datetime64("2024-03-01", "ns") + (np.cumsum(np.r_[0, steps]) * 1e9).astype("m8[ns]")


@pytest.mark.parametrize("jitter", [0.0, 0.04])
@pytest.mark.parametrize(("row", "after"), [(200, 1.0), (205, 60.0), (97, 12.0), (400, 2.0)])
def test_a_rate_that_changes_is_named_with_its_row(row, after, jitter):
    change = Sampling.of(with_rates((row, 10.0), (40, after), jitter=jitter)).rate_change()
    assert change is not None and change.row == row
    assert change.before == pytest.approx(10, rel=0.05) and change.after == pytest.approx(after, rel=0.05)


@pytest.mark.parametrize(
    "parts",
    [
        [(400, 10.0)],
        [(200, 10.0), (1, 5000.0), (200, 10.0)],
        [(20, 10.0), (1, 100.0)] * 10,
        [(1, 10.0), (1, 20.0)] * 100,
        [(3, 1.0)],
    ],
    ids=["steady", "gap", "gaps", "two in turn", "few"],
)
@pytest.mark.parametrize("jitter", [0.0, 0.4])
def test_gaps_and_jitter_are_no_change_of_rate(parts, jitter):
    assert Sampling.of(with_rates(*parts, jitter=jitter)).rate_change() is None


def test_a_recording_whose_rate_changes_is_not_watched_or_learnt_from_in_silence(named_detector):
    times = with_rates((200, 10.0), (100, 2.0))
    recording = Recording(readings(301, 1), NAMES, times)
    with pytest.warns(UserWarning, match="a row every 10 s up to row 200, and every 2 s from there"):
        named_detector.score_samples(recording)
    learnt = Recording(readings(401, 0), NAMES, with_rates((200, 10.0), (200, 12.0)))
    with pytest.warns(UserWarning, match="every 10 s up to row 200, and every 12 s from there.*resample='12s'"):
        found = AnomalyDetector(**SMALL).fit(learnt)
    assert any("every 12 s" in each for each in found.report_.warnings)


@pytest.mark.parametrize("value", [3e38, 1e130, -1e130])
def test_no_value_erases_its_channel(numbered_detector, value):
    values = readings(150, 2)
    values[70, 0] = value
    for learn in (AnomalyDetector(**SMALL).fit, numbered_detector.recalibrate):
        with pytest.raises(ValueError, match=r"channel '0' is \S+ \(row 70\), so much that its other values"):
            learn(values)
    scores = numbered_detector.score_samples(values)
    assert np.isfinite(scores).all() and scores.argmax() == 70
