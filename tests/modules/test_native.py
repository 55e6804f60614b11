"""The kernel computes what torch computes, and steps aside where it can't."""

import ctypes
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

import seqae
from generators import spoiled
from seqae import Batch
from seqae.modules import native
from seqae.modules.native import build
from seqae.modules.native import layer as native_layer
from seqae.modules.native.layer import _Arguments

needs_kernel = pytest.mark.skipif(build.load_kernel() is None, reason=native.native_status())
CELLS = {"lstm": (nn.LSTM, native.lstm, 2), "gru": (nn.GRU, native.gru, 1)}
cells = pytest.mark.parametrize("cell", CELLS)


@pytest.fixture(params=["highest", "medium"])
def precision(request, monkeypatch) -> Iterator[str]:
    """Products in single precision, and such of rounded numbers, in small layers, too."""
    monkeypatch.setattr(native_layer, "_MIN_ROUNDED_UNITS", 1)
    if request.param == "medium" and not build.can_round():
        pytest.skip("the processor has no tiles for bfloat16 (AMX)")
    torch.set_float32_matmul_precision(request.param)
    yield request.param
    torch.set_float32_matmul_precision("highest")


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
def test_padding_is_not_read_and_written_as_zero(cell, precision):
    case = Case(cell, (25, 9, 3, 16))
    found = case.by_kernel(spoiled(case.batch))
    assert torch.equal(found.values, case.by_kernel().values)
    assert not found.values[~found.mask].any()
    for spoilt, clean in zip(case.gradients(found), case.gradients(case.by_kernel())):
        assert torch.equal(spoilt, clean)


@needs_kernel
@cells
def test_a_row_is_bit_equal_alone_in_any_batch_and_with_any_number_of_threads(cell, precision):
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
@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_both_directions_in_one_call_have_the_bits_of_each_alone_with_any_number_of_threads(cell, threads, precision):
    case, usual = Case(cell, (60, 30, 3, 40), with_start=True), torch.get_num_threads()
    make, run, _ = CELLS[cell]
    weights = [tuple(make(3, 40).parameters()) for _ in range(2)]
    forward, backward = run(case.batch, case.start, weights[0]), run(case.batch.reversed(), None, weights[1])
    expected = torch.cat([forward, Batch(backward, case.lengths).reversed().values], dim=-1)
    slope, leaves = torch.randn_like(expected), [case.values, *case.start]
    known = torch.autograd.grad(expected, leaves, slope)
    try:
        torch.set_num_threads(threads)
        found = run(case.batch, case.start, *weights)
        gradients = torch.autograd.grad(found, leaves, slope)
    finally:
        torch.set_num_threads(usual)
    assert torch.equal(found, expected)
    assert all(torch.equal(*pair) for pair in zip(gradients, known))


@needs_kernel
@cells
def test_both_directions_read_a_constant_input_and_write_zero_beyond_the_lengths(cell):
    case = Case(cell, (25, 9, 3, 17), constant=True)
    make, run, _ = CELLS[cell]
    weights = [tuple(make(3, 17).parameters()) for _ in range(2)]
    found = run(case.batch, None, *weights)
    steps = run(Batch(case.batch.values.contiguous(), case.lengths), None, *weights)
    torch.testing.assert_close(found, steps, rtol=0, atol=1e-6)
    assert not found[~case.batch.mask].any()


@needs_kernel
@cells
def test_every_pass_gives_the_same_bits(cell, precision):
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
def test_a_missing_value_spoils_its_own_row_from_its_step_on(cell, precision):
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
@pytest.mark.skipif(not build.can_round(), reason="the processor has no tiles for bfloat16 (AMX)")
def test_numbers_are_rounded_only_when_torch_is_told_to_and_a_graph_ends_as_it_began(cell):
    case = Case(cell, (25, 12, 20, 113), with_start=True)
    exact = case.by_kernel()
    slopes = case.gradients(exact, keep=True)
    torch.set_float32_matmul_precision("medium")
    try:
        rounded = case.by_kernel()
        assert 1e-5 < (rounded.values - exact.values).abs().max() < 0.01
        found = case.gradients(exact)[-2:]  # by the kernel alone; the weights' are a product of torch
    finally:
        torch.set_float32_matmul_precision("highest")
    assert all(torch.equal(*pair) for pair in zip(found, slopes[-2:]))
    assert torch.equal(case.by_kernel().values, exact.values)


