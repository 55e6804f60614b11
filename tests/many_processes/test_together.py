"""Processes that train together, on one machine or two, end like one whose batches are as large as all of theirs."""

import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from many_processes import together

Results = list[dict[str, Any]]  # of each process
TESTS = Path(__file__).parents[1]

# What torchrun does, in processes that share one import of torch and Lightning.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["seqae.training.trainer", "torch.distributed.launcher.api"])
LAUNCH = """
import os, pathlib, sys
sys.path.insert(0, {tests!r})
from torch.distributed.launcher.api import LaunchConfig, elastic_launch
from many_processes import together
os.dup2(os.open({log!r}, os.O_CREAT | os.O_WRONLY | os.O_APPEND), 2)
config = LaunchConfig(1, 1, 2, run_id="seqae", rdzv_backend="c10d", rdzv_endpoint="localhost:0", start_method="fork")
elastic_launch(config, together.main)(pathlib.Path({folder!r}), [])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The folder of two processes that have trained together."""
    found = tmp_path_factory.mktemp("together")
    script = LAUNCH.format(tests=str(TESTS), folder=str(found), log=str(found / "log"))
    process = PROCESSES.Process(target=exec, args=(script, {}))
    process.start()
    process.join()
    assert process.exitcode == 0, (found / "log").read_text()
    return found


@pytest.fixture(scope="module")
def results(folder) -> Results:
    return results_in(folder)


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict[str, Any]:
    """One process with batches of twice as many items."""
    return together.plain(tmp_path_factory.mktemp("alone"))


def results_in(folder: Path) -> Results:
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


def assert_like_one_process(results: Results, alone: dict[str, Any]) -> None:
    for result in results:
        for name in ("train", "valid", "weights", "r2"):
            np.testing.assert_allclose(result["plain"][name], alone[name], rtol=0, atol=1e-5)
        for logged, name in zip(result["plain"]["logged"], ("train", "valid"), strict=True):
            np.testing.assert_allclose(logged, alone[name], rtol=0, atol=1e-5)
        assert result["plain"]["best"] == alone["best"]


def test_losses_and_weights_are_those_of_one_process_with_larger_batches(results, alone):
    assert_like_one_process(results, alone)
    assert len(alone["train"]) == len(alone["valid"]) == together.EPOCHS
    assert alone["train"][0] > 1.1 * alone["train"][-1]  # it learnt something


def test_so_are_those_of_steps_of_several_batches(results, tmp_path):
    alone = together.accumulated(tmp_path)
    for result in results:
        for name in ("train", "weights", "logged"):
            np.testing.assert_allclose(result["accumulated"][name], alone[name], rtol=0, atol=1e-5)
        np.testing.assert_allclose(result["accumulated"]["logged"], alone["train"], rtol=0, atol=1e-5)


def test_so_are_those_in_a_trainer_of_ones_own(results, alone):
    for result in results:
        found = result["foreign"]["task"]
        for name in ("train", "valid"):
            np.testing.assert_allclose(found[name], alone[name], rtol=0, atol=1e-5)
        assert found["best"] == alone["best"] and found["kept"] == ["step=16.ckpt", "step=17.ckpt", "step=18.ckpt"]


def test_a_loss_that_a_module_logs_in_each_process_is_averaged(results):
    for result in results:
        found = result["foreign"]["own losses"]
        assert found["valid"] == pytest.approx([0, 0.25]) and found["best"] == 1
        assert found["train"] == results[0]["foreign"]["own losses"]["train"]


def test_so_are_those_of_tasks_that_take_means_over_sequences_or_tokens(results, tmp_path):
    for name, weights in together.other_tasks(tmp_path).items():
        for result in results:
            np.testing.assert_allclose(result["other_tasks"][name], weights, rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("name", ["seen", "held out"])
def test_each_batch_is_shared_out_in_equal_parts_and_read_once(results, alone, name):
    first, second = (result["plain"][name] for result in results)
    assert len(first) == len(second) == len(alone[name]) > 0
    for one, other, both in zip(first, second, alone[name]):
        assert sorted(one + other) == sorted(both) and len(one) - len(other) in (0, 1)
        longest = [together.LENGTHS[part].max() for part in (one, other)]
        assert max(longest) - min(longest) <= 3 or name == "held out"  # batches of similar lengths: similar work


def test_all_processes_end_with_the_same_weights_and_losses(results):
    for name in ("plain", "whole", "stopped_in_epoch", "stopped_in_validation", "listed", "tensors", "early"):
        one, other = (result[name] for result in results)
        assert all(one[key] == other[key] for key in ("train", "valid", "best", "weights")), name


@pytest.mark.parametrize(("name", "steps"), [("stopped_in_epoch", 8), ("stopped_in_validation", 3)])
def test_a_signal_to_one_ends_all_after_the_same_batch_and_a_resumed_run_ends_with_the_same_bits(results, name, steps):
    for result in results:
        stopped = result[name]
        assert stopped["status"] == 143 and stopped["steps"] == steps
        assert all(stopped[key] == result["whole"][key] for key in ("train", "valid", "best", "weights"))
    files = {
        "stopped_in_epoch": ["step=6.ckpt", "step=8.ckpt"],
        "stopped_in_validation": ["step=12.ckpt", "step=6.ckpt"],
    }
    assert results[0][name]["files"] == files[name]


def test_one_process_goes_on_where_two_ended_an_epoch_but_not_within_one(folder, tmp_path):
    for step, error in ((8, "saved within an epoch, by 2 of the processes.*now there are 1"), (12, "none")):
        (tmp_path / str(step)).mkdir()
        shutil.copy(folder / "in epoch" / f"step={step}.ckpt", tmp_path / str(step))
        fit = partial(together.trained, together.Recorder(), together.task(0.3), checkpoint_dir=tmp_path / str(step))
        assert re.search(error, together.error_of(fit))


def test_dropout_differs_between_processes(results, alone):
    assert results[0]["whole"]["train"] != results[0]["plain"]["train"]


def test_early_stopping_is_decided_by_the_loss_of_all(results):
    for result in results:
        assert result["early"]["valid"] == pytest.approx([0, 0.25]) and result["early"]["best"] == 1


def test_a_loader_of_torch_is_shared_out_whatever_order_each_process_would_draw(results):
    seen = [result["tensors"]["seen"] for result in results]
    assert sorted(seen[0] + seen[1]) == list(range(14)) != seen[0] + seen[1]
    assert len(seen[0]) == len(seen[1])


def test_one_process_shows_progress(folder):
    assert len(re.findall(r"^epoch 1/1", (folder / "log").read_text(), re.MULTILINE)) == 1


def test_what_cannot_be_trained_together_ends_all_with_the_same_error(results):
    for result in results:
        assert result["errors"]["not finite"].startswith("FloatingPointError: the gradient is not finite at step")
        assert "cannot share the batches of a list" in result["errors"]["a list of batches"]
        assert "not the same for all processes: one of step 18, none" in result["errors"]["another folder"]


def test_two_machines_train_like_one_process(tmp_path, alone):
    torchrun, script = Path(sys.executable).with_name("torchrun"), Path(together.__file__)
    two_machines = TESTS.parent / ".ci/two_machines.sh"
    if not two_machines.exists() or sys.platform != "linux":
        pytest.skip("only in the repository, and on Linux")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    command = [two_machines, torchrun, script, tmp_path, "plain"]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    if ended.returncode == 77:
        pytest.skip(f"no two machines: {ended.stdout.strip().splitlines()[-1]}")
    assert ended.returncode == 0, ended.stderr
    assert_like_one_process(results_in(tmp_path), alone)
