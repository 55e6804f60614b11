"""Where all that tests need is there, a test that is skipped is an error."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest
def test_browser(): pytest.skip("needs a browser: apt-get install chromium")
def test_sound(): pass
"""
MODULE = "import pytest; pytest.importorskip('no_such_module')"


@pytest.mark.parametrize(
    ("admitted", "workers", "told"),
    [
        (None, "0", []),
        ("chromium|no_such_module", "0", []),
        ("^$", "0", ["test_module.py: Skipped: could not import", "test_some.py: Skipped: needs a browser"]),
        ("chromium", "1", ["test_module.py: Skipped: could not import 'no_such_module'"]),
    ],
)
def test_a_skip_for_another_reason_than_the_admitted_ones_is_an_error(admitted, workers, told, tmp_path):
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "test_module.py").write_text(MODULE)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "SEQAE_MAY"))}
    environment |= {} if admitted is None else {"SEQAE_MAY_SKIP": admitted}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # they take seconds
    command = [sys.executable, "-m", "pytest", "-q", "-p", "xdist.plugin", "-n", workers]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == bool(told), done.stdout + done.stderr
    assert done.stdout.count("ERROR") == len(told) and all(each in done.stdout for each in told)
