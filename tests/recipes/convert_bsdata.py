"""Write patches with masks, `SPLIT/image/NAME.jpg` and `SPLIT/mask/NAME.png` in a zip file, in the layout of BSData.

python tests/recipes/convert_bsdata.py patches.zip FOLDER    # writes FOLDER/BSData/data and FOLDER/BSData/label
"""

import io
import itertools
import json
import sys
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image


def convert(packed: Path, folder: Path) -> None:
    """Write each image as it is, and its mask as polygons of labelme, one for each run of pixels in a row."""
    for name in ("data", "label"):
        (folder / "BSData" / name).mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(packed) as archive:
        for image in sorted(map(PurePosixPath, archive.namelist())):
            if image.parent.name != "image":
                continue
            mask = archive.read(str(image.parent.with_name("mask") / f"{image.stem}.png"))
            shapes = polygons(np.array(Image.open(io.BytesIO(mask)).convert("L")) > 0)
            (folder / "BSData" / "data" / f"{image.stem}.jpg").write_bytes(archive.read(str(image)))
            content = json.dumps({"shapes": shapes, "imagePath": f"{image.stem}.jpg"})
            (folder / "BSData" / "label" / f"{image.stem}.json").write_text(content, encoding="utf-8")


def polygons(mask: np.ndarray) -> list[dict[str, object]]:
    """Return flat polygons that cover the true pixels of a mask `(height, width)` and no others."""
    found: list[dict[str, object]] = []
    for y, row in enumerate(mask):
        x = 0
        for is_pit, run in itertools.groupby(row.tolist()):
            end = x + len(list(run))
            if is_pit:
                points = [[x, y], [end - 1, y], [end - 1, y], [x, y]]
                found.append({"label": "Pitting", "shape_type": "polygon", "points": points})
            x = end
    return found


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
