"""Patches with masks become a clone of BSData in which nothing has changed."""

import io
import runpy
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from seqae.data import read_bsdata

convert = runpy.run_path(str(Path(__file__).with_name("convert_bsdata.py")))["convert"]


def test_converted_patches_have_the_masks_they_had(tmp_path):
    random = np.random.default_rng(0)
    masks = {f"{number}_crop_1": random.random((20, 30)) > 0.3 * number for number in range(4)}
    with zipfile.ZipFile(tmp_path / "patches.zip", "w") as archive:
        for name, mask in masks.items():
            image, packed_mask = io.BytesIO(), io.BytesIO()
            Image.fromarray(random.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(image, "JPEG")
            Image.fromarray(mask).save(packed_mask, "PNG")
            archive.writestr(f"train/image/{name}.jpg", image.getvalue())
            archive.writestr(f"train/mask/{name}.png", packed_mask.getvalue())
    convert(tmp_path / "patches.zip", tmp_path)
    patches = read_bsdata(tmp_path)
    assert [patch.name for patch in patches] == [f"{name}.jpg" for name in masks]
    for patch, mask in zip(patches, masks.values()):
        assert torch.equal(patch.mask == 1, torch.from_numpy(mask))
