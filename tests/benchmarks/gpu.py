"""What a machine with a GPU has to show: the contract holds on it, all recipes run, and training is quick.

    python tests/benchmarks/gpu.py                    # all of it
    python tests/benchmarks/gpu.py contract rates     # some of: contract, rates, recipes
    python tests/benchmarks/gpu.py rates --device cpu # whether the script runs: a few windows on the CPU

The rates are windows a second beside plain torch in the same process, also those of the compiled model (`compile_mode`
of `seqae.fit`, with CUDA graphs for windows of one length), and the share of the machine's own rate of matrix products
that the products of the model's layers reach. Ends with status 1 if something failed, 2 without a GPU.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from contestants import PlainAutoencoder, task
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import seqae
from seqae.batch import Batch
from seqae.cli.recipes import scripts
from seqae.datasets.sequences import SequenceDataset
from seqae.modules.images import ImageEncoder, conv_decoder, conv_encoder
from seqae.modules.positional import PositionalDecoder, PositionalEncoder
from seqae.modules.self_attention import SelfAttention
from seqae.training.compilation import CompiledLoss

ROOT = Path(__file__).parents[2]
SIZE, HEADS = 128, 4
Step = Callable[[], object]


class Sizes(NamedTuple):
    """How much is timed: windows, their longest length, windows of a batch, rounds, and the matrix of a product.

    The last is the backend of `torch.compile`.
    """

    windows: int = 8192
    longest: int = 300
    batch: int = 256
    rounds: int = 5
    matrix: int = 8192
    compiler: str = "inductor"


class Kind(NamedTuple):
    """What is timed: the task and the model of plain torch, windows, and how many times as quick seqae has to be.

    The last is the mode in which torch compiles the task; None for recurrent layers, which do not gain by it.
    """

    ours: Callable[[], seqae.Reconstruction]
    plain: Callable[[], nn.Module]
    windows: list[Tensor]
    wanted: float
    mode: str | None


LARGE = Sizes()
SMALL = Sizes(windows=8, longest=30, batch=4, rounds=1, matrix=64, compiler="eager")


def contract(device: torch.device) -> list[str]:
    """Hold every encoder, decoder and writer to the contract on the device; return what failed."""
    sys.path.insert(0, str(ROOT / "tests"))
    import test_contract
    from contract import checks

    failed = []
    clauses = (checks.check_same_alone_as_in_any_batch, checks.check_padding_changes_nothing, checks.check_gradients)
    for name, entry in test_contract.ENTRIES.items():
        for check in clauses:
            try:
                with torch.device(device):
                    check(entry)
            except Exception as error:  # whatever a device does
                failed.append(f"{name}, {check.__name__}: {str(error).splitlines()[0]}")
    print(f"contract: {len(test_contract.ENTRIES)} entries, {len(failed)} checks failed")
    return failed


def recipes(device: torch.device) -> list[str]:
    """Let every recipe do its smoke run, on the GPU that its Trainer finds; return what failed."""
    failed = []
    for name, script in scripts().items():
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, str(script), "--smoke", "--out", folder]
            found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
        print(f"{name:30} {'ok' if found.returncode == 0 else 'failed'}", flush=True)
        if found.returncode:
            failed.append(f"{name}: {found.stderr.strip().splitlines()[-1:]}")
    return failed


def seconds(device: torch.device, step: Step, rounds: int) -> float:
    """Return the shortest time of one call."""
    step()
    best = float("inf")
    for _ in range(rounds):
        _wait(device)
        begun = time.perf_counter()
        step()
        _wait(device)
        best = min(best, time.perf_counter() - begun)
    return best


def products_per_second(device: torch.device, sizes: Sizes) -> float:
    """Return the machine's rate of matrix products in float32, in operations a second."""
    left, right = (torch.randn(sizes.matrix, sizes.matrix, device=device) for _ in range(2))
    return 2 * sizes.matrix**3 / seconds(device, lambda: left @ right, sizes.rounds)


