"""Every command on every kind of file, beside what Python gives for the same sequences."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import seqae
from seqae.cli import main
from seqae.cli.file_names import in_order
from seqae.cli.inputs import KINDS, FileOptions, read_inputs
from seqae.data import read_audio, read_video

RNG = np.random.default_rng(0)
READINGS = [RNG.normal(size=(5 + index % 3, 2)) for index in range(6)]
TEXTS = ["a cat sat", "a dog ran far", "the cat ran", "the dog sat"]
FRAMES = [RNG.integers(0, 255, size=(2 + index % 2, 1, 16, 16), dtype=np.uint8) for index in range(4)]


def write_tables(folder: Path) -> None:
    folder.mkdir()
    for index, rows in enumerate(READINGS):
        frame = pd.DataFrame(rows, columns=["flow", "pressure"])
        ending = (".csv", ".parquet", ".jsonl")[index % 3]
        path = folder / f"run{index}{ending}"
        if ending == ".csv":
            frame.to_csv(path, index=False)
        elif ending == ".parquet":
            frame.to_parquet(path, index=False)
        else:
            frame.to_json(path, orient="records", lines=True, double_precision=15)


def write_npz(path: Path) -> None:
    np.savez(path, **{f"run{index}": rows for index, rows in enumerate(READINGS)})


def write_npy(path: Path) -> None:
    cube = np.full((len(READINGS), 9, 2), np.nan)
    for row, rows in zip(cube, READINGS):
        row[: len(rows)] = rows
    np.save(path, cube)


def write_ts(path: Path) -> None:
    lines = [":".join(",".join(map(repr, column.tolist())) for column in rows.T) for rows in READINGS]
    path.write_text("@problemName x\n@data\n" + "".join(f"{line}:{'ab'[n % 2]}\n" for n, line in enumerate(lines)))


def write_texts(path: Path) -> None:
    path.write_text("\n\n".join(TEXTS) + "\n", encoding="utf-8")


def write_audio(folder: Path) -> None:
    folder.mkdir()
    for index in range(3):
        samples = np.sin(np.arange(800 + 160 * index) * (index + 1) / 9)
        seqae.data.Audio(samples, 8000).write(folder / f"tone{index}{('.wav', '.flac', '.ogg')[index]}")


def write_video(path: Path, frames: np.ndarray) -> None:
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[2:], "yuv420p"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.repeat(frame[0][:, :, None], 3, axis=2), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def write_videos(folder: Path) -> None:
    folder.mkdir()
    for index, frames in enumerate(FRAMES):
        write_video(folder / f"clip{index}.mp4", frames)


def write_images(folder: Path) -> None:
    from PIL import Image

    folder.mkdir()
    for index, frames in enumerate(FRAMES):
        Image.fromarray(frames[0, 0]).save(folder / f"photo{index}.png")


def write_folders_of_images(folder: Path) -> None:
    from PIL import Image

    for index, frames in enumerate(FRAMES):
        (folder / f"clip{index}").mkdir(parents=True)
        for number, frame in enumerate(frames):
            Image.fromarray(frame[0]).save(folder / f"clip{index}" / f"{number + 9}.png")  # 9, 10: not as text sorts


def in_python(name: str, path: Path) -> list[Any]:
    """The sequences in a file or folder, for Python."""
    match name:
        case "week":
            return [pd.DataFrame(rows, columns=["flow", "pressure"]) for rows in READINGS]
        case "reviews.txt":
            return TEXTS
        case "tones":
            return [read_audio(each) for each in sorted(path.iterdir())]
        case "clips":
            return [read_video(each, size=(8, 8), grey=True).numpy() for each in sorted(path.iterdir())]
        case "photos":
            return [frames[:1] for frames in FRAMES]
        case "frames":
            return FRAMES
        case "set.ts":
            return [rows.astype(np.float32) for rows in READINGS]
    return READINGS


# For each what writes it, options of fit, and the endings of what decode and reconstruct write.
FILES: dict[str, tuple[Callable[[Path], None], list[str], str, str]] = {
    "week": (write_tables, [], ".csv", ""),
    "runs.npz": (write_npz, [], ".npz", ".npz"),
    "runs.npy": (write_npy, ["--architecture", "conv"], ".npz", ".npz"),
    "set.ts": (write_ts, ["--architecture", "lstm"], ".npz", ".npz"),
    "reviews.txt": (write_texts, ["--architecture", "attention"], ".txt", ".txt"),
    "tones": (write_audio, [], ".npz", ".npz"),
    "clips": (write_videos, ["--size", "8", "8", "--grey"], ".npz", ".npz"),
    "photos": (write_images, [], ".npz", ".npz"),
    "frames": (write_folders_of_images, [], ".npz", ".npz"),
}


@pytest.fixture(scope="module", params=FILES)
def fitted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A kind of file, and the folder with the file and the model that `seqae fit` made of it."""
    name = request.param
    write, options, *_ = FILES[name]
    folder = tmp_path_factory.mktemp("kind")
    write(folder / name)
    small = ["--epochs", "1", "--code-size", "3", "--hidden-size", "8"]
    main(["fit", str(folder / name), *small, *options, "-o", str(folder / "model")])
    return name, folder


