"""Miniature files in the official layouts come out as what was written into them."""

import gzip
from types import SimpleNamespace

import numpy as np
import pytest
from protocols import PROTOCOLS, WIDENED, ranking, running_mean, widened

from benchmarks import SOURCES, Case, read_benchmark, synthetic_cases

TRAIN = np.arange(40.0).reshape(20, 2)
TEST = np.arange(60.0).reshape(30, 2) ** 2
LABELS = (np.arange(30) >= 12) & (np.arange(30) < 17)


def lines(table, fmt="%.6g"):
    return "\n".join(",".join(fmt % value for value in row) for row in np.reshape(table, (len(table), -1))) + "\n"


def write_skab(folder, rows, faulty):
    stamps = np.datetime64("2020-03-09T10:14:33") + np.arange(rows)
    ends = [";0.0;0.0" if row < faulty else ";1.0;0.0" for row in range(rows)] if faulty else [""] * rows
    head = "datetime;Current;Volume Flow RateRMS" + (";anomaly;changepoint" if faulty else "")
    body = [
        f"{str(stamp).replace('T', ' ')};{row};{row * 2.5}{end}" for row, (stamp, end) in enumerate(zip(stamps, ends))
    ]
    folder.mkdir(parents=True)
    return "\n".join([head, *body]) + "\n"


def test_skab_learns_from_the_first_400_rows_and_from_half_of_the_fault_free_run(tmp_path):
    text = write_skab(tmp_path / "data/valve1", rows=430, faulty=410)
    with gzip.open(tmp_path / "data/valve1/3.csv.gz", "wt") as file:
        file.write(text)
    text = write_skab(tmp_path / "data/anomaly-free", rows=50, faulty=0)
    (tmp_path / "data/anomaly-free/anomaly-free.csv").write_text(text)
    normal, fault = read_benchmark("skab", tmp_path)
    assert (normal.name, normal.group, fault.name, fault.group) == ("anomaly-free", "anomaly-free", "3", "valve1")
    assert fault.train.channels == ("Current", "Volume Flow RateRMS")
    np.testing.assert_array_equal(fault.train.values[:, 0], np.arange(400))
    np.testing.assert_array_equal(fault.test.values[:, 1], np.arange(430) * 2.5)
    np.testing.assert_array_equal(fault.labels, np.arange(430) >= 410)
    assert (fault.train_prefix, fault.rows_before_faults) == (400, slice(400, 410))
    assert (len(normal.train), len(normal.test), normal.rows_before_faults) == (25, 50, slice(25, 50))


def test_smd_tells_the_channels_at_fault(tmp_path):
    root = tmp_path / "ServerMachineDataset"
    for part, table in {"train": TRAIN, "test": TEST, "test_label": LABELS.astype(int)}.items():
        (root / part).mkdir(parents=True)
        (root / part / "machine-1-1.txt").write_text(lines(table))
    (root / "interpretation_label").mkdir()
    (root / "interpretation_label/machine-1-1.txt").write_text("13-18:1,2\n20-20:2\n")
    (case,) = read_benchmark("smd", tmp_path)
    np.testing.assert_array_equal(case.train.values, TRAIN)
    np.testing.assert_array_equal(case.test.values, TEST)
    np.testing.assert_array_equal(case.labels, LABELS)
    assert case.root_causes == ((slice(12, 17), (0, 1)), (slice(19, 20), (1,)))


def test_nasa_counts_the_last_row_of_a_fault_as_anomalous(tmp_path):
    for part, table in {"train": TRAIN, "test": TEST}.items():
        (tmp_path / part).mkdir()
        np.save(tmp_path / part / "P-1.npy", table)
    text = 'chan_id,spacecraft,anomaly_sequences,class,num_values\nP-1,SMAP,"[[12, 14], [15, 16]]",[point],30\n'
    (tmp_path / "labeled_anomalies.csv").write_text(text)
    (case,) = read_benchmark("nasa", tmp_path)
    assert case.name == "P-1"
    np.testing.assert_array_equal(case.train.values, TRAIN)
    np.testing.assert_array_equal(case.test.values, TEST)
    np.testing.assert_array_equal(case.labels, LABELS)
    assert case.rows_before_faults == slice(0, 12)


def test_tsb_ad_searches_the_training_rows_too(tmp_path):
    (tmp_path / "001_NAB_id_1_Facility_tr_10_1st_12.csv").write_text(
        "Data,Label\n" + lines(np.column_stack([TEST[:, 0], LABELS]))
    )
    (tmp_path / "002_SMD_id_2_Facility_tr_11_1st_12.csv").write_text(
        "0,1,Label\n" + lines(np.column_stack([TEST, LABELS]))
    )
    several, one = read_benchmark("tsb-ad", tmp_path)
    assert (one.group, several.group) == ("U-NAB", "M-SMD")
    np.testing.assert_array_equal(one.train.values, TEST[:10, :1])
    np.testing.assert_array_equal(one.test.values, TEST[:, :1])
    np.testing.assert_array_equal(one.labels, LABELS)
    np.testing.assert_array_equal(several.train.values, TEST[:11])
    np.testing.assert_array_equal(several.test.values, TEST)
    np.testing.assert_array_equal(several.labels, LABELS)


