"""Builds kernels with the system's compiler, once for each user, and loads them.

Nothing happens when seqae is imported, and nothing fails: where the kernel can't be built or may not be
trusted, torch computes instead, and `native_status` returns the reason.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from seqae.modules.native.cache import FolderError, building_folder, cache_folder, is_whole, keep, temporary_folder
from seqae.modules.native.compiler import UnavailableError, compile_library, find_compiler, version_of

_SOURCE = Path(__file__).with_name("recurrence.cpp")
_FLAGS = ("-std=c++17", "-O2", "-ffp-contract=fast", "-fno-math-errno")
# By what torch calls an x86-64 processor. Not -march=native: machines that share a home folder may share a cached file.
_AVX2 = ("-mavx2", "-mfma")
_X86_FLAGS = {"AVX2": _AVX2, "AVX512": (*_AVX2, "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl")}
_LINK_FLAGS = ("-fopenmp", "-fPIC", "-shared")


def load_kernel(source: Path = _SOURCE) -> ctypes.CDLL | None:
    """Return a kernel, built if need be, or None without one. `SEQAE_NATIVE=0` in the environment disables all.

    Args:
        source: A file of this package in C++; the recurrent layers if none is given.
    """
    return None if os.environ.get("SEQAE_NATIVE") == "0" else _built(source)[0]


def native_status() -> str:
    """Return in one line whether the kernel is in use, or why it is not; builds it if need be."""
    return "switched off by SEQAE_NATIVE=0" if os.environ.get("SEQAE_NATIVE") == "0" else _built(_SOURCE)[1]


def lane_count() -> int:
    """Return how many hidden units the recurrent layers of a built kernel compute side by side."""
    library = load_kernel()
    assert library is not None
    library.lane_count.restype = ctypes.c_int64
    return library.lane_count()


def rounds_products() -> bool:
    """Return whether recurrent layers multiply numbers that are rounded to bfloat16, see `seqae.modules.native`."""
    # What torch.set_float32_matmul_precision sets for the CPU; torch.get_... fails if another switch was used, too.
    switches: Any = torch.backends.mkldnn  # an object in place of the module
    return switches.matmul.fp32_precision == "bf16" and can_round()


def can_round() -> bool:
    """Return whether the processor has tiles for bfloat16 (AMX), the system allows them, and a kernel is built."""
    library = load_kernel()
    return library is not None and bool(library.can_round())


@functools.cache
def _built(source: Path) -> tuple[ctypes.CDLL | None, str]:
    refused: list[str] = []
    try:
        flags = compile_flags()
        compiler = find_compiler()
        name = f"{source.stem}-{_digest(compiler, flags, source)}.so"
        for find_folder in (cache_folder, temporary_folder):
            try:
                path = _library(compiler, flags, source, find_folder() / name)
                return ctypes.CDLL(str(path)), "; ".join([f"in use ({path})", *refused])
            except (FolderError, OSError) as reason:
                refused.append(str(reason))
    except (UnavailableError, OSError) as reason:  # no compiler, or the source can't be read
        refused.insert(0, str(reason))
    return None, f"not in use: {'; '.join(refused)}"


def compile_flags() -> tuple[str, ...]:
    """Return what the compiler is told so that a kernel runs on this machine, as wide as its processor computes.

    Raises:
        UnavailableError: No kernel is known to run on this machine.
    """
    machine, capability = platform.machine(), torch.backends.cpu.get_cpu_capability()
    if platform.system() != "Linux" or machine not in ("x86_64", "aarch64"):
        raise UnavailableError(f"it needs Linux on x86-64 or 64-bit ARM, this is {platform.system()} on {machine}")
    if machine == "aarch64":  # all have what it needs
        return _FLAGS + _LINK_FLAGS
    if capability not in _X86_FLAGS:
        raise UnavailableError("the processor lacks AVX2 and FMA instructions")
    return _FLAGS + _X86_FLAGS[capability] + _LINK_FLAGS


def _digest(compiler: str, flags: tuple[str, ...], source: Path) -> str:
    parts = [version_of(compiler), *flags, *_texts(source)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def _texts(source: Path) -> Iterator[str]:
    """Yield what a file and the headers beside it hold, and those that these include."""
    yield (text := source.read_text(encoding="utf-8"))
    for name in re.findall('#include "(.+)"', text):
        yield from _texts(source.parent / name)


def _library(compiler: str, flags: tuple[str, ...], source: Path, path: Path) -> Path:
    """Return the file to load, built if it is not there, cut or changed."""
    if not is_whole(path):
        with building_folder(path.parent) as folder:
            if not is_whole(path):  # else the process that was waited for has built it
                built = folder / path.name
                compile_library(compiler, flags, source, built)
                ctypes.CDLL(str(built))  # what can't be loaded, for example from this file system, is not kept
                keep(built, path)
    return path