def same(found: Any, expected: Any) -> None:
    if isinstance(expected, str):
        assert found == expected
    else:
        np.testing.assert_allclose(found, np.reshape(expected, np.shape(found)), rtol=1e-4, atol=1e-5)


def written(path: Path, count: int) -> list[Any]:
    """The sequences in the file that a command wrote."""
    if path.suffix == ".txt":
        return path.read_text(encoding="utf-8").split("\n")[:count]
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return [arrays[name] for name in arrays.files]
    table = pd.read_csv(path)
    return [rows.drop(columns=["name", "step"]).to_numpy() for _, rows in table.groupby("name", sort=False)]


def test_codes_are_those_of_python(fitted: tuple[str, Path], command: Callable, monkeypatch: pytest.MonkeyPatch):
    name, folder = fitted
    monkeypatch.chdir(folder)
    done = command("encode", "model", name, "--overwrite")
    assert (done.code, done.err) == (0, "")
    table = pd.read_csv(folder / f"{name.partition('.')[0]}_codes.csv")
    sequences = in_python(name, folder / name)
    same(table.filter(like="code_").to_numpy(), seqae.load(folder / "model").encode(sequences))
    assert table["name"].is_unique
    if name not in ("reviews.txt", "tones"):
        assert list(table["length"]) == list(map(len, sequences))


def test_decoded_codes_are_the_reconstructions(
    fitted: tuple[str, Path], command: Callable, monkeypatch: pytest.MonkeyPatch
):
    name, folder = fitted
    monkeypatch.chdir(folder)
    estimator, sequences = seqae.load(folder / "model"), in_python(name, folder / name)
    for ending in (".parquet", ".jsonl", ".csv"):
        assert command("encode", "model", name, "--out", f"codes{ending}", "--overwrite").code == 0
        done = command("decode", "model", f"codes{ending}", "--overwrite")
        assert (done.code, done.err) == (0, "")
        found = written(folder / f"codes_decoded{FILES[name][2]}", len(sequences))
        told = None if name in ("reviews.txt", "tones") else list(map(len, sequences))
        for one, other in zip(found, estimator.decode(estimator.encode(sequences), told), strict=True):
            same(one, other)
    if told is not None:
        for one, other in zip(found, estimator.reconstruct(sequences), strict=True):
            same(one, other)


def test_reconstructions_are_those_of_python(
    fitted: tuple[str, Path], command: Callable, monkeypatch: pytest.MonkeyPatch
):
    name, folder = fitted
    monkeypatch.chdir(folder)
    done = command("reconstruct", "model", name, "--out", "results")
    assert (done.code, done.err) == (0, "")
    expected = seqae.load(folder / "model").reconstruct(in_python(name, folder / name))
    if FILES[name][3]:
        found = written(folder / "results" / f"{name.partition('.')[0]}_reconstruction{FILES[name][3]}", len(expected))
    else:
        tables = [pd.read_csv(path) for path in in_order((folder / "results").iterdir())]
        assert all(list(table.columns) == ["row", "flow", "pressure"] for table in tables)
        found = [table[["flow", "pressure"]].to_numpy() for table in tables]
    for one, other in zip(found, expected, strict=True):
        same(one, other)


