"""Files of sound: what is read is what was written, and what is damaged is named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("soundfile")

import soundfile

from seqae.data.audio.files import Audio, audio_blocks, audio_files, read_audio


def tone(count=4000, channels=1, rate=8000) -> np.ndarray:
    waves = np.sin(2 * np.pi * np.outer(np.arange(count) / rate, 200 * (1 + np.arange(channels))))
    return (0.5 * waves).astype(np.float32)


def written(folder, samples, subtype=None, name="a.wav", rate=8000):
    soundfile.write(folder / name, samples, rate, subtype=subtype)
    return folder / name


@pytest.mark.parametrize(
    ("subtype", "step"), [("PCM_U8", 2**-7), ("PCM_16", 2**-15), ("PCM_24", 2**-23), ("FLOAT", 0), ("DOUBLE", 0)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_wav_of_any_width_is_read_to_within_its_steps(tmp_path, subtype, step, channels):
    sound = read_audio(written(tmp_path, tone(channels=channels), subtype, rate=11025))
    assert (sound.sample_rate, sound.name, sound.samples.dtype) == (11025, "a.wav", np.float32)
    np.testing.assert_allclose(sound.samples, tone(channels=channels), rtol=0, atol=step + 1e-7)


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.mp3", "a.aiff"])
def test_packed_formats_are_read(tmp_path, name):
    sound = read_audio(written(tmp_path, tone(16000), name=name))
    assert len(sound) == 16000
    assert np.corrcoef(sound.samples[2000:-2000, 0], tone(16000)[2000:-2000, 0])[0, 1] > 0.99


@pytest.mark.parametrize("ending", ["mp3", "ogg", "txt", "flac"])
def test_the_content_tells_the_format_and_not_the_ending(tmp_path, ending):
    path = written(tmp_path, tone()).rename(tmp_path / f"a.{ending}")
    np.testing.assert_array_equal(read_audio(path).samples, read_audio(path.read_bytes()).samples)


KINDS = ["a.wav PCM_16", "a.wav PCM_U8", "a.wav PCM_24", "a.wav FLOAT", "a.flac PCM_16", "a.ogg VORBIS", "a.ogg OPUS"]
KINDS += ["a.mp3 MPEG_LAYER_III", "a.aiff PCM_16", "a.au PCM_16", "a.rf64 PCM_16"]


@pytest.mark.parametrize(("name", "subtype"), [kind.split() for kind in KINDS])
@pytest.mark.parametrize("share", [0.6, 0.97])
def test_a_cut_file_is_no_shorter_sound(tmp_path, name, subtype, share):
    path = written(tmp_path, tone(48000), subtype, name, 16000)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=rf"(cut off|breaks off).*{name}.*Get the file again") as caught:
        read_audio(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"cut off|breaks off"):
        list(audio_blocks(path, seconds=1))


def test_a_stream_that_did_not_know_its_size_is_whole(tmp_path):
    path = written(tmp_path, tone())
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"  # as programs write into a pipe
    path.write_bytes(content)
    assert len(read_audio(path)) == 4000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"no audio that can be read \(a.wav, 0 bytes\)"),
        (b"time,pressure\n" * 50, "no audio that can be read"),
        (b"<html><body>Not found</body></html>", "Expected WAV, FLAC, OGG, MP3 or M4A"),
    ],
)
def test_what_is_no_audio_is_named(tmp_path, content, message):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_audio(path)


def test_files_without_samples_or_header_or_at_all_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"no samples \(a.wav\)"):
        read_audio(written(tmp_path, tone()[:0]))
    with pytest.raises(ValueError, match=r"no audio that can be read \(a.raw"):
        read_audio(written(tmp_path, tone()).rename(tmp_path / "a.raw"))
    with pytest.raises(FileNotFoundError, match="Check the path"):
        read_audio(tmp_path / "b.wav")
    with pytest.raises(FileNotFoundError, match=r"no file in .* whose name ends in"):
        audio_files(tmp_path)


def test_numbers_that_are_none_are_named(tmp_path):
    samples = tone(channels=2)
    samples[17, 1] = np.nan
    with pytest.raises(ValueError, match=r"sample 17, channel 1 \(a.wav\)"):
        read_audio(written(tmp_path, samples, "FLOAT"))


def test_hours_are_not_read_into_memory_unasked(tmp_path):
    path = written(tmp_path, np.zeros((3, 1)), rate=1)
    assert read_audio(path, max_seconds=3).seconds == 3
    with pytest.raises(ValueError, match=r"hours of audio.*audio_blocks"):
        read_audio(path, max_seconds=2)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.float64])
def test_arrays_of_any_kind_have_one_scale(kind):
    most = 127 / 128 if kind == np.uint8 else 0.5
    numbers = {np.uint8: 255, np.int16: 2**14, np.int32: 2**30, np.float64: 0.5}[kind]
    np.testing.assert_allclose(Audio(np.full(5, numbers, kind), 8000).samples, most)


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros((3, 0)), np.zeros((1, 2, 3)), np.zeros(3, complex)])
def test_arrays_that_are_no_sound_are_refused(samples):
    with pytest.raises(ValueError, match="Give"):
        Audio(samples, 8000)


def test_channels_are_mixed_as_asked():
    sound = Audio(tone(channels=2), 8000)
    np.testing.assert_allclose(sound.mono(), tone(channels=2).mean(axis=1))
    np.testing.assert_array_equal(sound.mono(1), tone(channels=2)[:, 1])
    with pytest.raises(ValueError, match=r"no channel 2 .* It has 2"):
        sound.mono(2)


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 1000), seconds=st.integers(1, 7), around=st.integers(0, 7))
def test_blocks_put_together_are_the_file_and_none_is_long(tmp_path_factory, count, seconds, around):
    around = min(around, seconds)
    samples = np.random.default_rng(count).uniform(-1, 1, (count, 2)).astype(np.float32)
    path = written(tmp_path_factory.mktemp("blocks"), samples, "FLOAT", rate=50)
    at, parts = 0, list(audio_blocks(path, seconds, around))
    for block in parts:
        assert len(block.audio) <= 50 * (seconds + 2 * around)
        assert block.before == min(at, 50 * around)
        np.testing.assert_array_equal(block.audio.samples, samples[at - block.before : at + 50 * seconds + block.after])
        at += len(block.audio) - block.before - block.after
    assert at == count and [block.is_last for block in parts] == [False] * (len(parts) - 1) + [True]


def test_blocks_of_a_long_file_take_little_memory(tmp_path):
    import tracemalloc

    with soundfile.SoundFile(tmp_path / "long.wav", "w", 8000, 1, "PCM_U8") as file:
        for _ in range(30):
            file.write(np.zeros(8000 * 60, dtype=np.float32))  # half an hour, 58 MB of floats
    tracemalloc.start()
    assert sum(len(block.audio) - block.before for block in audio_blocks(tmp_path / "long.wav", 10, 1)) >= 8000 * 1800
    assert tracemalloc.get_traced_memory()[1] < 3e6
    tracemalloc.stop()


def test_written_sound_is_read_again(tmp_path):
    path = Audio(tone(), 8000).write(tmp_path / "new" / "a.wav")
    np.testing.assert_allclose(read_audio(path).samples, tone(), atol=2**-15)
