"""Recipes of audio, images and video read files of one's own."""

import numpy as np
import pytest
from PIL import Image

from seqae.cli.docstrings import argument_help
from seqae.cli.recipe_script import Recipe, load_script
from seqae.cli.recipes import scripts as recipe_scripts
from seqae.data import Audio

OF_MEDIA = [name for name in recipe_scripts() if name.startswith(("audio_", "image_", "video_"))]


@pytest.mark.parametrize("name", OF_MEDIA)
def test_a_recipe_takes_a_folder_and_says_what_it_must_look_like(name):
    signature, docstring = Recipe(recipe_scripts()[name]).main()
    assert signature.parameters["folder"].default == ""
    assert "your own" in argument_help(docstring)["folder"]


def boxes(folder, count, size=(20, 30)):
    """Write images of a bright box."""
    random = np.random.default_rng(count)
    folder.mkdir(parents=True)
    for number in range(count):
        pixels = random.integers(0, 30, size, dtype=np.uint8)
        row, column = random.integers(0, 12, 2)
        pixels[row : row + 6, column : column + 6] = 220
        Image.fromarray(pixels).save(folder / f"{number}.png")


def tones(folder, count, pitch, ending):
    """Write recordings of a tone that comes and goes."""
    folder.mkdir(parents=True)
    time = np.arange(4000) / 8000
    for number in range(count):
        tone = 0.3 * np.sin(2 * np.pi * (pitch + number) * time) * np.sin(2 * np.pi * time)
        Audio(tone.astype(np.float32), 8000).write(folder / f"{number}{ending}")


def test_a_recipe_of_images_runs_on_ten_of_ones_own(tmp_path):
    boxes(tmp_path / "own", 10)
    numbers = load_script(recipe_scripts()["image_denoise"]).main(
        smoke=True, folder=str(tmp_path / "own"), out=tmp_path
    )
    assert numbers and np.isfinite(list(numbers.values())).all()


def test_a_recipe_of_normal_images_ranks_new_ones(tmp_path):
    boxes(tmp_path / "own" / "normal", 6, (48, 48))
    boxes(tmp_path / "own" / "new", 2, (48, 48))
    main = load_script(recipe_scripts()["image_defects"]).main
    numbers = main(smoke=True, folder=str(tmp_path / "own"), out=tmp_path)
    assert 0 <= numbers["autoencoder: AUROC"] <= 1


def test_a_recipe_of_normal_sounds_ranks_new_ones(tmp_path):
    tones(tmp_path / "own" / "normal", 6, 300, ".ogg")
    tones(tmp_path / "own" / "new", 2, 900, ".flac")
    load_script(recipe_scripts()["audio_anomaly"]).main(smoke=True, folder=str(tmp_path / "own"), out=tmp_path)
    ranked = (tmp_path / "audio_anomaly" / "latest" / "ranked.tsv").read_text().splitlines()
    assert len(ranked) == 3 and all(line.endswith(".flac") for line in ranked[:2])


def test_a_recipe_of_videos_predicts_ones_own(tmp_path):
    for number in range(5):
        boxes(tmp_path / "own" / str(number), 20)
    main = load_script(recipe_scripts()["video_moving_digits"]).main
    numbers = main(smoke=True, folder=str(tmp_path / "own"), out=tmp_path)
    assert np.isfinite(list(numbers.values())).all()
    with pytest.raises(FileNotFoundError, match=r"no videos .*, but images"):
        main(smoke=True, folder=str(tmp_path / "own" / "0"), out=tmp_path)