def test_scores_are_those_of_python(fitted: tuple[str, Path], command: Callable, monkeypatch: pytest.MonkeyPatch):
    name, folder = fitted
    monkeypatch.chdir(folder)
    done = command("score", "model", name, "--out", "scores.csv", "--json")
    assert done.code == 0
    estimator, sequences = seqae.load(folder / "model"), in_python(name, folder / name)
    report = json.loads(done.printed)
    scores = estimator.score_samples(sequences)
    same(pd.read_csv(folder / "scores.csv")["score"], scores)
    assert report["score"]["mean"] == pytest.approx(scores.mean(), rel=1e-5)
    assert report[estimator.report_.metric.lower()] == pytest.approx(estimator.score(sequences), abs=1e-4)
    assert report["written"] == ["scores.csv"]


def test_inspect_tells_kind_code_size_and_what_was_learnt(fitted: tuple[str, Path], command: Callable):
    _, folder = fitted
    found = json.loads(command("inspect", str(folder / "model"), "--json").printed)
    estimator = seqae.load(folder / "model")
    assert (found["kind"], found["code_size"]) == ("SequenceAutoencoder", 3)
    assert (found["sequences"], found["architecture"]) == (estimator.kind_, estimator.architecture)
    assert found["metrics"] == pytest.approx(estimator.report_.metrics())
    assert found["parameters"] == sum(weights.numel() for weights in estimator.model_.parameters())
    assert f"code size {3}\n" in command("inspect", str(folder / "model")).out


def test_a_kind_that_the_model_does_not_read_is_one_line(fitted: tuple[str, Path], tmp_path: Path, command: Callable):
    name, folder = fitted
    other = "runs.npz" if name == "reviews.txt" else "reviews.txt"
    FILES[other][0](tmp_path / other)
    done = command("encode", str(folder / "model"), str(tmp_path / other), "--out", str(tmp_path))
    assert done.code == 2
    assert done.err.startswith(f"error: {other} holds {'arrays' if other == 'runs.npz' else 'texts'}. Expected ")
    assert done.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [tmp_path / other]


