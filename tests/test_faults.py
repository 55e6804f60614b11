"""What happens to a machine while it trains: kills, full disks, damaged files. Nothing is lost, nothing changes."""

import contextlib
import errno
import multiprocessing
import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import seqae
from generators import waves
from seqae.cli.messages import plain_errors  # noqa: F401 (for the lines that processes of their own run)
from seqae.datasets.loader import make_loader
from seqae.datasets.sequences import SequenceDataset
from seqae.training.callbacks.checkpoints import checkpoints_in
from seqae.transforms.corruptions import GaussianNoise

EPOCHS, STEPS = 3, 5  # of training, and in an epoch


def task(hidden_size: int = 8) -> seqae.Reconstruction:
    """A task with everything random that there is: noise, dropout, scheduled sampling, numbers drawn in validation."""
    torch.manual_seed(3)
    encoder = seqae.RecurrentEncoder(seqae.GRU(1, hidden_size), 4, embed=nn.Dropout(0.2))
    decoder = seqae.AutoregressiveDecoder(4, seqae.GRU(1, hidden_size), nn.Linear(hidden_size, 1))
    model = seqae.Autoencoder(encoder, decoder)
    probability = lambda epoch: 0.3 * epoch  # noqa: E731
    found = seqae.Reconstruction(model, seqae.squared_error, GaussianNoise(0.3), 0.01, sampling_probability=probability)
    validate = found.validation_step
    found.validation_step = lambda batch, batch_idx: (torch.rand(1), validate(batch, batch_idx))[1]
    return found


def train(
    folder: str | Path | None, workers: int = 0, epochs: int = EPOCHS, on_step=None, on_held_out=None, **settings
) -> dict:
    """Train, with a checkpoint after every step, and return the weights.

    Args:
        on_step: Called with the number of the step in this process, from 1 on, before the step is done.
        on_held_out: The same for the batches of the validations.
    """
    source, noisy = waves(), task()
    step, steps = noisy.training_step, iter(range(1, 1000))
    validate, batches = noisy.validation_step, iter(range(1, 1000))

    def validation_step(batch, batch_idx):
        if on_held_out is not None:
            on_held_out(next(batches))
        return validate(batch, batch_idx)

    def training_step(batch, batch_idx):
        if on_step is not None:
            on_step(next(steps))
        return step(batch, batch_idx)

    noisy.training_step, noisy.validation_step = training_step, validation_step
    held_out = make_loader(source, 8, shuffle=False)
    settings = {"checkpoint_interval": 0.0, "progress": False, **settings}
    loader = make_loader(source, 8, seed=1, num_workers=workers)
    seqae.fit(noisy, loader, held_out, epochs=epochs, checkpoint_dir=folder, **settings)
    return noisy.model.state_dict()


def same(one: dict, other: dict) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def whole() -> dict[str, torch.Tensor]:
    """The weights of a run that nobody stopped, and that saved nothing."""
    return train(None)


# Processes share one import of torch and Lightning.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["seqae.training.trainer"])
SCRIPT = "import sys; sys.path.insert(0, {tests!r}); import torch, test_faults as t; torch.set_num_threads(1); {line}"


def ended(line: str) -> int:
    """Run a line in a process of its own, and return how it ended."""
    process = PROCESSES.Process(target=exec, args=(SCRIPT.format(tests=str(Path(__file__).parent), line=line), {}))
    process.start()
    process.join()
    return process.exitcode


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed_at(step: int):
    return lambda number: kill() if number == step else None


def kill_while_saving(count: int, after_renaming: bool) -> None:
    """Let the process die in its save with this number, from 1 on: before the checkpoint has its name, or after."""
    replace, saves = Path.replace, iter(range(1, 1000))

    def mortal(staged: Path, target: Path) -> Path:
        is_last = next(saves) == count
        if is_last and not after_renaming:
            kill()
        renamed = replace(staged, target)
        if is_last:
            kill()
        return renamed

    Path.replace = mortal


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_run_that_is_killed_three_times_ends_with_the_same_bits(tmp_path, whole, workers):
    folder = tmp_path / "run"
    arguments = f"{str(folder)!r}, {workers}"
    assert ended(f"t.train({arguments}, on_step=t.killed_at(4))") == -9  # in the middle of an epoch
    assert [path.name for path in checkpoints_in(folder)] == ["step=1.ckpt", "step=2.ckpt", "step=3.ckpt"]
    assert ended(f"t.kill_while_saving(2, False); t.train({arguments})") == -9
    assert len(list(folder.glob(".part-*"))) == 1
    assert ended(f"t.kill_while_saving(3, True); t.train({arguments})") == -9
    assert checkpoints_in(folder)[-1].name == "step=7.ckpt"
    assert same(train(folder, workers), whole)
    assert [path.name for path in folder.iterdir() if path not in checkpoints_in(folder)] == []