def epoch_of(task: seqae.Reconstruction, batches: Iterable[Batch], device: torch.device) -> Step:
    """Return an epoch by seqae."""
    task, batches = task.to(device), list(batches)
    optimizer = torch.optim.Adam(task.parameters(), fused=True)

    def epoch() -> None:
        for index, batch in enumerate(batches):
            optimizer.zero_grad()
            task.training_step(batch.to(device), index).backward()
            optimizer.step()

    return epoch


def compiled_seconds(
    device: torch.device, task: seqae.Reconstruction, batches: list[Batch], mode: str, sizes: Sizes
) -> float:
    """Return the shortest time of an epoch of a compiled task, which has to find the same loss."""
    first, known = batches[0].to(device), task.to(device).training_loss
    task.training_loss = CompiledLoss(known, mode=mode, backend=sizes.compiler)
    torch.testing.assert_close(task.training_loss(first, first), known(first, first), rtol=1e-3, atol=1e-5)
    return seconds(device, epoch_of(task, batches, device), sizes.rounds)


def plain_epoch_of(model: nn.Module, batches: Iterable[Batch], device: torch.device) -> Step:
    """Return an epoch as one writes it with torch: padded values, and a mask for the loss."""
    model, batches = model.to(device), list(batches)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def epoch() -> None:
        for batch in batches:
            values, lengths = batch.values.to(device), batch.lengths.to(device)
            mask = torch.arange(values.shape[1], device=device) < lengths.unsqueeze(1)
            optimizer.zero_grad()
            error = (model(values, lengths) - values).square().flatten(2).mean(dim=2) * mask
            (error.sum() / mask.sum()).backward()
            optimizer.step()

    return epoch


class PlainAttention(nn.Module):
    """torch's own layers of self-attention with a learnt mean in between."""

    def __init__(self, channels: int):
        super().__init__()
        layers = [nn.TransformerEncoderLayer(SIZE, HEADS, 2 * SIZE, 0.0, batch_first=True) for _ in range(4)]
        self.reader, self.writer = nn.ModuleList(layers[:2]), nn.ModuleList(layers[2:])
        self.read, self.head = nn.Linear(channels, SIZE), nn.Linear(SIZE, channels)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        mask = torch.arange(values.shape[1], device=values.device) >= lengths.unsqueeze(1)
        vectors = self.read(values)
        for layer in self.reader:
            vectors = layer(vectors, src_key_padding_mask=mask)
        code = vectors.masked_fill(mask.unsqueeze(2), 0).sum(dim=1) / lengths.unsqueeze(1)
        vectors = vectors + code.unsqueeze(1)
        for layer in self.writer:
            vectors = layer(vectors, src_key_padding_mask=mask)
        return self.head(vectors)


class PlainImages(nn.Sequential):
    """The same layers on images, one after the other."""

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        return super().forward(values[:, 0]).unsqueeze(1)


def attention() -> seqae.Reconstruction:
    encoder = PositionalEncoder(8, SelfAttention(SIZE, SIZE, num_heads=HEADS), 32)
    decoder = PositionalDecoder(32, SelfAttention(SIZE, SIZE, num_heads=HEADS), nn.Linear(SIZE, 8))
    return seqae.Reconstruction(seqae.Autoencoder(encoder, decoder), seqae.squared_error)


def images() -> seqae.Reconstruction:
    encoder = ImageEncoder(conv_encoder((1, 16, 8)), 8 * 7 * 7)
    model = seqae.Autoencoder(encoder, seqae.ConstantDecoder(conv_decoder((8, 16, 1), 28, 28)))
    return seqae.Reconstruction(model, seqae.squared_error)


