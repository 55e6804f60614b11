"""Recordings of one's own."""

import numpy as np
import pytest

from seqae.data import Audio, audio_files, read_normal_and_new


def test_new_recordings_are_all_for_the_test(tmp_path):
    for name, count in (("normal", 10), ("new", 3)):
        (tmp_path / name).mkdir()
        for number in range(count):
            Audio(np.zeros(100, np.float32), 8000).write(tmp_path / name / f"{number}.ogg")
    clips = read_normal_and_new(tmp_path / "normal", tmp_path / "new")
    parts = [(clip.label, clip.part) for clip in clips]
    assert [parts.count(each) for each in (("normal", "train"), ("normal", "test"), ("new", "test"))] == [8, 2, 3]
    assert all(len(clip.audio()) for clip in clips)
    with pytest.raises(FileNotFoundError, match="3 normal recordings"):
        read_normal_and_new(tmp_path / "new", tmp_path / "normal")
    with pytest.raises(ValueError, match="no folder of new recordings"):
        read_normal_and_new(tmp_path / "normal", "")


def test_ogg_is_found_by_its_other_name(tmp_path):
    Audio(np.zeros(100, np.float32), 8000).write(tmp_path / "a.ogg").rename(tmp_path / "a.oga")
    assert audio_files(tmp_path) == [tmp_path / "a.oga"]
