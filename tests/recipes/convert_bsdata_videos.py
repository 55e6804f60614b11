"""Write contact sheets of wear as BSData is published: `data/01_TIME_LOCATION_crop_2.jpg` and `label/*.json`.

    python tests/recipes/convert_bsdata_videos.py FOLDER_WITH_SHEETS TARGET

The folder holds `wear_sequences.zip`, for each spot a sheet of grey frames of 160 x 64 pixels, ten in a row, and
`wear_sequences.json`: the time of each frame, and whether somebody marked a defect. The last twelve frames are named
`crop_1`, as in the original.
"""

import io
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

COLUMNS, LAST = 10, 57


def main(source: Path, target: Path) -> None:
    for part in ("data", "label"):
        (target / part).mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(source / "wear_sequences.zip") as archive:
        for spot in json.loads((source / "wear_sequences.json").read_text(encoding="utf-8")):
            sheet = np.asarray(Image.open(io.BytesIO(archive.read(f"{spot['location']}.jpg"))).convert("L"))
            for index, time in enumerate(spot["time"]):
                row, column = divmod(index, COLUMNS)
                stem = f"01_{time}_{spot['location']}_crop_{2 if index < LAST else 1}"
                frame = Image.fromarray(sheet[64 * row : 64 * (row + 1), 160 * column : 160 * (column + 1)])
                frame.save(target / "data" / f"{stem}.jpg", quality=100)
                if spot["labelled"][index]:
                    (target / "label" / f"{stem}.json").write_text("{}\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
