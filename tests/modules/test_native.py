"""The kernel computes what torch computes, and steps aside where it can't."""

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import seqae
from generators import spoiled
from seqae import Batch
from seqae.modules import native
from seqae.modules.native import build

needs_kernel = pytest.mark.skipif(build.load_kernel() is None, reason=native.native_status())
CELLS = {"lstm": (nn.LSTM, native.lstm, 2), "gru": (nn.GRU, native.gru, 1)}
cells = pytest.mark.parametrize("cell", CELLS)


class Case:
    """A layer of torch, and sequences of random lengths to run through it."""

    def __init__(self, cell: str, size: tuple[int, int, int, int], with_start: bool = False, constant: bool = False):
        torch.manual_seed(0)
        rows, time, inputs, units = size
        make, self.native, parts = CELLS[cell]
        self.layer = make(inputs, units, batch_first=True)
        self.lengths = torch.randint(1, time + 1, (rows,))
        self.lengths[-1] = time
        self.values = torch.randn(rows, 1 if constant else time, inputs, requires_grad=True)
        self.start = tuple(torch.randn(rows, units, requires_grad=True) for _ in range(parts)) if with_start else None
        self.batch = Batch(self.values.expand(-1, time, -1) if constant else self.values, self.lengths)
        self.leaves = [*self.layer.parameters(), self.values, *(self.start or ())]

    def by_torch(self) -> Batch:
        start = None if self.start is None else tuple(part.unsqueeze(0) for part in self.start)
        written = self.layer(self.batch.values, start[0] if start and len(start) == 1 else start)[0]
        return Batch(written, self.lengths)

    def by_kernel(self, batch: Batch | None = None) -> Batch:
        batch = batch or self.batch
        return Batch(self.native(batch, self.start, tuple(self.layer.parameters())), batch.lengths)

    def gradients(self, written: Batch, keep: bool = False) -> tuple[Tensor, ...]:
        weights = torch.linspace(-1, 2, written.steps.numel()).view_as(written.steps)
        return torch.autograd.grad((written.steps * weights).sum(), self.leaves, retain_graph=keep)


SIZES = [(1, 1, 1, 1), (1, 30, 4, 16), (3, 5, 2, 7), (7, 12, 20, 33), (25, 6, 12, 24), (50, 9, 3, 16), (100, 4, 5, 272)]


@needs_kernel
@cells
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("with_start", [False, True], ids=["from zero", "with start"])
@pytest.mark.parametrize("constant", [False, True], ids=["steps", "constant"])
def test_outputs_and_gradients_equal_those_of_torch(cell, size, with_start, constant):
    case = Case(cell, size, with_start, constant)
    expected, found = case.by_torch(), case.by_kernel()
    torch.testing.assert_close(found.steps, expected.steps, rtol=0, atol=1e-5)
    for of_kernel, of_torch in zip(case.gradients(found), case.gradients(expected)):
        torch.testing.assert_close(of_kernel, of_torch, rtol=0, atol=1e-5 * max(1.0, float(of_torch.abs().max())))


@needs_kernel
@cells
def test_padding_is_not_read_and_written_as_zero(cell):
    case = Case(cell, (25, 9, 3, 16))
    found = case.by_kernel(spoiled(case.batch))
    assert torch.equal(found.values, case.by_kernel().values)
    assert not found.values[~found.mask].any()
    for spoilt, clean in zip(case.gradients(found), case.gradients(case.by_kernel())):
        assert torch.equal(spoilt, clean)


@needs_kernel
@cells
def test_a_row_is_bit_equal_alone_in_any_batch_and_with_any_number_of_threads(cell):
    case = Case(cell, (60, 9, 3, 40))
    together, threads = case.by_kernel(), torch.get_num_threads()
    for row in (0, 13, 59):
        alone = case.by_kernel(Batch(case.batch.values[row : row + 1], case.lengths[row : row + 1]))
        assert torch.equal(alone.values[0], together.values[row])
    try:
        torch.set_num_threads(threads + 2)
        assert torch.equal(case.by_kernel().values, together.values)
    finally:
        torch.set_num_threads(threads)


@needs_kernel
@cells
def test_every_pass_gives_the_same_bits(cell):
    case = Case(cell, (60, 9, 3, 40), with_start=True)
    written = case.by_kernel()
    first, second = case.gradients(written, keep=True), case.gradients(written)  # twice through one graph
    third = case.gradients(case.by_kernel())
    for one, two, three in zip(first, second, third):
        assert torch.equal(one, two) and torch.equal(one, three)
    with torch.inference_mode():  # keeps nothing for a backward pass
        assert torch.equal(case.by_kernel().values, written.values)


