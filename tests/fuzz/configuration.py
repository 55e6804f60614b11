"""Attempts at configuration: files of reading options, and files of options of the command line."""

import io
import json
import random
from contextlib import redirect_stderr
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, Unpack

from fuzz.mangling import mangled, one_line
from layouts import table
from seqae.cli.messages import USER_ERROR
from seqae.cli.signature import call
from seqae.data.signals.loading import as_recordings
from seqae.data.signals.options import ReadingKeywords, ReadingOptions
from seqae.data.signals.options_file import read_options

TOML = 'time-column = "stamp"\nmissing = [-999, "Bad Input"]\nby = ["machine"]\nlevels = {ON = 1, OFF = 0}\n'
TOML += 'resample = "10s"\n'
NAMES = [each.name for each in fields(ReadingOptions)]
TEXTS = ["", "time", "temp", "press", ",", ";", "\t", "\0", "\ud7ff", "10s", "-5min", "1e400s", "excel", "1899-12-30"]
TEXTS += ["Europe/Berlin", "../../etc/passwd", "hold", "h", "%Y", "%", "%Q %d", "x" * 3000, "none", "blank", "file"]
NUMBERS = ["0", "1", "-1", "999999999999999999999", "1e308", "nan", "-inf", "true", "1979-05-27T07:32:00Z"]
YAML = "epochs: 3\nrate: 0.5\nhidden_sizes: [8, 4]\ncell: gru\nname: pump\nreading:\n  sort: true\n"


def train(
    *,
    epochs: int = 3,
    rate: float = 0.1,
    cell: Literal["lstm", "gru"] = "lstm",
    hidden_sizes: tuple[int, ...] = (64, 32),
    window: int | None = None,
    name: str = "pump",
    smoke: bool = False,
    out: Path = Path("runs"),
    **reading: Unpack[ReadingKeywords],
) -> dict[str, Any]:
    """Return what it was given."""
    return dict(locals())


def value(dice: random.Random, depth: int = 0) -> str:
    """Return a value as TOML writes it."""
    match dice.randrange(4 if depth < 2 else 2):
        case 0:
            return json.dumps(dice.choice(TEXTS), ensure_ascii=False)
        case 1:
            return dice.choice(NUMBERS)
        case 2:
            return f"[{', '.join(value(dice, depth + 1) for _ in range(dice.randint(0, 3)))}]"
        case _:
            pairs = (f"{json.dumps(dice.choice(TEXTS))} = {value(dice, depth + 1)}" for _ in range(dice.randint(0, 2)))
            return f"{{{', '.join(pairs)}}}"


def try_options(folder: Path, dice: random.Random) -> str:
    """Read options of a file, and a table with them."""
    path, rows = folder / "pump.toml", folder / "rows.csv"
    text = "".join(f"{dice.choice(NAMES)} = {value(dice)}\n" for _ in range(dice.randint(0, 3)))
    path.write_bytes(mangled(TOML.encode(), text.encode(), dice) if dice.random() < 0.4 else text.encode())
    rows.write_text(table())
    try:
        options = read_options(path)
    except ValueError as error:
        assert path.name in str(error), "the error does not name the file"
        return one_line(error)
    assert ReadingOptions.of(**options) is not None
    try:
        as_recordings(rows, **options)
    except ValueError as error:
        return one_line(error)
    return ""


def try_config(folder: Path, dice: random.Random) -> str:
    """Call a function with options of a file, as `--config` and `--reading` name it."""
    flag, ending, text = dice.choice(
        [
            ("--config", "yaml", YAML),
            ("--config", "json", json.dumps({"epochs": 3, "name": "x"})),
            ("--reading", "toml", TOML),
        ]
    )
    path = folder / f"given.{ending}"
    path.write_bytes(mangled(text.encode(), (YAML + TOML).encode(), dice))
    printed = io.StringIO()
    try:
        with redirect_stderr(printed):
            found = call(train, [flag, str(path)], prog="train", config=True)
    except SystemExit as end:
        text = printed.getvalue().removesuffix("\n")
        assert end.code == USER_ERROR, f"status {end.code}"
    except ValueError as error:
        text = str(error)
    else:
        assert type(found["epochs"]) is int and type(found["rate"]) is float and found["cell"] in ("lstm", "gru")
        assert all(type(size) is int for size in found["hidden_sizes"]) and isinstance(found["hidden_sizes"], tuple)
        assert isinstance(found["out"], Path) and type(found["smoke"]) is bool
        return ""
    assert path.name in text, f"the error does not name the file: {text!r}"
    return one_line(ValueError(text))
