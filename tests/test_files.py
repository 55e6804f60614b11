import os
import signal
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from no_files import NO_FILES, make
from seqae._files import append_to_file, atomic_write, create_file, only_files, open_file, read_file, write_atomically
from seqae.anomaly.events import read_events_csv, read_events_json
from seqae.data.audio.files import audio_files, read_audio
from seqae.data.images.masks import read_masked_images
from seqae.data.signals.loading import as_recordings
from seqae.data.signals.options_file import read_options
from seqae.data.signals.overview import overview
from seqae.data.signals.ts_files import read_ts_file
from seqae.data.text.files import read_texts
from seqae.data.video.files import read_video

posix = pytest.mark.skipif(os.name != "posix", reason="pipes and sockets have names on POSIX alone")


@pytest.fixture(autouse=True)
def in_time():
    """Fail a test whose reader waits, which it would do for ever."""
    if os.name == "posix":
        signal.signal(signal.SIGALRM, lambda *_: pytest.fail("waits"))
        signal.alarm(300)
    yield
    if os.name == "posix":
        signal.alarm(0)


def test_folders_are_made_and_nothing_else_is_left(tmp_path):
    path = write_atomically(tmp_path / "a" / "b" / "page.html", b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = write_atomically(tmp_path / "page.html", b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "not bytes")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_not_overwritten(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder"):
        write_atomically(tmp_path, b"")


def test_permissions_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        path = write_atomically(tmp_path / "page.html", b"")
    finally:
        os.umask(before)
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o640


@posix
@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_not_opened(tmp_path, kind):
    path = make(kind, tmp_path / "readings.csv")
    for read in (open_file, read_file):
        with pytest.raises((ValueError, OSError), match=f"readings.csv is a {'link' if 'link' in kind else kind}"):
            read(path)


@posix
@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize(
    ("name", "read"),
    [
        *((f"a{ending}", as_recordings) for ending in (".csv", ".jsonl", ".npy", ".npz", ".mat", ".h5", ".nc", ".edf")),
        *((f"a{ending}", as_recordings) for ending in (".parquet", ".feather", ".xlsx", ".ods", ".tdms", ".mf4")),
        ("a.csv", overview),
        ("a.toml", read_options),
        ("a.ts", read_ts_file),
        ("a.txt", read_texts),
        ("a.wav", read_audio),
        ("a.json", read_events_json),
        ("a.csv", read_events_csv),
        ("a.zip", read_masked_images),
        *((f"a{ending}", read_video) for ending in (".mp4", ".npy", ".zip", ".png")),
    ],
)
def test_no_reader_waits_for_what_is_no_file(tmp_path, kind, name, read):
    with pytest.raises((ValueError, OSError)) as refused:
        read(make(kind, tmp_path / name))
    assert str(tmp_path / name) in str(refused.value) or name in str(refused.value)


@posix
@pytest.mark.parametrize("kind", ["pipe", "dangling link"])
@pytest.mark.parametrize(("ending", "read"), [(".csv", as_recordings), (".wav", audio_files), (".png", read_video)])
def test_a_folder_is_not_read_without_one_of_its_files(tmp_path, kind, ending, read):
    (tmp_path / f"a{ending}").write_bytes(b"x\n1\n2\n")
    make(kind, tmp_path / f"b{ending}")
    with pytest.raises((ValueError, FileNotFoundError), match=f"b{ending} is a"):
        read(tmp_path)


def test_folders_named_like_files_are_no_files(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n2\n")
    (tmp_path / "b.csv").mkdir()
    assert only_files([tmp_path / "a.csv", tmp_path / "b.csv"]) == [tmp_path / "a.csv"]
    assert len(as_recordings(tmp_path)) == 1


def test_a_file_that_grows_is_read_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "log.csv"
    path.write_bytes(b"x\n1\n")
    size_of = os.fstat

    def grown(descriptor: int) -> os.stat_result:
        found = size_of(descriptor)
        with path.open("ab") as file:
            file.write(b"2\n")
        return found

    monkeypatch.setattr(os, "fstat", grown)
    assert read_file(path).startswith(b"x\n1\n") and len(read_file(path)) < path.stat().st_size


def test_a_file_that_is_cut_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "log.csv"
    path.write_bytes(b"x" * 100)
    size_of, looks = os.fstat, []

    def cut(descriptor: int) -> os.stat_result:
        found = size_of(descriptor)
        looks.append(found)
        os.truncate(path, 50 if len(looks) == 2 else 100)  # first the kind is looked at, then the size
        return found

    monkeypatch.setattr(os, "fstat", cut)
    with pytest.raises(ValueError, match="was cut from 100 to 50 bytes"):
        read_file(path)


def test_no_more_is_read_than_allowed(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_file(tmp_path / "a", 5) == b"12345"
    with pytest.raises(ValueError, match="more than 4 bytes"):
        read_file(tmp_path / "a", 4)


@posix
def test_writing_follows_no_link(tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"old")
    for number, write in enumerate((partial(write_atomically, content=b"new"), lambda path: create_file(path).close())):
        for target in (other, tmp_path / "absent"):
            link = tmp_path / f"link-{number}-{target.name}"
            link.symlink_to(target)
            write(link)
            assert not link.is_symlink() and other.read_bytes() == b"old" and not (tmp_path / "absent").exists()
    link.unlink()
    link.symlink_to(other)
    with pytest.raises(OSError, match=link.name):
        append_to_file(link)


@posix
@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_what_is_no_file_is_not_replaced(tmp_path, kind):
    path = make(kind, tmp_path / "page.html")
    before = path.lstat()
    with pytest.raises(ValueError, match=f"page.html is a {kind}"):
        write_atomically(path, b"new")
    assert path.lstat() == before and list(tmp_path.iterdir()) == [path]


@posix
def test_leftovers_of_killed_writers_go_with_the_next_write(tmp_path):
    script = (
        "import os, sys; from seqae._files import atomic_write\n"
        "with atomic_write(sys.argv[1]) as staged: staged.write_bytes(b'half'); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path / "a.csv")], check=False)
    assert killed.returncode == -signal.SIGKILL
    (leftover,) = tmp_path.iterdir()
    (tmp_path / ".part-00000.crc").touch()  # of Hadoop
    with atomic_write(tmp_path / "b.csv") as staged:
        assert not leftover.exists()
        write_atomically(tmp_path / "c.csv", b"")  # while b.csv is being written, by another as well
        staged.write_bytes(b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".part-00000.crc", "b.csv", "c.csv"]
    assert (tmp_path / "b.csv").read_bytes() == b"whole"


def test_arrays_that_are_cut_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((10, 2)))
    os.truncate(tmp_path / "a.npy", 150)
    with pytest.raises(ValueError, match="22 bytes of values"):
        as_recordings(tmp_path / "a.npy")
