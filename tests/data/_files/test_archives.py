"""Archives made to do harm: nothing gets out of the folder, nothing fills the disk, and nothing half-done stays."""

import gzip
import io
import stat
import tarfile
import zipfile

import pytest

from seqae.data._files import archives
from seqae.data._files.archives import extract, gunzipped, member_of

ROOM = 2**20  # in place of 64 times as much, for quickness
FILES = {"a.csv": b"1,2\n", "deep/er/b.csv": b"3,4\n" * 1000, "empty": b""}


def zipped(files: dict[str, bytes], **settings) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = settings.get("packing", zipfile.ZIP_DEFLATED)
            info.external_attr = settings.get("mode", stat.S_IFREG | 0o644) << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def with_special(kind: bytes, target: str = "", files: dict[str, bytes] = FILES) -> bytes:
    buffer = io.BytesIO(tarred(files))
    with tarfile.open(fileobj=buffer, mode="a") as archive:
        info = tarfile.TarInfo("special")
        info.type, info.linkname = kind, target
        archive.addfile(info)
    return buffer.getvalue()


def link_chain() -> bytes:
    """CVE-2025-4517: folders and links whose real path is too long to be resolved, and so is not checked."""
    buffer, step, path = io.BytesIO(), "d" * 247, ""
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for letter in "abcdefghijklmnop":
            for name, kind, target in ((step, tarfile.DIRTYPE, ""), (letter, tarfile.SYMTYPE, step)):
                info = tarfile.TarInfo(f"{path}{name}")
                info.type, info.linkname = kind, target
                archive.addfile(info)
            path += f"{step}/"
        link = "/".join("abcdefghijklmnop") + "/" + "l" * 254
        for name, target in ((link, "../" * 16), ("escape", f"{link}/../../../outside")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
        info = tarfile.TarInfo("escape/file")
        archive.addfile(info, io.BytesIO())
    return buffer.getvalue()


GOOD = {
    "zip": zipped(FILES),
    "tar": tarred(FILES),
    "tar.gz": tarred(FILES, "w:gz"),
    "tar.bz2": tarred(FILES, "w:bz2"),
    "tar.xz": tarred(FILES, "w:xz"),
}


@pytest.fixture(autouse=True)
def little_room(monkeypatch):
    monkeypatch.setattr(archives, "ROOM", ROOM)


@pytest.mark.parametrize("kind", GOOD)
def test_files_come_out_as_they_went_in(tmp_path, kind):
    archive = tmp_path / "archive"
    archive.write_bytes(GOOD[kind])
    folder = extract(archive, tmp_path / "new" / "out")
    assert {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()} == FILES
    archive.unlink()
    assert extract(archive, folder) == folder  # it is there: nothing is done


HOSTILE = {
    "tar up": tarred({"../outside": b"x"}),
    "tar up within": tarred({"a/../../outside": b"x"}),
    "tar absolute": tarred({"/tmp/outside": b"x"}),
    "tar drive": tarred({"C:\\outside": b"x"}),
    "tar backslash": tarred({"..\\outside": b"x"}),
    "tar link": with_special(tarfile.SYMTYPE, "/etc/passwd"),
    "tar link inside": with_special(tarfile.SYMTYPE, "a.csv"),
    "tar hard link": with_special(tarfile.LNKTYPE, "a.csv"),
    "tar pipe": with_special(tarfile.FIFOTYPE),
    "tar device": with_special(tarfile.CHRTYPE),
    "tar chain of links": link_chain(),
    "tar twice": tarred({"a": b"x", "./a": b"y"}),
    "tar file as folder": tarred({"a": b"x", "a/b": b"y"}),
    "tar cut": tarred(FILES)[:-9000],
    "tar.gz cut": tarred(FILES, "w:gz")[:-20],
    "tar.gz bomb": gzip.compress(tarred({"zeros": bytes(ROOM + 1)}), 1),
    "tar of a lie": tarred(FILES).replace(b"00000000004\0", b"77777777777\0", 1),
    "zip up": zipped({"../outside": b"x"}),
    "zip absolute": zipped({"/tmp/outside": b"x"}),
    "zip drive": zipped({"C:/outside": b"x"}),
    "zip link": zipped({"a": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777),
    "zip pipe": zipped({"a": b""}, mode=stat.S_IFIFO | 0o777),
    "zip bomb": zipped({"a": bytes(ROOM // 2), "b": bytes(ROOM // 2 + 1)}),
    "zip cut": zipped(FILES)[:-40],
    "zip damaged": zipped(FILES, packing=zipfile.ZIP_STORED).replace(FILES["a.csv"], b"1,3\n"),
    "page": b"<html>404</html>" * 100,
    "empty": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_archive_made_to_do_harm_leaves_nothing(tmp_path, name):
    home = tmp_path / "home"
    home.mkdir()
    archive = tmp_path / "archive"
    archive.write_bytes(HOSTILE[name])
    with pytest.raises(ValueError, match="archive") as caught:
        extract(archive, home / "out")
    assert "\n" not in str(caught.value)
    assert list(home.iterdir()) == [] and sorted(tmp_path.iterdir()) == [archive, home]


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_FILES", 2)
    (tmp_path / "archive").write_bytes(GOOD["zip"])
    with pytest.raises(ValueError, match="more than 2 files"):
        extract(tmp_path / "archive", tmp_path / "out")


def test_a_bomb_is_not_read_and_what_packs_well_is(tmp_path):
    with pytest.raises(ValueError, match=r"bomb.gz unpacks to more than 1,048,576 bytes.*unpack it yourself"):
        gunzipped(gzip.compress(bytes(ROOM + 1), 1), "bomb.gz")
    assert gunzipped(gzip.compress(bytes(ROOM), 1), "calm.gz") == bytes(ROOM)
    with zipfile.ZipFile(io.BytesIO(HOSTILE["zip bomb"])) as packed:
        assert len(member_of(packed, "a")) == ROOM // 2
    bomb = zipfile.ZipFile(io.BytesIO(zipped({"a": bytes(ROOM + 1)})))
    with bomb, pytest.raises(ValueError, match="a unpacks to more"):
        member_of(bomb, "a")