@pytest.mark.parametrize("name", SOURCES)
def test_a_folder_without_the_set_is_named_with_what_to_download(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=r"no .* or below\. Download .*https://github\.com/") as error:
        read_benchmark(name, tmp_path)
    assert str(tmp_path) in str(error.value)


def test_an_unknown_benchmark_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(ValueError, match=r"no benchmark 'skap'.*skab, smd, nasa, tsb-ad"):
        read_benchmark("skap", tmp_path)


def test_the_synthetic_cases_differ_only_in_the_fault():
    normal, fault, channel = synthetic_cases()
    differs = normal.test.values != fault.test.values
    ((rows, channels),) = fault.root_causes
    assert differs[rows, channels].all() and differs.sum() == fault.labels.sum() == 60
    assert not normal.labels.any() and fault.labels[rows].all()
    np.testing.assert_array_equal(channel.test.values, fault.test.values[:, :1])


def test_channels_are_ranked_perfectly_if_those_at_fault_have_the_largest_scores():
    assert ranking(np.array([0.1, 3, 2, 0.2]), (1, 2)) == (1.0, 1.0)
    hits, gain = ranking(np.array([5.0, 1, 4, 0]), (1, 2))
    assert hits == 0.5 and gain == pytest.approx((1 / np.log2(3)) / (1 + 1 / np.log2(3)))


def test_a_high_score_is_widened_to_the_windows_that_hold_it():
    scores = np.zeros(40)
    scores[20] = 5
    found = widened(scores, 5)
    np.testing.assert_array_equal(np.flatnonzero(found), np.arange(16, 25))  # two windows reach four rows away
    np.testing.assert_allclose(found[16:25], np.array([1, 2, 3, 4, 5, 4, 3, 2, 1]))
    np.testing.assert_allclose(widened(np.full(7, 2.0), 5), 2.0)


def test_a_running_mean_takes_fewer_rows_at_the_ends():
    scores = np.random.default_rng(0).random(30)
    expected = [scores[max(row - 3, 0) : row + 4].mean() for row in range(30)]
    np.testing.assert_allclose(running_mean(scores, 7), expected)
    np.testing.assert_allclose(running_mean(scores[:4], 101), scores[:4].mean())


def perfect(case, false_alarm_rate=0.01):
    truth = case.labels.astype(float)
    return SimpleNamespace(
        scores=truth, alarms=case.labels, channel_scores=np.outer(truth, np.eye(case.test.values.shape[1])[0])
    )


def upside_down(case, false_alarm_rate=0.01):
    return SimpleNamespace(scores=-case.labels.astype(float), alarms=~case.labels)


@pytest.mark.parametrize(("name", "groups"), [("skab", {"SKAB"}), ("smd", {"SMD"}), ("tsb-ad", {"U", "M"})])
def test_scores_that_are_the_labels_find_all_and_their_opposite_does_not(tmp_path, name, groups):
    for score, found in ((perfect, 1), (upside_down, 0)):
        measures = PROTOCOLS[name](synthetic_cases() if name == "skab" else synthetic_cases()[1:], score, tmp_path)
        assert groups <= set(measures)
        for group in groups:
            row = measures[group]
            assert row["events"] == row["cases"] and (row["VUS-PR"] > 0.9) == bool(found) == (row[WIDENED] > 0.5)
            assert row["other rows then in alarm %"] == (0 if found else 100)
        if name == "smd":
            assert measures["SMD"].get("Hit@100", 0) == found
        if name == "skab":
            assert measures["SKAB"]["F1"] == found and measures["before faults"]["alarms % at 1.0%"] == 100 * (
                1 - found
            )


def test_rows_before_the_ones_to_search_are_not_evaluated(tmp_path):
    (case,) = (case for case in synthetic_cases() if case.name == "fault")
    scores = np.where(np.arange(600) < 100, 9.0, case.labels)
    scored = SimpleNamespace(scores=scores, alarms=scores > 0)
    normal = synthetic_cases()[0]
    late = Case("fault", "valve1", case.train, case.test, case.labels, train_prefix=100)
    measures = PROTOCOLS["skab"]([normal, late], lambda each, rate=0.01: scored, tmp_path)
    assert (measures["SKAB"]["found at 2 false"], measures["SKAB"]["F1"]) == (1, 1)
    assert len((tmp_path / "valve1/fault.csv").read_text().splitlines()) == 501
