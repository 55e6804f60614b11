"""Images of one's own, and files with several images."""

import io

import numpy as np
import pytest
from PIL import Image

from seqae.data import read_image_folder, read_pixels, read_video


def stack(pages, **options):
    """Return a TIFF of several pages."""
    file = io.BytesIO()
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:], **options)
    return file.getvalue()


def test_folders_are_classes_and_every_fifth_image_is_for_the_test(tmp_path):
    for name, grey in (("dark", 10), ("light", 200)):
        (tmp_path / name).mkdir()
        for number in range(10):
            Image.new("RGB", (12, 6), (grey, grey, grey)).save(tmp_path / name / f"{number}.png")
    train, test = read_image_folder(tmp_path, 8)
    assert (len(train), len(test), train.size) == (16, 4, (1, 8, 8))
    means = train.batch(np.arange(16)).steps.mean(dim=(1, 2, 3)).numpy()
    np.testing.assert_allclose(means, np.where(train.labels == 0, 10, 200) / 255, atol=1e-6)


def test_too_few_images_are_refused(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError, match=r"1 images in .*Expected five"):
        read_image_folder(tmp_path)


@pytest.mark.parametrize("mode", ["L", "I;16"])
def test_all_pages_are_frames_and_are_no_single_image(tmp_path, mode):
    scale, kind = (1, np.uint8) if mode == "L" else (257, np.uint16)
    pages = [Image.fromarray(np.full((4, 6), 40 * number * scale, dtype=kind)) for number in range(5)]
    (tmp_path / "stack.tif").write_bytes(stack(pages))
    assert read_video(tmp_path / "stack.tif")[:, 0, 0, 0].tolist() == [0, 40, 80, 120, 160]
    with pytest.raises(ValueError, match=r"5 images in one file \(stack.tif\)"):
        read_pixels((tmp_path / "stack.tif").read_bytes(), "stack.tif")
