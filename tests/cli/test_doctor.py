"""The report on the installation."""

import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

import seqae
from seqae.modules.native import choice
from seqae.modules.native.build import can_round, load_kernel

REQUIREMENTS = """Metadata-Version: 2.4
Name: seqae
Version: 0.0.1
Requires-Dist: numpy>=2
Requires-Dist: no-such-package>=18; extra == 'tables'
Requires-Dist: broken-package>=3; extra == 'report'
Requires-Dist: seqae[tables,report]; extra == 'all'
Requires-Dist: pytest; extra == 'dev'
"""


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable) -> dict[str, str]:
    """The lines of the report, by package, of an installation that lacks one package and has a broken one."""
    for name, text in [("seqae-0.0.1", REQUIREMENTS), ("broken_package-3", "Name: broken-package\nVersion: 3.0\n")]:
        folder = tmp_path / f"{name}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(text)
    (tmp_path / "broken_package-3.dist-info" / "top_level.txt").write_text("brokenpackage\n")
    (tmp_path / "brokenpackage.py").write_text("raise OSError('libc10_cuda.so: cannot open\\nshared object')")
    monkeypatch.syspath_prepend(tmp_path)
    assert metadata.version("seqae") == "0.0.1"
    done = command("doctor")
    assert done.code == 0
    return {word: line for line in done.out.splitlines() for word in line.split()[:2]}


def test_each_package_is_ok_missing_or_broken_with_the_reason_and_the_remedy(report: dict[str, str]):
    import numpy

    assert report["numpy"] == f"numpy {numpy.__version__} ok"
    assert report["no-such-package"] == "tables no-such-package missing. Install: pip install 'seqae[tables]'"
    assert report["broken-package"] == (
        "report broken-package 3.0 broken: OSError: libc10_cuda.so: cannot open shared object"
    )
    assert "pytest" not in report
    assert "all" not in report


def test_the_machine_is_described(report: dict[str, str]):
    assert {"python", "cores", "cpu", "bf16", "cuda"} <= set(report)
    assert report["bf16"].split()[1] in ("yes", "no")
    assert report["amx"].split()[1] == ("yes" if can_round() else "no")


def test_as_json_it_is_one_object(command: Callable):
    found = json.loads(command("doctor", "--json").printed)
    assert found["machine"]["seqae"]["value"] == seqae.__version__
    assert {"extra", "package", "version", "state"} == set(found["packages"][0])


def test_a_folder_that_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch, command: Callable):
    def absent(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", absent)
    done = command("doctor")
    assert done.code == 0
    assert "Install: pip install -e" in done.out


@pytest.mark.skipif(load_kernel() is None, reason="no kernel is built here")
def test_it_shows_for_which_layers_the_kernel_is_quicker(command: Callable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(choice, "advantage", lambda kind: 0.5 if kind.is_trained else 2)
    machine = json.loads(command("doctor", "--json").printed)["machine"]
    for kind in choice.all_kinds():
        assert machine[str(kind)]["value"] == ("0.50" if kind.is_trained else "2.00")
