"""The script that checks a machine with a GPU works, as far as a CPU can tell."""

from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).with_name("benchmarks")


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import gpu

    return gpu


def test_without_a_gpu_it_says_so_and_fails(gpu, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main(["rates"]) == 2
    assert "no GPU that torch can use: nothing was checked" in capsys.readouterr().err


def test_it_times_all_kinds_and_names_those_that_are_too_slow(gpu, capsys):
    torch._dynamo.reset()
    failed = gpu.rates(torch.device("cpu"), gpu.SMALL)
    shown = capsys.readouterr().out
    for kind in ("ragged LSTM", "even LSTM", "ragged attention", "even attention", "images"):
        assert shown.count(kind) == 1
        assert len([line for line in failed if line.startswith(f"{kind}: ")]) <= 1


def test_what_breaks_the_contract_is_named(gpu, monkeypatch, capsys):
    import test_contract
    from contract.encoders import ENCODERS

    broken = {"broken": test_contract.of(test_contract.HidesPaddingTooLate), "mean": ENCODERS["mean"]}
    monkeypatch.setattr(test_contract, "ENTRIES", broken)
    failed = gpu.contract(torch.device("cpu"))
    assert [line.split(":")[0] for line in failed] == ["broken, check_gradients"]
    assert "2 entries, 1 checks failed" in capsys.readouterr().out
