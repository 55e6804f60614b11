"""Importing is quick, one-way, and needs no extra."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import seqae

PACKAGE = Path(seqae.__file__).parent
LAYERS = [
    {"extras", "files", "batch", "trees"},
    {"modules", "errors", "corruptions", "data", "distortions"},
    {"autoencoder", "decoding", "s2vt", "seq2seq"},
    {"inference", "places"},
    {"captioner", "likelihood", "text", "translator"},
    {"training", "artifact"},
    {"anomaly", "features", "few_labels", "generation", "retrieval"},
    {"adapters", "report"},
    {"cli"},
]
HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}
FILES = [
    path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py" and "_recipes" not in path.parts
]


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path):
    own = layer_of(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("seqae."):
            other = node.module.split(".")[1]
            assert other == own or HEIGHT[other] < HEIGHT[own], f"line {node.lineno} imports {node.module}"


def loaded_after(statement: str) -> set[str]:
    script = f"{statement}\nimport sys; print(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )


def test_importing_seqae_loads_nothing_heavy():
    assert not {"torch", "numpy", "pandas", "lightning", "sklearn", "matplotlib"} & loaded_after("import seqae")


def test_inspecting_an_artifact_needs_no_torch_and_loading_it_no_lightning(tmp_path):
    folder = seqae.save(seqae.LSTM(2, 3), tmp_path / "lstm")
    heavy = {"lightning", "pandas", "sklearn", "matplotlib", "bokeh"}
    inspected = loaded_after(f"import seqae.artifact; seqae.artifact.inspect({str(folder)!r})")
    assert "seqae.artifact" in inspected and not {"torch", "numpy", *heavy} & inspected
    loaded = loaded_after(f"import seqae; seqae.load({str(folder)!r})")
    assert "torch" in loaded and not heavy & loaded


def test_every_public_name_exists_and_nothing_else_does():
    for name in seqae.__all__:
        assert getattr(seqae, name) is not None
    assert seqae.__all__ == sorted(seqae.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Autoencodr'"):
        seqae.Autoencodr  # noqa: B018


def test_every_module_imports():
    script = Path(__file__).with_name("import_everything.py")
    subprocess.run([sys.executable, script], check=True, capture_output=True, text=True)


def test_importing_opens_no_connection_and_starts_no_thread():
    watched = {"socket.connect", "socket.getaddrinfo", "socket.bind", "os.system", "os.fork"}
    script = (
        f"import sys, threading; sys.addaudithook(lambda event, _: print(event) if event in {watched} else None);"
        "import seqae, seqae.cli, seqae.artifact, seqae.data.signals.readers;"
        "import seqae.modules.encoders, seqae.anomaly.detector;"
        "print(threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
