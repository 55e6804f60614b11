"""Write sheets of mouths as GRID is published: videos `s1/NAME.mpg` of 360 x 288 pixels, and `align/NAME.align`.

    python tests/recipes/convert_grid.py FOLDER_WITH_SHEETS TARGET

The folder holds `clips.jsonl` (id, n_frames, crop_xy, words with their first and last frame) and `frames.zip` (for each
clip a contact sheet of frames of 48 x 32 pixels, 15 in a row). What is around a mouth is grey.
"""

import io
import json
import sys
import zipfile
from pathlib import Path

import av
import numpy as np
from PIL import Image


def main(source: Path, target: Path) -> None:
    for part in ("s1", "align"):
        (target / part).mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(source / "frames.zip") as archive:
        for line in (source / "clips.jsonl").read_text(encoding="utf-8").splitlines():
            clip = json.loads(line)
            sheet = np.asarray(Image.open(io.BytesIO(archive.read(f"{clip['id']}.jpg"))).convert("L"))
            write_video(target / "s1" / f"{clip['id']}.mpg", frames_of(sheet, clip["n_frames"]), *clip["crop_xy"])
            words = [f"{round(1000 * start)} {round(1000 * end)} {word}" for start, end, word in clip["words"]]
            (target / "align" / f"{clip['id']}.align").write_text("\n".join(words) + "\n")


def frames_of(sheet: np.ndarray, count: int) -> np.ndarray:
    """Return the frames of a contact sheet, `(time, 32, 48)`."""
    rows, columns = sheet.shape[0] // 32, sheet.shape[1] // 48
    return sheet.reshape(rows, 32, columns, 48).swapaxes(1, 2).reshape(-1, 32, 48)[:count]


def write_video(path: Path, mouths: np.ndarray, left: int, top: int) -> None:
    """Write frames in which a mouth `(time, 32, 48)` of twice the size is in its place."""
    with av.open(str(path), "w", format="mpeg") as container:
        stream = container.add_stream("mpeg1video", rate=25, options={"qmin": "1", "qmax": "1", "g": "1"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 360, 288, "yuv420p", 20_000_000
        for mouth in mouths:
            frame = np.full((288, 360), 128, np.uint8)
            frame[top : top + 64, left : left + 96] = mouth.repeat(2, 0).repeat(2, 1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.stack([frame] * 3, axis=-1), format="rgb24")))
        container.mux(stream.encode())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
