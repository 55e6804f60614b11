import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import seqae
from seqae.cli import main


@dataclass(frozen=True)
class Done:
    """How a command ended and what it printed; in `out`, blanks between columns are one."""

    code: int
    out: str
    err: str
    printed: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs `seqae` with the given words."""

    def run(*words: str) -> Done:
        try:
            main(words)
            code = 0
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        return Done(code, "".join(" ".join(line.split()) + "\n" for line in out.splitlines()), err, out)

    return run


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch):
    """Programs that tests start find the seqae that is tested, from any folder."""
    root = str(Path(seqae.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])))
