import os
import subprocess
import sys

import pytest
import torch

import seqae
from seqae.training import runtime


def test_tune_sets_the_threads_asked_for():
    before = torch.get_num_threads()
    try:
        assert seqae.configure_runtime(1).threads == torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    with pytest.raises(ValueError, match="at least 1"):
        seqae.configure_runtime(0)


def test_tune_takes_the_cores_or_what_the_environment_says(monkeypatch):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)  # as torch does when it starts with OMP_NUM_THREADS=3
        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        assert seqae.configure_runtime().threads == torch.get_num_threads() == 3
        monkeypatch.delenv("OMP_NUM_THREADS")
        monkeypatch.setattr(runtime.os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
        assert seqae.configure_runtime().threads == torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_half_precision_is_refused_where_the_cpu_lacks_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(runtime, "_has_bfloat16", lambda: False)
    with pytest.warns(UserWarning, match="hundred times slower"):
        assert runtime.usable_precision("bf16-mixed") == "32-true"
    monkeypatch.setattr(runtime, "_has_bfloat16", lambda: True)
    assert runtime.usable_precision("bf16-mixed") == "bf16-mixed"


def test_numbers_too_small_for_full_precision_are_zero_after_it_and_not_before():
    def half() -> float:
        return float(torch.full((8,), torch.finfo(torch.float32).tiny).mul(0.5).sum())

    can_flush = torch.set_flush_denormal(False)
    assert half() > 0
    settings = seqae.configure_runtime(torch.get_num_threads())
    assert (half() == 0) == settings.flushes_denormals == can_flush


def test_numpy_says_afterwards_what_it_says_before():
    code = """
import warnings
import numpy as np
import seqae
warnings.simplefilter("error")
seqae.configure_runtime(1)
print(*(np.finfo(dtype).smallest_subnormal.tobytes().hex() for dtype in (np.float32, np.float64)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["01000000", "0100000000000000"], done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_memory_that_was_freed_is_used_again_where_the_environment_has_glibc_return_it():
    code = """
import resource
import torch
from seqae.training.runtime import reuse_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        torch.ones(250_000)  # 1 MB, or 244 pages
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before, done, after = faults(), reuse_freed_memory(), faults()
print(before, int(done), after)
"""
    environment = os.environ | {"MALLOC_TRIM_THRESHOLD_": "65536"}
    words = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    before, done, after = map(int, words.stdout.split())
    if done:  # another C library has no such setting
        assert after < 2_000 < 20_000 < before
