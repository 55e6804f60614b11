"""Files of any readable kind as sequences: the ending of a name tells the kind and the reader."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqae.cli.file_names import files_in, kind_of, result_name
from seqae.cli.messages import existing
from seqae.data.signals.options import ReadingOptions

if TYPE_CHECKING:
    import numpy as np

_SHOWN = 6  # names of channels


@dataclass(frozen=True)
class FileOptions:
    """How to read files.

    Attributes:
        reading: How to read tables.
        size: Height and width to scale frames to; empty for their own.
        grey: Whether to make one channel of the colours of frames.
        remembered: Options of tables that a model has kept, for those that are not given.
        known: The channels that a model reads, see `read_recordings`.
    """

    reading: ReadingOptions = ReadingOptions()  # noqa: RUF009 (frozen)
    size: tuple[int, ...] = ()
    grey: bool = False
    remembered: ReadingOptions | None = None
    known: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class Inputs:
    """The sequences in files.

    Attributes:
        kind: What the files are, a name in `KINDS`.
        items: The sequences as the readers of seqae give them: `Recording` for tables, arrays `(time,)`, `(time,
            channel)` or `(time, channel, height, width)`, texts, or `Audio`.
        names: The name of each.
        warnings: Remarkable facts about the files, one line each.
        labels: The class of each, for files that tell it; else empty.
        paths: The files, and folders of images, that were read.
    """

    kind: str
    items: list[Any]
    names: list[str]
    warnings: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)

    def in_words(self, text: str) -> str:
        """Return a message of the library with the names of sequences in place of their numbers."""

        def named(found: re.Match[str]) -> str:
            number = int(found[2])
            return f"{found[1]} {self.names[number]}" if number < len(self.names) else found[0]

        return re.sub(r"\b(sequence|text|recording) (\d+)\b", named, text)

    def __str__(self) -> str:
        """Return the data in a few words."""
        count = f"{KINDS[self.kind].sequences}: {len(self.items):,}"
        if self.kind == "texts":
            return count
        if self.kind == "audio":
            seconds = sum(item.seconds for item in self.items)
            return f"{count} of {seconds / len(self.items):.1f} s on average"
        lengths = sorted(map(len, self.items))
        steps = f"{lengths[0]:,}" if lengths[0] == lengths[-1] else f"{lengths[0]:,} to {lengths[-1]:,}"
        if self.kind == "tables":
            names = self.items[0].channels
            shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
            return f"{count} of {steps} rows and {len(names)} channels ({shown})"
        shape = " x ".join(map(str, self.items[0].shape[1:])) or "1"
        return f"{count} of {steps} steps of {shape}"


@dataclass(frozen=True)
class FileKind:
    """A kind of files; for the ends of their names see `seqae.cli.file_names`.

    Attributes:
        sequences: What a sequence in them is called.
        read: Returns the sequences of files.
    """

    sequences: str
    read: Callable[[list[Path], FileOptions], Inputs]


def read_inputs(files: Sequence[Path], options: FileOptions, kinds: Sequence[str] | None = None) -> Inputs:
    """Return the sequences in files, which are all of one kind.

    A folder stands for the files in it; an image is a sequence of one step, and a folder of images within a folder is
    a sequence of as many steps, in the order of the numbers in their names.

    Args:
        files: Files and folders.
        options: How to read them.
        kinds: The names of the kinds that are expected; None for all of `KINDS`.

    Raises:
        FileNotFoundError: A file is absent, or a folder has no such files.
        ValueError: A file is of no such kind, or there are several kinds, or a file cannot be read.
    """
    for file in files:
        existing(file)
    kinds = list(KINDS) if kinds is None else list(kinds)
    if kinds == ["tables"]:
        return _tables(list(files), options)
    found = [
        each for file in files for each in (files_in(file, kinds) if file.is_dir() else [(kind_of(file, kinds), file)])
    ]
    kind, first = found[0]
    for other, path in found:
        if other != kind:
            raise ValueError(
                f"{first.name} holds {kind}, {path.name} {other}. Expected files of one kind. Give those alone, for "
                f"example {first.parent}/*{first.suffix}"
            )
    paths = [path for _, path in found]
    inputs = KINDS[kind].read(paths, options)
    return replace(inputs, paths=inputs.paths or paths)


def refuse_options_of_others(kind: str, options: FileOptions) -> None:
    """Raise a ValueError if an option was given that files of this kind have no use for."""
    reading, default = options.reading, ReadingOptions()
    names = [each.name for each in fields(reading)]
    given = {name: (getattr(reading, name) != getattr(default, name), "tables") for name in names}
    given |= {
        "size": (bool(options.size), "videos"),
        "grey": (options.grey, "videos"),
    }
    for name, (is_given, of) in given.items():
        if is_given and kind != of:
            raise ValueError(f"{name}=... is for {of}, and these are {kind}. Leave it out")


def _tables(files: list[Path], options: FileOptions) -> Inputs:
    from seqae.data.signals.formats.folders import files_of
    from seqae.data.signals.loading import read_recordings

    paths = [path for file in files for path in files_of(file)]
    recordings = read_recordings(files, options.reading, options.remembered, options.known)
    names = list(map(result_name, recordings))
    warnings = [f"{name}: {warning}" for name, recording in zip(names, recordings) for warning in recording.warnings]
    return Inputs("tables", recordings, names, warnings, paths=paths)


def _arrays(files: list[Path], options: FileOptions) -> Inputs:
    items, names, labels = [], [], []
    for path in files:
        found = _READERS_OF_ARRAYS[path.suffix.lower()](path)
        items += [item for _, item, _ in found]
        names += [name if len(files) == 1 else f"{path.stem}/{name}" for name, _, _ in found]
        labels += [label for _, _, label in found if label]
    return Inputs("arrays", items, names, labels=labels if len(labels) == len(items) else [])


def _npy(path: Path) -> list[tuple[str, np.ndarray, str]]:
    from seqae.data._files.array_files import read_npy

    cube = read_npy(path)
    if cube.ndim not in (2, 3, 5):
        raise ValueError(
            f"an array of shape {cube.shape} ({path.name}). Expected (sequence, time), (sequence, time, channel) or "
            "(sequence, time, channel, height, width). Sequences of several shapes go into a .npz file, each by a name"
        )
    return _rows(cube)


def _npz(path: Path) -> list[tuple[str, np.ndarray, str]]:
    from seqae.data._files.array_files import read_npz

    arrays = read_npz(path)
    if not arrays:
        raise ValueError(f"no arrays ({path.name}). Expected one at least")
    if len(arrays) == 1 and next(iter(arrays.values())).ndim in (3, 5):
        return _rows(next(iter(arrays.values())))
    for name, array in arrays.items():
        if array.ndim not in (1, 2, 4):
            raise ValueError(
                f"array {name!r} of shape {array.shape} ({path.name}). Expected a sequence for each name, (time, "
                "channel), or one array (sequence, time, channel) alone"
            )
    return [(name, _native(array), "") for name, array in arrays.items()]


def _ts(path: Path) -> list[tuple[str, np.ndarray, str]]:
    from seqae.data.signals.ts_files import read_ts_file

    found = read_ts_file(path)
    return [(str(index), item, str(label)) for index, (item, label) in enumerate(zip(found.sequences, found.labels))]


_READERS_OF_ARRAYS = {".npy": _npy, ".npz": _npz, ".ts": _ts, ".arff": _ts}


def _rows(cube: np.ndarray) -> list[tuple[str, np.ndarray, str]]:
    from seqae.estimators.inputs import without_padding

    return [(str(index), without_padding(_native(rows), index), "") for index, rows in enumerate(cube)]


def _native(array: np.ndarray) -> np.ndarray:
    """Return a copy that may be written, in the byte order of this machine, which torch wants."""
    import numpy as np

    return np.array(array, dtype=array.dtype.newbyteorder("="))


def _texts(files: list[Path], options: FileOptions) -> Inputs:
    from seqae.data.text.files import read_texts

    items, names = [], []
    for path in files:
        texts = read_texts(path)
        items += texts
        names += [str(index) if len(files) == 1 else f"{path.stem}/{index}" for index in range(len(texts))]
    return Inputs("texts", items, names)


def _audio(files: list[Path], options: FileOptions) -> Inputs:
    from seqae.data.audio.files import read_audio

    return Inputs("audio", [read_audio(path) for path in files], [path.name for path in files])


def _videos(files: list[Path], options: FileOptions) -> Inputs:
    from seqae.data.video.files import read_video

    if options.size and (len(options.size) != 2 or min(options.size) < 1):
        raise ValueError(f"size={list(options.size)}. Expected height and width in pixels, for example 32 32")
    size = (options.size[0], options.size[1]) if options.size else None
    items = [read_video(path, size=size, grey=options.grey).numpy() for path in files]
    return Inputs("videos", items, [path.name for path in files])


KINDS = {
    "tables": FileKind("tables", _tables),
    "arrays": FileKind("arrays", _arrays),
    "texts": FileKind("texts", _texts),
    "audio": FileKind("recordings", _audio),
    "videos": FileKind("videos and images", _videos),
}
