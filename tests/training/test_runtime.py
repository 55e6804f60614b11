import subprocess
import sys

import pytest
import torch

import seqae
from seqae.training import runtime


def test_tune_sets_the_threads_asked_for():
    before = torch.get_num_threads()
    try:
        assert seqae.tune(1).threads == torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    with pytest.raises(ValueError, match="at least 1"):
        seqae.tune(0)


def test_importing_changes_no_setting_of_the_process():
    script = "import torch as t; n = t.get_num_threads(); import seqae.training.fit; assert t.get_num_threads() == n"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_half_precision_is_refused_where_the_cpu_lacks_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(runtime, "_has_bfloat16", lambda: False)
    with pytest.warns(UserWarning, match="hundred times slower"):
        assert runtime.usable_precision("bf16-mixed") == "32-true"
    monkeypatch.setattr(runtime, "_has_bfloat16", lambda: True)
    assert runtime.usable_precision("bf16-mixed") == "bf16-mixed"
