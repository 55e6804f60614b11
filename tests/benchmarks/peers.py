"""How fast others do the same: training of one autoencoder, and detectors that are fitted and score. Prints one table.

    python tests/benchmarks/peers.py --quick

Peers that are not installed are said to be so: keras (on torch), sequitur, pyod and aeon, none of which seqae needs.
Called by race.py with the name of a contestant, it is that contestant, see contestants.py.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import contestants
import numpy as np
from contestants import CHANNELS, CODE, HIDDEN, ROWS, STEPS, THREADS, Work, windows, windows_by_torch
from contestants import main as contest
from race import race

import seqae

TRAINERS = {
    "plain torch": ("windows_by_torch", ""),
    "torch, memory kept and denormals flushed": ("windows_by_torch_with_settings", ""),
    "Keras on torch": ("windows_by_keras", "keras"),
    "sequitur": ("windows_by_sequitur", "sequitur"),
}
DETECTORS = {
    "PyOD's AutoEncoder": ("detect_by_pyod", "pyod"),
    "aeon with PyOD's AutoEncoder": ("detect_by_aeon", "aeon"),
}
WINDOW, EPOCHS = 16, 3  # rows; passes of the detectors that are trained


def windows_by_seqae(quick: bool) -> Work:
    return contestants.windows_by_seqae(quick)


def windows_by_torch_with_settings(quick: bool) -> Work:
    seqae.configure_runtime(THREADS)
    return windows_by_torch(quick)


def windows_by_keras(quick: bool) -> Work:
    """The same layers, one step of Adam at a time."""
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((STEPS, CHANNELS)),
            layers.LSTM(HIDDEN),
            layers.Dense(CODE),
            layers.RepeatVector(STEPS),
            layers.LSTM(HIDDEN, return_sequences=True),
            layers.TimeDistributed(layers.Dense(CHANNELS)),
        ]
    )
    model.compile("adam", "mse")
    values = windows().values.numpy()
    return lambda: model.train_on_batch(values, values) is not None and ROWS


def windows_by_sequitur(quick: bool) -> Work:
    """Its LSTM autoencoder of these sizes, which reads one sequence at a time."""
    from sequitur.models import LSTM_AE
    from sequitur.quick_train import train_model

    model, sequences = LSTM_AE(CHANNELS, CODE, h_dims=[HIDDEN]), list(windows().values[:8])

    def work() -> int:
        train_model(model, sequences, False, 1e-3, 1, False)
        return len(sequences)

    return work


def signals(quick: bool) -> np.ndarray:
    """Waves and noise, `(row, channel)`."""
    rows = 4_000 if quick else 40_000
    time_of_row = np.arange(rows)[:, None]
    noise = np.random.default_rng(0).standard_normal((rows, CHANNELS))
    return np.sin(time_of_row / (10 + 3 * np.arange(CHANNELS))) + 0.1 * noise


def detect_by_seqae(quick: bool) -> Work:
    rows = signals(quick)
    return lambda: len(seqae.AnomalyDetector().fit(rows).score_samples(rows))


def _network() -> object:
    from pyod.models.auto_encoder import AutoEncoder

    return AutoEncoder(epoch_num=EPOCHS, verbose=0)


def detect_by_pyod(quick: bool) -> Work:
    """Windows of all channels as rows."""
    rows = signals(quick)
    flat = np.lib.stride_tricks.sliding_window_view(rows, WINDOW, axis=0).reshape(-1, WINDOW * CHANNELS)
    return lambda: len(_network().fit(flat).decision_function(flat))


def detect_by_aeon(quick: bool) -> Work:
    from aeon.anomaly_detection.series import PyODAdapter

    rows = signals(quick)
    return lambda: len(PyODAdapter(_network(), window_size=WINDOW).fit_predict(rows, axis=0))


def results(quick: bool) -> Iterator[tuple[str, float, float] | str]:
    """Race all that are installed; yield what is compared and the rates of seqae and of the peer, or who is absent."""
    rounds = 3 if quick else 7
    for what, peers, ours in (
        ("training, windows", TRAINERS, "windows_by_seqae"),
        ("fit and score, rows", DETECTORS, "detect_by_seqae"),
    ):
        known = {peer: name for peer, (name, package) in peers.items() if not package or find_spec(package)}
        yield from (f"{what}: {peer} is not installed" for peer in peers if peer not in known)
        if known:
            seconds = race([ours, *known.values()], rounds, quick, Path(__file__))
            for peer, name in known.items():
                yield f"{what}: {peer}", 1 / seconds[ours], 1 / seconds[name]


if __name__ == "__main__":
    if sys.argv[1:] and not sys.argv[1].startswith("-"):
        contest(*sys.argv[1:], contestants=globals())
    else:
        for each in results("--quick" in sys.argv):
            if isinstance(each, str):
                print(each)
            else:
                print(
                    f"{each[0]:62}{each[1] / each[2]:8.2f} x   {each[1]:.0f} against {each[2]:.0f} a second", flush=True
                )
