"""Every door of the estimators refuses what it would have to guess, with a way out, before anything is learnt."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from generators import ragged_readings
from seqae import SequenceAutoencoder, SequenceClassifier, SequenceEncoder
from seqae.data.signals.recordings import Recording

SMALL = {"code_size": 3, "hidden_size": 8, "epochs": 1}
ROWS = ragged_readings()
NAMED = [pd.DataFrame(rows, columns=["a", "b"]) for rows in ROWS]
LABELS = np.arange(len(ROWS)) % 2
TIMES = pd.date_range("2026", periods=len(ROWS[0]), freq="s")
SMOOTH = np.cumsum(np.random.default_rng(0).normal(size=(80, 2)), axis=0)


def with_value(value: float) -> list[np.ndarray]:
    """Return sequences with another value at step 1 of channel 1 of the third one."""
    rows = [each.copy() for each in ROWS]
    rows[2][1, 1] = value
    return rows


def at_times(times: pd.Index) -> list[pd.DataFrame]:
    return [NAMED[0].set_axis(times), *NAMED[1:]]


KINDS = {
    "one sequence": (SMOOTH, r"Is it one sequence \(time, channel\)\? Put it in a list: \[data\]"),
    "one sequence, a frame": (pd.DataFrame(SMOOTH, columns=["a", "b"]), r"Put it in a list: \[data\]"),
    "one sequence, of polars": (pl.DataFrame(SMOOTH, schema=["a", "b"]), r"Put it in a list: \[data\]"),
    "one sequence, a tensor": (torch.from_numpy(SMOOTH), r"Put it in a list: \[data\]"),
    "one sequence of one channel": (SMOOTH[:, :1], r"n_features = 1: .* Put it in a list: \[data\]"),
    "one sequence in nested lists": (SMOOTH[:, :1].tolist(), r"n_features = 1: .* Put it in a list: \[data\]"),
    "one recording": (Recording(SMOOTH, ("a", "b")), r"Put it in a list: \[data\]"),
    "infinite": (with_value(np.inf), r"sequence 2 is infinite \(step 1, channel 1\)"),
    "beyond all": (with_value(1e200), r"sequence 2 is 1e\+200, beyond"),
    "the largest number of float32": (with_value(3e38), r"sequence 2 .*3e\+38.* Give NaN if it stands for a missing"),
    "a sentinel": (with_value(-1e30), r"sequence 2 .*1e\+30.* Give NaN if it stands for a missing"),
    "time that goes back": (at_times(TIMES[::-1]), "sequence 0 goes back. .* x.sort_index"),
    "shuffled time": (at_times(TIMES[np.random.default_rng(0).permutation(len(TIMES))]), "sequence 0 goes back"),
    "time of Arrow that goes back": (at_times(TIMES[::-1].astype("timestamp[ns][pyarrow]")), "sequence 0 goes back"),
    "a column of time that goes back": ([NAMED[0].assign(time=TIMES[::-1]), *NAMED[1:]], "goes back"),
    "levels whose time goes back": (at_times(pd.MultiIndex.from_product([["pump"], TIMES[::-1]])), "goes back"),
    "levels with several sequences": (
        at_times(pd.MultiIndex.from_arrays([["p"] * 3 + ["q"] * (len(TIMES) - 3), TIMES])),
        "sequence 0 has an index of 2 levels, with several sequences in it. Give a list of frames",
    ),
    "a text": ("abc", "is one text or path. Give a list"),
    "bytes": (b"abc", "is one text or path. Give a list"),
    "a dictionary": ({"a": ROWS[0]}, r"Give them in a list: list\(data.values\(\)\)"),
    "dictionaries": ([{"a": 1.0}] * 12, "sequence 0 is a dict"),
    "lists of dictionaries": ([[{"a": 1.0}] * 3] * 12, "sequence 0 is no array of numbers"),
}
DOORS = {
    "SequenceAutoencoder.fit": lambda fitted, data: SequenceAutoencoder(**SMALL).fit(data),
    "SequenceEncoder.fit": lambda fitted, data: SequenceEncoder(**SMALL).fit(data),
    "SequenceClassifier.fit": lambda fitted, data: SequenceClassifier(SequenceEncoder(**SMALL)).fit(data, LABELS),
    "encode": lambda fitted, data: fitted.encode(data),
    "reconstruct": lambda fitted, data: fitted.reconstruct(data),
    "score": lambda fitted, data: fitted.score(data),
    "score_samples": lambda fitted, data: fitted.score_samples(data),
}


@pytest.fixture(scope="module")
def named() -> SequenceAutoencoder:
    return SequenceAutoencoder(**SMALL).fit(NAMED)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_would_have_to_be_guessed_is_refused_at_every_door(door, kind, named):
    data, message = KINDS[kind]
    with pytest.raises((ValueError, TypeError), match=message):
        DOORS[door](named, data)


MORE = {
    "a list": [np.ones((5, 3))],
    "a cube": np.ones((4, 5, 3)),
    "a tensor": torch.ones(4, 5, 3),
    "tensors": [torch.ones(5, 3)],
    "nested lists": [np.ones((5, 3)).tolist()],
}


@pytest.mark.parametrize("form", MORE)
def test_more_channels_than_those_of_training_are_refused_and_never_cut(form, fitted):
    with pytest.raises(ValueError, match=r"sequences of 3 channels .* Expected 2"):
        fitted.encode(MORE[form])


def test_channels_of_frames_are_read_by_their_names(named):
    expected = named.encode(ROWS[:1])
    np.testing.assert_array_equal(named.encode([NAMED[0][["b", "a"]]]), expected)
    np.testing.assert_array_equal(named.encode([NAMED[0].assign(c=9.0)[["c", "b", "a"]]]), expected)
    with pytest.raises(ValueError, match="b"):
        named.encode([NAMED[0][["a"]]])


def test_what_is_masked_or_missing_is_the_same_and_counts_as_nothing_in_training_and_after():
    missing, masked = with_value(np.nan), with_value(777.0)
    masked = [np.ma.masked_equal(rows, 777.0) for rows in masked]
    nullable = [pd.DataFrame(rows).astype("Float64") for rows in missing]
    codes = [SequenceAutoencoder(**SMALL).fit_transform(form) for form in (missing, masked, nullable)]
    assert np.isfinite(codes[0]).all()
    for other in codes[1:]:
        np.testing.assert_array_equal(other, codes[0])
    without = SequenceAutoencoder(**SMALL).fit(missing).steps_.scaler_
    known = np.concatenate(missing)
    np.testing.assert_allclose(without.mean_, np.nanmean(known, axis=0))


def test_series_of_times_in_order_are_sequences_of_one_channel(flat):
    series = [pd.Series(rows[:, 0], index=pd.date_range("2026", periods=len(rows), freq="s")) for rows in ROWS]
    np.testing.assert_array_equal(flat.encode(series), flat.encode([rows[:, 0] for rows in ROWS]))
    with pytest.raises(ValueError, match="sequence 1 goes back"):
        flat.encode([series[0], series[1][::-1]])


def test_the_advice_for_one_sequence_works():
    one = SequenceAutoencoder(**SMALL, window=10).fit(SMOOTH)
    assert one.encode(SMOOTH).shape == (8, 3)
    rows = SequenceAutoencoder(**SMALL).fit(np.asarray(SMOOTH)[:, :, None])
    assert rows.encode(SMOOTH[:, :, None]).shape == (80, 3)


def test_collections_whose_rows_have_no_order_are_sequences():
    for rows in (np.random.default_rng(0).normal(size=(80, 2)), np.random.default_rng(1).normal(size=(40, 40))):
        assert SequenceAutoencoder(**SMALL).fit(rows).n_features_in_ == rows.shape[1]


BAD_LABELS = {
    "continuous": (np.linspace(0, 1, 12), "Unknown label type: continuous"),
    "a missing number": ([0.0, np.nan] * 6, "NaN"),
    "a missing text": (["a", None] * 6, "NaN: the class of sequence 1 is None"),
    "NaN among texts": (["a", float("nan")] * 6, "NaN: the class of sequence 1 is nan"),
    "a missing value of pandas": (pd.array([0, None] * 6, dtype="Int64"), "NaN"),
    "one text": ("abababababab", "y is a str. Expected the class of each sequence"),
    "a dictionary": ({"a": 1}, "y is a dict"),
    "texts and numbers": (["a", 1] * 6, "Give .str.each. for each in y"),
    "two columns": (np.zeros((12, 2)), "1d array"),
}


@pytest.mark.parametrize("name", BAD_LABELS)
def test_labels_that_are_no_classes_are_refused(name):
    labels, message = BAD_LABELS[name]
    with pytest.raises((ValueError, TypeError), match=message):
        SequenceClassifier(SequenceEncoder(**SMALL)).fit(ROWS, labels)
