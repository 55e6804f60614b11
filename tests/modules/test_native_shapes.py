"""The kernel compared with torch in double precision over random shapes. More of them, and with the address sanitizer:

python tests/modules/test_native_shapes.py --shapes 5000 --seed 7
python tests/modules/test_native_shapes.py --shapes 20 --sanitize
"""

import argparse
import copy
import ctypes
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import seqae
from seqae import Batch
from seqae.modules import native
from seqae.modules.native import build
from seqae.modules.native import layer as native_layer
from seqae.modules.native.compiler import UnavailableError, compile_library, find_compiler

_SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O0")


def difference(random: np.random.Generator) -> float:
    """Return the largest difference of states and gradients from double precision, relative to the largest of each."""
    return max(float(part.abs().max()) for part in differences(random))


def differences(random: np.random.Generator) -> list[torch.Tensor]:
    """Return how states and gradients differ from double precision, relative to the largest of each, but at least 1."""
    torch.manual_seed(int(random.integers(2**31)))
    batch, time, inputs, units = (int(random.integers(1, most)) for most in (30, 12, 12, 40))
    layer = (seqae.LSTM, seqae.GRU)[random.integers(2)](inputs, units, bidirectional=bool(random.integers(2)))
    exact = copy.deepcopy(layer).double()
    lengths, values = torch.randint(1, time + 1, (batch,)), torch.randn(batch, time, inputs)
    found = []
    for one in (layer, exact):
        own = values.to(next(one.parameters()).dtype, copy=True).requires_grad_()
        written = one(Batch(own, lengths)).steps
        weights = torch.linspace(-1, 2, written.numel(), dtype=written.dtype).view_as(written)
        found.append([written, *torch.autograd.grad((written * weights).sum(), [own, *one.parameters()])])
    return [((a - b) / b.abs().max().clamp(min=1)).detach() for a, b in zip(*found)]


@pytest.mark.skipif(build.load_kernel() is None, reason=native.native_status())
def test_states_and_gradients_equal_those_in_double_precision_in_300_random_shapes():
    random = np.random.default_rng(0)
    assert max(difference(random) for _ in range(300)) < 1e-5


@pytest.fixture
def rounded(monkeypatch) -> Iterator[None]:
    """Products of numbers that are rounded to bfloat16, in small layers, too."""
    monkeypatch.setattr(native_layer, "_MIN_ROUNDED_UNITS", 1)
    torch.set_float32_matmul_precision("medium")
    yield
    torch.set_float32_matmul_precision("highest")


@pytest.mark.skipif(not build.can_round(), reason="the processor has no tiles for bfloat16 (AMX)")
def test_rounded_products_change_them_by_what_the_documentation_says_in_300_random_shapes(rounded):
    random, states, gradients = np.random.default_rng(0), [], []
    for _ in range(300):
        of_states, *of_gradients = differences(random)
        states.append(of_states)
        gradients += of_gradients
    assert 1e-4 < max(float(part.abs().max()) for part in states) < 0.01
    assert max(float(part.square().mean().sqrt()) for part in states) < 0.002
    assert max(float(part.abs().max()) for part in gradients) < 0.015
    assert max(float(part.square().mean().sqrt()) for part in gradients) < 0.005


def narrower() -> list[str]:
    """Return the instruction sets that it has besides the widest; "" are what all processors have."""
    if platform.machine() != "x86_64":
        return []
    names = ["", *build._X86_FLAGS]
    capability = torch.backends.cpu.get_cpu_capability()
    return names[: names.index(capability)] if capability in names else []


@pytest.mark.parametrize("instructions", narrower())
@pytest.mark.skipif(build.load_kernel() is None, reason=native.native_status())
def test_so_they_do_on_a_processor_that_computes_fewer_numbers_side_by_side(instructions, monkeypatch, tmp_path):
    flags = (*build._FLAGS, *build._X86_FLAGS.get(instructions, ()), *build._LINK_FLAGS)
    compile_library(find_compiler(), flags, build._SOURCE, tmp_path / "recurrence.so")
    widest, library = build.lane_count(), ctypes.CDLL(str(tmp_path / "recurrence.so"))
    monkeypatch.setattr(build, "_built", lambda source: (library, "in use"))
    assert build.lane_count() < widest
    random = np.random.default_rng(0)
    assert max(difference(random) for _ in range(100)) < 1e-5


def sanitize(shapes: int, seed: int) -> int:
    """Compare in a process whose kernel finds reads and writes beyond its arrays; return its exit status."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "recurrence.so"
        try:
            compiler = find_compiler()
            compile_library(compiler, (*build.compile_flags(), *_SANITIZERS), build._SOURCE, library)
        except UnavailableError as reason:
            print(f"skipped: {reason}")
            return 0
        runtime = subprocess.run([compiler, "-print-file-name=libasan.so"], capture_output=True, text=True).stdout
        command = [sys.executable, __file__, "--shapes", str(shapes), "--seed", str(seed), "--library", str(library)]
        settings = {"LD_PRELOAD": runtime.strip(), "ASAN_OPTIONS": "detect_leaks=0", "OMP_NUM_THREADS": "2"}
        return subprocess.run(command, env={**os.environ, **settings}).returncode


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shapes", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sanitize", action="store_true")
    parser.add_argument("--library", type=Path)
    arguments = parser.parse_args()
    if arguments.sanitize:
        return sanitize(arguments.shapes, arguments.seed)
    if arguments.library:
        build._built = lambda source: (ctypes.CDLL(str(arguments.library)), "in use")
    assert build.load_kernel() is not None, native.native_status()
    native_layer._MIN_ROUNDED_UNITS, failed = 1, 0
    for precision, bound in {"highest": 1e-5, "medium": 0.015 if build.can_round() else 1e-5}.items():
        torch.set_float32_matmul_precision(precision)
        random = np.random.default_rng(arguments.seed)
        worst = max(difference(random) for _ in range(arguments.shapes))
        told = f"{arguments.shapes} shapes, seed {arguments.seed}, {precision} precision"
        print(f"{told}: largest relative difference {worst:.1e}")
        failed += not worst < bound
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
