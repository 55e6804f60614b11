"""Every recipe runs from end to end, small, and leaves what it promises."""

import inspect
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from seqae.cli.recipes import folder as recipes_folder
from seqae.cli.recipes import load_script
from seqae.cli.recipes import scripts as recipe_scripts

RECIPES = list(recipe_scripts().values())
LEAVES = {
    "audio_anomaly": ["words.png", "loss.png", "model/seqae.json"],
    "audio_digits": [
        "spectrograms.png",
        "codes-digits.png",
        "codes-speakers.png",
        "loss.png",
        "original.wav",
        "reconstruction.wav",
        "model/seqae.json",
    ],
    "image_conv": ["rows.png", "codes.png", "loss.png", "model/seqae.json"],
    "image_deep": ["rows.png", "codes.png", "loss.png", "model/seqae.json"],
    "image_defects": ["ranking.png", "loss.png", "model/seqae.json"],
    "image_denoise": ["rows.png", "loss.png", "model/seqae.json"],
    "image_pretraining": ["units.png", "loss.png", "model/seqae.json"],
    "image_segmentation": ["masks.png", "loss.png", "model/seqae.json"],
    "image_sparse": ["rows.png", "filters-l1.png", "filters-top-k.png", "loss.png", "model-l1/seqae.json"],
    "image_latent": ["codes.png", "pca.png", "space.html", "loss.png", "model/seqae.json"],
    "image_retrieval": ["neighbours.png", "model/seqae.json"],
    "image_variational": ["samples.png", "manifold.png", "between.png", "loss.png", "model/seqae.json"],
    "image_vanilla": ["rows.png", "codes.png", "pca.png", "manifold.png", "loss.png", "model/seqae.json"],
    "sensor_anomaly": [
        "report.html",
        "scores.csv",
        "events.csv",
        "events.json",
        "injected.txt",
        "signal.png",
        "codes.png",
        "model/seqae.json",
    ],
    "sensor_benchmarks": ["autoencoder-0/fault.npy", "autoencoder-0/fault-channels.npy", "VAR-8-0/channel.npy"],
    "sensor_heartbeats": ["beats.png", "codes.png", "loss.png", "model/seqae.json"],
    "text_sentiment_recursive": ["trees.png", "loss.png", "model/seqae.json"],
    "sensor_denoise": [
        "recordings-0.1.png",
        "recordings-0.3.png",
        "recordings-1.png",
        "loss.png",
        "model/seqae.json",
    ],
    "sensor_features": ["codes.png", "loss.png"],
    "sensor_gestures": [
        "clusters.png",
        "classes.png",
        "examples.png",
        "neighbours.png",
        "sorted.tsv",
        "loss.png",
        "model/seqae.json",
    ],
    "text_pretraining": ["loss.png", "model/seqae.json"],
    "text_variational": ["written.txt", "loss.png", "model/seqae.json"],
    "text_autoencode": ["examples_lstm.txt", "loss_convolutions.png", "model_lstm/seqae.json"],
    "text_chatbot": ["report.html", "loss.png", "model/seqae.json"],
    "text_translate": ["report.html", "loss.png", "model/seqae.json"],
    "video_captions": [
        "attention.png",
        "clips.png",
        "captions.tsv",
        "loss.png",
        "model-S2VT/seqae.json",
        "model-attention/seqae.json",
    ],
    "video_lip_reading": ["attention.png", "clips.png", "sentences.tsv", "loss.png", "model/seqae.json"],
    "video_moving_digits": ["frames.png", "video.mp4", "loss.png", "model/seqae.json"],
    "video_sprites": ["frames.png", "video.mp4", "loss.png", "model/seqae.json"],
    "video_wear": ["frames.png", "video.gif", "loss.png", "model/seqae.json"],
}


def test_for_every_recipe_and_no_other_it_is_said_what_it_leaves():
    assert sorted(LEAVES) == [path.stem for path in RECIPES]


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Callable[[str], tuple[dict[str, float], Path]]:
    """Returns the numbers of a recipe and the folder of its results, which is run at the first question."""

    @cache
    def run(name: str) -> tuple[dict[str, float], Path]:
        out = tmp_path_factory.mktemp("runs")
        return load_script(recipe_scripts()[name]).main(smoke=True, out=out), out / name / "latest"

    return run


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe_runs_and_leaves_its_files(path, ran):
    numbers, folder = ran(path.stem)
    assert numbers and all(value == value for value in numbers.values())
    for name in ["metrics.json", "config.json", "environment.json", *LEAVES[path.stem]]:
        assert (folder / name).stat().st_size > 0, name
    assert json.loads((folder / "metrics.json").read_text())["metrics"] == pytest.approx(numbers)
    config = json.loads((folder / "config.json").read_text())
    assert list(config) == list(inspect.signature(load_script(path).main).parameters)
    keys = json.loads((recipes_folder() / "results.json").read_text(encoding="utf-8"))["recipes"][path.stem].get(
        "keys", {}
    )
    assert set(keys.values()) <= set(numbers), f"metrics of the table of results that {path.stem} does not have"


def test_same_seed_gives_the_same_numbers(ran, tmp_path):
    numbers, _ = ran("sensor_anomaly")
    assert load_script(recipe_scripts()["sensor_anomaly"]).main(smoke=True, out=tmp_path) == numbers
