"""Images with masks from files, good and bad."""

import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from seqae.data.images.masks import read_masked_images

SIZE = (6, 8)  # height, width


def put(folder, name, image: Image.Image, **options):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def pixels(*channels: int, dtype=np.uint8, top=256) -> np.ndarray:
    return np.random.default_rng(0).integers(0, top, (*SIZE, *channels)).astype(dtype)


def mask(*values: int) -> np.ndarray:
    return np.random.default_rng(1).choice(np.array(values, dtype=np.uint8), SIZE)


@pytest.fixture
def folder(tmp_path):
    """One image in colour with a mask of 0 and 255."""
    put(tmp_path, "image/a.png", Image.fromarray(pixels(3)))
    put(tmp_path, "mask/a.png", Image.fromarray(mask(0, 255)))
    return tmp_path


def test_image_and_mask_come_as_they_are(folder):
    (found,) = read_masked_images(folder)
    assert found.name == "image/a.png"
    assert np.array_equal(found.pixels, pixels(3).transpose(2, 0, 1))
    assert np.array_equal(found.mask, mask(0, 255) == 255)


def test_pairs_are_made_by_name_below_any_folder_and_in_zip_files(folder):
    put(folder, "more/image/a.jpg", Image.fromarray(pixels(3)))
    put(folder, "more/mask/a.png", Image.fromarray(mask(0, 255) > 0))  # one bit
    (folder / "image/.DS_Store").write_bytes(b"x")
    with zipfile.ZipFile(folder / "all.zip", "w") as packed:
        for path in folder.rglob("*.[jp][pn]g"):
            packed.write(path, path.relative_to(folder))
    unpacked, zipped = read_masked_images(folder), read_masked_images(folder / "all.zip")
    assert [each.name for each in unpacked] == [each.name for each in zipped] == ["image/a.png", "more/image/a.jpg"]
    for one, other in zip(unpacked, zipped):
        assert torch.equal(one.pixels, other.pixels)
        assert torch.equal(one.mask, torch.from_numpy(mask(0, 255) == 255).long())
        assert torch.equal(one.mask, other.mask)


@pytest.mark.parametrize("kind", ["grey", "palette"])
def test_masks_of_several_classes(folder, kind):
    numbers = mask(0, 7, 200, 255)
    image = Image.fromarray(numbers)
    if kind == "palette":
        image = Image.frombytes("P", image.size, image.tobytes())
        image.putpalette(list(np.random.default_rng(2).integers(0, 256, 768)))
    put(folder, "mask/a.png", image)
    (found,) = read_masked_images(folder, values=(0, 7, 200), unknown=255)
    assert np.array_equal(found.mask, np.select([numbers == 7, numbers == 200, numbers == 255], [1, 2, -1]))


def test_sixteen_bits_are_rounded_to_eight(folder):
    values = pixels(dtype=np.uint16, top=65536)
    put(folder, "image/a.png", Image.fromarray(values))
    (found,) = read_masked_images(folder)
    assert np.array_equal(found.pixels[0], np.rint(values / 65535 * 255))


def test_alpha_that_hides_nothing_is_dropped(folder):
    whole = Image.fromarray(pixels(3))
    whole.putalpha(255)
    put(folder, "image/a.png", whole)
    assert np.array_equal(read_masked_images(folder)[0].pixels, pixels(3).transpose(2, 0, 1))


def test_one_pixel_is_an_image(tmp_path):
    put(tmp_path, "image/a.png", Image.new("L", (1, 1), 9))
    put(tmp_path, "mask/a.png", Image.new("1", (1, 1), 1))
    (found,) = read_masked_images(tmp_path)
    assert found.pixels.tolist() == [[[9]]]
    assert found.mask.tolist() == [[1]]


def test_a_camera_held_upright_is_honoured(folder):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    put(folder, "image/a.png", Image.fromarray(np.rot90(pixels(3)).copy()), exif=exif)
    assert np.array_equal(read_masked_images(folder)[0].pixels, pixels(3).transpose(2, 0, 1))


def damage(folder, what):
    image, mask_file = folder / "image/a.png", folder / "mask/a.png"
    if what == "no mask":
        mask_file.unlink()
    elif what == "no image":
        put(folder, "image/b.png", Image.fromarray(pixels(3)))
        mask_file.rename(folder / "mask/b.png")
        image.unlink()
        put(folder, "mask/c.png", Image.fromarray(mask(0, 255)))
    elif what == "other size":
        put(folder, "mask/a.png", Image.new("L", (5, 5)))
    elif what == "other values":
        put(folder, "mask/a.png", Image.fromarray(mask(0, 3, 255)))
    elif what == "mask in colour":
        put(folder, "mask/a.png", Image.fromarray(pixels(3)))
    elif what == "text":
        image.write_text("hello")
    elif what == "cut":
        image.write_bytes(image.read_bytes()[:60])
    elif what == "seen through":
        put(folder, "image/a.png", Image.fromarray(pixels(4)))
    elif what == "floats":
        path = put(folder, "image/a.tiff", Image.fromarray(pixels().astype(np.float32)))
        path.replace(image)
    elif what == "grey and colour":
        put(folder, "image/b.png", Image.fromarray(pixels()))
        put(folder, "mask/b.png", Image.fromarray(mask(0, 255)))


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("no mask", r"image image/a.png has no mask .*Add it"),
        ("no image", r"mask mask/c.png has no image .*Add it"),
        ("other size", r"mask/a.png has 5 x 5 pixels, its image 6 x 8"),
        ("other values", r"value 3 in a mask \(mask/a.png in .*\)\. Expected 0, 255"),
        ("mask in colour", r"mask of the kind RGB \(mask/a.png"),
        ("text", r"not an image \(image/a.png"),
        ("cut", r"damaged image \(image/a.png"),
        ("seen through", r"transparent image \(image/a.png .*alpha down to"),
        ("floats", r"image of the kind F \(image/a.png"),
        ("grey and colour", r"image/b.png has 1 channels, image/a.png 3"),
    ],
)
def test_bad_files_are_named_in_one_line(folder, what, message):
    damage(folder, what)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        read_masked_images(folder)
    assert "\n" not in str(caught.value)


def test_no_images_and_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no images in .*image/NAME.jpg beside mask/NAME.png"):
        read_masked_images(tmp_path)
    with pytest.raises(FileNotFoundError, match="no folder or zip file"):
        read_masked_images(tmp_path / "absent")
