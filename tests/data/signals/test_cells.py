"""Words and numbers in cells mean what the options say, and the message proposes options that work."""

import ast

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqae.data.signals.loading import as_recordings
from seqae.data.signals.recordings import Recording

WORDS = pd.DataFrame(
    {
        "temp": [20.5, "Bad Input", 21.0, "Bad Input", 22, 23],
        "flow": ["n.v.", 1, 2, 3, "n.v.", 5],
        "valve": ["OPEN", "closed", "open", "Closed", "open", "open"],
        "line": ["L1"] * 6,
    }
)


def recorded(data, **options):
    (recording,) = as_recordings(data, **options)
    return recording


@pytest.mark.parametrize("form", ["frame", "csv", "categories"])
def test_one_message_proposes_what_reads_all_columns_at_once(tmp_path, form):
    data = WORDS.astype({"valve": "category"}) if form == "categories" else WORDS
    if form == "csv":
        WORDS.to_csv(tmp_path / "x.csv", index=False)
        data = tmp_path / "x.csv"
    with pytest.raises(ValueError, match="'temp' holds text: 'Bad Input'") as caught:
        as_recordings(data)
    for proposal in ("missing=['Bad Input', 'n.v.']", "states={'closed': 0, 'OPEN': 1}", "ignore=['line']"):
        assert proposal in str(caught.value)
    recording = recorded(data, missing=["bad input ", "N.V."], states={"closed": 0, "OPEN": 1}, ignore=["line"])
    expected = [[20.5, np.nan, 1], [np.nan, 1, 0], [21, 2, 1], [np.nan, 3, 0], [22, np.nan, 1], [23, 5, 1]]
    np.testing.assert_array_equal(recording.values, expected)


def test_proposals_keep_what_was_given():
    options = {"missing": ["n.v.", -1], "states": {"open": 5}, "ignore": "line"}
    with pytest.raises(ValueError, match="'temp' holds text") as caught:
        as_recordings(WORDS, **options)
    assert "missing=['n.v.', -1, 'Bad Input'], states={'open': 5, 'closed': " in str(caught.value)
    assert "ignore=['line', 'temp', 'valve']" in str(caught.value)


def test_a_state_that_is_not_named_is_refused_by_name():
    table = pd.DataFrame({"mode": ["run", "idle", "run", "fault", "idle", "run"]})
    with pytest.raises(
        ValueError, match=r"'mode' holds text: 'fault' \(row 3\).*states={'run': 1, 'idle': 0, 'fault': 2}"
    ):
        as_recordings(table, states={"run": 1, "idle": 0})


@pytest.mark.parametrize("words", [("true", "false"), ("ON", "OFF"), ("no", "yes"), ("stopped", "running")])
def test_words_for_yes_and_no_are_one_and_zero_in_any_order(words):
    table = pd.DataFrame({"x": [*words] * 4, "y": [*words[::-1]] * 4})
    with pytest.raises(ValueError, match="states=") as caught:
        as_recordings(table)
    states = ast.literal_eval(str(caught.value).split("states=")[1].split("}")[0] + "}")
    assert (
        sorted(states.values()) == [0, 1]
        and states[max(words, key=lambda word: word.lower() in "true on yes running")] == 1
    )
    np.testing.assert_array_equal(recorded(table, states=states).values.sum(axis=1), 1)


def test_texts_that_are_numbers_are_read_where_no_cell_is_one_already():
    np.testing.assert_array_equal(recorded({"x": ["1.5", " -2e3 ", "", None]}).values.T, [[1.5, -2000, np.nan, np.nan]])
    for column in (["1.5", 2.5], ["007", "1"], ["1,5", "2"], ["0x10", "1"], ["1_000", "2"], ["inf", "1"]):
        with pytest.raises(ValueError, match="holds text"):
            as_recordings({"x": column})


MARKED = np.array([[1.5, -999], [-999.0, 2], [3, 1e20]])
CLEAN = np.array([[1.5, np.nan], [np.nan, 2], [3, np.nan]])


@pytest.mark.parametrize(
    "data",
    [
        MARKED,
        MARKED.astype(np.float32),
        pd.DataFrame(MARKED),
        pd.DataFrame(MARKED.astype(np.float32)),
        MARKED.tolist(),
        Recording(MARKED, ("0", "1")),
        pd.DataFrame({"0": ["1.5", "-999.0", "3"], "1": ["-999", "2", "1e20"]}),
        {"0": MARKED[:, 0], "1": MARKED[:, 1]},
    ],
    ids=["array", "float32", "frame", "frame of float32", "lists", "recording", "text", "dict"],
)
def test_numbers_that_mark_missing_values_are_missing_in_every_container(data):
    recording = recorded(data, missing=[-999, "1e20"])
    np.testing.assert_array_equal(recording.values, CLEAN)
    assert not any("missing=" in each for each in recording.warnings)


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.lists(st.sampled_from([0.5, -2.0, 7.0, -99.9, 9999.0, 3.25]), min_size=2, max_size=2), min_size=1),
    st.sets(st.sampled_from([-99.9, 9999.0, 7.0])),
)
def test_marks_are_missing_and_nothing_else(rows, marks):
    values = np.array(rows)
    expected = np.where(np.isin(values, list(marks)), np.nan, values)
    for data in (values, pd.DataFrame(values), pd.DataFrame(values).astype("Float64")):
        np.testing.assert_array_equal(recorded(data, missing=sorted(marks)).values, expected)
    single = values.astype(np.float32)
    np.testing.assert_array_equal(
        recorded(pd.DataFrame(single), missing=sorted(marks)).values, expected.astype(np.float32)
    )


def test_a_column_of_labels_in_words_is_to_be_left_out():
    table = WORDS[["temp"]].assign(**{"Normal/Attack": ["Normal", "Attack"] * 3})
    with pytest.raises(ValueError, match=r"missing=\['Bad Input'\], ignore=\['Normal/Attack'\]"):
        as_recordings(table)
    with pytest.raises(ValueError, match=r"It looks like a label.*ignore="):
        as_recordings(table, missing="Bad Input")
