"""Files of numpy, whole and made to do harm."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqae.data._files import archives
from seqae.data._files.array_files import read_npy, read_npz

ARRAYS = {
    "numbers": np.arange(12.0).reshape(3, 4),
    "by column": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "big endian": np.arange(3, dtype=">i2"),
    "one": np.array(7),
    "none": np.zeros((0, 3), np.float32),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_come_back(tmp_path, name):
    np.save(tmp_path / "a.npy", ARRAYS[name])
    np.savez_compressed(tmp_path / "a.npz", **ARRAYS)
    for found in (read_npy(tmp_path / "a.npy"), read_npz(tmp_path / "a.npz")[name]):
        assert found.dtype == ARRAYS[name].dtype
        np.testing.assert_array_equal(found, ARRAYS[name])


def saved(array: np.ndarray, **given_settings) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **given_settings)
    return buffer.getvalue()


WHOLE = saved(ARRAYS["numbers"])
HOSTILE = {
    "empty": b"",
    "text": b"time,pressure\n1,2\n",
    "cut": WHOLE[:-1],
    "cut in its header": WHOLE[:40],
    "longer": WHOLE + b"\0",
    "eight tebibytes": WHOLE.replace(b"(3, 4), }        ", b"(999999, 999999)}"),
    "less than nothing": WHOLE.replace(b"(3, 4)", b"(-3,4)"),
    "code": WHOLE.replace(b"(3, 4), }", b"exit(3),}"),
    "objects": saved(np.array([{}, None]), allow_pickle=True),
    "newer": WHOLE[:6] + b"\7" + WHOLE[7:],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_array_is_refused_by_name_before_memory_is_taken(tmp_path, name):
    path = tmp_path / "hostile.npy"
    path.write_bytes(HOSTILE[name])
    with zipfile.ZipFile(tmp_path / "hostile.npz", "w") as packed:
        packed.write(path, "a.npy")
    tracemalloc.start()
    for read, file in ((read_npy, path), (read_npz, tmp_path / "hostile.npz")):
        with pytest.raises(ValueError, match=file.name) as caught:
            read(file)
        assert "\n" not in str(caught.value)
    assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
    tracemalloc.stop()


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 7))
@settings(max_examples=200, deadline=None)
def test_a_flipped_bit_is_refused_or_leaves_an_array_of_as_many_bytes(tmp_path_factory, place, bit):
    data = bytearray(WHOLE)
    data[place] ^= 1 << bit
    path = tmp_path_factory.getbasetemp() / "flipped.npy"
    path.write_bytes(data)
    try:
        found = read_npy(path)
    except ValueError as error:
        assert "flipped.npy" in str(error) and "\n" not in str(error)
    else:
        assert found.nbytes == ARRAYS["numbers"].nbytes


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "ROOM", 2**20)
    np.savez_compressed(tmp_path / "bomb.npz", zeros=np.zeros(2**20))
    with pytest.raises(ValueError, match=r"bomb.npz/zeros.npy unpacks to more than 1,048,576 bytes"):
        read_npz(tmp_path / "bomb.npz")
    np.savez_compressed(tmp_path / "calm.npz", zeros=np.zeros(2**16))
    assert not read_npz(tmp_path / "calm.npz")["zeros"].any()
    (tmp_path / "cut.npz").write_bytes((tmp_path / "calm.npz").read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"damaged zip file .*cut.npz"):
        read_npz(tmp_path / "cut.npz")
