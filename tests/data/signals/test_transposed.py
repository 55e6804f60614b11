"""Tables with a row for each channel are told, and read when that is said."""

import numpy as np
import pandas as pd
import pytest

from seqae.data.signals.loading import as_recordings

TIMES = pd.date_range("2024-03-01", periods=5, freq="10min")
VALUES = np.array([[1.5, 20], [1.75, 21], [np.nan, 22], [2, 23.5], [2.5, 21]])
UPRIGHT = pd.DataFrame(VALUES, index=TIMES, columns=["press [bar]", "temp [°C]"])


def files(tmp_path, table: pd.DataFrame):
    table.to_csv(tmp_path / "corner.csv", index_label="sensor")
    table.to_csv(tmp_path / "no_corner.csv")
    return [table, table.reset_index(names="sensor"), tmp_path / "corner.csv", tmp_path / "no_corner.csv"]


def test_moments_as_columns_are_told_and_read_when_that_is_said(tmp_path):
    for data in files(tmp_path, UPRIGHT.T):
        with pytest.raises(ValueError, match=r"each row is a channel.*each column a moment.*transposed=True"):
            as_recordings(data)
        (recording,) = as_recordings(data, transposed=True)
        np.testing.assert_array_equal(recording.values, VALUES)
        np.testing.assert_array_equal(recording.times, TIMES.as_unit("ns"))
        assert recording.channels == ("press", "temp")
        assert recording.units == {"press": "bar", "temp": "°C"}


def test_units_may_stand_in_a_column_of_their_own_and_seconds_in_the_headers():
    table = pd.DataFrame({"name": ["a", "b"], "unit": ["bar", "K"], "0": [1, 2], "0.5": [3, 4.5], "1": [5, 6]})
    (recording,) = as_recordings(table, transposed=True)
    assert recording.units == {"a": "bar", "b": "K"}
    np.testing.assert_array_equal(recording.values, [[1, 2], [3, 4.5], [5, 6]])
    np.testing.assert_array_equal(recording.times, [0, 0.5, 1])


def test_words_and_names_that_are_wrong_are_named_where_they_stand():
    table = UPRIGHT.T.reset_index(names="sensor").astype(object)
    table.iloc[1, 3] = "Bad"
    with pytest.raises(
        ValueError, match=r"column 'temp' holds text: 'Bad' .*column '2024-03-01 00:20:00'.*missing=\['Bad'\]"
    ):
        as_recordings(table, transposed=True)
    assert np.isnan(as_recordings(table, transposed=True, missing="bad")[0].values[2]).all()
    with pytest.raises(ValueError, match=r"two channels are named 'x' \(row 0\)"):
        as_recordings(table.assign(sensor="x"), transposed=True)
    with pytest.raises(ValueError, match="one column only"):
        as_recordings(pd.DataFrame({"sensor": ["x"]}), transposed=True)
