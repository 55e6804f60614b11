"""Official layouts of films, on miniature files."""

import numpy as np
import pytest
import torch

from seqae.data.films.sets import read_hmdb51, read_moving_mnist


@pytest.mark.parametrize("place", ["MovingMNIST/mnist_test_seq.npy", "mnist_test_seq.npy"])
def test_moving_mnist_is_turned_from_time_first_to_film_first(tmp_path, place):
    array = np.random.default_rng(0).integers(0, 256, (20, 3, 6, 5), np.uint8)
    (tmp_path / place).parent.mkdir(exist_ok=True)
    np.save(tmp_path / place, array)
    films = read_moving_mnist(tmp_path)
    assert films.shape == (3, 20, 1, 6, 5) and films.dtype == torch.uint8
    assert torch.equal(films[2, 7, 0], torch.from_numpy(array[7, 2]))


def test_moving_mnist_that_is_absent_or_damaged_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"MovingMNIST/mnist_test_seq\.npy"):
        read_moving_mnist(tmp_path)
    path = tmp_path / "mnist_test_seq.npy"
    np.save(path, np.zeros((2, 2), np.uint8))
    with pytest.raises(ValueError, match=r"shape \(2, 2\) .*mnist_test_seq"):
        read_moving_mnist(tmp_path)
    np.save(path, np.zeros((4, 4, 4, 4), np.uint8))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"bytes of values .*mnist_test_seq"):
        read_moving_mnist(tmp_path)


@pytest.fixture
def hmdb51(tmp_path):
    """Two classes of three films, as HMDB51 has them."""
    for name in ("wave", "brush_hair"):
        (tmp_path / "films" / name).mkdir(parents=True)
        lines = []
        for number, part in enumerate((2, 1, 0)):
            (tmp_path / "films" / name / f"a film #{number}.avi").write_bytes(b"film")
            lines.append(f"a film #{number}.avi {part} ")
        (tmp_path / "splits").mkdir(exist_ok=True)
        (tmp_path / "splits" / f"{name}_test_split1.txt").write_text("\n".join(lines) + "\n")
    return tmp_path / "films", tmp_path / "splits"


@pytest.mark.parametrize(("part", "number"), [("train", 1), ("test", 0)])
def test_hmdb51_has_the_films_that_its_split_files_name(hmdb51, part, number):
    found = read_hmdb51(*hmdb51, part=part)
    assert found.classes == ("brush_hair", "wave")
    assert [(clip.path.relative_to(hmdb51[0]).as_posix(), clip.label) for clip in found.clips] == [
        (f"brush_hair/a film #{number}.avi", 0),
        (f"wave/a film #{number}.avi", 1),
    ]


def test_hmdb51_mistakes_are_named(hmdb51):
    films, splits = hmdb51
    with pytest.raises(ValueError, match="no part 'valid'"):
        read_hmdb51(films, splits, part="valid")
    with pytest.raises(FileNotFoundError, match=r"brush_hair_test_split2\.txt"):
        read_hmdb51(films, splits, fold=2)
    (films / "wave" / "a film #1.avi").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 films are absent, first .*a film #1\.avi"):
        read_hmdb51(films, splits)
    (splits / "wave_test_split1.txt").write_text("a film #0.avi 2\nnonsense\n")
    with pytest.raises(ValueError, match=r"'nonsense' .*wave_test_split1\.txt, line 2"):
        read_hmdb51(films, splits)
