"""Train the models that come with seqae, into `seqae/checkpoints`: the same data and seed give the same weights.

The data: gestures are those of the recipe `sensor_gestures`, digits are MNIST, telemetry lies in `data/telemetry`.

    python data/make_checkpoints.py --data-root folder/with/MNIST
    python data/make_checkpoints.py --names gestures telemetry
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

import seqae
from seqae.data import read_images, telemetry_folder

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "recipes" / "sensor_gestures"))
from sensor_gestures import new_autoencoder  # noqa: E402 (after its folder is known)
from synthetic_gestures import synthetic_gestures  # noqa: E402

SEED = 0
# Those in which most of the faults of `data/telemetry` show; all 23 would make the model four times as large.
CHANNELS = ["cpu_user", "cpu_compute", "cpu_server", "heartbeats", "open_files", "rss", "page_faults", "write_rate"]
CHANNELS += ["fsync_time", "net_rate", "requests", "request_time"]


def gestures(data_root: str, smoke: bool) -> seqae.SequenceAutoencoder:
    """Return an autoencoder of gestures `(time, 2)` of 20 to 120 steps."""
    people, epochs = (2, 1) if smoke else (20, 30)
    return new_autoencoder(16, epochs, SEED).fit(synthetic_gestures(people, 3, SEED).sequences)


def digits(data_root: str, smoke: bool) -> seqae.SequenceAutoencoder:
    """Return an autoencoder of handwritten digits `(1, 1, 28, 28)`, pixels from 0 to 1, each a sequence of one step."""
    train, _ = read_images("mnist", data_root)
    chosen = np.random.default_rng(SEED).permutation(len(train))[: 64 if smoke else 10000]
    images = list(train.batch(np.sort(chosen)).values.numpy())
    autoencoder = seqae.SequenceAutoencoder("conv", 16, hidden_size=24, num_layers=1, batch_size=64, random_state=SEED)
    return autoencoder.set_params(epochs=1 if smoke else 4).fit(images)


def telemetry(data_root: str, smoke: bool) -> seqae.AnomalyDetector:
    """Return a detector of faults of the service that `data/telemetry` records, fitted to 90 normal minutes."""
    detector = seqae.AnomalyDetector(window=8, epochs=1 if smoke else 15, random_state=SEED)
    return detector.fit(telemetry_folder() / "normal.csv.gz", channels=CHANNELS)


MODELS: dict[str, Callable[[str, bool], seqae.SequenceAutoencoder | seqae.AnomalyDetector]] = {
    "digits": digits,
    "gestures": gestures,
    "telemetry": telemetry,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", default="", help="folder with MNIST as torchvision has it; downloaded if empty")
    parser.add_argument("--names", nargs="+", choices=MODELS, default=list(MODELS), help="the models to make")
    parser.add_argument("--out", type=Path, default=ROOT / "seqae" / "checkpoints", help="folder for the models")
    parser.add_argument("--smoke", action="store_true", help="only try whether it runs")
    options = parser.parse_args()
    seqae.configure_runtime(threads=1)
    for name in options.names:
        model = MODELS[name](options.data_root, options.smoke)
        metrics = model.report_.metrics() if isinstance(model, seqae.SequenceAutoencoder) else {}
        folder = seqae.save(model, options.out / name, metrics=metrics)
        print(f"{name}: {sum(path.stat().st_size for path in folder.iterdir()):,} bytes in {folder}")


if __name__ == "__main__":
    main()