@needs_kernel
@cells
@pytest.mark.parametrize(("units", "has_tiles"), [(113, False), (33, True)])
def test_nothing_is_rounded_where_the_processor_has_no_tiles_or_layers_are_small(cell, units, has_tiles, monkeypatch):
    case = Case(cell, (25, 12, 20, units))
    exact = case.by_kernel().values
    can_round = build.can_round() and has_tiles
    monkeypatch.setattr(build, "can_round", lambda: can_round)
    torch.set_float32_matmul_precision("medium")
    try:
        assert torch.equal(case.by_kernel().values, exact)
    finally:
        torch.set_float32_matmul_precision("highest")


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
        assert not native.is_supported("lstm", Batch.full(values), None, tuple(layer.forward_layers[0].parameters()))
    assert native.is_supported("lstm", Batch.full(values), None, tuple(layer.forward_layers[0].parameters()))
    assert layer(Batch.full(values[:, :2])).values.shape == (4, 2, 8)  # quicker so


def test_it_can_be_switched_off(monkeypatch):
    monkeypatch.setenv("SEQAE_NATIVE", "0")
    assert build.load_kernel() is None
    assert native.native_status() == "switched off by SEQAE_NATIVE=0"


@needs_kernel
@cells
def test_a_gradient_that_fades_ends_at_zero_and_the_callers_arithmetic_is_as_before(cell):
    batch = Batch.full(torch.randn(2, 3000, 1, requires_grad=True))
    make, run, _ = CELLS[cell]
    written = run(batch, None, tuple(make(1, 8).parameters()))
    (slope,) = torch.autograd.grad(written[:, -1].sum(), batch.values)
    smallest = torch.finfo(torch.float32).tiny
    assert slope[:, 0].count_nonzero() == 0 and slope[:, -1].all()
    assert not ((slope != 0) & (slope.abs() < smallest)).any()
    assert torch.tensor(smallest) / 2 > 0


@needs_kernel
def test_a_lack_of_memory_is_a_memory_error(monkeypatch):
    layer = seqae.LSTM(1, 8)
    endless = Batch(
        torch.zeros(1, 1, 1).expand(1, 2**45, 1), torch.tensor([2**45])
    )  # more than there are addresses for
    with pytest.raises(
        MemoryError, match=r"too little memory for a layer of LSTM with 8 hidden units over 1 sequences"
    ):
        layer(endless)
    kernel = build.load_kernel()
    arguments = _Arguments(1, 1, 0, 2**22, 1)  # the same inside the kernel: its arrays would take 2^48 bytes
    for function in (kernel.lstm_forward, kernel.lstm_backward, kernel.gru_forward, kernel.gru_backward):
        function.restype = ctypes.c_bool
        assert not function(ctypes.byref(arguments), ctypes.c_int64(1))


WITHOUT_MEMORY = """
import resource
from pathlib import Path
import torch
import seqae
from seqae.batch import Batch
from seqae.modules import native

torch.set_num_threads(2)
batch, layer = Batch.full(torch.randn(4000, 40, 1)), seqae.GRU(1, 8)
with torch.no_grad():
    expected = layer(batch).values
    wide = tuple(seqae.GRU(1, 1000).forward_layers[0].parameters())
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + 2**24, resource.RLIM_INFINITY))
    try:
        native.gru(batch, None, wide)
    except MemoryError:
        print("told")
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert torch.equal(layer(batch).values, expected)
"""


@needs_kernel
def test_threads_without_memory_are_told_of_and_the_next_call_has_it_again():
    """In a new process: one that is forked has the memory that other tests have given back to it."""
    ended = subprocess.run([sys.executable, "-c", WITHOUT_MEMORY], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "told\n"), ended.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
def test_a_forked_process_computes_after_several_threads_have_trained(precision):
    batch, layer, threads = Batch.full(torch.randn(64, 30, 8)), seqae.LSTM(8, 64), torch.get_num_threads()

    def compute() -> None:
        with torch.no_grad():  # torch itself refuses to go backward where its threads were started before the fork
            layer(batch)
        torch.randn(500, 500) @ torch.randn(500, 500)

    torch.set_num_threads(2)
    try:
        layer(batch).values.sum().backward()
        compute()
        assert exit_status_of_fork(compute) == 0
        assert torch.get_num_threads() == 2  # only the forked one has one
    finally:
        torch.set_num_threads(threads)


def exit_status_of_fork(work) -> int | None:
    """Return the exit status of a forked process that does some work, None if it takes over 300 seconds."""
    process = os.fork()
    if not process:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    end = time.monotonic() + 300
    while time.monotonic() < end:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return None
