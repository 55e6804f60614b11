"""Where results go, and that they get there whole or not at all."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqae._files import atomic_write
from seqae.cli.outputs import output_path, output_paths, refuse_to_overwrite, write_sequences, write_table


def test_in_a_folder_results_are_named_after_the_recordings(tmp_path: Path):
    found = output_paths(["a.csv", "b.2.csv.gz", ""], "scores", tmp_path, "parquet")
    assert [place.table.name for place in found] == [
        "a_scores.parquet",
        "b.2_scores.parquet",
        "recording_scores.parquet",
    ]
    assert found[0].beside("_events.csv") == tmp_path / "a_events.csv"


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_a_file_is_used_as_it_is_named(ending: str):
    (place,) = output_paths(["a.csv"], "scores", Path(f"x/mine{ending}"), None)
    assert place.table == Path(f"x/mine{ending}")
    assert place.beside("_events.json") == Path("x/mine_events.json")


def test_what_would_be_ambiguous_is_refused():
    with pytest.raises(ValueError, match="one file, for 2 recordings"):
        output_paths(["a", "b"], "scores", Path("x.csv"), None)
    with pytest.raises(ValueError, match="does not end in"):
        output_paths(["a"], "scores", Path("x.csv"), "parquet")
    with pytest.raises(ValueError, match="2 recordings are called run"):
        output_paths(["run.csv", "a.csv", "run.parquet"], "scores", Path("x"), None)


def test_nothing_is_overwritten_unasked_and_the_input_never(tmp_path: Path):
    old, new, source = tmp_path / "old.csv", tmp_path / "new.csv", tmp_path / "in.csv"
    old.touch()
    source.touch()
    refuse_to_overwrite([new], [source], overwrite=False)
    refuse_to_overwrite([old], [source], overwrite=True)
    with pytest.raises(FileExistsError, match="Add --overwrite"):
        refuse_to_overwrite([new, old], [source], overwrite=False)
    with pytest.raises(FileExistsError, match="is the input"):
        refuse_to_overwrite([tmp_path / "." / "in.csv"], [source], overwrite=True)


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_every_format_keeps_numbers_and_times(ending: str, tmp_path: Path):
    times = np.array(["2020-03-09T10:14:33.123456789", "2020-03-09T10:14:34"], dtype="datetime64[ns]")
    frame = pd.DataFrame({"time": times, "score": [0.1 + 0.2, np.nan], "alarm": [True, False]})
    path = tmp_path / "new" / f"table{ending}"
    write_table(frame, path)
    read = {
        ".csv": lambda: pd.read_csv(path),
        ".parquet": lambda: pd.read_parquet(path),
        ".jsonl": lambda: pd.read_json(path, lines=True),
    }[ending]()
    assert list(read.columns) == ["time", "score", "alarm"]
    np.testing.assert_array_equal(pd.to_datetime(read["time"]).dt.tz_localize(None).to_numpy("datetime64[ns]"), times)
    np.testing.assert_allclose(read["score"], frame["score"], rtol=1e-14)
    assert list(read["alarm"]) == [True, False]


def test_an_error_while_writing_leaves_the_old_file_and_no_other(tmp_path: Path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(OSError, match="disk full"), atomic_write(path) as temporary:
        temporary.write_text("half")
        raise OSError("disk full")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("files", "out", "format", "expected"),
    [
        (["a.csv"], ".", None, "a_codes.csv"),
        (["b/photos"], "new", None, "new/photos_codes.csv"),
        (["a.csv", "b.csv"], "new", "parquet", "new/codes.parquet"),
        (["a.tar.npz"], ".", None, "a.tar_codes.csv"),
        (["a.txt.gz"], ".", "jsonl", "a_codes.jsonl"),
        (["a.csv", "b.csv"], "mine.parquet", None, "mine.parquet"),
    ],
)
def test_the_only_result_is_named_after_the_only_input(files: list[str], out: str, format: str, expected: str):
    found = output_path([Path(file) for file in files], "codes", Path(out), format, (".csv", ".parquet", ".jsonl"))
    assert found.table == Path(expected)


def test_a_result_of_another_kind_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match=r"ends in \.npz\. Expected \.csv, \.jsonl for codes, or a folder"):
        output_path([Path("a")], "codes", Path("x.npz"), None, (".csv", ".jsonl"))
    with pytest.raises(ValueError, match=r"--format csv for frames"):
        output_path([Path("a")], "frames", Path(), "csv", (".npz",))
    with pytest.raises(ValueError, match="does not end in"):
        output_path([Path("a")], "codes", Path("x.csv"), "jsonl", (".csv", ".jsonl"))
    (tmp_path / "old.npz").mkdir()
    assert output_path([Path("a")], "codes", tmp_path / "old.npz", None, (".csv",)).table.name == "a_codes.csv"


def test_arrays_keep_names_types_and_shapes(tmp_path: Path):
    arrays = {"file": np.arange(3), "a/1": np.ones((2, 1, 2, 2), np.float32), "allow_pickle": np.zeros((1, 2))}
    write_sequences(arrays, tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz", allow_pickle=False) as found:
        assert found.files == list(arrays)
        for name, array in arrays.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)


def test_frames_are_no_table(tmp_path: Path):
    with pytest.raises(ValueError, match=r"steps of shape \(1, 2, 2\) for a table \(x.csv\). Write --out x.npz"):
        write_sequences({"a": np.ones((2, 1, 2, 2))}, tmp_path / "x.csv")


def test_texts_of_several_lines_are_no_lines(tmp_path: Path):
    with pytest.raises(ValueError, match=r"text 1 has several lines .* --out x.jsonl"):
        write_sequences({"0": "a", "1": "b\nc"}, tmp_path / "x.txt")
    assert list(tmp_path.iterdir()) == []
    write_sequences({"0": "a", "1": "b\nc"}, tmp_path / "x.jsonl")
    assert list(pd.read_json(tmp_path / "x.jsonl", lines=True)["text"]) == ["a", "b\nc"]
