"""Labelled sets in the layouts in which they are published, in miniature."""

import io
import tarfile
import time

import numpy as np
import pytest

pytest.importorskip("soundfile")

from seqae.data._files import archives
from seqae.data.audio.files import Audio
from seqae.data.audio.speech_sets import read_clips
from seqae.data.audio.synthetic import synthetic_words


def put(path, number=0):
    Audio(np.full(20, number / 100), 8000).write(path)
    return path


def fsdd(folder):
    for digit, speaker, index in ((0, "jackson", 0), (0, "jackson", 5), (7, "theo", 4), (7, "theo", 49)):
        put(folder / "recordings" / f"{digit}_{speaker}_{index}.wav", index)
    return folder


def summary(clips):
    return [(clip.name, clip.label, clip.speaker, clip.part) for clip in clips]


FSDD = [
    ("0_jackson_0.wav", "0", "jackson", "test"),
    ("0_jackson_5.wav", "0", "jackson", "train"),
    ("7_theo_4.wav", "7", "theo", "test"),
    ("7_theo_49.wav", "7", "theo", "train"),
]


def test_fsdd_has_its_official_split(tmp_path):
    put(fsdd(tmp_path) / "other.wav")
    clips = read_clips("fsdd", tmp_path)
    assert summary(clips) == FSDD
    np.testing.assert_allclose(clips[3].audio().samples, 0.49, atol=2**-15)


@pytest.mark.parametrize("kind", ["xz", "gz", ""])
def test_packed_fsdd_is_read_without_writing(tmp_path, kind):
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / f"recordings.tar{kind and '.'}{kind}"
    with tarfile.open(path, f"w:{kind}") as archive:
        archive.add(fsdd(tmp_path / "loose") / "recordings", "recordings")
    clips = read_clips("fsdd", tmp_path / "data")
    assert summary(clips) == FSDD
    np.testing.assert_allclose(clips[3].audio().samples, 0.49, atol=2**-15)
    assert [path.name for path in (tmp_path / "data").iterdir()] == [path.name]


def sparse(name: str, size: int, written: bytes) -> tuple[tarfile.TarInfo, io.BytesIO]:
    """Return a sparse file as GNU tar writes it: of its size, only the beginning is written."""
    content = f"1\n0\n{len(written)}\n".encode().ljust(512, b"\0") + written
    member = tarfile.TarInfo(f"recordings/{name}")
    member.size = len(content)
    member.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(size)}
    return member, io.BytesIO(content)


