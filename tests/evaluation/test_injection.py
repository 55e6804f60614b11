"""Faults are where they are said to be, of the size that is asked for, and change nothing else."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqae.anomaly import AnomalyDetector
from seqae.evaluation import FAULTS, detection_rates, format_rates, inject, injected_cases

KEEP_RANGE = ["stuck", "lag", "swap", "replay", "missing_cycle"]
SIZED = ["spike", "offset", "drift", "noise"]


def normal_rows(rows: int = 400, channels: int = 3, missing: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(rows + channels)
    time = np.arange(rows)[:, None]
    values = np.sin(0.2 * time + np.arange(channels)) * np.arange(1, channels + 1) + random.normal(
        0, 0.1, (rows, channels)
    )
    values[random.random(values.shape) < missing] = np.nan
    return values


def rows_at_fault(labels: np.ndarray) -> slice:
    rows = np.flatnonzero(labels)
    assert np.ptp(rows) + 1 == len(rows), "the rows of a fault follow each other"
    return slice(int(rows[0]), int(rows[-1]) + 1)


quickly = settings(max_examples=40, deadline=None)


@quickly
@given(st.sampled_from(FAULTS), st.integers(0, 10**6), st.integers(1, 80), st.sampled_from([0.0, 0.3]))
def test_other_rows_and_channels_and_missing_values_stay_as_they_are(kind, seed, length, missing):
    rows = normal_rows(missing=missing)
    before = rows.copy()
    fault = inject(rows, kind, length=length, random_state=seed)
    np.testing.assert_array_equal(rows, before)
    np.testing.assert_array_equal(np.isnan(fault.rows), np.isnan(rows))
    others = np.ones(rows.shape, dtype=bool)
    others[np.ix_(fault.labels, fault.channels)] = False
    np.testing.assert_array_equal(fault.rows[others], rows[others])
    assert fault.labels.sum() == (1 if kind == "spike" else length)
    assert len(fault.channels) == (2 if kind == "swap" else 1)


@quickly
@given(st.sampled_from(KEEP_RANGE), st.integers(0, 10**6), st.sampled_from([0.0, 0.3]))
def test_faults_of_relations_and_course_stay_within_the_range_of_the_channel(kind, seed, missing):
    rows = normal_rows(missing=missing)
    fault = inject(rows, kind, length=40, random_state=seed)
    assert (np.nanmax(fault.rows, axis=0) <= np.nanmax(rows, axis=0)).all()
    assert (np.nanmin(fault.rows, axis=0) >= np.nanmin(rows, axis=0)).all()


@quickly
@given(st.sampled_from(FAULTS), st.integers(0, 10**6))
def test_a_seed_gives_the_same_fault_again(kind, seed):
    first, second = (inject(normal_rows(), kind, random_state=seed) for _ in range(2))
    np.testing.assert_array_equal(first.rows, second.rows)
    np.testing.assert_array_equal(first.labels, second.labels)
    assert (first.channels, first.kind, first.size) == (second.channels, second.kind, second.size)


@quickly
@given(st.sampled_from(SIZED), st.integers(0, 10**6))
def test_a_larger_fault_is_the_same_fault_in_proportion(kind, seed):
    rows = normal_rows()
    small, large = (inject(rows, kind, size, random_state=seed) for size in (1.0, 4.0))
    assert small.channels == large.channels
    np.testing.assert_allclose(large.rows - rows, 4 * (small.rows - rows), atol=1e-12)


@quickly
@given(st.sampled_from(FAULTS), st.integers(0, 10**6))
def test_a_drawn_fault_changes_the_rows_of_a_channel_that_varies(kind, seed):
    rows = np.column_stack([normal_rows(), np.full(400, 5.0)])
    fault = inject(rows, kind, random_state=seed)
    assert 3 not in fault.channels
    changes = ((fault.rows - rows)[fault.labels] / rows[:, :3].std(axis=0).max())[:, list(fault.channels)]
    assert np.sqrt((changes**2).mean(axis=0)).max() > 0.05


def at(kind: str, size: float = 2.0, **where: object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return channel 1 before and in a fault of rows 100 to 139, and what was added there in its deviations."""
    rows = normal_rows()
    fault = inject(rows, kind, size, **{"start": 100, "length": 40, "channels": 1, **where})
    channel = rows[:, 1]
    return channel, fault.rows[100:140, 1], (fault.rows[100:140, 1] - channel[100:140]) / channel.std()


def test_an_offset_is_as_many_deviations_in_every_row():
    np.testing.assert_allclose(abs(at("offset")[2]), 2)


def test_a_spike_is_one_row():
    np.testing.assert_allclose(abs(at("spike")[2]), [2, *[0] * 39])


