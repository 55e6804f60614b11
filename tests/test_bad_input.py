"""What a detector does with values, shapes and tables that it should not get: it refuses them by name, or is right."""

import struct
import warnings
import zlib

import numpy as np
import pandas as pd
import pytest
import torch

from seqae import AnomalyDetector
from seqae.anomaly.window_models import PCA
from seqae.data.signals.loading import as_recordings

CHANNELS = ["pressure", "flow", "still"]
FAULT = slice(400, 410)


def machine(rows: int = 800, seed: int = 0) -> np.ndarray:
    """Two channels that swing, and one that stands still at 5."""
    noise = np.random.default_rng(seed).normal(size=(rows, 2))
    return np.c_[np.sin(np.arange(rows)[:, None] * [0.2, 0.31]) + 0.1 * noise, np.full(rows, 5.0)]


def table(values: np.ndarray, every: str = "10s") -> pd.DataFrame:
    times = pd.date_range("2024-01-01", periods=len(values), freq=every)
    return pd.DataFrame(values, columns=CHANNELS).assign(time=times)


@pytest.fixture(scope="module")
def detector() -> AnomalyDetector:
    return AnomalyDetector(epochs=0).fit(table(machine()))


# Values


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_infinite_values_are_refused_with_sequence_row_and_channel(detector, bad):
    values = machine()
    values[17, 1] = bad
    with pytest.raises(ValueError, match=r"channel '1' is infinite \(recording 1, row 17\)"):
        detector.detect([machine(), values])
    with pytest.raises(ValueError, match=r"channel 'flow' is infinite \(row 17\)"):
        AnomalyDetector().fit(table(values))


@pytest.mark.parametrize("bad", [1e200, -1e200, 3e38, 1e12])
def test_an_enormous_value_is_the_strangest_and_harms_no_row_beyond_its_windows(detector, bad):
    values = machine(1600, seed=1)
    before = detector.score_samples(values)
    values[800, 0] = bad
    scores = detector.score_samples(values)
    assert scores.argmax() == 800 and np.isfinite(scores).all()
    far = abs(np.arange(1600) - 800) > 2 * 256
    np.testing.assert_array_equal(scores[far], before[far])
    assert detector.predict(values)[800] and detector.predict(values)[far].mean() < 0.05


def test_nothing_is_learnt_from_values_whose_square_is_not_finite():
    values = machine()
    values[17, 1] = 1e200
    with pytest.raises(ValueError, match=r"channel '1' is 1e\+200 \(recording 1, row 17\)"):
        AnomalyDetector(max_left_out=0).fit([machine(), values])
    with pytest.warns(UserWarning, match="in '1', first rows 17: these values are left out"):
        AnomalyDetector(epochs=0).fit([machine(), values])


def test_nothing_is_learnt_from_no_values():
    with pytest.raises(ValueError, match="no values at all"):
        AnomalyDetector().fit(np.full((800, 2), np.nan))


def test_rows_without_values_have_no_score_and_raise_no_alarm(detector):
    values = machine(seed=1)
    values[100:120] = np.nan
    (found,) = detector.detect(values)
    assert np.isnan(found.scores[100:120]).all() and not found.alarms[100:120].any()
    assert np.isfinite(np.delete(found.scores, slice(100, 120))).all()
    assert np.isnan(detector.score_samples(np.full((50, 3), np.nan))).all()


@pytest.mark.parametrize(("offset", "scale"), [(1e8, 1.0), (0.0, 1e-30), (-1e18, 1e12)])
def test_faults_are_found_at_any_offset_and_scale(offset, scale):
    learnt = AnomalyDetector(epochs=0).fit(machine() * scale + offset)
    values = machine(seed=1)
    values[FAULT, 0] += 4
    assert FAULT.start - 5 <= learnt.score_samples(values * scale + offset).argmax() < FAULT.stop + 5


def test_a_still_channel_that_breaks_is_found(detector):
    values = machine(seed=1)
    values[FAULT, 2] = 6
    assert FAULT.start - 5 <= detector.score_samples(values).argmax() < FAULT.stop + 5
    assert "still" in {channel.channel for event in detector.events(table(values)) for channel in event.channels}


SETTINGS = {"default": {"epochs": 0}, "tiny": {"model": PCA(), "resolutions": (1,), "window": 4}}


@pytest.mark.parametrize("given", SETTINGS)
@pytest.mark.parametrize(
    ("offset", "scale"), [(0.0, 1.0), (1e8, 1.0), (-1e8, 1.0), (0.0, 1e-30), (0.0, 1e12), (1e8, 1e12), (1e12, 1.0)]
)
def test_a_still_channel_that_breaks_is_found_at_any_offset_and_scale(given, offset, scale):
    still = np.array([0, 0, -5.0])  # so that it stands at the offset itself
    learnt = AnomalyDetector(**SETTINGS[given]).fit((machine() + still) * scale + offset)
    values = (machine(seed=1) + still) * scale + offset
    assert learnt.predict(values)[300:600].mean() < 0.03  # 0.01 are allowed
    values[FAULT, 2] += scale
    assert learnt.predict(values)[FAULT].all()
    assert FAULT.start - 5 <= learnt.score_samples(values).argmax() < FAULT.stop + 5
    assert "2" in {channel.channel for event in learnt.events(values) for channel in event.top_channels(1)}