def test_tables_are_cut_in_windows_each_with_its_first_row_and_time(
    tmp_path: Path, command: Callable, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    times = pd.date_range("2024-01-01", periods=50, freq="s").to_series().reset_index(drop=True)
    times[23:] += pd.Timedelta("1h")  # no window spans the missing hour
    pd.DataFrame({"time": times, "flow": np.sin(np.arange(50.0))}).to_csv("pump.csv", index=False)
    small = ["--window", "10", "--epochs", "1", "--hidden-size", "4", "--code-size", "2"]
    done = command("fit", "pump.csv", *small, "-o", "model")
    assert "tables: 1 of 50 rows and 1 channels (flow), cut in windows of 10 rows\n" in done.out
    assert command("encode", "model", "pump.csv").code == 0
    table = pd.read_csv("pump_codes.csv")
    assert list(table.columns) == ["name", "row", "time", "length", "code_0", "code_1"]
    assert list(table["row"]) == [0, 10, 20, 23, 33, 43]
    assert list(table["length"]) == [10, 10, 3, 10, 10, 7]
    assert table["time"][3] == "2024-01-01 01:00:23"
    estimator = seqae.load(tmp_path / "model")
    same(table[["code_0", "code_1"]].to_numpy(), estimator.encode(pd.read_csv("pump.csv", parse_dates=["time"])))
    assert command("reconstruct", "model", "pump.csv").code == 0
    assert len(pd.read_csv("pump_reconstruction.csv")) == 50


def test_no_input_is_overwritten_also_in_a_folder(fitted: tuple[str, Path], command: Callable):
    name, folder = fitted
    inputs = [folder / name, *(folder / name).glob("*.*")]
    before = {path: path.read_bytes() for path in inputs if path.is_file()}
    for path in before:
        done = command("encode", str(folder / "model"), str(folder / name), "--out", str(path), "--overwrite")
        assert done.code == 2
        assert path.name in done.err
    assert {path: path.read_bytes() for path in before} == before


def test_arrays_are_cut_in_windows_too(tmp_path: Path, command: Callable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    long = [np.sin(np.arange(length))[:, None] for length in (25, 12)]
    np.savez("long.npz", one=long[0], two=long[1])
    small = ["--window", "10", "--epochs", "1", "--hidden-size", "4", "--code-size", "2"]
    assert command("fit", "long.npz", *small, "-o", "model").code == 0
    assert all(command(name, "model", "long.npz").code == 0 for name in ("encode", "score", "reconstruct"))
    table = pd.read_csv("long_codes.csv")
    assert list(zip(table["name"], table["row"])) == [("one", 0), ("one", 10), ("one", 20), ("two", 0), ("two", 10)]
    same(table[["code_0", "code_1"]].to_numpy(), seqae.load(tmp_path / "model").encode(long))
    assert list(map(len, written(tmp_path / "long_reconstruction.npz", 2))) == [25, 12]


def test_a_model_of_frames_reads_arrays_and_scales_images_to_its_size(
    tmp_path: Path, command: Callable, monkeypatch: pytest.MonkeyPatch
):
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    np.savez("clips.npz", **{f"clip{index}": frames for index, frames in enumerate(FRAMES)})
    assert command("fit", "clips.npz", "--epochs", "1", "--hidden-size", "4", "-o", "model").code == 0
    Image.fromarray(np.repeat(np.repeat(FRAMES[0][0, 0], 2, axis=0), 2, axis=1)).convert("RGB").save("large.png")
    assert command("encode", "model", "clips.npz", "large.png").err == (
        "error: clips.npz holds arrays, large.png videos. Expected files of one kind. Give those alone, for example "
        "./*.npz\n"
    )
    assert all(command("encode", "model", path).code == 0 for path in ("clips.npz", "large.png"))
    codes = [pd.read_csv(f"{name}_codes.csv").filter(like="code_").to_numpy() for name in ("clips", "large")]
    same(codes[0], seqae.load(tmp_path / "model").encode(FRAMES))
    assert codes[1].shape == (1, 16)
    done = command("encode", "model", "clips.npz", "--ignore", "label", "--overwrite")
    assert done.err == "error: --ignore is for tables, and these are arrays. Leave it out\n"


def test_ids_of_tokens_are_read_from_arrays(tmp_path: Path, command: Callable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    tokens = [np.arange(index % 4 + 2) for index in range(4)]
    np.savez("tokens.npz", **{f"t{index}": ids for index, ids in enumerate(tokens)})
    assert command("fit", "tokens.npz", "--tokens", "--epochs", "1", "--hidden-size", "4", "-o", "model").code == 0
    assert command("reconstruct", "model", "tokens.npz").code == 0
    expected = seqae.load(tmp_path / "model").reconstruct(tokens)
    for one, other in zip(written(tmp_path / "tokens_reconstruction.npz", 4), expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", FILES)
def test_files_are_read_by_the_endings_of_their_names(name: str, tmp_path: Path):
    write, _, *_ = FILES[name]
    write(tmp_path / name)
    grey = name == "clips"
    found = read_inputs([tmp_path / name], FileOptions(size=(8, 8) if grey else (), grey=grey))
    assert found.kind in KINDS
    for one, other in zip(found.items, in_python(name, tmp_path / name), strict=True):
        same(*((each.samples if found.kind == "audio" else getattr(each, "values", each)) for each in (one, other)))
    assert str(found).startswith(f"{KINDS[found.kind].sequences}: {len(found.items)}")
