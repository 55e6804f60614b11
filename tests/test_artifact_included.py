"""The models that come with seqae: small, whole, offline, and what they say they are."""

import json
import runpy
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits

import seqae
from seqae import artifact
from seqae.artifact.included import FOLDER
from seqae.cli import main
from seqae.data import read_labels, telemetry_folder
from seqae.evaluation import vus_pr

ROOT = Path(__file__).parents[1]
NAMES = ["digits", "gestures", "telemetry"]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_):
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def circle(steps: int, turns: float = 1.0) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi * turns, steps)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def test_they_are_small_and_hold_nothing_else_than_artifacts():
    assert sorted(path.name for path in FOLDER.iterdir() if path.is_dir()) == NAMES
    sizes = {name: sum(path.stat().st_size for path in (FOLDER / name).iterdir()) for name in NAMES}
    assert max(sizes.values()) < 420_000 and sum(sizes.values()) < 1_000_000, sizes
    for name in NAMES:
        assert sorted(path.name for path in (FOLDER / name).iterdir()) == ["model.safetensors", "seqae.json"]


@pytest.mark.parametrize("name", NAMES)
def test_one_is_loaded_by_its_name_and_by_that_in_a_path(name: str):
    kind = seqae.AnomalyDetector if name == "telemetry" else seqae.SequenceAutoencoder
    for place in (f"seqae://{name}", Path(f"seqae://{name}"), FOLDER / name):
        assert type(seqae.load(place)) is kind
    assert artifact.inspect(f"seqae://{name}")["provenance"]["seqae"] == seqae.__version__


def test_the_code_of_a_gesture_tells_its_direction_and_not_its_speed():
    autoencoder = seqae.load("seqae://gestures")
    slow, quick, other_way = autoencoder.encode([circle(90), circle(45), circle(90)[::-1]])
    assert 2 * np.linalg.norm(slow - quick) < np.linalg.norm(slow - other_way)
    (drawn,) = autoencoder.reconstruct([circle(60)])
    assert drawn.shape == (60, 2) and np.square(drawn - circle(60)).mean() < 0.1


def test_the_codes_of_digits_by_other_hands_tell_which_they_are():
    pixels, digits = load_digits(return_X_y=True)
    images = np.zeros((300, 1, 1, 28, 28), dtype=np.float32)
    images[:, 0, 0, 6:22, 6:22] = (pixels[:300] / 16).reshape(-1, 8, 8).repeat(2, axis=1).repeat(2, axis=2)
    codes = seqae.load("seqae://digits").encode(images)
    distances = cdist(codes, codes) + np.diag(np.full(300, np.inf))
    assert codes.shape == (300, 16)
    assert (digits[:300][distances.argmin(axis=1)] == digits[:300]).mean() > 0.7  # 0.1 by chance


def test_the_detector_finds_the_faults_of_the_embedded_telemetry():
    recording = seqae.as_recordings(telemetry_folder() / "faults.csv.gz")[0]
    (detection,) = seqae.load("seqae://telemetry").detect(recording)
    truth = read_labels(telemetry_folder() / "labels.json", recording.times, len(recording))
    assert vus_pr(truth, detection.scores, 0) > 0.8


@pytest.mark.parametrize(
    ("place", "error", "message"),
    [
        ("seqae://pumps", FileNotFoundError, "seqae://pumps does not come with seqae. There are digits, gestures, tel"),
        ("seqae://", ValueError, "seqae:// names no model. Expected seqae://NAME, with one of the names digits"),
        ("seqae://gestures/../digits", ValueError, "names no model"),
        ("seqae://..", FileNotFoundError, "does not come with seqae"),
    ],
)
def test_another_name_is_told_which_there_are(place: str, error: type, message: str):
    with pytest.raises(error, match=message):
        seqae.load(place)


def test_they_are_not_saved_over():
    with pytest.raises(ValueError, match="is an address"):
        seqae.save(seqae.load("seqae://gestures"), "seqae://gestures")


def test_commands_read_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for steps in (30, 50):
        np.savetxt(f"data/{steps}.csv", circle(steps), delimiter=",", header="x,y", comments="")
    monkeypatch.setattr(sys, "argv", ["seqae", "encode", "seqae://gestures", "data", "--out", "codes.csv"])
    main()
    assert len((tmp_path / "codes.csv").read_text().splitlines()) == 3
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["seqae", "inspect", "seqae://telemetry", "--json"])
    main()
    assert json.loads(capsys.readouterr().out)["kind"] == "AnomalyDetector"


def test_the_script_that_makes_them_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    script = ROOT / "data" / "make_checkpoints.py"
    monkeypatch.setattr(sys, "argv", [script.name, "--smoke", "--names", "gestures", "--out", str(tmp_path)])
    monkeypatch.setattr(sys, "path", [*sys.path])  # which the script adds to
    runpy.run_path(str(script), run_name="__main__")
    assert seqae.load(tmp_path / "gestures").encode([circle(30)]).shape == (1, 16)
