"""Builds the kernel with the system's compiler, once for each user, and loads it.

Nothing happens when seqae is imported, and nothing fails: where the kernel can't be built or may not be
trusted, torch computes instead, and `native_status` returns the reason.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import torch

_SOURCE = Path(__file__).with_name("recurrence.cpp")
_COMPILERS = ("c++", "g++", "clang++")
# Without -march=native a cached file also runs on the other machines that share a home folder.
_FLAGS = ("-std=c++17", "-O2", "-mavx2", "-mfma", "-ffp-contract=fast", "-fno-math-errno")
_LINK_FLAGS = ("-fopenmp", "-fPIC", "-shared")
_COMPILE_SECONDS = 120


class UnavailableError(Exception):
    """Why there is no kernel; raised and caught in this file."""


def load_kernel() -> ctypes.CDLL | None:
    """Return the kernel, built if need be, or None without one. `SEQAE_NATIVE=0` in the environment disables it."""
    return None if os.environ.get("SEQAE_NATIVE") == "0" else _built()[0]


def native_status() -> str:
    """Return in one line whether the kernel is in use, or why it is not; builds it if need be."""
    return "switched off by SEQAE_NATIVE=0" if os.environ.get("SEQAE_NATIVE") == "0" else _built()[1]


@functools.cache
def _built() -> tuple[ctypes.CDLL | None, str]:
    try:
        _check_machine()
        path = _library()
        return ctypes.CDLL(str(path)), f"in use ({path})"
    except (UnavailableError, OSError, RuntimeError) as reason:  # RuntimeError: no home folder
        return None, f"not in use: {reason}"


def _check_machine() -> None:
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise UnavailableError(f"it needs Linux on x86-64, this is {platform.system()} on {platform.machine()}")
    if not torch.backends.cpu.get_cpu_capability().startswith("AVX"):
        raise UnavailableError("the processor lacks AVX2 and FMA instructions")


def _library() -> Path:
    """Return the file to load, built if need be; its name holds a hash of compiler, flags and source."""
    compiler = next((found for name in _COMPILERS if (found := shutil.which(name))), None)
    if compiler is None:
        raise UnavailableError(f"no compiler ({', '.join(_COMPILERS)}). Install one, for example apt install g++")
    parts = [_run(compiler, "--version"), *_FLAGS, *_LINK_FLAGS, _SOURCE.read_text(encoding="utf-8")]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
    folder = _cache_folder()
    path = folder / f"recurrence-{digest}.so"
    if not path.exists():
        _compile(compiler, path)
    _check_owner(path)
    return path


def _cache_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")  # ignored unless absolute, as its specification says
    folder = (Path(home) if home and Path(home).is_absolute() else Path.home() / ".cache") / "seqae"
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    _check_owner(folder)
    return folder


def _check_owner(path: Path) -> None:
    """Loading a file runs it: nobody else may have written it."""
    state = path.lstat()
    if state.st_uid != os.geteuid() or state.st_mode & 0o022 or stat.S_ISLNK(state.st_mode):
        raise UnavailableError(f"{path} belongs to another user, or others may write it. Delete it, or chmod go-w")


def _compile(compiler: str, path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".building-") as folder:
        built = Path(folder) / path.name
        _run(compiler, *_FLAGS, *_LINK_FLAGS, "-o", str(built), str(_SOURCE))
        built.chmod(0o700)
        built.replace(path)  # in one step: another process sees the whole file or none


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_COMPILE_SECONDS)
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{command[0]} took more than {_COMPILE_SECONDS} seconds") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise UnavailableError(f"{command[0]} failed: {lines[0]}")
    return done.stdout