def test_a_drift_grows_evenly_to_its_size():
    np.testing.assert_allclose(abs(at("drift")[2]), [2 * (row + 1) / 40 for row in range(40)])


def test_noise_has_the_deviation_that_is_asked_for():
    added = at("noise", start=0, length=400)[2]
    rows = normal_rows(rows=4000)
    fault = inject(rows, "noise", 2.0, start=0, length=4000, channels=1)
    added = (fault.rows - rows)[:, 1] / rows[:, 1].std()
    assert abs(added.std() - 2) < 0.1 and abs(added.mean()) < 0.1
    assert abs(np.corrcoef(added[1:], added[:-1])[0, 1]) < 0.1


def test_a_stuck_channel_repeats_the_reading_before():
    before, faulty, _ = at("stuck")
    np.testing.assert_array_equal(faulty, np.full(40, before[99]))


def test_a_late_channel_is_itself_a_fifth_of_the_fault_ago():
    before, faulty, _ = at("lag")
    np.testing.assert_array_equal(faulty, before[92:132])


def test_a_late_channel_waits_at_its_first_reading():
    rows = normal_rows()
    fault = inject(rows, "lag", start=0, length=40, channels=1)
    np.testing.assert_array_equal(fault.rows[:40, 1], rows[[0] * 8 + list(range(32)), 1])


def test_a_channel_of_the_wrong_sign_is_mirrored_about_its_mean():
    before, faulty, _ = at("sign")
    np.testing.assert_allclose(faulty - before.mean(), before.mean() - before[100:140])


def test_a_missing_cycle_is_its_mean():
    before, faulty, _ = at("missing_cycle")
    np.testing.assert_allclose(faulty, np.full(40, before[100:140].mean()))


def test_a_replay_is_rows_of_another_time():
    before, faulty, _ = at("replay")
    places = [start for start in range(361) if np.array_equal(before[start : start + 40], faulty)]
    assert len(places) == 1 and abs(places[0] - 100) >= 40


def test_exchanged_channels_have_each_other_s_course_at_their_own_mean_and_deviation():
    rows = normal_rows() + np.array([5.0, -3.0, 0.0])
    fault = inject(rows, "swap", start=100, length=40, channels=(0, 2))
    standard, faulty = ((each - rows.mean(axis=0)) / rows.std(axis=0) for each in (rows, fault.rows))
    low, high = standard.min(axis=0), standard.max(axis=0)
    assert fault.channels == (0, 2) and fault.labels[100:140].all()
    np.testing.assert_allclose(faulty[100:140, 0], standard[100:140, 2].clip(low[0], high[0]), atol=1e-12)
    np.testing.assert_allclose(faulty[100:140, 2], standard[100:140, 0].clip(low[2], high[2]), atol=1e-12)


def test_several_channels_can_be_at_fault_together():
    rows = normal_rows()
    fault = inject(rows, "offset", start=10, length=5, channels=[2, 0])
    assert fault.channels == (2, 0)
    np.testing.assert_allclose(abs(fault.rows - rows)[10:15] / rows.std(axis=0), [[3, 0, 3]] * 5, atol=1e-12)


def test_sizes_are_in_deviations_of_the_values_that_are_there():
    rows = normal_rows(missing=0.3)
    fault = inject(rows, "offset", 2.0, channels=1, random_state=3)
    change = abs(fault.rows - rows)[fault.labels, 1]
    np.testing.assert_allclose(change[~np.isnan(change)], 2 * np.nanstd(rows[:, 1]))


def test_exchanging_channels_that_go_alike_is_avoided_where_others_are():
    rows = normal_rows()[:, [0, 2]][:, [0, 0, 0, 0, 1]]
    assert all(4 in inject(rows, "swap", random_state=seed).channels for seed in range(10))


WITH_CONSTANT = np.column_stack([normal_rows(100, 2), np.full(100, 7.0), np.full(100, np.nan)])


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        ("ofset", {}, "no fault is called 'ofset'. Give one of spike, offset, drift, stuck"),
        ("offset", {"size": 0}, "a fault of 0 deviations. Give a number above 0"),
        ("offset", {"size": np.nan}, "a fault of nan deviations"),
        ("offset", {"length": 101}, "a fault of 101 rows in 100 rows. Give a length of 1 to 100"),
        ("offset", {"length": 0}, "a fault of 0 rows"),
        ("offset", {"start": 60}, "starts in row 60 of 100. Start in row 0 to 50"),
        ("offset", {"channels": 2}, "channel 2 is constant or empty in the normal rows. Choose another channel"),
        ("offset", {"channels": 3}, "channel 3 is constant or empty"),
        ("offset", {"channels": 4}, "no channel 4: the rows have 4. Give 0 to 3"),
        ("offset", {"channels": -1}, "no channel -1"),
        ("offset", {"channels": []}, "Give one channel or several, each once"),
        ("offset", {"channels": [1, 1]}, "Give one channel or several, each once"),
        ("swap", {"channels": 0}, "channels=0 for swap. Give two channels, each once"),
        ("replay", {"length": 60}, "no 60 rows to replay before or after rows"),
    ],
)
def test_what_cannot_be_a_fault_is_refused(kind, given, message):
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        inject(WITH_CONSTANT, kind, **given)