@pytest.mark.parametrize("step", [1, STEPS, STEPS + 1, 2 * STEPS + 3])
def test_a_run_goes_on_from_any_step(tmp_path, whole, step):
    class Cut(BaseException):
        """Ends training at once."""

    def cut(number: int) -> None:
        if number == step:
            raise Cut

    with pytest.raises(Cut):
        train(tmp_path, on_step=cut)
    assert same(train(tmp_path), whole)


def test_a_finished_run_is_not_trained_again(tmp_path, whole):
    train(tmp_path)
    steps = []
    assert same(train(tmp_path, on_step=steps.append), whole)
    assert steps == []


def test_fewer_epochs_than_were_done_are_enough(tmp_path):
    first = train(tmp_path, epochs=2)
    assert same(train(tmp_path, epochs=1), first)


def test_a_run_that_lost_patience_stays_ended(tmp_path):
    first = train(tmp_path, epochs=9, patience=0)
    steps = []
    assert same(train(tmp_path, epochs=9, patience=0, on_step=steps.append), first)
    assert steps == []


def test_threads_change_nothing(whole):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert same(train(None), whole)
    finally:
        torch.set_num_threads(threads)


# Signals


@pytest.mark.parametrize(("number", "status"), [("SIGTERM", 143), ("SIGINT", 130)])
@pytest.mark.parametrize("step", [2, STEPS], ids=["within an epoch", "at its last batch"])
def test_a_signal_saves_and_ends_with_its_status(tmp_path, whole, number, status, step):
    ask = f"lambda step: t.os.kill(t.os.getpid(), t.signal.{number}) if step == {step} else None"
    train_it = f"t.train({str(tmp_path)!r}, checkpoint_interval=1e9, on_step={ask})"
    assert ended(f"\nwith t.plain_errors(False): {train_it}") == status
    assert [path.name for path in checkpoints_in(tmp_path)] == [f"step={step}.ckpt"]
    assert same(train(tmp_path), whole)


@pytest.mark.parametrize("batch", [1, STEPS - 1, STEPS + 2, 2 * STEPS + 1], ids=["first", "middle", "second", "last"])
def test_a_signal_does_not_wait_for_the_end_of_a_validation(tmp_path, whole, batch):
    (tmp_path / "batches").touch()
    seen = f"open({str(tmp_path / 'batches')!r}, 'a').write('one\\n')"
    ask = f"lambda batch: ({seen}, t.os.kill(t.os.getpid(), t.signal.SIGTERM) if batch == {batch} else None)"
    for _ in range(2):  # a second time within the validation that is done anew: nothing is saved, nothing lost
        assert ended(f"t.train({str(tmp_path / 'run')!r}, checkpoint_interval=1e9, on_held_out={ask})") in (143, -15)
        ask = ask.replace(f"== {batch}", "== 2")
    assert len((tmp_path / "batches").read_text().split()) == batch + 2
    assert same(train(tmp_path / "run"), whole)


