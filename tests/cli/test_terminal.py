"""Terminals of any encoding, closed streams and full devices: no traceback, no lost result, the right exit status."""

import inspect
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqae.cli.messages import plain_errors
from seqae.cli.signature import parse
from seqae.cli.terminal import to_json

TABLE = "time,Größe [°C],压力\n" + "".join(f"2024-01-01 00:00:{row:02},{row % 7}.5,{row % 5}\n" for row in range(60))


def seqae(*words, redirect="", **settings):
    """Run a command in a shell, which can close its streams."""
    command = '"$0" -m seqae.cli "$@" ' + redirect
    environment = {**os.environ, **settings, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(["sh", "-c", command, sys.executable, *words], capture_output=True, env=environment)
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr, done.stderr
    return done


posix = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")


@posix
@pytest.mark.parametrize(
    ("words", "redirect", "told"),
    [
        (["ls"], ">/dev/full", b"No space left"),
        (["peek", "--help"], ">/dev/full", b"No space left"),
        (["ls"], ">&-", b"standard output is closed"),
        (["stream", "model"], "<&-", b"standard input is closed"),
    ],
)
def test_what_cannot_be_written_or_read_is_told(words, redirect, told):
    done = seqae(*words, redirect=redirect)
    assert done.returncode == 2 and told in done.stderr


@posix
def test_a_terminal_that_knows_ascii_alone_gets_all(tmp_path):
    path = tmp_path / os.fsdecode(b"gr\xc3\xb6\xc3\x9fe-\xff.csv")  # the last letter is not UTF-8
    path.write_text(TABLE, encoding="utf-8")
    settings = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    done = seqae("peek", str(path), "--ignore", "压力", **settings)
    assert done.returncode == 0 and rb"Gr\xf6\xdfe" in done.stdout and b"1 channel" in done.stdout
    done = seqae("peek", str(path), "--json", **settings)
    assert [each["name"] for each in json.loads(done.stdout)["channels"]] == ["Größe", "压力"]


def test_json_is_json_in_any_encoding(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="cp1252"))
    assert to_json({"Größe": "é"}) == '{"Größe": "é"}'
    for text in ("压力", "\udcff"):
        found = to_json({text: 1})
        found.encode("cp1252")
        assert json.loads(found) == {text: 1}


def test_an_error_of_full_standard_output_is_one_line(capsys):
    class Full:
        def flush(self):
            raise OSError(28, "No space left on device")

        def fileno(self):
            return os.open(os.devnull, os.O_WRONLY)

    before, sys.stdout = sys.stdout, Full()
    try:
        with pytest.raises(SystemExit) as end, plain_errors(debug=False):
            pass
    finally:
        sys.stdout = before
    assert end.value.code == 2
    assert capsys.readouterr().err == (
        "error: No space left on device (standard output). Make room, or write elsewhere\n"
    )


def test_names_of_files_that_are_not_utf_8_come_as_they_are():
    def command(file: Path, out: Path | None = None):
        """Do it.

        Args:
            file: a file
            out: a folder
        """

    name = os.fsdecode(b"a\xff.csv")
    signature = inspect.signature(command)
    found = parse(signature, command.__doc__, [name, "--out", name], prog="x", about="", config=False)
    assert found.arguments["file"] == Path(name) == found.arguments["out"]
