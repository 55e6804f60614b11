"""A page with a drawing of each example model: layers, shapes, numbers of parameters."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

import model_examples
import seqae
import seqae.modules
from extensions.generated import heading, indented, write
from extensions.tracing import Call, Shapes, leaves, trace

if TYPE_CHECKING:
    from sphinx.application import Sphinx

WIDTH, ROW, BOX, NARROW, WIDE = 720, 48, 30, 76, 250
LEFT, CENTRE, RIGHT = 262, 402, 542
Example = Callable[[], tuple[nn.Module, list[Tensor]]]


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell sphinx what this extension does."""
    app.connect("builder-inited", lambda _: write("models.rst", page()))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def page() -> list[str]:
    """Return the page.

    Raises:
        ValueError: A public encoder or decoder is part of no example.
    """
    missing = sorted(not_drawn())
    if missing:
        raise ValueError(f"docs/model_examples.py has no example of {', '.join(missing)}. Add one")
    lines = [*heading("Models", "="), *INTRODUCTION]
    for title, example in model_examples.EXAMPLES.items():
        lines += [*heading(title, "-"), inspect.getdoc(example) or "", ""]
        torch.manual_seed(0)
        model, sequences = example()
        batch = seqae.Batch.of(sequences)
        calls = trace(model, batch)
        lines += [".. code-block:: python", "", *indented(source(example)), ""]
        lines += [".. raw:: html", "", *indented(drawing(batch, calls)), ""]
        lines += [*table(model, calls), ""]
    return lines


INTRODUCTION = [
    "What the public encoders and decoders look like inside. The drawings are made by running each model on a batch of",
    "three sequences while this page is built. Boxes are modules in the order in which they run, as wide as the number",
    "of values that they write for a sequence (logarithmically). *steps* are all steps of all sequences of a batch,",
    "without padding. The numbers of channels and units are small, to keep the drawings readable.",
    "",
]


def not_drawn() -> set[str]:
    """Return the encoders and decoders that `seqae` or `seqae.modules` offers and that are in no example."""
    drawn = {type(module) for example in model_examples.EXAMPLES.values() for module in example()[0].modules()}
    offered = {getattr(front, name) for front in (seqae, seqae.modules) for name in front.__all__}
    models = {
        thing
        for thing in offered
        if inspect.isclass(thing)
        and issubclass(thing, (seqae.Encoder, seqae.Decoder))
        and not inspect.isabstract(thing)
    }
    return {model.__name__ for model in models - drawn}


def source(example: Example) -> str:
    """Return the lines of an example that make its model."""
    lines = inspect.cleandoc(inspect.getsource(example).partition('"""\n')[2]).splitlines()
    model = lines[-1].removeprefix("return ").rpartition(", ")[0]
    return "\n".join([*lines[:-1], f"model = {model}"])


def drawing(batch: seqae.Batch, calls: list[Call]) -> str:
    """Return a drawing of a model as SVG, from the batch at the top to the prediction at the bottom."""
    shapes = Shapes(batch)
    shown = leaves(calls)
    rows = [("data", "", "batch", shapes.words(batch.values), shapes.size(batch.values))]
    code = next((call for call in calls if call.path == "encoder"), None)
    for number, call in enumerate(shown):
        if call.path.startswith("decoder") and code is not None and shown[number - 1].path.startswith("encoder"):
            rows.append(("code", "", "code", code.output, code.size))
        rows.append((kind(call), call.path, name(call), call.output, call.size))
    last = next(call for call in reversed(calls) if call.path in ("decoder", ""))
    rows.append(("data", "", "prediction", last.output, last.size))
    largest = max(size for *_, size in rows)
    body = [box(number, *row, largest=largest) for number, row in enumerate(rows)]
    height = ROW * len(rows) - (ROW - BOX) + 4
    label = escape(" then ".join(text for _, _, text, _, _ in rows), quote=True)
    return "\n".join(
        [f'<svg class="model" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">', *body, "</svg>"]
    )


def box(number: int, kind: str, path: str, text: str, shape: str, size: int, *, largest: int) -> str:
    """Return a row of a drawing: where the module is in the model, the module, and the shape of what it writes."""
    top = 2 + ROW * number
    width = NARROW + (WIDE - NARROW) * math.log1p(size) / math.log1p(largest)
    width = min(WIDE, max(width, 7.2 * len(text) + 14))
    middle = top + BOX / 2 + 4
    arrow = (
        f'<path class="arrow" d="M{CENTRE} {top - 18} v11"/><path class="head" d="M{CENTRE - 4} {top - 8} h8 l-4 7 z"/>'
    )
    return (
        (arrow if number else "")
        + f'<rect class="{kind}" x="{CENTRE - width / 2:.0f}" y="{top}" width="{width:.0f}" height="{BOX}"/>'
        + f'<text class="layer" x="{CENTRE}" y="{middle:.0f}">{escape(text)}</text>'
        + f'<text class="name" x="{LEFT}" y="{middle:.0f}">{escape(path)}</text>'
        + f'<text class="shape" x="{RIGHT}" y="{middle:.0f}">{escape(shape)}</text>'
    )


def kind(call: Call) -> str:
    """Return the part of the model to which a module belongs."""
    part = call.path.partition(".")[0]
    return part if part in ("encoder", "decoder", "code") else "data"


def name(call: Call) -> str:
    """Return what a box says."""
    return type(call.module).__name__ + (f" x {call.times}" if call.times > 1 else "")


def table(model: nn.Module, calls: list[Call]) -> list[str]:
    """Return a table of all modules that ran, in the order in which the model holds them."""
    places = {path: place for place, (path, _) in enumerate(model.named_modules())}
    lines = [".. list-table::", "   :header-rows: 1", "   :class: layers", ""]
    lines += row("module", "class", "writes", "parameters")
    for call in sorted(calls, key=lambda call: places[call.path]):
        lines += row(f"``{call.path or 'model'}``", type(call.module).__name__, call.output, f"{call.parameters:,}")
    return lines


def row(*cells: str) -> list[str]:
    """Return a row of a table."""
    return [f"   {'*' if number == 0 else ' '} - {cell}" for number, cell in enumerate(cells)]