def rates(device: torch.device, sizes: Sizes = LARGE) -> list[str]:
    """Print windows a second of seqae, of it in bfloat16, and of plain torch; what is slower than asked fails."""
    random = torch.Generator().manual_seed(0)
    lengths = torch.randint(sizes.longest // 10, sizes.longest + 1, (sizes.windows,), generator=random).tolist()
    ragged = [torch.randn(length, 8, generator=random) for length in lengths]
    even = [torch.randn(sizes.longest // 3, 8, generator=random) for _ in lengths]
    pictures = [torch.rand(1, 1, 28, 28, generator=random) for _ in lengths]
    plain_images = PlainImages(conv_encoder((1, 16, 8)), conv_decoder((8, 16, 1), 28, 28))
    kinds = {
        "ragged LSTM": Kind(task, PlainAutoencoder, ragged, 2.0, None),
        "even LSTM": Kind(task, PlainAutoencoder, even, 1.0, None),
        "ragged attention": Kind(attention, lambda: PlainAttention(8), ragged, 1.0, "default"),
        "even attention": Kind(attention, lambda: PlainAttention(8), even, 1.0, "reduce-overhead"),
        "images": Kind(images, lambda: plain_images, pictures, 1.0, "reduce-overhead"),
    }
    peak, failed = products_per_second(device, sizes), []
    print(f"matrix products in float32: {peak / 1e12:.1f} TFLOP/s")
    columns = " ".join(f"{name:>10}" for name in ("seqae", "bfloat16", "compiled", "torch"))
    print(f"{'windows a second':18} {columns} {'ratio':>6} {'of peak':>8}")
    for name, (ours, plain, windows, wanted, mode) in kinds.items():
        batches = list(seqae.make_loader(SequenceDataset(windows), sizes.batch))
        unsorted = [Batch.of(windows[at : at + sizes.batch]) for at in range(0, len(windows), sizes.batch)]
        step = epoch_of(ours(), batches, device)
        took = seconds(device, step, sizes.rounds)
        with torch.autocast(device.type, torch.bfloat16):
            halved = seconds(device, epoch_of(ours(), batches, device), sizes.rounds)
        compiled = None if mode is None else compiled_seconds(device, ours(), batches, mode, sizes)
        torchs = seconds(device, plain_epoch_of(plain(), unsorted, device), sizes.rounds)
        share = f"{_operations(name, step, batches) / took / peak:8.1%}"
        times = (took, halved, compiled, torchs)
        found = [f"{'-':>10}" if each is None else f"{len(windows) / each:10,.0f}" for each in times]
        print(f"{name:18} {' '.join(found)} {torchs / took:6.2f} {share}", flush=True)
        if torchs / took < wanted:
            failed.append(f"{name}: {torchs / took:.2f} times as quick as plain torch, {wanted} asked")
    return failed


def _operations(name: str, step: Step, batches: list[Batch]) -> float:
    """Return the operations of an epoch in products, three times those of the forward pass for LSTM layers."""
    if "LSTM" in name:
        steps = sum(int(batch.lengths.sum()) for batch in batches)
        return 3 * steps * 2 * 4 * 128 * (8 + 128 + 128)  # two layers, the second reads one vector again and again
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check a machine with a GPU.")
    parser.add_argument("parts", nargs="*", metavar="contract|rates|recipes", help="all if none is given")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    given = parser.parse_args(arguments)
    device = torch.device(given.device)
    sizes = LARGE if device.type == "cuda" else SMALL
    parts = {"contract": contract, "rates": lambda device: rates(device, sizes), "recipes": recipes}
    if unknown := set(given.parts) - set(parts):
        parser.error(f"unknown: {', '.join(sorted(unknown))}. Expected some of {', '.join(parts)}")
    if device.type == "cuda" and not torch.cuda.is_available():
        print("no GPU that torch can use: nothing was checked. `seqae doctor` says what torch sees", file=sys.stderr)
        return 2
    torch.backends.cudnn.allow_tf32 = False  # the contract compares numbers, and all race in the same float32
    print(torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU: whether the script runs, no rates")
    failed = [line for name, part in parts.items() if name in (given.parts or parts) for line in part(device)]
    print("\n".join(["", *failed]) if failed else "all as asked")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
