import os
import platform

import numpy as np
import torch

from seqae.modules.native.build import can_round, lane_count, load_kernel
from seqae.report import describe_environment


def test_the_environment_names_versions_and_machine_but_no_host():
    found = describe_environment()
    assert found["numpy"] == np.__version__
    assert found["python"] == platform.python_version()
    assert found["cores"] == str(os.cpu_count())
    assert found["processor"]
    told = " ".join(found.values())
    assert platform.node() not in told
    assert os.sep + "home" not in told


def test_it_tells_what_computes_recurrent_layers(monkeypatch):
    expected = "torch" if load_kernel() is None else f"kernel, {lane_count()} numbers at once"
    assert describe_environment()["recurrent layers"] == expected
    torch.set_float32_matmul_precision("medium")
    try:
        rounded = ", products in bfloat16" if can_round() else ""
        assert describe_environment()["recurrent layers"] == expected + rounded
    finally:
        torch.set_float32_matmul_precision("highest")
    monkeypatch.setenv("SEQAE_NATIVE", "0")
    assert describe_environment()["recurrent layers"] == "torch"
