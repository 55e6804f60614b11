"""Writes the table of results, `recipes/README.md`, from `recipes/results.json`; takes new values from full runs.

    python recipes/_results.py                 # write the table
    python recipes/_results.py --check         # fail if the table does not match the results
    python recipes/_results.py --runs runs     # first take the values of `runs/NAME/latest/metrics.json`

`results.json` holds six short cells for each recipe. Its `keys`, if there are any, name for a cell the metric in
metrics.json that belongs there: `"keys": {"seqae": "autoencoder: AUROC"}`. `--runs` then puts that metric's new value
in place of the last number in the cell, with as many digits; runs with `--smoke` or `--quick` are left out.
"""

import argparse
import ast
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
NUMBERS, TABLE = HERE / "results.json", HERE / "README.md"
INTRODUCTION = """# Recipes

Each recipe is a script, or a folder of the script's name with what only it needs. `seqae run NAME` runs one,
`seqae run NAME --help` lists its options, and `seqae cp NAME DIR` copies it, to make it yours. All run without data:
`--quick` learns something in less than a minute, `--smoke` only tries in seconds whether a recipe runs.
Your own files: `--folder DIR` for images (JPEG, PNG, TIFF of several pages and of 8 to 16 bits), sound (WAV, FLAC,
OGG, MP3, M4A), video, and signals to clean or to group; `--file FILE` for texts; `--normal FILE --live FILE` for
sensor_anomaly. `--help` says how they have to lie.
Where the data of the table come from: [data/README.md](../data/README.md).

"Baseline" is the best honest baseline that was measured on the same data; "published" follows the protocol of
the publication where it is the same. Protocols, what is optimistic, and further numbers: [RESULTS.md](RESULTS.md).
This page is written by `python recipes/_results.py` from the metrics of whole runs.
"""
COLUMNS = {
    "data": "data",
    "metric": "metric",
    "seqae": "seqae",
    "baseline": "best baseline",
    "published": "best published",
    "minutes": "minutes",
}


def table(recipes: dict[str, dict[str, object]]) -> str:
    """Return the page: an introduction and one line for each recipe, by name."""
    head = ["recipe", *COLUMNS.values()]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for name, cells in sorted(recipes.items()):
        path = f"{name}/{name}.py" if (HERE / name).is_dir() else f"{name}.py"
        row = [f"[{name}]({path})", *(str(cells[key]) for key in COLUMNS)]
        lines.append(f"| {' | '.join(row)} |")
    return INTRODUCTION + "\n" + "\n".join(lines) + "\n"


def updated(recipes: dict[str, dict[str, object]], runs: Path) -> list[str]:
    """Update cells with the metrics of full runs; return the names of the recipes that had runs.

    Raises:
        ValueError: A run lacks a metric that `keys` names, or a cell has no number to replace.
    """
    names = []
    for name, cells in recipes.items():
        folder = runs / name / "latest"
        if not cells.get("keys") or not (folder / "metrics.json").exists() or is_small(name, folder):
            continue
        values = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["metrics"]
        for cell, key in cells["keys"].items():
            if key not in values:
                raise ValueError(f"{folder / 'metrics.json'} has no {key!r} for {name}. It has: {', '.join(values)}")
            value = float(values[key]) / (100 if key.endswith("%") else 1)
            cells[cell] = with_value(str(cells[cell]), value)
        names.append(name)
    return names


def is_small(name: str, folder: Path) -> bool:
    """Whether a run was a small one, with the settings of `--smoke` or `--quick`."""
    config = folder / "config.json"
    settings = json.loads(config.read_text(encoding="utf-8")) if config.exists() else {}
    script = HERE / name / f"{name}.py" if (HERE / name).is_dir() else HERE / f"{name}.py"
    text = script.read_text(encoding="utf-8") if script.exists() else ""
    found = re.search(r"^QUICK = (\{.*?\})$", text, re.MULTILINE | re.DOTALL)
    quick = json.loads(json.dumps(ast.literal_eval(found[1]))) if found else {}  # tuples become lists, as in the file
    return bool(settings.get("smoke")) or (bool(quick) and settings | quick == settings)


def with_value(cell: str, value: float) -> str:
    """Return a cell with a value in place of its last number, with as many digits; percent stays percent."""
    found = re.findall(r"\d+(?:\.\d+)?", cell)
    if not found:
        raise ValueError(f"{cell!r} has no number to put {value:.4g} in place of. Write one, with its digits, by hand")
    digits = len(found[-1].partition(".")[2])
    before, _, after = cell.rpartition(found[-1])
    return f"{before}{value * (100 if after.startswith(' %') else 1):.{digits}f}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the table is out of date")
    parser.add_argument("--runs", type=Path, help="folder of runs to take numbers from")
    options = parser.parse_args()
    content = json.loads(NUMBERS.read_text(encoding="utf-8"))
    if options.check:
        if TABLE.read_text(encoding="utf-8") == table(content["recipes"]):
            return 0
        print(f"{TABLE} does not match {NUMBERS}. Run: python recipes/_results.py", file=sys.stderr)
        return 1
    if options.runs:
        print("numbers from whole runs:", ", ".join(updated(content["recipes"], options.runs)) or "none")
        NUMBERS.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    TABLE.write_text(table(content["recipes"]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
