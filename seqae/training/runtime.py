"""Settings of the running process that make training faster."""

from __future__ import annotations

import ctypes
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -2, -3, -4  # glibc's malloc.h


@dataclass(frozen=True)
class RuntimeSettings:
    """The settings that `configure_runtime` made.

    Attributes:
        threads: The number of threads that torch computes with.
        keeps_memory: Whether freed memory stays with the process.
        flushes_denormals: Whether numbers too small for full precision count as zero.
    """

    threads: int
    keeps_memory: bool
    flushes_denormals: bool


def configure_runtime(threads: int | None = None) -> RuntimeSettings:
    """Prepare this process for training; recipes call it, importing seqae does not.

    Memory that a step frees is kept for the next step: by default glibc hands it back to the
    kernel, and fetching it again takes more than a third of the time of training an LSTM on a CPU.
    It costs 150 to 250 MB. To set it for other programs, too: `MALLOC_MMAP_MAX_=0
    MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456`.

    Numbers below the smallest with full precision (1e-38 in float32) become zero: a gradient that fades on its way back
    through a long sequence ends in such numbers, with each of which a CPU computes a hundred times longer.

    Args:
        threads: The number of threads for torch; by default the cores that this process may use, or OMP_NUM_THREADS in
            the environment.

    Raises:
        ValueError: `threads` is below 1.
    """
    if threads is None and "OMP_NUM_THREADS" in os.environ:
        threads = torch.get_num_threads()
    elif threads is None:
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if threads < 1:
        raise ValueError(f"{threads} threads. Ask for at least 1")
    torch.set_num_threads(threads)
    for dtype in (np.float32, np.float64):  # numpy keeps what it finds; afterwards it would warn that its smallest is 0
        np.finfo(dtype)
    return RuntimeSettings(threads, _keep_memory(), torch.set_flush_denormal(True))


def _keep_memory() -> bool:
    return _set_malloc({_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: 2**31 - 1, _M_TOP_PAD: 256 * 2**20})


def reuse_freed_memory() -> bool:
    """Let glibc keep up to 64 MiB that are freed, as it comes to do in a process that says nothing about it.

    Dask starts its workers with MALLOC_TRIM_THRESHOLD_=65536: glibc then returns all larger pieces to the kernel at
    once, and what computes in blocks fetches them again for each, which makes scoring take half as long again.
    https://distributed.dask.org/en/stable/worker-memory.html#automatically-trim-memory

    Returns:
        Whether it does.
    """
    return _set_malloc({_M_MMAP_THRESHOLD: 32 * 2**20, _M_TRIM_THRESHOLD: 64 * 2**20})


def _set_malloc(settings: dict[int, int]) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return all(mallopt(name, value) == 1 for name, value in settings.items())


def usable_precision(precision: str, accelerator: str = "auto") -> str:
    """Return the precision for Lightning's Trainer, "32-true" with a warning where 16 bits would not be faster.

    On a CPU without the instructions bfloat16 is a hundred times slower than float32; a Trainer of one's own does not
    ask.

    Args:
        precision: The `precision` of Lightning's Trainer.
        accelerator: The `accelerator` of Lightning's Trainer.
    """
    is_on_cpu = accelerator == "cpu" or (accelerator == "auto" and not _has_accelerator())
    if "16" not in str(precision) or not is_on_cpu or _has_bfloat16():
        return precision
    warnings.warn(
        f"this CPU has no instructions for {precision}, which would be about a hundred times slower; using 32-true",
        stacklevel=2,
    )
    return "32-true"


def _has_accelerator() -> bool:
    return torch.cuda.is_available() or torch.backends.mps.is_available()


def _has_bfloat16() -> bool:
    cpu = Path("/proc/cpuinfo")
    flags = cpu.read_text() if cpu.exists() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags or " bf16 " in flags