def test_the_handlers_of_the_caller_come_back(tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    train(tmp_path, epochs=1)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_training_in_a_thread_takes_no_signals(tmp_path, whole):
    found = []
    thread = threading.Thread(target=lambda: found.append(train(tmp_path)))
    thread.start()
    thread.join()
    assert same(found[0], whole)


# Checkpoints that cannot be read


def damage(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "one bit":
        data[len(data) // 2] ^= 1
    content = {"empty": b"", "cut": data[: len(data) // 2], "page": b"<html>", "longer": data + b"x"}.get(how, data)
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["empty", "cut", "page", "longer", "one bit"])
def test_a_damaged_checkpoint_is_reported_and_the_one_before_is_used(tmp_path, whole, how, capsys):
    source, noisy = waves(), task()
    with contextlib.suppress(RuntimeError):
        train(tmp_path, on_step=raises_at(9))
    newest = checkpoints_in(tmp_path)[-1]
    damage(newest, how)
    held_out = make_loader(source, 8, shuffle=False)
    history = seqae.fit(noisy, make_loader(source, 8, seed=1), held_out, epochs=EPOCHS, checkpoint_dir=tmp_path)
    assert f"{newest.name} is damaged" in history.warnings[0] and "the one before" in history.warnings[0]
    assert f"note   {history.warnings[0]}\n" in capsys.readouterr().err
    assert newest.with_suffix(".ckpt.damaged").exists()
    assert len(history.train) == len(history.valid) == EPOCHS
    assert same(noisy.model.state_dict(), whole)


def raises_at(step: int):
    def on_step(number: int) -> None:
        if number == step:
            raise RuntimeError("a fault")

    return on_step


def test_without_any_whole_checkpoint_training_starts_anew(tmp_path, whole):
    with contextlib.suppress(RuntimeError):
        train(tmp_path, on_step=raises_at(4))
    for path in checkpoints_in(tmp_path):
        damage(path, "empty")
    assert same(train(tmp_path), whole)


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    train(tmp_path, epochs=1)
    source = waves()
    with pytest.raises(ValueError, match=r"step=5\.ckpt is of another model\. .*resume=False") as caught:
        seqae.fit(task(9), make_loader(source, 8), checkpoint_dir=tmp_path, progress=False)
    assert "\n" not in str(caught.value)


def test_a_new_start_leaves_nothing_of_the_old_run_to_go_on_from(tmp_path, whole):
    train(tmp_path, epochs=2)
    with contextlib.suppress(RuntimeError):
        train(tmp_path, on_step=raises_at(3), resume=False)
    assert [path.name for path in checkpoints_in(tmp_path)] == ["step=1.ckpt", "step=2.ckpt"]
    assert same(train(tmp_path), whole)


def test_a_pickle_in_disguise_runs_nothing(tmp_path, monkeypatch):
    from seqae.training.callbacks import checkpoints

    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "attacked"),)

    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    path = tmp_path / "step=1.ckpt"
    checkpoints.ChecksummedCheckpointIO().save_checkpoint({"state_dict": Attack()}, path)  # its hash is right
    with pytest.raises(ValueError, match=r"step=1\.ckpt"):
        train(tmp_path)
    assert not (tmp_path / "attacked").exists()


def test_an_address_is_no_folder():
    with pytest.raises(ValueError, match=r"http://example\.com/run is an address"):
        train("http://example.com/run")


# Checkpoints that cannot be written


def test_a_full_disk_ends_training_and_leaves_what_was_saved(tmp_path, whole, monkeypatch):
    write, room = Path.write_bytes, iter(range(3))

    def full(path: Path, data: bytes) -> int:
        if next(room, None) is None:
            write(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, data)

    with monkeypatch.context() as context, pytest.raises(OSError, match=r"No space left.*step=4\.ckpt"):
        context.setattr(Path, "write_bytes", full)
        train(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step=1.ckpt", "step=2.ckpt", "step=3.ckpt"]
    assert same(train(tmp_path), whole)


def as_nobody() -> None:
    """Give up the rights of root, who may write anywhere."""
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)


def test_a_folder_that_may_not_be_written_is_one_line_and_no_success(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir(mode=0o555)
    for parent in (tmp_path, *list(tmp_path.parents)[:-2]):
        if parent.stat().st_uid == os.geteuid():
            parent.chmod(0o755)
    said = tmp_path / "said"
    # Nobody may not read a home folder, and Python or seqae may lie in one: what training needs is loaded before.
    before = f"t.train({str(tmp_path / 'before')!r}, epochs=1); sys.stderr = open({str(said)!r}, 'w')"
    assert ended(f"{before}; t.as_nobody()\nwith t.plain_errors(False): t.train({str(folder)!r}, epochs=1)") == 2
    error = said.read_text()
    assert error.startswith("error: Permission denied") and str(folder) in error and error.count("\n") == 1
    assert list(folder.iterdir()) == []


def test_the_folder_for_temporary_files_plays_no_part(tmp_path, whole, monkeypatch):
    monkeypatch.setenv("TMPDIR", "/nowhere")
    monkeypatch.setattr("tempfile.tempdir", None)
    assert same(train(tmp_path), whole)


# Numbers that are not finite


@pytest.mark.parametrize("what", ["loss", "gradient", "weights"])
def test_what_is_not_finite_ends_training_and_is_never_kept(tmp_path, what):
    source, noisy = waves(), task()
    step, steps = noisy.training_step, iter(range(1000))

    def training_step(batch, batch_idx):
        loss, number = step(batch, batch_idx), next(steps)
        if number != STEPS + 2:
            return loss
        if what == "weights":  # finite gradients, and a step that is too long
            noisy.optimizers().param_groups[0]["lr"] = 3e38
            return loss
        return loss + torch.inf if what == "loss" else loss + sum(p.sum() for p in noisy.parameters()).mul(0).sqrt()

    noisy.training_step = training_step
    loader = make_loader(source, 8, seed=1)
    with pytest.raises(FloatingPointError, match=r"not finite at step [78] \(epoch 2\)"):
        seqae.fit(noisy, loader, loader, epochs=EPOCHS, checkpoint_dir=tmp_path, progress=False, checkpoint_interval=0)
    assert checkpoints_in(tmp_path)[-1].name in ("step=7.ckpt", "step=8.ckpt")
    for path in checkpoints_in(tmp_path):
        state = torch.load(path, weights_only=True)["state_dict"]
        assert all(tensor.isfinite().all() for tensor in state.values())
    assert all(parameter.isfinite().all() for parameter in noisy.parameters())


def test_a_held_out_loss_that_is_not_finite_ends_training():
    source, noisy = waves(), task()
    noisy.validation_step = lambda batch, batch_idx: (torch.tensor(torch.nan), 5)
    loader = make_loader(source, 8)
    with pytest.raises(FloatingPointError, match="held-out loss is nan after step 5"):
        seqae.fit(noisy, loader, loader, epochs=2, progress=False)


def test_held_out_sequences_without_values_count_nothing():
    source, noisy = waves(), task()
    empty = SequenceDataset([*source.sequences, torch.full((5, 1), torch.nan)])
    held_out = make_loader(empty, 1, shuffle=False)
    history = seqae.fit(noisy, make_loader(source, 8), held_out, epochs=1, progress=False)
    assert np.isfinite(history.valid[0])
