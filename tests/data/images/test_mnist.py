"""The official sets: where they are looked for, and files that are damaged."""

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from seqae.data.images import mnist as sets
from seqae.data.images.idx import read_idx
from seqae.data.images.mnist import SETS, read_images


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture(autouse=True)
def nowhere_else(tmp_path, monkeypatch):
    """No set of this machine is found, and no network."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sets, "_SYSTEM", tmp_path / "system")
    for name, images in SETS.items():
        monkeypatch.setitem(
            SETS, name, type(images)(images.folder, ("http://127.0.0.1:9/",), images.files, images.classes)
        )


def write_set(folder: Path, packed: bool = True, count: int = 6) -> None:
    folder.mkdir(parents=True)
    pixels, labels = (
        np.random.default_rng(0).integers(0, 256, (count, 5, 4), np.uint8),
        np.arange(count, dtype=np.uint8),
    )
    for part in ("train", "t10k"):
        for name, array in ((f"{part}-images-idx3-ubyte", pixels), (f"{part}-labels-idx1-ubyte", labels)):
            path = folder / (f"{name}.gz" if packed else name)
            path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "unpacked"])
@pytest.mark.parametrize("place", ["MNIST/raw", "mnist"])
def test_a_set_is_found_below_the_data_root(tmp_path, place, packed):
    write_set(tmp_path / "data" / place, packed)
    train, test = read_images("mnist", tmp_path / "data")
    assert train.size == (1, 5, 4)
    assert train.labels.tolist() == list(range(6))
    np.testing.assert_array_equal(train.pixels.numpy(), test.pixels.numpy())
    np.testing.assert_array_equal(
        train.pixels.numpy()[:, 0], np.random.default_rng(0).integers(0, 256, (6, 5, 4), np.uint8)
    )


def test_a_folder_that_may_only_be_read_is_left_as_it_is(tmp_path):
    folder = tmp_path / "data" / "MNIST" / "raw"
    write_set(folder)
    before = sorted(tmp_path.rglob("*"))
    for path in (folder, *folder.parents[:2], *folder.iterdir()):
        path.chmod(0o555 if path.is_dir() else 0o444)
    read_images("mnist", tmp_path / "data")
    for path in (folder, *folder.parents[:2]):
        path.chmod(0o755)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_two_sets_do_not_stand_in_for_each_other(tmp_path):
    write_set(tmp_path / "data" / "MNIST" / "raw")
    with pytest.raises(FileNotFoundError, match="no fashion-mnist"):
        read_images("fashion-mnist", tmp_path / "data")


def test_without_data_and_network_one_line_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"MNIST/raw.*--data-root DATA.*--dataset digits") as caught:
        read_images("mnist", tmp_path / "data")
    assert "\n" not in str(caught.value)


def test_an_unknown_set_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"'minst'.*mnist, fashion-mnist, digits"):
        read_images("minst")


def test_digits_need_no_files():
    pytest.importorskip("sklearn")
    train, test = read_images("digits")
    assert (len(train), len(test), train.size) == (1438, 359, (1, 8, 8))
    assert test.label_names.tolist()[:3] == [str(label) for label in test.labels[:3]]
    assert int(train.pixels.max()) == 255


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: data[:-1], "119 values.*Expected 120 for the sizes 6 x 5 x 4"),
        (lambda data: data + b"\0", "121 values"),
        (lambda data: data[:9], "ends within its sizes"),
        (lambda data: b"", "not an IDX file"),
        (lambda data: b"<html>", "not an IDX file"),
        (lambda data: gzip.compress(data)[:60], "damaged gzip"),
        (lambda data: gzip.compress(data)[:-3] + b"abc", "damaged gzip"),
        (lambda data: data[:2] + b"\x0d\x03" + data[4:], "not an IDX file of bytes in 3 dimensions"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, spoil, message):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(spoil(idx(np.random.default_rng(0).integers(0, 256, (6, 5, 4), np.uint8))))
    with pytest.raises(ValueError, match=message) as caught:
        read_idx(path, dimensions=3)
    assert str(path) in str(caught.value)


def test_images_and_labels_of_different_number_are_refused(tmp_path):
    folder = tmp_path / "data" / "mnist"
    write_set(folder)
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.zeros(5, np.uint8))))
    with pytest.raises(ValueError, match=r"6 images .* and 5 labels"):
        read_images("mnist", tmp_path / "data")


def pca_error(train: np.ndarray, test: np.ndarray, components: int) -> float:
    """Squared error per image of principal components, by the singular values of the centred training images."""
    mean = train.mean(axis=0)
    _, directions = np.linalg.eigh(np.cov((train - mean).T))
    kept = directions[:, -components:]
    return float((((test - mean) - (test - mean) @ kept @ kept.T) ** 2).sum(axis=1).mean())


@pytest.mark.skipif(
    not any(Path(os.environ.get("SEQAE_DATA", "/-"), place).is_dir() for place in ("MNIST/raw", "mnist")),
    reason="SEQAE_DATA names no folder with MNIST",
)
def test_thirty_principal_components_of_mnist_leave_the_published_error():
    train, test = (part.array().astype(np.float64) for part in read_images("mnist", os.environ["SEQAE_DATA"]))
    assert pca_error(train, test, 30) == pytest.approx(13.87, abs=0.01)  # Hinton and Salakhutdinov 2006


def test_principal_components_of_digits_leave_what_scikit_learn_finds():
    decomposition = pytest.importorskip("sklearn.decomposition")
    train, test = (part.array().astype(np.float64) for part in read_images("digits"))
    components = decomposition.PCA(30, svd_solver="full").fit(train)
    known = ((components.inverse_transform(components.transform(test)) - test) ** 2).sum(axis=1).mean()
    assert pca_error(train, test, 30) == pytest.approx(known)
