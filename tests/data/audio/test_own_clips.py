"""Recordings of one's own."""

import numpy as np
import pytest

from seqae.data import Audio, audio_files, read_normal_and_new, read_word_folder


def silence(folder, counts, ending="ogg"):
    """Write so many recordings into each folder."""
    for name, count in counts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Audio(np.zeros(100, np.float32), 8000).write(folder / name / f"{number}.{ending}")


def test_new_recordings_are_all_for_the_test(tmp_path):
    silence(tmp_path, {"normal": 10, "new": 3})
    clips = read_normal_and_new(tmp_path)
    parts = [(clip.label, clip.part) for clip in clips]
    assert [parts.count(each) for each in (("normal", "train"), ("normal", "test"), ("new", "test"))] == [8, 2, 3]
    assert all(len(clip.audio()) for clip in clips)


@pytest.mark.parametrize(
    ("counts", "message"),
    [({"normal": 3, "new": 1}, r"3 files in '.*normal'"), ({"normal": 5, "new": 0}, r"no file in '.*new'")],
)
def test_too_few_recordings_are_refused_with_what_the_folder_must_look_like(tmp_path, counts, message):
    silence(tmp_path, counts)
    with pytest.raises(FileNotFoundError, match=message + r".* Expected FOLDER/normal with five recordings or more"):
        read_normal_and_new(tmp_path)


@pytest.mark.parametrize(("above", "speakers"), [([""], {""}), (["ann/", "bob/"], {"ann", "bob"})])
def test_folders_are_words_and_those_above_speakers(tmp_path, above, speakers):
    silence(tmp_path, {f"{speaker}{word}": 5 for speaker in above for word in ("on", "off", "stop")})
    clips = read_word_folder(tmp_path)
    assert {clip.speaker for clip in clips} == speakers and len(clips) == 15 * len(above)
    for word in ("on", "off", "stop"):
        assert [clip.part for clip in clips if clip.label == word].count("test") == len(above)


def test_words_are_refused_that_are_few_or_lie_elsewhere(tmp_path):
    silence(tmp_path, {"on": 5, "off": 5})
    with pytest.raises(
        FileNotFoundError, match=r"2 words in .*, and 5 recordings of .*Expected five .*FOLDER/WORD/NAME"
    ):
        read_word_folder(tmp_path)
    silence(tmp_path, {"ann/stop": 1})
    with pytest.raises(ValueError, match=r"lies elsewhere than the others \(.*\)\. Expected five"):
        read_word_folder(tmp_path)


def test_ogg_is_found_by_its_other_name(tmp_path):
    Audio(np.zeros(100, np.float32), 8000).write(tmp_path / "a.ogg").rename(tmp_path / "a.oga")
    (tmp_path / "._a.oga").write_bytes(b"what macOS leaves")
    assert audio_files(tmp_path) == [tmp_path / "a.oga"]
