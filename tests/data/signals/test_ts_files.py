"""Files in the format of the UCR and UEA archives."""

from pathlib import Path

import numpy as np
import pytest

from seqae.data import read_ts_file

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
        (b"1,2:up\n", r"waves\.ts has no cases after a line '@data'"),
        (b"@data\n\xff\xfe", r"no text in UTF-8 \(.*waves\.ts"),
    ],
)
def test_what_is_no_such_file_is_named(content: bytes, text: str, tmp_path: Path):
    (tmp_path / "waves.ts").write_bytes(content)
    with pytest.raises(ValueError, match=text):
        read_ts_file(tmp_path / "waves.ts")