@pytest.mark.parametrize("given", SETTINGS)
@pytest.mark.parametrize("constant", [1e8, -1e8, 1e12, 12.3, 1e-30])
@pytest.mark.parametrize("learns_from", ["rounded", "exact"])
def test_rounding_to_float32_of_a_still_channel_raises_no_alarm(given, constant, learns_from):
    def rounded(rows: int, seed: int) -> np.ndarray:
        random = np.random.default_rng(seed)
        return (constant * (1 + 1e-7 * random.uniform(-0.5, 0.5, rows))).astype(np.float32)

    normal = rounded(800, 5) if learns_from == "rounded" else np.full(800, constant)
    learnt = AnomalyDetector(**SETTINGS[given]).fit(np.c_[machine()[:, :2], normal])
    for kind in (rounded(1600, 6), np.full(1600, np.float32(constant))):
        (found,) = learnt.detect(np.c_[machine(1600, seed=1)[:, :2], kind])
        assert all(channel.channel != "2" for event in found.events for channel in event.top_channels(1))
        assert found.alarms.mean() <= 0.01


# Shapes and containers


@pytest.mark.parametrize("rows", [1, 2, 3, 15, 17])
def test_short_recordings_have_finite_scores(detector, rows):
    assert np.isfinite(detector.score_samples(machine(rows))).all()


def test_one_row_beside_very_many_changes_nothing(detector):
    long = machine(50_000, seed=2)
    found = detector.detect([long[:1], long, long[:7]])
    assert [len(each.scores) for each in found] == [1, 50_000, 7]
    np.testing.assert_array_equal(found[1].scores, detector.score_samples(long))
    np.testing.assert_array_equal(found[0].scores, detector.score_samples(long[:1]))


@pytest.mark.parametrize("data", [np.zeros((0, 3)), [], [np.ones((5, 3)), np.zeros((0, 3))]], ids=repr)
def test_recordings_without_rows_are_refused(detector, data):
    with pytest.raises(ValueError, match="without values"):
        detector.detect(data)


STRANGE = {
    "one channel": (machine()[:, :1], ValueError, "1 channels without names"),
    "four channels": (np.c_[machine(), machine()[:, 0]], ValueError, "4 channels without names"),
    "three dimensions": (machine()[None], ValueError, "3 dimensions"),
    "complex": (machine() + 1j, ValueError, "complex"),
    "text": (machine().astype(str), ValueError, "an array of text"),
    "dates": (machine().astype("M8[s]"), ValueError, "time stamps"),
    "None": (None, TypeError, "NoneType"),
    "ragged": ([[1, 2, 3], [4, 5]], ValueError, "row 1 has 2 values"),
    "objects": (np.full((5, 3), {}), ValueError, "is not a number"),
    "a number": (3.0, TypeError, "float"),
}


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("use", ["fit", "score"])
def test_what_holds_no_readings_is_refused_by_name(detector, name, use):
    data, kind, message = STRANGE[name]
    if use == "fit" and name in ("one channel", "four channels"):
        return  # which are as good as three to learn from
    with pytest.raises(kind, match=message):
        AnomalyDetector(epochs=0).fit(data) if use == "fit" else detector.score_samples(data)


def as_memory_map(values: np.ndarray, folder) -> np.ndarray:
    np.save(folder / "values.npy", values)
    return np.load(folder / "values.npy", mmap_mode="r")


def read_only(values: np.ndarray, folder) -> np.ndarray:
    values = values.copy()
    values.flags.writeable = False
    return values


