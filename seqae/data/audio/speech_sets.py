"""Public sets of labelled recordings, in the layouts in which they are published.

FSDD (https://github.com/Jakobovski/free-spoken-digit-dataset), ESC-50 and ESC-10 (Piczak 2015,
https://github.com/karolpiczak/ESC-50), and Speech Commands (Warden 2018, https://arxiv.org/abs/1804.03209) as
torchaudio's SPEECHCOMMANDS unpacks it.
"""

from __future__ import annotations

import csv
import io
import lzma
import re
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from seqae._files import read_file, require_file
from seqae.data._files.archives import max_unpacked, read_bounded
from seqae.data.audio.files import Audio, read_audio

SOURCES = {
    "fsdd": "recordings/ of https://github.com/Jakobovski/free-spoken-digit-dataset, also packed (recordings.tar.xz)",
    "esc-50": "ESC-50-master.zip of https://github.com/karolpiczak/ESC-50, unpacked (meta/esc50.csv, audio/)",
    "esc-10": "the same as for esc-50, of which it is a part",
    "speech-commands": "SPEECHCOMMANDS of torchaudio (SpeechCommands/speech_commands_v0.02/WORD/*.wav)",
}
_FSDD_NAME = re.compile(r"(\d)_([A-Za-z]+)_(\d+)\.wav")


@dataclass(frozen=True, eq=False)
class AudioClip:
    """A labelled recording.

    Attributes:
        name: The name of its file.
        source: The path of the audio, the content of a file, or the audio itself.
        label: The class of the recording, such as the spoken word.
        speaker: The person or voice that speaks; in a fair split no speaker is on both sides.
        part: "train", "valid" or "test" of the official split, or the number of its fold.
    """

    name: str
    source: Path | bytes | Audio
    label: str
    speaker: str
    part: str

    def audio(self) -> Audio:
        """Return the recording, read from its file if it is in one.

        Raises:
            ValueError: The file is damaged or cut.
        """
        return self.source if isinstance(self.source, Audio) else read_audio(self.source, self.name)


def read_clips(name: str, folder: str | Path) -> list[AudioClip]:
    """Return the recordings of a set, sorted by name; their audio is read when it is asked for.

    Args:
        name: A key of `SOURCES`.
        folder: Searched with all below it.

    Raises:
        ValueError: There is no such set, or a list names recordings that are not there.
        FileNotFoundError: The folder does not hold it; the message names its source.
    """
    if name not in SOURCES:
        raise ValueError(f"no audio set {name!r}. Choose one of {', '.join(SOURCES)}")
    clips = sorted(_READERS[name](Path(folder)), key=lambda clip: clip.name)
    if not clips:
        raise FileNotFoundError(f"no {name} in {str(folder)!r} or below. Get {SOURCES[name]}")
    return clips


def _fsdd(folder: Path) -> Iterator[AudioClip]:
    """Yield clips named DIGIT_SPEAKER_NUMBER.wav; 0 to 4 of each are for the test."""
    files = {path.name: path for path in folder.rglob("*.wav") if _FSDD_NAME.fullmatch(path.name)}
    clips: Iterable[tuple[str, Path | bytes]] = files.items() if files else _packed(folder)
    for name, source in clips:
        if match := _FSDD_NAME.fullmatch(name):
            digit, speaker, take = match.groups()
            yield AudioClip(name, source, digit, speaker, "test" if int(take) < 5 else "train")


def _packed(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents; nothing is unpacked on the disk."""
    path = next(folder.rglob("recordings.tar*"), None)
    if path is None:
        return
    try:
        rest = max_unpacked(require_file(path).stat().st_size)  # bytes of all recordings
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and _FSDD_NAME.fullmatch(name := Path(member.name).name):
                    content = _content(archive, member, rest)
                    rest -= len(content)
                    yield name, content
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"a damaged archive ({path}: {reason}). Get it again") from error


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo, max_bytes: int) -> bytes:
    """Return the content of a member; of a sparse one, which claims what nobody has written, no more than that."""
    file = archive.extractfile(member)
    content = b"" if file is None else read_bounded(file, max_bytes, f"recording {member.name}")
    if len(content) < member.size:
        raise EOFError(f"{member.name} breaks off")
    return content


def _esc(folder: Path, only_ten: bool) -> Iterator[AudioClip]:
    """Yield clips with their fold, 1 to 5; fragments of one original recording are in one fold."""
    for table in sorted(folder.rglob("meta/esc50.csv"))[:1]:
        for row in csv.DictReader(io.StringIO(read_file(table).decode(), newline="")):
            if not only_ten or row["esc10"].lower() == "true":
                path = _present(table.parents[1] / "audio" / row["filename"], table)
                yield AudioClip(path.name, path, row["category"], row["src_file"], row["fold"])


def _speech_commands(folder: Path) -> Iterator[AudioClip]:
    """Yield clips WORD/SPEAKER_nohash_NUMBER.wav; lists beside the words name those for validation and test."""
    for listed in sorted(folder.rglob("testing_list.txt"))[:1]:
        home = listed.parent
        parts = {}
        for part, name in (("valid", "validation_list.txt"), ("test", "testing_list.txt")):
            for line in read_file(home / name).decode().split():
                parts[_present(home / line, home / name)] = part
        for path in sorted(home.glob("[!_]*/*_nohash_*.wav")):
            speaker = path.name.partition("_nohash_")[0]
            yield AudioClip(
                f"{path.parent.name}/{path.name}", path, path.parent.name, speaker, parts.get(path, "train")
            )


def _present(path: Path, listed_in: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"{listed_in} names {path.name}, which is not there. Unpack the set again, all of it")
    return path


_READERS: dict[str, Callable[[Path], Iterator[AudioClip]]] = {
    "fsdd": _fsdd,
    "esc-50": lambda folder: _esc(folder, only_ten=False),
    "esc-10": lambda folder: _esc(folder, only_ten=True),
    "speech-commands": _speech_commands,
}
