"""Images of one's own, and files with several images."""

import io

import numpy as np
import pytest
from PIL import Image

from seqae.data import read_image_folder, read_images, read_normal_and_new_images, read_pixels, read_video


def stack(pages, **options):
    """Return a TIFF of several pages."""
    file = io.BytesIO()
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:], **options)
    return file.getvalue()


def grey(folder, counts, size=(12, 6)):
    """Write images of one brightness, so many in each folder, named by the brightness."""
    for name, count in counts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.new("RGB", size, (int(name),) * 3).save(folder / name / f"{number}.png")


def test_folders_are_classes_and_every_fifth_image_of_each_is_for_the_test(tmp_path):
    grey(tmp_path, {"10": 12, "200": 8})
    train, test = read_image_folder(tmp_path, 8)
    assert (len(train), len(test), train.size) == (17, 3, (1, 8, 8))
    assert train.class_names == ("10", "200") and test.label_names.tolist() == ["10", "10", "200"]
    means = 255 * train.batch(np.arange(17)).steps.mean(dim=(1, 2, 3)).numpy()
    np.testing.assert_allclose(means, train.label_names.astype(float), atol=1e-4)


def test_a_folder_takes_the_place_of_a_set(tmp_path):
    grey(tmp_path, {"50": 10})
    (tmp_path / "50" / "._0.png").write_bytes(b"what macOS leaves")
    train, test = read_images("mnist", "absent", tmp_path)
    assert (len(train), len(test)) == (8, 2) and train.labels is None and train.label_names is None


@pytest.mark.parametrize(
    ("counts", "with_classes", "message"),
    [
        ({"1": 9}, False, r"9 images in .*Expected ten images or more, FOLDER/NAME.png or"),
        ({"1": 12}, True, r"1 classes in .*with 12 images in '1'. Expected a folder for each of two classes"),
        ({"1": 12, "2": 4}, True, r"2 classes in .*with 4 images in '2'"),
    ],
)
def test_too_few_images_are_refused_with_what_the_folder_must_look_like(tmp_path, counts, with_classes, message):
    grey(tmp_path, counts)
    with pytest.raises(FileNotFoundError, match=message):
        read_image_folder(tmp_path, with_classes=with_classes)


def test_what_lies_in_a_folder_without_images_is_named(tmp_path):
    (tmp_path / "a.heic").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=r"\.webp .*, but \.heic\. Expected ten"):
        read_image_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no folder '.*absent'. Expected ten"):
        read_image_folder(tmp_path / "absent")


@pytest.mark.parametrize("mode", ["L", "I;16"])
def test_all_pages_are_frames_and_are_no_single_image(tmp_path, mode):
    scale, kind = (1, np.uint8) if mode == "L" else (257, np.uint16)
    pages = [Image.fromarray(np.full((4, 6), 20 * number * scale, dtype=kind)) for number in range(10)]
    (tmp_path / "stack.tif").write_bytes(stack(pages))
    assert read_video(tmp_path / "stack.tif")[:, 0, 0, 0].tolist() == [20 * number for number in range(10)]
    with pytest.raises(ValueError, match=r"10 images in one file \(stack.tif\)"):
        read_pixels((tmp_path / "stack.tif").read_bytes(), "stack.tif")
    train, test = read_image_folder(tmp_path, 4)
    assert test.pixels[:, 0, 0, 0].tolist() == [80, 180] and len(train) == 8


def test_pages_of_one_file_are_all_on_one_side_where_there_are_several(tmp_path):
    for number in range(5):
        pages = [Image.new("L", (4, 4), 10 * number + page) for page in range(3)]
        (tmp_path / f"{number}.tif").write_bytes(stack(pages))
    train, test = read_image_folder(tmp_path, 4)
    assert test.pixels[:, 0, 0, 0].tolist() == [40, 41, 42] and len(train) == 12


def test_normal_images_have_empty_masks_and_new_ones_unknown_masks(tmp_path):
    grey(tmp_path / "normal", {"100": 5})
    grey(tmp_path / "new", {"0": 2})
    images = read_normal_and_new_images(tmp_path)
    assert [int(image.mask.unique()) for image in images] == [0] * 5 + [-1] * 2
    assert [int(image.pixels.unique()) for image in images] == [100] * 5 + [0] * 2
    grey(tmp_path / "new", {"50": 1}, size=(6, 6))
    with pytest.raises(ValueError, match=r"3 x 6 x 6 pixels .*, and 3 x 6 x 12 of normal.*Expected images of one size"):
        read_normal_and_new_images(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"3 files in '.*normal'. Expected FOLDER/normal with five"):
        read_normal_and_new_images(swapped(tmp_path))


def swapped(folder):
    """Return the folder with the names of normal and new ones exchanged."""
    (folder / "normal").rename(folder / "other")
    (folder / "new").rename(folder / "normal")
    (folder / "other").rename(folder / "new")
    return folder
