"""`seqae push`, and addresses in place of folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import seqae
from hub_server import hub_of_its_own


def test_the_shell_pushes_a_model_and_reads_it_by_its_address(
    command: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = seqae.save(seqae.RecurrentEncoder(seqae.GRU(3, hidden_size=4), code_size=2), tmp_path / "pump")
    with hub_of_its_own(monkeypatch, tmp_path / "cache") as hub:
        monkeypatch.setenv("HF_TOKEN", hub.token)
        told = command("push", str(folder), "hf://plant/pump", "--task", "Codes of a pump.", "--json")
        address = json.loads(told.out)["pushed"]
        assert address.startswith("hf://plant/pump@") and b"Codes of a pump." in hub.files("plant/pump")["README.md"]
        assert "model RecurrentEncoder\n" in command("inspect", address).out
    refused = command("feedback", address, "--undo", "3")  # it is kept beside the model
    assert refused.code == 2 and "is an address" in refused.err
