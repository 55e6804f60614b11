"""Standard input and output as they are: closed, full, or in an encoding that lacks most letters."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any


def prepare_streams() -> None:
    """Make the standard streams safe to write to, whatever they are.

    Letters that their encoding lacks are escaped. A closed one is opened for nothing: else the next file to be opened
    would take its place, and get what is printed.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        continue
    os.close(descriptor)
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            nothing = Path(os.devnull).open("r" if name == "stdin" else "w", encoding="utf-8")  # noqa: SIM115
            setattr(sys, name, nothing)
        elif name != "stdin" and hasattr(getattr(sys, name), "reconfigure"):
            getattr(sys, name).reconfigure(errors="backslashreplace")


def refuse_closed_output() -> None:
    """Raise an OSError if standard output was closed when the program began, and the result would be lost."""
    if getattr(sys.stdout, "name", None) == os.devnull:
        raise OSError("standard output is closed, where the result would be written. Give a file or a pipe: > FILE")


def refuse_closed_input() -> None:
    """Raise an OSError if standard input was closed when the program began."""
    if getattr(sys.stdin, "name", None) == os.devnull:
        raise OSError("standard input is closed, where the rows come from. Give them: < FILE, or tail -f FILE |")


def end_output() -> None:
    """Write what was printed; raise an OSError if that is not possible, for which Python would show a traceback."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        drop_output()
        raise
    except OSError as error:
        drop_output()
        raise OSError(error.errno, error.strerror, "standard output") from error


def drop_output() -> None:
    """Drop what could not be printed, which Python would try again at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str) -> None:
    """Print a line on standard error; nothing if that cannot be written."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def to_json(value: Any) -> str:
    """Return a value as JSON that standard output can hold: with all letters, or with those of ASCII alone."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False)
    return text


def run_in_utf8() -> None:
    """Start the program again in Python's UTF-8 mode, where the locale knows ASCII alone.

    Else names of files and channels in the arguments come as bytes in disguise, which match nothing.
    """
    if sys.getfilesystemencoding() == "ascii" and not sys.flags.utf8_mode:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
