"""Images, sounds, videos and arrays that break off or lie: refused by name, never taken for something shorter."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from seqae.data._files.array_files import read_npy
from seqae.data.audio.files import Audio, read_audio
from seqae.data.images.files import read_pixels

IMAGES = ("png", "jpeg", "gif", "bmp", "tiff", "webp")
SOUNDS = ("wav", "flac", "ogg", "m4a")
VIDEOS = ("mp4", "avi", "mkv")
NOISE = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), np.uint8)
FRACTIONS = [*np.linspace(0, 1, 13)[:-1], 0.97, 0.99, 0.999]


def written(kind: str, folder) -> bytes:
    """Return a whole file of a kind."""
    path = folder / f"whole.{kind}"
    if kind in IMAGES:
        buffer = io.BytesIO()
        Image.fromarray(NOISE[0]).save(buffer, kind)
        return buffer.getvalue()
    if kind == "m4a":
        write_m4a(path, 0.5 * np.sin(np.arange(20000) / 9))
    elif kind in SOUNDS:
        Audio(0.5 * np.sin(np.arange(8000) / 9), 8000).write(path)
    elif kind == "npy":
        np.save(path, NOISE)
    else:
        av = pytest.importorskip("av")
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
            for frame in NOISE:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
    return path.read_bytes()


def write_m4a(path, samples: np.ndarray, sample_rate: int = 8000) -> None:
    """Write one channel as a phone does, the index after the sound."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=sample_rate, layout="mono")
        for at in range(0, len(samples), 1024):
            frame = av.AudioFrame.from_ndarray(np.float32(samples[None, at : at + 1024]), "fltp", "mono")
            frame.sample_rate, frame.pts = sample_rate, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def read(path) -> np.ndarray:
    kind = path.suffix[1:]
    if kind in IMAGES:
        return read_pixels(path.read_bytes(), path.name)
    if kind in SOUNDS:
        return read_audio(path).samples
    if kind == "npy":
        return np.array(read_npy(path))
    from seqae.data.video.files import read_video

    return read_video(path).numpy()


def read_or_refused(path) -> np.ndarray | None:
    try:
        return read(path)
    except ValueError as error:
        assert path.name in str(error) and "\n" not in str(error)
        return None


@pytest.mark.parametrize("kind", [*IMAGES, *SOUNDS, *VIDEOS, "npy"])
@pytest.mark.filterwarnings("ignore")
def test_what_breaks_off_is_refused_or_all_there(tmp_path, kind):
    content, path, refused = written(kind, tmp_path), tmp_path / f"cut.{kind}", 0
    path.write_bytes(content)
    whole = read(path)
    for share in FRACTIONS:
        path.write_bytes(content[: int(share * len(content))])
        found = read_or_refused(path)
        refused += found is None
        assert found is None or np.array_equal(found, whole), f"{share:.1%} of the file"
    assert refused > len(FRACTIONS) / 2


@pytest.mark.parametrize("kind", [*IMAGES, *SOUNDS, *VIDEOS, "npy"])
@pytest.mark.filterwarnings("ignore")
def test_a_changed_byte_is_refused_by_name_or_read(tmp_path, kind):
    content, path = written(kind, tmp_path), tmp_path / f"changed.{kind}"
    random = np.random.default_rng(0)
    for place in [*range(0, 64, 2), *random.integers(64, len(content), 10)]:
        changed = bytearray(content)
        changed[place] ^= int(random.integers(1, 256))
        path.write_bytes(changed)
        read_or_refused(path)


@pytest.mark.parametrize(
    ("rate", "frames", "message"),
    [(0, None, r"lie.wav"), (8000, 2**30, r"cut off.*lie.wav"), (2**31, None, "lie.wav")],
    ids=["0 Hz", "more than there is", "2 GHz"],
)
def test_a_sound_whose_header_lies_is_refused(tmp_path, rate, frames, message):
    content = bytearray(written("wav", tmp_path))
    content[24:28] = struct.pack("<I", rate)
    if frames is not None:
        content[40:44] = struct.pack("<I", frames)
    (tmp_path / "lie.wav").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_audio(tmp_path / "lie.wav")
