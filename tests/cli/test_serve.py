"""`seqae serve`: what it refuses before it listens."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

import seqae
from generators import machine

pytest.importorskip("starlette", reason="needs starlette: pip install 'seqae[serve]'")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory):
    detector = seqae.AnomalyDetector(resolutions=(1,), epochs=0).fit(machine(400, seed=0))
    return seqae.save(detector, tmp_path_factory.mktemp("run") / "pump")


@pytest.fixture(autouse=True)
def without_token(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("SEQAE_TOKEN", raising=False)


def test_an_address_for_others_needs_a_token(command, saved):
    done = command("serve", str(saved), "--host", "0.0.0.0")
    assert done.code == 2
    assert "--token-file" in done.err and "--no-token" in done.err and done.err.count("\n") == 1


def test_models_of_one_name_are_refused_with_the_word_that_helps(command, saved):
    done = command("serve", str(saved), str(saved))
    assert done.code == 2 and f"NAME={saved}" in done.err


def test_names_of_models_come_from_their_folders_or_are_given(tmp_path):
    from seqae.service.http.served import named_folders

    words = ["a=b=c/d", str(tmp_path / "pump" / "latest" / "model"), "runs/fan/latest"]
    folders = {"a": Path("b=c/d"), "pump": Path(words[1]), "fan": Path(words[2])}
    assert named_folders(words) == folders


def test_a_port_in_use_is_told(command, saved):
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = command("serve", str(saved), "--port", str(other.getsockname()[1]))
    assert done.code == 2 and "port" in done.err and done.err.count("\n") == 1


def test_other_models_and_limits_out_of_range_are_refused(command, saved, tmp_path):
    seqae.save(seqae.LSTM(2, 3), tmp_path / "lstm")
    assert "AnomalyDetector" in command("serve", str(tmp_path / "lstm")).err
    assert "machines" in command("serve", str(saved), "--machines", "0").err
