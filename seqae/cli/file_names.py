"""What the names of files tell: the kind of their content, and the names of results made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqae._files import only_files, safe_name
from seqae.data._files.endings import AUDIO, IMAGES, VIDEOS, natural_order

if TYPE_CHECKING:
    from seqae.data.signals.recordings import Recording

# Files of readings with other endings are tables, see `seqae.data.signals.formats`.
_ENDINGS = {
    "arrays": (".npz", ".npy", ".ts", ".arff"),
    "texts": (".txt",),
    "audio": AUDIO,
    "videos": (*VIDEOS, *IMAGES),
}


def kind_of(path: Path, kinds: Sequence[str]) -> str:
    """Return the kind of a file by the ending of its name.

    Args:
        path: The file.
        kinds: The kinds that are expected, names in `seqae.cli.inputs.KINDS`.

    Raises:
        ValueError: It is of no such kind.
    """
    kind = _kind(path)
    if kind is None or kind not in kinds:
        what = f"{path.name} holds {kind}" if kind else f"cannot tell what {path.name} holds"
        raise ValueError(f"{what}. Expected {_expected(kinds)}")
    return kind


def files_in(folder: Path, kinds: Sequence[str]) -> list[tuple[str, Path]]:
    """Return kind and path of each file in a folder; tables all together as the folder, whose names tell about them.

    Args:
        folder: The folder.
        kinds: The kinds that are expected.

    Raises:
        FileNotFoundError: There are none.
    """
    inside = in_order(path for path in folder.iterdir() if not path.name.startswith("."))
    named = {path: kind for path in inside if (kind := _kind(path)) is not None and kind in kinds}
    found = [(named[path], path) for path in only_files(named)]
    others = [(kind, path) for kind, path in found if kind != "tables"]
    if "videos" in kinds:
        others += [("videos", path) for path in inside if path.is_dir() and _has_images(path)]
    if others:
        return [each for each in found if each[0] == "tables" and _is_certain(each[1])][:1] + others
    if "tables" in kinds and (found or _has_tables(folder)):
        return [("tables", folder)]
    raise FileNotFoundError(f"nothing to read in the folder {folder}. Expected {_expected(kinds)}")


def in_order(paths: Iterable[Path]) -> list[Path]:
    """Return paths sorted by name, frame2 before frame10."""
    return sorted(paths, key=lambda path: natural_order(path.name))


def result_name(recording: Recording) -> str:
    """Return the name of a recording, and so of its results: that of its file, with the machine if it names one."""
    machine = safe_name(recording.entity)
    stem = file_stem(recording.name)
    return recording.name if not machine or machine == stem else f"{stem}_{machine}"


def file_stem(name: str) -> str:
    """Return a file's name without its endings, such as .csv.gz."""
    from seqae.data.signals.formats.files import PACKED

    known = {".json", *(ending for kind in ("tables", *_ENDINGS) for ending in _endings(kind))}
    path = Path(Path(name).name)
    path = path.with_suffix("") if path.suffix.lower() in PACKED else path
    return path.stem if path.suffix.lower() in known else path.name


def _kind(path: Path) -> str | None:
    """Return the kind of a file; tables are those that no other kind claims."""
    ending = path.suffix.lower()
    if ending == ".gz" and Path(path.stem).suffix.lower() in _ENDINGS["texts"]:
        return "texts"
    return next((kind for kind in _ENDINGS if ending in _ENDINGS[kind]), "tables" if _is_table(path) else None)


def _is_table(path: Path) -> bool:
    from seqae.data.signals.formats.files import named_ending  # loads pandas

    return bool(named_ending(path))


def _is_certain(path: Path) -> bool:
    """Whether the name of a table tells that it is one, wherever it is."""
    from seqae.data.signals.formats.folders import UNCERTAIN

    return path.suffix.lower() not in UNCERTAIN


def _has_tables(folder: Path) -> bool:
    from seqae.data.signals.formats.folders import files_of

    try:
        return bool(files_of(folder))
    except FileNotFoundError:
        return False


def _has_images(folder: Path) -> bool:
    return any(path.suffix.lower() in IMAGES and not path.name.startswith(".") for path in folder.iterdir())


def _expected(kinds: Iterable[str]) -> str:
    return "; ".join(f"{kind} ({' '.join(_endings(kind))})" for kind in kinds)


def _endings(kind: str) -> tuple[str, ...]:
    """Return how the names of files of a kind end."""
    from seqae.data.signals.formats.files import READERS  # loads pandas

    return _ENDINGS.get(kind, tuple(READERS))