CONTAINERS = {
    "big-endian": lambda values, folder: values.astype(">f8"),
    "Fortran": lambda values, folder: np.asfortranarray(values),
    "strided": lambda values, folder: np.repeat(values, 2, axis=0)[::2],
    "backwards in memory": lambda values, folder: values[::-1].copy()[::-1],
    "read-only": read_only,
    "memory map": as_memory_map,
    "masked": lambda values, folder: np.ma.masked_array(values, mask=False),
    "lists": lambda values, folder: values.tolist(),
    "tensor": lambda values, folder: torch.from_numpy(values),
    "tensor with gradient": lambda values, folder: torch.from_numpy(values).requires_grad_(),
    "objects": lambda values, folder: values.astype(object),
    "frame": lambda values, folder: pd.DataFrame(values, columns=CHANNELS),
    "recording": lambda values, folder: as_recordings(values)[0],
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_has_the_same_scores(detector, tmp_path, name):
    values = machine(100, seed=1)
    contained = CONTAINERS[name](values.copy(), tmp_path)
    np.testing.assert_array_equal(detector.score_samples(contained), detector.score_samples(values))


def test_scoring_touches_neither_the_callers_numbers_nor_random_state(detector):
    values = machine(seed=1)
    kept = values.copy()
    np.random.seed(5)
    torch.manual_seed(5)
    states = np.random.get_state()[1].tobytes(), torch.get_rng_state()
    first, second = detector.score_samples(values), detector.score_samples(values)
    assert first.tobytes() == second.tobytes() and values.tobytes() == kept.tobytes()
    assert np.random.get_state()[1].tobytes() == states[0] and torch.equal(torch.get_rng_state(), states[1])


# Tables


def test_columns_are_matched_by_name(detector):
    frame = table(machine(seed=1))
    expected = detector.score_samples(frame)
    np.testing.assert_array_equal(detector.score_samples(frame[["still", "time", "flow", "pressure"]]), expected)
    np.testing.assert_array_equal(detector.score_samples(frame.assign(another=7)), expected)
    with pytest.raises(ValueError, match=r"missing 'flow'.*expected 'pressure', 'flow', 'still'"):
        detector.score_samples(frame.drop(columns="flow"))
    with pytest.raises(ValueError, match=r"missing 'flow', while there is 'fluw'"):
        detector.score_samples(frame.rename(columns={"flow": "fluw"}))


@pytest.mark.parametrize("order", ["shuffled", "newest first"])
def test_rows_out_of_the_order_of_time_are_refused(detector, order, tmp_path):
    frame = table(machine(seed=1))
    frame = frame[::-1] if order == "newest first" else frame.sample(frac=1, random_state=0)
    with pytest.raises(
        ValueError, match=r"'time' goes back \d+ times in 800 rows \(row \d+ first\).* Sort them: sort=True"
    ):
        detector.score_samples(frame)
    frame.to_csv(tmp_path / "run.csv", index=False)
    with pytest.raises(ValueError, match=r"\(run\.csv, line \d+ first\)"):
        AnomalyDetector(epochs=0).fit(tmp_path / "run.csv")


def test_runs_put_together_are_read_one_by_one_with_a_warning(detector):
    one, other = table(machine(seed=1)), table(machine(seed=2))
    with pytest.warns(UserWarning, match="time goes back or stands still at 1 rows, first at row 800"):
        scores = detector.score_samples(pd.concat([one, other]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(
            scores, np.concatenate([detector.score_samples(one), detector.score_samples(other)])
        )


def test_rows_that_stand_twice_are_warned_of(detector):
    frame = table(machine(seed=1))
    with pytest.warns(UserWarning, match="stands still at 1 rows, first at row 301"):
        detector.score_samples(pd.concat([frame[:301], frame[300:]]))


def test_windows_never_span_a_gap(detector):
    frame = table(machine(seed=1))
    cut = pd.concat([frame[:300], frame[500:]])
    scores = detector.score_samples(cut)
    np.testing.assert_array_equal(
        scores, np.concatenate([detector.score_samples(frame[:300]), detector.score_samples(frame[500:])])
    )


@pytest.mark.parametrize(("every", "period"), [("1s", "1 s"), ("1min", "60 s")])
def test_another_sampling_rate_is_warned_of(detector, every, period):
    with pytest.warns(UserWarning, match=f"a row every {period}, and the detector learnt from rows every 10 s"):
        detector.score_samples(table(machine(seed=1), every))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detector.score_samples(table(machine(seed=1)))
        detector.score_samples(machine(seed=1))  # which has no times


# Files


def test_very_many_columns_are_read_in_no_time(tmp_path):
    names = ",".join(f"c{number}" for number in range(4_000))
    (tmp_path / "wide.csv").write_text(f"{names}\n{','.join('1' * 4_000)}\n")
    (recording,) = as_recordings(tmp_path / "wide.csv")
    assert recording.values.shape == (1, 4_000)
    with pytest.raises(ValueError, match="and 3970 more") as caught:
        recording.select([f"d{number}" for number in range(4_000)])
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "<!DOCTYPE html>\n<html><body>404</body></html>\n", r"a web page \(a\.csv\)"),
        ("a.csv", " \n<HTML lang=en>", r"a web page \(a\.csv\)"),
        ("a.jsonl", '{"a": 1}\n{"a": 1, "b": 2, "a": 3}\n', r"not JSON \(a\.jsonl, line 2: 'a' occurs twice\)"),
        ("a.jsonl", "[" * 100_000, r"not JSON \(a\.jsonl, line 1"),
        ("a.jsonl", '{"a":' * 100_000, r"not JSON \(a\.jsonl, line 1"),
        ("a.jsonl", '{"\\ud800": 1}\n', r"not JSON \(a\.jsonl, line 1: half a character"),
    ],
)
def test_what_looks_like_a_table_and_is_none_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        as_recordings(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_devices_and_pipes_are_no_tables():
    with pytest.raises(ValueError, match="neither a file nor a folder"):
        as_recordings("/dev/null")


def test_a_picture_of_enormous_size_is_refused_before_memory_is_taken():
    pictures = pytest.importorskip("seqae.data.images.files")
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"")),
        (b"IEND", b""),
    ]
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    with pytest.raises(ValueError, match=r"bomb\.png"):
        pictures.read_pixels(b"\x89PNG\r\n\x1a\n" + b"".join(parts), "bomb.png")
