"""Files in the format of the UCR and UEA archives."""

from pathlib import Path

import numpy as np
import pytest

from seqae.data import as_recordings, read_ts, read_ts_file

HEADER = "# a comment\n@problemName waves\n@classLabel true up down\n@data\n"


def test_every_line_is_a_sequence_with_a_label(tmp_path: Path):
    path = tmp_path / "waves.ts"
    path.write_text(HEADER + "1,2,3:4,?,6:up\n7:8:down\n")
    found = read_ts_file(path)
    np.testing.assert_array_equal(found.sequences[0], [[1, 4], [2, np.nan], [3, 6]])
    np.testing.assert_array_equal(found.sequences[1], [[7, 8]])
    assert found.labels.tolist() == ["up", "down"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"@data\n1,x:up\n", r"waves\.ts, line 2"),
        (b"1,2:up\n", r"waves\.ts has no cases.*after a line '@data'"),
        (b"@data\n\xff\xfe", r"no text in UTF-8 \(.*waves\.ts"),
    ],
)
def test_what_is_no_such_file_is_named(content: bytes, text: str, tmp_path: Path):
    (tmp_path / "waves.ts").write_bytes(content)
    with pytest.raises(ValueError, match=text):
        read_ts_file(tmp_path / "waves.ts")


COLUMNS = "1\t0.1\t0.2\tNaN\n-1\t0.3\tNaN\t0.5\n"
FLAT = "@relation Beats\n@attribute a1 numeric\n% a comment\n@attribute target {1,-1}\n@data\n"
RELATION = "@relation Beats\n@attribute r relational\n@end r\n@attribute target {1,-1}\n@data\n"


@pytest.mark.parametrize(
    ("ending", "content"),
    [
        (".tsv", COLUMNS),
        (".txt", "  1.0000000e+00   0.1   0.2   NaN\n -1.0000000e+00   0.3   NaN   0.5\n"),
        (".arff", FLAT + "0.1,0.2,?,1\n0.3,?,0.5,-1\n"),
    ],
)
def test_the_archive_is_read_in_all_of_its_formats(tmp_path: Path, ending: str, content: str):
    for part in ("TRAIN", "TEST"):
        (tmp_path / f"Beats_{part}{ending}").write_text(content)
    found, _ = read_ts(tmp_path, "Beats")
    np.testing.assert_array_equal(found.sequences[0][:2], np.float32([[0.1], [0.2]]))
    np.testing.assert_array_equal(found.sequences[1], np.float32([[0.3], [np.nan], [0.5]]))
    assert found.labels.tolist() == ["1", "-1"]


def test_an_attribute_of_several_channels_has_a_line_for_each(tmp_path: Path):
    (tmp_path / "Beats_TRAIN.arff").write_text(RELATION + "'1,2,3\\n4,?,6',1\n\"7\\n8\",-1\n")
    found = read_ts_file(tmp_path / "Beats_TRAIN.arff")
    np.testing.assert_array_equal(found.sequences[0], [[1, 4], [2, np.nan], [3, 6]])
    np.testing.assert_array_equal(found.sequences[1], [[7, 8]])
    assert found.labels.tolist() == ["1", "-1"]


def test_a_set_of_another_format_is_named(tmp_path: Path):
    (tmp_path / "Beats_TRAIN.csv").write_text("1,0.1,0.2\n")
    with pytest.raises(
        FileNotFoundError, match=r"no Beats_TRAIN\.ts.* but Beats_TRAIN\.csv, whose format is not known"
    ):
        read_ts(tmp_path, "Beats")


def test_a_set_is_not_taken_for_readings_of_sensors(tmp_path: Path):
    (tmp_path / "Beats_TRAIN.tsv").write_text(COLUMNS.replace("NaN", "0.7"))
    with pytest.raises(ValueError, match=r"Beats_TRAIN\.tsv seems to be a set .* Read it with read_ts\(folder, name\)"):
        as_recordings(tmp_path / "Beats_TRAIN.tsv")
    (tmp_path / "pump_TRAIN.tsv").write_text("a\tb\tc\n1\t2\t3\n4\t5\t7\n")
    assert as_recordings(tmp_path / "pump_TRAIN.tsv")[0].channels == ("a", "b", "c")