def test_rows_that_hold_too_little_are_refused():
    with pytest.raises(ValueError, match=r"0 of the 2 channels vary .* needs 1"):
        inject(np.ones((100, 2)), "offset")
    with pytest.raises(ValueError, match=r"1 of the 2 channels vary .* needs 2"):
        inject(np.column_stack([normal_rows(100, 1), np.ones(100)]), "swap")
    with pytest.raises(ValueError, match=r"'1' is infinite .row 3."):
        inject([[1.0, 2.0], [2.0, 3.0], [3.0, 3.0], [3.0, np.inf]], "spike")
    rows = normal_rows(100, 1)
    rows[20:40] = np.nan
    with pytest.raises(ValueError, match="channel 0 has no value in rows 20 to 39"):
        inject(rows, "offset", start=20, length=20, channels=0)


def test_a_drawn_place_has_values():
    rows = normal_rows(300, 2)
    rows[:200, 0], rows[200:, 1] = np.nan, np.nan
    for seed in range(10):
        fault = inject(rows, "offset", length=20, random_state=seed)
        assert np.isfinite(fault.rows[fault.labels][:, list(fault.channels)]).mean() >= 0.5
        assert inject(rows, "offset", start=20, length=20, random_state=seed).channels == (1,)


def test_cases_are_as_many_of_each_kind_size_and_length():
    cases = injected_cases(normal_rows(), sizes=(1, 3), lengths=(10, 30), repeats=2)
    counts = pd.DataFrame([(each.kind, each.size, each.labels.sum()) for each in cases]).value_counts(dropna=False)
    expected = {("spike", size, 1): 2 for size in (1, 3)}
    expected |= {(kind, size, length): 2 for kind in SIZED[1:] for size in (1, 3) for length in (10, 30)}
    assert {key: count for key, count in counts.items() if not np.isnan(key[1])} == expected
    unsized = {(key[0], key[2]): count for key, count in counts.items() if np.isnan(key[1])}
    assert unsized == {(kind, length): 2 for kind in set(FAULTS) - set(SIZED) for length in (10, 30)}


def test_cases_of_a_kind_are_the_same_whatever_else_is_asked_for():
    rows = normal_rows()
    alone = injected_cases(rows, ["drift"], sizes=(3.0,), random_state=5)
    among = [case for case in injected_cases(rows, sizes=(1.0, 3.0), random_state=5) if case.kind == "drift"]
    for one, other in zip(alone, [case for case in among if case.size == 3], strict=True):
        np.testing.assert_array_equal(one.rows, other.rows)
    others = injected_cases(rows, ["drift"], sizes=(3.0,), random_state=6)
    assert any((one.labels != other.labels).any() for one, other in zip(alone, others))
    assert len({tuple(np.flatnonzero(case.labels)) for case in alone}) > 4  # places differ


@dataclass
class Contribution:
    channel: str


@dataclass
class Event:
    start: int
    stop: int
    channels: list[Contribution]

    def top_channels(self, k: int) -> list[Contribution]:
        return self.channels[:k]


@dataclass
class Found:
    events: list[Event]
    alarms: np.ndarray


class LimitDetector:
    """Raises an alarm where a channel is beyond its limits, and names it first, or one that there is not."""

    def __init__(self, normal: np.ndarray, names: list[str], right: bool = True):
        self.low, self.high, self.names, self.right = normal.min(axis=0), normal.max(axis=0), names, right
        self.longest = 0

    def detect(self, values: np.ndarray) -> list[Found]:
        self.longest = max(self.longest, len(values))
        beyond = (values < self.low) | (values > self.high)
        events = []
        for row in np.flatnonzero(beyond.any(axis=1)):
            channels = [Contribution(name) for name, is_beyond in zip(self.names, beyond[row]) if is_beyond]
            events.append(Event(row, row + 1, channels if self.right else [Contribution("another")]))
        return [Found(events, beyond.any(axis=1))]