def packed_sparse(folder, sizes):
    with tarfile.open(folder / "recordings.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        for number, size in enumerate(sizes):
            archive.addfile(*sparse(f"{number}_jackson_0.wav", size, put(folder / "x.wav").read_bytes()))
    (folder / "x.wav").unlink()
    return folder


@pytest.mark.parametrize("sizes", [[10**15], [700_000, 700_000]])
def test_sparse_recordings_count_by_what_would_be_written(tmp_path, monkeypatch, sizes):
    monkeypatch.setattr(archives, "ROOM", 2**20)
    start = time.process_time()
    with pytest.raises(ValueError, match=r"_jackson_0\.wav unpacks to more than [\d,]+ bytes"):
        read_clips("fsdd", packed_sparse(tmp_path, sizes))
    assert time.process_time() - start < 5


def test_a_small_sparse_recording_is_read(tmp_path):
    (clip,) = read_clips("fsdd", packed_sparse(tmp_path, [700]))
    assert clip.label == "0"


@pytest.mark.parametrize("kind", ["xz", "gz"])
def test_a_cut_archive_is_named(tmp_path, kind):
    path = tmp_path / f"recordings.tar.{kind}"
    with tarfile.open(path, f"w:{kind}") as archive:
        archive.add(fsdd(tmp_path / "loose") / "recordings", "recordings")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for loose in (tmp_path / "loose").rglob("*.wav"):
        loose.unlink()
    with pytest.raises(ValueError, match=r"damaged archive .*Get it again") as caught:
        read_clips("fsdd", tmp_path)
    assert "\n" not in str(caught.value)


def esc(folder):
    rows = [("1-100032-A-0.wav", 1, 0, "dog", True, 100032), ("5-9032-A-10.wav", 5, 10, "rain", True, 9032)]
    rows.append(("3-1-A-4.wav", 3, 4, "frog", False, 1))
    lines = ["filename,fold,target,category,esc10,src_file,take", *[",".join(map(str, (*row, "A"))) for row in rows]]
    home = folder / "ESC-50-master"
    for name, *_ in rows:
        put(home / "audio" / name)
    (home / "meta").mkdir()
    (home / "meta" / "esc50.csv").write_text("\n".join(lines) + "\n")
    return home


def test_esc_has_its_folds_and_its_ten_classes(tmp_path):
    esc(tmp_path)
    dog, frog, rain = read_clips("esc-50", tmp_path)
    assert (dog.label, dog.part, dog.speaker) == ("dog", "1", "100032")
    assert (frog.label, frog.part, rain.part) == ("frog", "3", "5")
    assert [clip.label for clip in read_clips("esc-10", tmp_path)] == ["dog", "rain"]
    assert len(dog.audio()) == 20


def speech_commands(folder):
    home = folder / "SpeechCommands" / "speech_commands_v0.02"
    for name in ("yes/0a_nohash_0.wav", "yes/0b_nohash_1.wav", "no/0a_nohash_0.wav", "_background_noise_/hum.wav"):
        put(home / name)
    (home / "validation_list.txt").write_text("yes/0b_nohash_1.wav\n")
    (home / "testing_list.txt").write_text("no/0a_nohash_0.wav\n")
    return home


def test_speech_commands_have_their_lists_and_no_noise(tmp_path):
    speech_commands(tmp_path)
    assert summary(read_clips("speech-commands", tmp_path)) == [
        ("no/0a_nohash_0.wav", "no", "0a", "test"),
        ("yes/0a_nohash_0.wav", "yes", "0a", "train"),
        ("yes/0b_nohash_1.wav", "yes", "0b", "valid"),
    ]


def test_the_layout_of_torchaudio_is_the_one_that_torchaudio_reads(tmp_path):
    datasets = pytest.importorskip("torchaudio.datasets")
    speech_commands(tmp_path)
    theirs = datasets.SPEECHCOMMANDS(tmp_path, subset="testing")
    rate, label, speaker = (theirs.get_metadata(0)[place] for place in (1, 2, 3))
    (ours,) = [clip for clip in read_clips("speech-commands", tmp_path) if clip.part == "test"]
    assert (len(theirs), rate, label, speaker) == (1, 16000, ours.label, ours.speaker)


def test_a_list_that_names_absent_recordings_is_named(tmp_path):
    (esc(tmp_path) / "audio" / "3-1-A-4.wav").unlink()
    with pytest.raises(ValueError, match=r"esc50.csv names 3-1-A-4.wav, which is not there"):
        read_clips("esc-50", tmp_path)
    (speech_commands(tmp_path) / "yes" / "0b_nohash_1.wav").unlink()
    with pytest.raises(ValueError, match=r"validation_list.txt names 0b_nohash_1.wav"):
        read_clips("speech-commands", tmp_path)


def test_absent_and_unknown_sets_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no fsdd in .*Get .*github.com/Jakobovski"):
        read_clips("fsdd", tmp_path)
    with pytest.raises(ValueError, match=r"'fssd'.*fsdd, esc-50"):
        read_clips("fssd", tmp_path)


def test_made_words_differ_by_word_and_by_voice():
    clips = synthetic_words(voices=2, takes=3)
    assert len(clips) == 60 and {clip.part for clip in clips} == {"train", "test"}
    assert len({len(clip.audio()) for clip in clips}) > 30
    again = synthetic_words(voices=2, takes=3)
    for one, other in zip(clips, again):
        np.testing.assert_array_equal(one.audio().samples, other.audio().samples)
        assert 0.05 < np.abs(one.audio().samples).max() <= 1
