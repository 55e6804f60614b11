"""Archives made to do harm: nothing is written, nothing fills the memory, and damage is named."""

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from seqae.data._files import archives
from seqae.data._files.archives import gunzipped, member_of, opened_zip

ROOM = 2**20  # in place of 64 times as much, for quickness
FILES = {"a.csv": b"1,2\n", "deep/er/b.csv": b"3,4\n" * 1000, "empty": b""}


def zipped(files: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def little_room(monkeypatch):
    monkeypatch.setattr(archives, "ROOM", ROOM)


def members(content: bytes, folder: Path) -> dict[str, bytes]:
    """Return what is read from a zip file."""
    path = folder / "archive.zip"
    path.write_bytes(content)
    with opened_zip(path) as archive:
        return {name: member_of(archive, name) for name in archive.namelist()}


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_files_come_out_as_they_went_in(tmp_path, packing):
    assert members(zipped(FILES, packing), tmp_path) == FILES


PACKED = zipped({"a": bytes(range(256)) * 40})
HOSTILE = {
    "cut": zipped(FILES)[:-40],
    "damaged": zipped(FILES, zipfile.ZIP_STORED).replace(FILES["a.csv"], b"1,3\n"),
    "damaged packing": PACKED[:60] + b"\xff" * 20 + PACKED[80:],
    "page": b"<html>404</html>" * 100,
    "empty": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_damaged_archive_is_refused_by_name_in_one_line(tmp_path, name):
    with pytest.raises(ValueError, match=r"damaged zip file \(.*archive\.zip") as caught:
        members(HOSTILE[name], tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "a/../../outside"])
def test_reading_a_member_writes_nothing_whatever_its_name(tmp_path, name):
    home = tmp_path / "home"
    home.mkdir()
    assert members(zipped({name: b"x"}), home) == {name: b"x"}
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["archive.zip", "home"]


@pytest.mark.parametrize("data", [gzip.compress(b"1,2\n" * 999, mtime=0)[:-9], b"\x1f\x8b\x08 no"])
def test_a_damaged_gzip_file_is_refused_by_name(data):
    with pytest.raises(ValueError, match=r"damaged gzip file \(run\.csv\.gz"):
        gunzipped(data, "run.csv.gz")


def test_a_bomb_is_not_read_and_what_packs_well_is(tmp_path):
    with pytest.raises(ValueError, match=r"bomb.gz unpacks to more than 1,048,576 bytes.*unpack it yourself"):
        gunzipped(gzip.compress(bytes(ROOM + 1), 1), "bomb.gz")
    assert gunzipped(gzip.compress(bytes(ROOM), 1), "calm.gz") == bytes(ROOM)
    bomb = zipfile.ZipFile(io.BytesIO(zipped({"calm": bytes(ROOM), "bomb": bytes(ROOM + 1)})))
    with bomb:
        assert member_of(bomb, "calm") == bytes(ROOM)
        with pytest.raises(ValueError, match="bomb unpacks to more"):
            member_of(bomb, "bomb")


def test_a_large_file_may_unpack_to_a_hundred_times_its_size():
    assert archives.max_unpacked(1) == ROOM and archives.max_unpacked(ROOM) == 100 * ROOM
