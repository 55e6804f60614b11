"""The system's C++ compiler, called from another program: it may be missing, fail, hang, or answer in any letters."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

_NAMES = ("c++", "g++", "clang++")
_SECONDS = 60  # it takes five; a compiler that hangs must not hold up a program for long


class UnavailableError(Exception):
    """Why there is no kernel, whichever folder it is built in; raised and caught in this package."""


def find_compiler() -> str:
    """Return the path of the first compiler there is.

    Raises:
        UnavailableError: There is none.
    """
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise UnavailableError(f"no compiler ({', '.join(_NAMES)}). Install one, for example apt install g++")
    return found


def version_of(compiler: str) -> str:
    """Return what a compiler says about itself.

    Raises:
        UnavailableError: It can't be run, fails or hangs.
    """
    return _run([compiler, "--version"], dict(os.environ))


def compile_library(compiler: str, flags: tuple[str, ...], source: Path, library: Path) -> None:
    """Compile a source file; files that the compiler needs meanwhile lie beside the library.

    Raises:
        UnavailableError: The compiler can't be run, fails or hangs, or what it writes is no library.
    """
    _run([compiler, *flags, "-o", str(library), str(source)], {**os.environ, "TMPDIR": str(library.parent)})
    if not library.is_file() or not library.read_bytes().startswith(b"\x7fELF"):
        raise UnavailableError(f"{compiler} reports success, but has written no library. Reinstall it")


def _run(command: list[str], environment: dict[str, str]) -> str:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**environment, "LC_ALL": "C"},
            start_new_session=True,  # so that what it has started can be ended with it
        )
    except OSError as error:
        raise UnavailableError(f"{command[0]} can't be run: {error.strerror}. Reinstall it") from None
    with process:
        try:
            output, messages = process.communicate(timeout=_SECONDS)
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise UnavailableError(f"{command[0]} took more than {_SECONDS} seconds") from None
            raise
    if process.returncode:
        raise UnavailableError(f"{command[0]} failed: {_first_line(messages)}")
    return output.decode(errors="replace")


def _first_line(messages: bytes) -> str:
    lines = messages.decode(errors="replace").strip().splitlines() or ["no message"]
    return "".join(letter if letter.isprintable() else "?" for letter in lines[0][:200])