def test_what_a_detector_of_limits_finds_is_what_leaves_the_limits():
    rows = normal_rows()
    rates = detection_rates(LimitDetector(rows, ["0", "1", "2"]), rows, sizes=(0.01, 6), length=30, repeats=4)
    found = rates.set_index(["kind", "size"])["found"]
    assert (found[[(kind, 6.0) for kind in SIZED]] == 1).all()
    assert (found.loc[KEEP_RANGE] == 0).all()
    assert (rates["faults"] == 4).all() and (rates["named"] == rates["found"]).all()
    assert (rates["false_alarm_rate"] == 0).all()


def test_a_wrong_channel_is_not_named():
    rows = normal_rows()
    rates = detection_rates(LimitDetector(rows, ["0", "1", "2"], right=False), rows, kinds=["offset"], sizes=[9])
    assert rates[["found", "named"]].to_numpy().tolist() == [[1, 0]]


def test_channels_are_told_by_the_names_of_a_table():
    table = pd.DataFrame(normal_rows(), columns=["flow", "level", "heat"])
    rates = detection_rates(LimitDetector(table.to_numpy(), list(table)), table, kinds=["offset"], sizes=[9])
    assert rates["named"].item() == 1


def test_false_alarms_are_those_farther_from_a_fault_than_it_is_long():
    rows = normal_rows()
    low, high = rows.min(axis=0), rows.max(axis=0)
    rows[::10, 0] = 50  # an alarm in a tenth of the rows: every window of ten rows has one
    detector = LimitDetector(np.stack([low, high]), ["0", "1", "2"])
    rates = detection_rates(detector, rows, kinds=["missing_cycle"], length=20, repeats=8)
    cases = injected_cases(rows, ["missing_cycle"], lengths=[20])
    expected = []
    for case in cases:
        start = np.flatnonzero(case.labels)[0]
        far = [row for row in range(400) if row < start - 20 or row >= start + 40]
        expected.append(np.mean([row % 10 == 0 for row in far]))
    assert rates["false_alarm_rate"].item() == pytest.approx(np.mean(expected))


def test_rows_without_any_outside_have_no_rate_of_false_alarms():
    rows = normal_rows(90)
    rates = detection_rates(LimitDetector(rows, ["0", "1", "2"]), rows, kinds=["offset"], sizes=[9], length=50)
    assert np.isnan(rates["false_alarm_rate"].item())
    assert format_rates(rates) == ["offset of 9 deviations: 100 % found, 100 % with the right channel"]


def test_of_long_rows_those_around_a_fault_are_scored():
    rows = np.tile(normal_rows(), (25, 1))
    detector = LimitDetector(rows, ["0", "1", "2"])
    rates = detection_rates(detector, rows, kinds=["offset"], sizes=[9], length=50, repeats=3)
    assert detector.longest <= 4050 and rates["named"].item() == 1


def test_of_rows_with_a_gap_in_time_the_longest_part_is_taken():
    rows = normal_rows()
    times = pd.date_range("2024-01-01", periods=400, freq="s") + pd.to_timedelta(
        (np.arange(400) >= 150).astype(int), unit="D"
    )
    table = pd.DataFrame({"time": times, "flow": rows[:, 0], "level": rows[:, 1]})
    detector = LimitDetector(rows[:, :2], ["flow", "level"])
    detection_rates(detector, table, kinds=["offset"], repeats=1)
    assert detector.longest == 250


def test_several_recordings_are_refused():
    rows = normal_rows()
    with pytest.raises(ValueError, match=r"2 recordings of normal rows. Give one"):
        detection_rates(LimitDetector(rows, ["0", "1", "2"]), [rows, rows])


def test_lines_say_kind_size_and_rates():
    columns = ["kind", "size", "faults", "found", "named", "false_alarm_rate"]
    rates = [("spike", 1.0, 8, 0.25, 0.125, 0.01), ("drift", 0.5, 8, 1.0, 0.75, np.nan), ("lag", np.nan, 8, 0, 0, 0.03)]
    assert format_rates(pd.DataFrame(rates, columns=columns)) == [
        "spike of 1 deviation: 25 % found, 12 % with the right channel",
        "drift of 0.5 deviations: 100 % found, 75 % with the right channel",
        "lag: 0 % found, 0 % with the right channel",
        "false alarms in 2 % of the other rows",
    ]


def test_an_anomaly_detector_of_named_channels_finds_large_faults_and_names_them():
    table = pd.DataFrame(normal_rows(3000), columns=["flow", "level", "heat"])
    detector = AnomalyDetector(epochs=0).fit(table[:2000])
    rates = detection_rates(detector, table[2000:].to_numpy(), kinds=["offset", "swap"], sizes=[6], repeats=3)
    assert (rates["found"] == 1).all() and rates["named"].iloc[0] == 1