@needs_kernel
@cells
def test_a_missing_value_spoils_its_own_row_from_its_step_on(cell):
    case = Case(cell, (8, 6, 3, 16))
    values = case.values.detach().clone()
    values[2, 3, 0] = torch.nan
    clean = case.by_kernel(Batch.full(case.values)).values
    found = case.by_kernel(Batch.full(values)).values
    assert found[2, 3:].isnan().all()
    found[2, 3:] = clean[2, 3:]
    assert torch.equal(found, clean)


@needs_kernel
@cells
def test_extreme_sums_saturate(cell):
    case = Case(cell, (6, 5, 3, 8))
    with torch.no_grad():
        case.values.mul_(1e6)
    torch.testing.assert_close(case.by_kernel().steps, case.by_torch().steps, rtol=0, atol=1e-5)


@needs_kernel
def test_what_the_kernel_can_not_compute_goes_to_torch(monkeypatch):
    monkeypatch.setattr(native, "lstm", None)  # calling it would fail
    layer = seqae.LSTM(3, 8)
    values = torch.randn(4, 6, 3)
    assert layer.double()(Batch.full(values.double())).values.dtype == torch.float64
    layer.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):  # nn.LSTM can't on every processor
        assert not native.is_supported(Batch.full(values), None, tuple(layer.forward_layers[0].parameters()))
    assert native.is_supported(Batch.full(values), None, tuple(layer.forward_layers[0].parameters()))
    assert layer(Batch.full(values[:, :2])).values.shape == (4, 2, 8)  # quicker so


def test_it_can_be_switched_off(monkeypatch):
    monkeypatch.setenv("SEQAE_NATIVE", "0")
    assert build.load_kernel() is None
    assert native.native_status() == "switched off by SEQAE_NATIVE=0"


@pytest.fixture
def fresh(monkeypatch, tmp_path) -> Path:
    """An empty cache, and nothing built in this process; the folder that the kernel goes into."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("SEQAE_NATIVE", raising=False)
    monkeypatch.setattr(build, "_check_machine", lambda: None)
    build._built.cache_clear()
    yield tmp_path / "seqae"
    build._built.cache_clear()


@pytest.fixture
def compiler(monkeypatch, tmp_path):
    """Writes a compiler that does what a shell script says, and makes it the only one."""

    def make(script: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "c++").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "c++").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return make


def test_without_a_compiler_torch_computes(fresh, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert build.load_kernel() is None
    assert "no compiler (c++, g++, clang++). Install one" in native.native_status()
    assert seqae.LSTM(3, 8)(Batch.full(torch.randn(4, 6, 3))).values.shape == (4, 6, 8)


def test_a_failing_compiler_is_quoted_and_leaves_nothing(fresh, compiler):
    compiler('[ "$1" = --version ] && echo 1.0 || { echo "error: no such flag" >&2; exit 1; }')
    assert build.load_kernel() is None
    assert native.native_status().endswith("c++ failed: error: no such flag")
    assert not list(fresh.iterdir())


def test_what_is_not_a_library_is_not_used(fresh, compiler):
    compiler('[ "$1" = --version ] && echo 1.0 || { while [ "$1" != -o ]; do shift; done; echo nonsense > "$2"; }')
    assert build.load_kernel() is None
    assert native.native_status().startswith("not in use: ")
    assert fresh.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no owners of files")
def test_nothing_that_others_could_have_written_is_loaded(fresh, compiler):
    compiler("echo 1.0")
    fresh.mkdir(mode=0o700)
    fresh.chmod(0o777)
    assert build.load_kernel() is None
    assert f"{fresh} belongs to another user, or others may write it" in native.native_status()


@needs_kernel
def test_it_is_built_once_and_its_file_checked(fresh):
    assert build.load_kernel() is not None
    (file,) = fresh.iterdir()
    assert native.native_status() == f"in use ({file})"
    built = file.stat().st_mtime_ns
    build._built.cache_clear()
    assert build.load_kernel() is not None and file.stat().st_mtime_ns == built
    file.chmod(0o722)
    build._built.cache_clear()
    assert build.load_kernel() is None and f"{file} belongs to another user" in native.native_status()
