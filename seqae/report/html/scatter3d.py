"""Codes of three numbers as a cloud that turns under the mouse: one HTML file, without a library or a network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

import numpy as np

from seqae._files import write_atomically
from seqae.report import colours

_SHOWN = 4000  # points; a canvas draws them in a few milliseconds

_PAGE = """<!doctype html>
<meta charset="utf-8"><title>$title</title>
<style>
body { font: 14px system-ui, sans-serif; margin: 1em; color: $ink }
canvas { width: 100%; height: 80vh; cursor: grab; touch-action: none }
label { margin-right: 1em; white-space: nowrap } i { display: inline-block; width: .8em; height: .8em }
</style>
<h1 style="font-size: 1.2em">$title</h1>
<div id="legend"></div>
<canvas aria-label="$title: drag to turn, wheel to come nearer"></canvas>
<p>Drag to turn, wheel to come nearer.</p>
<script>
const { points, classes, names, colours } = $data;
const canvas = document.querySelector("canvas"), pen = canvas.getContext("2d");
const shown = names.map(() => true);
let turn = 0.6, tilt = 0.4, zoom = 1, held = null;
function draw() {
  canvas.width = canvas.clientWidth * devicePixelRatio;
  canvas.height = canvas.clientHeight * devicePixelRatio;
  const [c, s, d, t] = [Math.cos(turn), Math.sin(turn), Math.cos(tilt), Math.sin(tilt)];
  const scale = zoom * 0.3 * Math.min(canvas.width, canvas.height);
  const placed = points.map(([x, y, z], i) => {
    const across = c * x + s * z, back = c * z - s * x;
    return [across, d * y - t * back, t * y + d * back, classes[i]];
  }).filter((point) => shown[point[3]]).sort((a, b) => b[2] - a[2]);
  for (const [x, y, depth, kind] of placed) {
    const near = scale * 8 / Math.max(8 + depth, 1), size = near / 40;
    pen.fillStyle = colours[kind];
    pen.fillRect(canvas.width / 2 + near * x - size / 2, canvas.height / 2 - near * y - size / 2, size, size);
  }
}
names.forEach((name, kind) => {
  const [label, box, dot] = ["label", "input", "i"].map((kind) => document.createElement(kind));
  Object.assign(box, { type: "checkbox", checked: true, onchange: () => { shown[kind] = box.checked; draw(); } });
  dot.style.background = colours[kind];
  label.append(box, dot, " " + name);
  document.getElementById("legend").append(label);
});
canvas.onpointerdown = (event) => { held = [event.x, event.y]; canvas.setPointerCapture(event.pointerId); };
canvas.onpointerup = () => { held = null; };
canvas.onpointermove = (event) => {
  if (!held) return;
  turn += (event.x - held[0]) / 150;
  tilt += (event.y - held[1]) / 150;
  held = [event.x, event.y];
  draw();
};
canvas.onwheel = (event) => { event.preventDefault(); zoom *= Math.exp(-event.deltaY / 800); draw(); };
onresize = draw;
draw();
</script>
"""


def write_scatter3d(path: Path | str, codes: np.ndarray, classes: Sequence[object] | np.ndarray, title: str) -> Path:
    """Write a page that shows codes as points in space, coloured by class; return its path.

    Args:
        path: Of the HTML file.
        codes: `(sequence, 3)`; of more than 4,000 an even choice is shown.
        classes: One class for each sequence.
        title: What is seen.

    Raises:
        ValueError: A code does not have three numbers, or there is not one class for each.
    """
    codes, classes = np.asarray(codes, dtype=np.float64), np.asarray(classes)
    if codes.ndim != 2 or codes.shape[1] != 3 or len(codes) == 0:
        raise ValueError(f"codes of shape {codes.shape}. Expected (sequence, 3)")
    if classes.shape != codes.shape[:1]:
        raise ValueError(f"classes of shape {classes.shape} for {len(codes)} codes. Give one to each")
    names, numbers = np.unique(classes, return_inverse=True)
    chosen = np.unique(np.linspace(0, len(codes) - 1, min(_SHOWN, len(codes))).astype(int))
    spread = (codes - codes.mean(axis=0)) / max(codes.std(axis=0).max(), np.finfo(float).tiny)
    content = {
        "points": spread[chosen].round(3).tolist(),
        "classes": numbers[chosen].tolist(),
        "names": [str(name) for name in names],
        "colours": _colours(len(names)),
    }
    data = json.dumps(content, allow_nan=False).replace("<", "\\u003c")  # a name can't end the script
    page = Template(_PAGE).substitute(ink=colours.INK, title=escape(title), data=data)
    return write_atomically(path, page.encode())


def _colours(count: int) -> list[str]:
    if count <= len(colours.CLASSES):
        return list(colours.CLASSES[:count])
    return [f"hsl({360 * number // count} 75% {40 + 15 * (number % 2)}%)" for number in range(count)]
