"""Importing is quick, one-way, and needs no extra."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import seqae
from seqae.artifact.registry import MODULE_OF
from seqae.transforms.corruptions import GaussianNoise

PACKAGE = Path(seqae.__file__).parent
# From the lowest to the highest: packages and modules, dotted if they stand apart from the package that they are in.
# Each imports from lower layers and from itself only.
LAYERS = [
    {"_version", "_extras", "_files", "_processes", "_random_numbers", "_warnings", "batch"},
    {"modules", "losses", "data._files", "data.arrays", "data.windows"},
    {"autoencoder", "transforms", "text"},
    {"datasets", "architectures"},
    {"data", "transforms.masked_images"},
    {"inference"},
    {"seq2seq", "evaluation", "generation", "retrieval", "export"},
    {"training", "artifact"},
    {"estimators"},
    {"anomaly"},
    {"evaluation.anomalies", "evaluation.event_ranking"},
    {"adapters", "report"},
    {"service"},
    {"cli"},
]
HEIGHT = {f"seqae.{name}": height for height, layer in enumerate(LAYERS) for name in layer}


def modules_of(package: Path) -> dict[str, Path]:
    """Return the file of each module of a package, without the recipes that an installed seqae carries."""
    paths = [path for path in sorted(package.rglob("*.py")) if "_recipes" not in path.parts]
    names = [".".join(path.relative_to(package.parent).with_suffix("").parts) for path in paths]
    return {name.removesuffix(".__init__"): path for name, path in zip(names, paths)}


def imports_of(name: str, modules: dict[str, Path]) -> Iterator[tuple[int, str]]:
    """Yield line and name of each of these modules that one imports: at its top, in functions, for type checkers."""
    inside = modules[name].name == "__init__.py"
    for node in ast.walk(ast.parse(modules[name].read_text(encoding="utf-8"))):
        found = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = name.split(".")[: None if inside and node.level == 1 else inside - node.level] if node.level else []
            start = ".".join([*above, *filter(None, [node.module])])
            parts = [f"{start}.{alias.name}" for alias in node.names]
            found = [part if part in modules else start for part in parts]
        yield from ((node.lineno, other) for other in found if other in modules)


def circles_of(modules: dict[str, Path]) -> list[list[str]]:
    """Return modules that import each other, whatever the way: components of more than one (Tarjan 1972)."""
    graph = {name: sorted({other for _, other in imports_of(name, modules)}) for name in modules}
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_, circles = [], []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        open_.append(name)
        for other in graph[name]:
            if other not in order:
                visit(other)
            if other in open_:
                lowest[name] = min(lowest[name], lowest[other])
        if lowest[name] == order[name]:
            circle = open_[open_.index(name) :]
            del open_[-len(circle) :]
            if len(circle) > 1 or name in graph[name]:
                circles.append(sorted(circle))

    for name in modules:
        if name not in order:
            visit(name)
    return sorted(circles)


def drawn(circle: list[str], modules: dict[str, Path]) -> str:
    """Return a shortest way around a circle, with the lines that import."""
    ways = [[circle[0]]]
    for way in ways:  # which grows: breadth first
        for _, other in imports_of(way[-1], modules):
            if other == circle[0]:
                around = [*way, other]
                lines = [next(at for at, to in imports_of(one, modules) if to == two) for one, two in pairwise(around)]
                return "".join(f"{name}:{at} -> " for name, at in zip(way, lines)) + other
            if other in circle and not any(other in known for known in ways):
                ways.append([*way, other])
    raise AssertionError(f"no way around {circle}")


MODULES = modules_of(PACKAGE)


def layer_of(name: str) -> str:
    """Return the longest name in the table of layers that a module is or is in."""
    parts = name.split(".")
    starts = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    found = next((start for start in starts if start in HEIGHT), None)
    assert found, f"{name} stands in no layer. Add it to LAYERS"
    return found


@pytest.mark.parametrize("name", sorted(MODULES.keys() - {"seqae"}))
def test_imports_go_down(name):
    own = layer_of(name)
    for line, other in imports_of(name, MODULES):
        assert other != "seqae", f"line {line} imports the root, which knows every public name. Import from its module"
        below = layer_of(other)
        assert below == own or HEIGHT[below] < HEIGHT[own], f"line {line} imports {other}"


def test_no_modules_import_each_other_in_a_circle():
    circles = circles_of(MODULES)
    assert circles == [], "\n".join(drawn(circle, MODULES) for circle in circles)


MADE_UP = {
    "__init__": "from made.alone import nothing",
    "alone": "import ast\nimport made.top",
    "top": "import os.path\nfrom made import two",
    "one": "def later():\n    from made.two import something",
    "two": "import made.one",
    "three": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from .four import Four",
    "four": "from made.three import Three, three",
    "inner/__init__": "from . import five",
    "inner/five": "import ast\nfrom .. import six",
    "six": "from made.inner import five as other",
    "seven": "import made.inner.eight",
    "inner/eight": "from ..seven import nothing",
    "inner/nine": "from . import nothing",
    "itself": "import made.itself",
}


def test_circles_are_found_in_functions_for_type_checkers_and_by_relative_imports(tmp_path):
    for name, text in MADE_UP.items():
        (tmp_path / "made" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "made" / f"{name}.py").write_text(text)
    modules = modules_of(tmp_path / "made")
    circles = circles_of(modules)
    assert circles == [
        ["made.four", "made.three"],
        ["made.inner.eight", "made.seven"],
        ["made.inner.five", "made.six"],
        ["made.itself"],
        ["made.one", "made.two"],
    ]
    assert [drawn(circle, modules) for circle in circles] == [
        "made.four:1 -> made.three:4 -> made.four",
        "made.inner.eight:1 -> made.seven:1 -> made.inner.eight",
        "made.inner.five:2 -> made.six:1 -> made.inner.five",
        "made.itself:1 -> made.itself",
        "made.one:2 -> made.two:1 -> made.one",
    ]


def loaded_after(*statements: str) -> list[set[str]]:
    """Return the modules that are loaded after each of several statements, in one process."""
    script = "import sys\n" + "".join(f"{statement}\nprint(*sys.modules)\n" for statement in statements)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return [set(line.split()) for line in done.stdout.splitlines()]


def test_importing_seqae_loads_nothing_heavy():
    (loaded,) = loaded_after("import seqae")
    assert not {"torch", "numpy", "pandas", "lightning", "sklearn", "matplotlib"} & loaded


def test_inspecting_an_artifact_needs_no_torch_and_loading_it_only_the_modules_of_its_classes(tmp_path):
    noise = seqae.save(GaussianNoise(0.5), tmp_path / "noise")
    lstm = seqae.save(seqae.LSTM(2, 3), tmp_path / "lstm")
    heavy = {"lightning", "pandas", "sklearn", "matplotlib", "bokeh"}
    inspected, with_noise, with_lstm = loaded_after(
        f"import seqae.artifact; seqae.artifact.inspect({str(lstm)!r})",
        f"import seqae; seqae.load({str(noise)!r})",
        f"seqae.load({str(lstm)!r})",
    )
    assert "seqae.artifact" in inspected and not {"torch", "numpy", *heavy} & inspected
    others = {name for name in MODULE_OF.values() if name.startswith(("seqae.modules.", "seqae.anomaly."))}
    assert "seqae.transforms.corruptions" in with_noise and not others & with_noise
    assert "torch" in with_lstm and not heavy & with_lstm


def test_every_public_name_exists_and_nothing_else_does():
    for name in seqae.__all__:
        assert getattr(seqae, name) is not None
    assert seqae.__all__ == sorted(seqae.__all__)
    with pytest.raises(AttributeError, match="No seqae attribute Autoencodr"):
        seqae.Autoencodr  # noqa: B018


@pytest.fixture(scope="module")
def imported() -> subprocess.CompletedProcess[str]:
    """A process that imports, watched, what most programs do, and then every module."""
    watched = {"socket.connect", "socket.getaddrinfo", "socket.bind", "os.system", "os.fork"}
    script = (
        "import runpy, sys, threading; seen = [];"
        f"sys.addaudithook(lambda event, _: seen.append(event) if event in {watched} else None);"
        "import torch; threads = torch.get_num_threads();"
        "import seqae, seqae.cli, seqae.artifact, seqae.data.signals.formats.folders;"
        "import seqae.modules.encoders, seqae.anomaly.detector;"
        "print(threading.active_count(), torch.get_num_threads() == threads, *seen);"
        f"runpy.run_path({str(Path(__file__).with_name('import_everything.py'))!r}, run_name='__main__')"
    )
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


def test_importing_opens_no_connection_and_starts_no_thread(imported):
    assert imported.stdout.partition("\n")[0] == "1 True"


def test_every_module_imports(imported):
    assert imported.returncode == 0, imported.stderr
    assert "modules import without extras" in imported.stdout
