"""Whatever holds the same sequences is read as the same sequences, and all else is refused with a way out."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from generators import ragged_readings
from seqae import Batch, SequenceAutoencoder
from seqae.data import Audio
from seqae.estimators.inputs import read_sequences, read_windows

ROWS = [np.round(rows, 2) for rows in ragged_readings(5)]  # (time, 2) each; bfloat16 keeps less, see below
FLAT = [rows[:, 0] for rows in ROWS]


def padded(sequences: list[np.ndarray]) -> np.ndarray:
    """Return sequences `(time, ...)` as one array, NaN after their ends."""
    cube = np.full((len(sequences), max(map(len, sequences)), *sequences[0].shape[1:]), np.nan)
    for row, sequence in zip(cube, sequences):
        row[: len(sequence)] = sequence
    return cube


def objects(sequences: list) -> np.ndarray:
    """Return sequences in an array of objects, `(sequence,)`."""
    found = np.empty(len(sequences), dtype=object)
    found[:] = sequences
    return found


def same(data: object, expected: list[np.ndarray], **settings: object) -> None:
    found = read_sequences(data, **settings)
    assert found.kind == "readings" and len(found) == len(expected)
    for item, rows in zip(found.items, expected):
        np.testing.assert_allclose(item, rows.reshape(len(rows), -1))


CONTAINERS = {
    "list": lambda: ROWS,
    "tuple": lambda: tuple(ROWS),
    "array of objects": lambda: objects(ROWS),
    "cube with NaN after the ends": lambda: padded(ROWS),
    "tensor with NaN after the ends": lambda: torch.from_numpy(padded(ROWS)),
    "masked cube": lambda: np.ma.masked_invalid(padded(ROWS)),
    "tensors": lambda: [torch.from_numpy(rows).requires_grad_() for rows in ROWS],
    "nested lists": lambda: [rows.tolist() for rows in ROWS],
    "Fortran order": lambda: [np.asfortranarray(rows) for rows in ROWS],
    "views": lambda: [np.repeat(rows, 2, axis=0)[::2] for rows in ROWS],
    "frames of pandas": lambda: [pd.DataFrame(rows, columns=["a", "b"]) for rows in ROWS],
    "frames of polars": lambda: [pl.DataFrame(rows, schema=["a", "b"]) for rows in ROWS],
    "frames without names": lambda: [pd.DataFrame(rows) for rows in ROWS],
    "columns in another order": lambda: (
        [pd.DataFrame(ROWS[0], columns=["a", "b"])]
        + [pd.DataFrame(rows[:, ::-1], columns=["b", "a"]) for rows in ROWS[1:]]
    ),
    "series of arrays": lambda: pd.Series(ROWS),
    "frames with times": lambda: [
        pd.DataFrame({"time": pd.date_range("2026", periods=len(rows), freq="s"), "a": rows[:, 0], "b": rows[:, 1]})
        for rows in ROWS
    ],
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_any_container_of_readings_holds_the_same_readings(name):
    same(CONTAINERS[name](), ROWS)


FLAT_CONTAINERS = {
    "list": lambda: FLAT,
    "lists of numbers": lambda: [rows.tolist() for rows in FLAT],
    "arrays of Python": lambda: [array("d", rows) for rows in FLAT],
    "array with NaN after the ends": lambda: padded(FLAT),
    "series of pandas": lambda: [pd.Series(rows) for rows in FLAT],
    "series of polars": lambda: [pl.Series(rows) for rows in FLAT],
    "series of lists": lambda: pl.Series([rows.tolist() for rows in FLAT]),
    "tensors": lambda: [torch.from_numpy(rows) for rows in FLAT],
    "array of objects": lambda: objects(FLAT),
}


@pytest.mark.parametrize("name", FLAT_CONTAINERS)
def test_sequences_without_an_axis_for_the_only_channel_have_one(name):
    same(FLAT_CONTAINERS[name](), FLAT)
    assert read_sequences(FLAT_CONTAINERS[name]()).is_flat


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "uint16", "int64", "uint64", "bool", "object"])
def test_readings_of_any_type_of_number_are_read(dtype):
    whole = [np.abs(rows * 10).astype(int).astype(dtype) for rows in ROWS]
    same(whole, [rows.astype(float) for rows in whole])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int32, torch.bool])
def test_tensors_of_any_type_of_number_are_read_alone_and_as_a_whole(dtype):
    tensor = torch.arange(24).reshape(2, 4, 3).to(dtype)
    expected = list(tensor.double().numpy())
    same(list(tensor), expected)
    same(tensor, expected)


def test_masked_values_and_none_are_missing():
    masked = [np.ma.masked_equal(np.array([[1.0, 2.0], [3.0, 9.0], [1.0, 1.0]]), 9)] * 2
    same(masked, [np.array([[1, 2], [3, np.nan], [1, 1]])] * 2)
    same([[[1, 2], [3, None], [1, 1]]] * 2, [np.array([[1, 2], [3, np.nan], [1, 1]])] * 2)
    same([pl.DataFrame({"a": [1.0, None]})] * 2, [np.array([[1.0], [np.nan]])] * 2)


def test_numbers_beyond_64_bits_are_read_up_to_a_size_whose_square_is_finite():
    same([[10**30, 1], [2]], [np.array([1e30, 1]), np.array([2.0])])
    for enormous in (10**200, 10**400):
        with pytest.raises(ValueError, match="sequence 0"):
            read_sequences([[enormous, 1], [2]])


def test_other_kinds_are_told_from_readings():
    film = np.zeros((2, 1, 4, 5), np.uint8)
    kinds = {
        "texts": [["a b", "c"], ("a", "b"), np.array(["a", "b"]), pd.Series(["a", "b"]), objects([np.str_("a"), "b"])],
        "frames": [[film, film[:1]], np.zeros((2, 3, 1, 4, 5)), torch.zeros(2, 3, 1, 4, 5)],
        "audio": [[Audio(np.zeros(9, np.float32), 8000)] * 2],
    }
    for kind, containers in kinds.items():
        assert [read_sequences(data).kind for data in containers] == [kind] * len(containers)
    for ids in ([[1, 2], [3]], [np.array([1, 2], np.uint8), torch.tensor([3])], np.array([[1, 2], [3, 4]])):
        found = read_sequences(ids, tokens=True)
        assert found.kind == "tokens" and {item.dtype for item in found.items} == {np.dtype(np.int64)}


def test_a_table_is_cut_in_windows_that_span_no_gap():
    times = pd.date_range("2026", periods=20, freq="s").delete(slice(8, 12))
    table = pd.DataFrame({"time": times, "a": np.arange(16.0)})
    found = read_windows(table, window=5, stride=5)
    assert [item[:, 0].tolist() for item in found.items] == [
        [0, 1, 2, 3, 4],
        [5, 6, 7],
        [8, 9, 10, 11, 12],
        [13, 14, 15],
    ]
    assert found.pieces == (4,) and found.channels == ("a",)


def wave(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape)


BAD = {
    "nothing": ([], "no sequences (an empty container). Give at least one"),
    "None": (None, "cannot read a NoneType as sequences. Expected a list"),
    "a number": (3.5, "cannot read a float as sequences"),
    "an array of nothing": (np.array(3.5), "is one value. Give a list"),
    "a text": ("a text", "'a text' is one text or path. Give a list"),
    "a path": (Path("x.csv"), "read the file first"),
    "a generator": ((rows for rows in ROWS), "a generator, which has no order or can be read once alone. Give a list"),
    "a map": (map(np.abs, ROWS), "Give a list: list(data)"),
    "a set": ({(1, 2), (3, 4)}, "a set, which has no order"),
    "a dictionary": ({"a": ROWS[0]}, "a dict of sequences. Give them in a list: list(data.values())"),
    "another dictionary": (OrderedDict(a=ROWS[0]), "list(data.values())"),
    "a sparse matrix": (
        csr_matrix(np.eye(3)),
        "a sparse csr_matrix. Expected numbers at every step. Give data.toarray",
    ),
    "a lazy frame": (pl.LazyFrame({"a": [1]}), "not read yet. Give data.collect()"),
    "a batch": (Batch.full(torch.zeros(2, 3, 1)), "a Batch. Give its sequences: data.unpad()"),
    "one sound": (Audio(np.zeros(9, np.float32), 8000), "one Audio. Is it one sequence? Put it in a list"),
    "one sequence": (
        np.ones(5),
        "one array of shape (5,). Is it one sequence of one channel? Put it in a list: [data]",
    ),
    "numbers": ([1, 2, 3], "sequence 0 is one number. Is the container one sequence"),
    "a series of numbers": (pd.Series([1.0, 2.0]), "sequence 0 is one number"),
    "an empty sequence": ([np.ones((3, 2)), np.ones((0, 2))], "sequence 1 of 2 is empty, (0, 2). Drop"),
    "an empty list in a list": ([[1.0], []], "sequence 1 of 2 is empty"),
    "None in a list": ([None, np.ones(3)], "sequence 0 is a NoneType. Give (time, channel)"),
    "a text among arrays": (["a", np.ones(3)], "sequence 1 is a ndarray, others are texts. Give texts alone"),
    "a missing text": (pd.Series(["a", None, "b"]), "sequence 1 is "),
    "a sound among arrays": ([Audio(np.zeros(9), 8000), np.ones(3)], "sequence 1 is a ndarray, others are sounds"),
    "bytes": ([b"ab", b"c"], "sequence 0 is a bytes. Give (time, channel)"),
    "paths": ([Path("a.csv")], "sequence 0 is a PosixPath. Give (time, channel)"),
    "words": (
        [["the", "cat"], ["sat"]],
        "sequence 0 holds text (<U3). Readings are real numbers. Give each text as one",
    ),
    "complex numbers": ([np.ones(3, complex)] * 2, "sequence 0 holds complex numbers (complex128)"),
    "dates": ([np.ones(3, "M8[s]")] * 2, "sequence 0 holds time stamps"),
    "objects": ([np.array([object()])] * 2, "sequence 0 is no array of numbers"),
    "rows of unlike length": ([[[1, 2], [3]]], "sequence 0 is no array of numbers"),
    "an infinite value": (
        [np.ones((3, 2)), [[1, 2], [3, -np.inf]]],
        "sequence 1 is infinite (step 1, channel 1). Correct",
    ),
    "an infinite value of one channel": ([[1, np.inf], [1.0]], "sequence 0 is infinite (step 1, channel 0). Correct"),
    "an enormous value": ([[1, 1e200], [1.0]], "sequence 0 is 1e+200, beyond 1e+140 (step 1"),
    "a sequence without values": (
        [np.ones((3, 2)), np.full((2, 2), np.nan)],
        "sequence 1 has no value, NaN alone. Leave",
    ),
    "a padded row without values": (padded(ROWS) * np.nan, "sequence 0 has no value, NaN alone. Leave it out"),
    "other channels": ([np.ones((3, 2)), np.ones((9, 3))], "sequence 1 has steps of shape (3,), sequence 0 of (2,)"),
    "with and without an axis": ([np.ones(3), np.ones((4, 1))], "sequence 1 has the shape (4, 1), sequence 0 (3,)"),
    "a matrix for each step": ([np.ones((5, 4, 4))] * 2, "sequences of shape (5, 4, 4) (sequence 0). Expected (time,)"),
    "frames without channels": (
        np.ones((2, 3, 4, 5)),
        "Are these frames without an axis for channels? Give data[:, :, N",
    ),
    "channels last": ([np.ones((5, 20, 14, 3))] * 2, "frames of shape (20, 14, 3). Expected (channel, height, width)"),
    "channels first, ragged": ([wave(3, 20), wave(3, 30)], "All have 3 rows: are the axes (channel, time)? Give x.T"),
    "channels first, a cube": (
        wave(10, 3, 50),
        "sequences of 3 steps with 50 channels (shape (3, 50)). Expected (time",
    ),
    "one channel first, a cube": (wave(10, 1, 50), "are the axes swapped? Give x.T for each, or say channels=50"),
    "one channel first, a list": ([wave(1, 50)] * 4, "are the axes swapped? Give x.T for each, or say channels=50"),
    "a long table": (pd.DataFrame({"id": [1, 1], "x": [1.0, 2.0]}), "one DataFrame. Is it one sequence?"),
    "text in a frame": ([pd.DataFrame({"x": [1.0, 2.0], "state": ["on", "off"]})] * 2, "state"),
    "categories in a frame": ([pd.DataFrame({"x": [1.0], "state": pd.Categorical(["on"])})] * 2, "state"),
    "another column": ([pd.DataFrame({"a": [1.0]}), pd.DataFrame({"b": [1.0]})], "b"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_is_named_with_a_way_out_in_one_line(name):
    data, message = BAD[name]
    with pytest.raises((ValueError, TypeError)) as caught:
        read_sequences(data)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([[0, 1], [2, -1]], "sequence 1 has the id -1 (step 1). Ids are 0 or more"),
        ([[0.0, 1.0]], "sequence 0 holds float64 of shape (2,). Expected ids, whole numbers (time,)"),
        ([[[0, 1]]], "sequence 0 holds int64 of shape (1, 2). Expected ids"),
        ([[True, False]], "sequence 0 holds bool"),
    ],
)
def test_what_are_no_ids_is_named(ids, message):
    with pytest.raises(ValueError) as caught:
        read_sequences(ids, tokens=True)
    assert message in str(caught.value)


def test_a_cube_of_few_steps_and_many_channels_is_read_if_their_number_is_said():
    assert read_sequences(wave(10, 3, 50), channels=50).items[0].shape == (3, 50)
    with pytest.raises(ValueError, match=r"sequences of 50 channels .* Expected 3\. Are the axes swapped\?"):
        read_sequences(wave(10, 3, 50), channels=3)


FRAMES = {
    "a long table": ({"id": [1, 1, 2], "value": [1.0, 2.0, 3.0]}, "a frame with a column 'id': a long table"),
    "times by name": ({"Time Stamp": [1, 2, 3], "value": [1.0, 2.0, 3.0]}, "a frame with a column 'Time Stamp'"),
    "times by type": ({"at": pd.date_range("2026", periods=3), "x": [1.0] * 3}, "one frame with times"),
    "text": ({"x": [1.0] * 3, "state": ["on"] * 3}, "a frame whose column 'state' holds no numbers"),
}


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("name", FRAMES)
def test_one_frame_that_is_a_table_of_steps_is_not_taken_for_sequences(name, kind):
    columns, message = FRAMES[name]
    with pytest.raises(TypeError) as caught:
        SequenceAutoencoder(epochs=1).fit(kind(columns))
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_one_frame_with_levels_in_its_index_is_not_taken_for_sequences():
    index = pd.MultiIndex.from_product([["a", "b"], [0, 1]])
    with pytest.raises(TypeError, match=r"an index of 2 levels\. Give a list of frames: .*groupby\(level=0\)"):
        SequenceAutoencoder(epochs=1).fit(pd.DataFrame({"x": np.arange(4.0)}, index=index))
    nested = pd.DataFrame({"x": [pd.Series([1.0, 2.0]), pd.Series([1.0])]})
    with pytest.raises(TypeError, match="column 'x' holds no numbers"):
        SequenceAutoencoder(epochs=1).fit(nested)
    with pytest.raises(ValueError, match="whose cells are sequences, not numbers"):
        SequenceAutoencoder(epochs=1).fit(nested.to_numpy())


def test_the_same_sequences_have_the_same_codes_in_any_form(fitted, flat):
    expected = fitted.encode(ROWS)
    for name, build in CONTAINERS.items():
        np.testing.assert_allclose(fitted.encode(build()), expected, atol=1e-5, err_msg=name)
    expected = flat.encode(FLAT)
    for name, build in FLAT_CONTAINERS.items():
        np.testing.assert_allclose(flat.encode(build()), expected, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(flat.encode(torch.from_numpy(padded(FLAT)).requires_grad_()), expected, atol=1e-5)
    np.testing.assert_allclose(flat.encode(np.ma.masked_invalid(padded(FLAT))), expected, atol=1e-5)
    np.testing.assert_allclose(flat.encode([rows[:, None] for rows in FLAT]), expected, atol=1e-5)


sequences = st.lists(st.lists(st.tuples(*[st.floats(-50, 50)] * 2), min_size=1, max_size=9), min_size=1, max_size=6)


@settings(max_examples=25, deadline=None)
@given(sequences, st.randoms(use_true_random=False))
def test_a_code_depends_on_its_sequence_alone(fitted, data, random):
    arrays = [np.array(rows) for rows in data]
    codes = fitted.encode(arrays)
    order = random.sample(range(len(arrays)), len(arrays))
    np.testing.assert_allclose(fitted.encode([arrays[at] for at in order]), codes[order], atol=1e-5)
    np.testing.assert_allclose(np.concatenate([fitted.encode([rows]) for rows in arrays]), codes, atol=1e-5)
    np.testing.assert_allclose(fitted.encode(padded(arrays)), codes, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(sequences)
def test_a_reconstruction_has_the_length_and_the_form_of_its_sequence(fitted, flat, data):
    arrays = [np.array(rows) for rows in data]
    assert [rows.shape for rows in fitted.reconstruct(arrays)] == [rows.shape for rows in arrays]
    assert [rows.shape for rows in flat.reconstruct([rows[:, 0] for rows in arrays])] == [(len(x),) for x in arrays]
