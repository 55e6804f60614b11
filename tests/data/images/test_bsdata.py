"""BSData is read as its repository holds it: patches around the pits, with masks of what the polygons enclose."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from seqae.data import read_bsdata


def write(folder, name, size, polygons):
    """Write a photograph in which pits are black, and its annotation."""
    height, width = size
    pixels = np.full((height, width, 3), 200, dtype=np.uint8)
    for left, top, right, bottom in polygons:
        pixels[top : bottom + 1, left : right + 1] = 0
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=100)
    shapes = [
        {"label": "Pitting", "shape_type": "polygon", "points": [[x, y], [right, y], [right, bottom], [x, bottom]]}
        for x, y, right, bottom in polygons
    ]
    for kind in ("data", "label"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    (folder / "data" / f"{name}.jpg").write_bytes(content.getvalue())
    (folder / "label" / f"{name}.json").write_text(json.dumps({"shapes": shapes, "imageData": None}))


def test_each_pit_has_a_patch_with_its_mask_and_each_photograph_one_without_pits(tmp_path):
    write(tmp_path, "a_crop_1", (100, 300), [(20, 30, 39, 49), (220, 60, 239, 69)])
    first, second, clean = read_bsdata(tmp_path, patch_size=64)
    assert [patch.name for patch in (first, second, clean)] == [f"a_crop_1_{number}.jpg" for number in range(3)]
    assert (int(first.mask.sum()), int(second.mask.sum()), int(clean.mask.sum())) == (20 * 20, 20 * 10, 0)
    for patch in (first, second):
        dark = patch.pixels.float().mean(dim=0) < 100
        assert torch.equal(dark, patch.mask == 1)


def test_a_photograph_no_larger_than_a_patch_is_one(tmp_path):
    write(tmp_path, "small", (40, 50), [(10, 10, 19, 19)])
    write(tmp_path, "clean", (40, 50), [])
    clean, small = read_bsdata(tmp_path, patch_size=64)
    assert clean.name == "clean.jpg" and small.name == "small.jpg"
    assert small.pixels.shape == (3, 40, 50) and small.mask.sum() == 100 and not clean.mask.any()


def test_a_wide_photograph_is_made_smaller_with_its_polygons(tmp_path):
    write(tmp_path, "wide", (80, 200), [(40, 20, 119, 59)])
    (wide,) = read_bsdata(tmp_path, patch_size=100, max_width=100)
    assert wide.pixels.shape == (3, 40, 100)
    assert float(wide.mask.float().mean()) == pytest.approx(0.2, abs=0.03)
    assert wide.pixels[:, wide.mask == 1].float().mean() < 30


def test_the_clone_is_found_in_the_folder_of_data_sets(tmp_path):
    write(tmp_path / "BSData", "a", (40, 50), [])
    assert [patch.name for patch in read_bsdata(tmp_path)] == ["a.jpg"]


def test_what_is_missing_or_no_annotation_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="clone"):
        read_bsdata(tmp_path)
    write(tmp_path, "a", (40, 50), [])
    (tmp_path / "label" / "b.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"b\.json"):
        read_bsdata(tmp_path)
    (tmp_path / "data" / "b.jpg").write_bytes((tmp_path / "data" / "a.jpg").read_bytes())
    with pytest.raises(ValueError, match=r"b\.json is no annotation"):
        read_bsdata(tmp_path)
    for wrong in ("no JSON", '{"shapes": [{"points": [[1, 2], [3, 4]]}]}', '{"shapes": [{"points": [1]}]}', "[]"):
        (tmp_path / "label" / "b.json").write_text(wrong)
        with pytest.raises(ValueError, match=r"b\.json"):
            read_bsdata(tmp_path)
