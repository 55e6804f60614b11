import datetime

import numpy as np
import pyedflib
import pytest
import wfdb

START = datetime.datetime(2024, 3, 1, 12, 0, 0)
FAST = np.round(np.sin(np.arange(512) / 9) * 100)
SLOW = np.arange(8.0)


def header(label: str, rate: float, unit: str = "uV") -> dict:
    limits = {"physical_max": 32767, "physical_min": -32768, "digital_max": 32767, "digital_min": -32768}
    return {"label": label, "dimension": unit, "sample_frequency": rate, "transducer": "", "prefilter": "", **limits}


@pytest.fixture
def write_edf(tmp_path):
    """Return a function that writes an EDF file of these headers and signals."""

    def write(headers: list[dict], signals: list[np.ndarray], name: str = "run.edf"):
        kind = pyedflib.FILETYPE_BDFPLUS if name.endswith("bdf") else pyedflib.FILETYPE_EDFPLUS
        with pyedflib.EdfWriter(str(tmp_path / name), len(signals), file_type=kind) as file:
            file.setStartdatetime(START)
            file.setSignalHeaders(headers)
            file.writeSamples(signals)
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", ["run.edf", "run.bdf"])
def test_signals_of_one_rate_are_channels_with_units_and_times(read, write_edf, name):
    path = write_edf([header("Fpz", 64), header("EMG", 64, "mV"), header("EMG", 64)], [FAST, -FAST, FAST / 2], name)
    recording = read(path)
    assert recording.channels == ("Fpz", "EMG", "EMG 2")
    assert recording.units == {"Fpz": "uV", "EMG": "mV", "EMG 2": "uV"}
    np.testing.assert_allclose(
        recording.values, np.stack([FAST, -FAST, FAST / 2], 1), atol=0.5 if name[-3] == "e" else 1
    )
    steps = np.arange(512) * 15_625_000
    np.testing.assert_array_equal(recording.times, np.datetime64(START, "ns") + steps.astype("m8[ns]"))


def test_signals_of_several_rates_are_refused_until_one_is_named_or_all_are_resampled(read, write_edf):
    path = write_edf([header("Fpz", 64), header("SpO2", 1, "%")], [FAST, SLOW])
    with pytest.raises(
        ValueError, match=r"2 tables \(run.edf\): '64 Hz' with 'Fpz'; '1 Hz' with 'SpO2'.*sheet='64 Hz'"
    ):
        read(path)
    np.testing.assert_array_equal(read(path, sheet="1 Hz").values[:, 0], SLOW)
    assert read(path, channels=["SpO2"]).channels == ("SpO2",)
    assert read(path, channels=["Fpz"]).channels == ("Fpz",)


def test_a_record_of_physionet_is_read(read, tmp_path):
    values = np.stack([FAST / 100, SLOW.repeat(64)], 1)
    wfdb.wrsamp(
        "run", fs=250, units=["mV", "mmHg"], sig_name=["ECG", "ABP"], p_signal=values, fmt=["16", "16"],
        write_dir=str(tmp_path), base_time=START.time(), base_date=START.date(),
    )  # fmt: skip
    expected = wfdb.rdrecord(str(tmp_path / "run")).p_signal
    for path in (tmp_path / "run.hea", tmp_path / "run.dat", tmp_path):
        recording = read(path)
        assert recording.channels == ("ECG", "ABP") and recording.units == {"ECG": "mV", "ABP": "mmHg"}
        np.testing.assert_array_equal(recording.values, expected)
        np.testing.assert_allclose(recording.values, values, atol=1e-3)
        assert recording.times[0] == np.datetime64(START) and recording.times[1] - recording.times[0] == 4_000_000


def test_a_record_without_a_clock_counts_seconds(read, tmp_path):
    wfdb.wrsamp(
        "run", fs=50, units=["mV"], sig_name=["ECG"], p_signal=FAST[:, None], fmt=["16"], write_dir=str(tmp_path)
    )
    np.testing.assert_allclose(read(tmp_path / "run.hea").times, np.arange(512) / 50)


def test_values_are_only_read_beside_their_header(read, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "secret.dat").write_bytes(bytes(8))
    (tmp_path / "deep" / "run.hea").write_text("run 1 50 4\n../secret.dat 16 200(0)/mV 16 0 0 0 0 ECG\n")
    with pytest.raises(ValueError, match=r"damaged WFDB file \(run.hea"):
        read(tmp_path / "deep" / "run.hea")


def test_values_that_are_absent_or_cut_are_named(read, tmp_path):
    wfdb.wrsamp(
        "run", fs=50, units=["mV"], sig_name=["ECG"], p_signal=FAST[:, None], fmt=["16"], write_dir=str(tmp_path)
    )
    content = (tmp_path / "run.dat").read_bytes()
    for size in (0, 1, 500, len(content) - 1):
        (tmp_path / "run.dat").write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"run.hea"):
            read(tmp_path / "run.hea")
    (tmp_path / "run.dat").unlink()
    with pytest.raises(ValueError, match=r"damaged WFDB file \(run.hea"):
        read(tmp_path / "run.hea")
