"""Saved models in repositories of the Hugging Face Hub, by a server on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

import seqae
from hub_server import Hub, constants, hub_of_its_own

CARD = seqae.ModelCard("Codes of three channels.", "Generated | by a formula", "apache-2.0", ("pump",))
METRICS = {"VUS-PR": 0.71234567, "worst": float("nan"), "a|b": 2.0}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub_of_its_own(monkeypatch, tmp_path / "cache") as hub:
        yield hub


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    encoder = seqae.RecurrentEncoder(seqae.GRU(3, hidden_size=4), code_size=2)
    (tmp_path / "pump").mkdir()
    (tmp_path / "pump" / "feedback").mkdir()
    (tmp_path / "pump" / "feedback" / "log.jsonl").write_text("who said what")
    return seqae.save(encoder, tmp_path / "pump", metrics=METRICS)


def codes(encoder: object) -> np.ndarray:
    return seqae.encode(encoder, [torch.linspace(-1, 1, 15).reshape(5, 3)])


def test_a_model_is_uploaded_and_loaded_by_its_address(hub: Hub, folder: Path):
    address = seqae.push(folder, "hf://plant/pump", token=hub.token)
    assert sorted(hub.files("plant/pump")) == ["README.md", "config.json", "model.safetensors", "seqae.json"]
    for place in ("hf://plant/pump", Path("hf://plant/pump"), address):
        assert np.array_equal(codes(seqae.load(place)), codes(seqae.load(folder)))
    assert sorted(hub.served) == ["model.safetensors", "seqae.json"], "a file was downloaded twice, or one too many"


def test_a_commit_stays_what_it_was(hub: Hub, folder: Path):
    first = seqae.push(folder, "hf://plant/pump", token=hub.token)
    seqae.save(seqae.RecurrentEncoder(seqae.GRU(3, hidden_size=4), code_size=5), folder)
    seqae.push(folder, "hf://plant/pump", token=hub.token)
    assert codes(seqae.load(first)).shape == (1, 2)
    assert codes(seqae.load("hf://plant/pump")).shape == (1, 5)


def test_what_was_downloaded_is_there_without_a_connection(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch):
    address = seqae.push(folder, "hf://plant/pump", token=hub.token)
    seqae.load(address)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert codes(seqae.load(address)).shape == (1, 2)
    with pytest.raises(ConnectionError, match=r"hf://plant/other was never downloaded.*or give a folder"):
        seqae.load("hf://plant/other")


def test_a_damaged_download_is_refused(hub: Hub, folder: Path):
    seqae.push(folder, "hf://plant/pump", token=hub.token)
    weights = hub.files("plant/pump")["model.safetensors"]
    hub.files("plant/pump")["model.safetensors"] = weights[:-1] + bytes([weights[-1] ^ 1])
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged"):
        seqae.load("hf://plant/pump")


def test_the_card_tells_task_data_licence_metrics_and_shows_a_picture(hub: Hub, folder: Path, tmp_path: Path):
    picture = tmp_path / "signal.PNG"
    Image.new("RGB", (4, 4)).save(picture)
    seqae.push(folder, "hf://plant/pump", card=CARD, picture=picture, token=hub.token)
    files = hub.files("plant/pump")
    _, front, text = files["README.md"].decode().split("---\n", 2)
    assert yaml.safe_load(front) == {
        "library_name": "seqae",
        "tags": ["seqae", "autoencoder", "pump"],
        "license": "apache-2.0",
    }
    assert files["picture.png"] == picture.read_bytes() and "](picture.png)" in text
    assert text.startswith("\n# pump\n\nCodes of three channels.\n")
    for line in (
        r"Generated | by a formula",
        "| VUS-PR | 0.712346 |",
        "| worst | nan |",
        r"| a\|b | 2 |",
        "| kind | RecurrentEncoder |",
    ):
        assert f"\n{line}\n" in text
    config = json.loads(files["config.json"])
    assert config["architectures"] == ["RecurrentEncoder"] and config["task"] == CARD.task
    assert config["metrics"] == {"VUS-PR": 0.71234567, "worst": "nan", "a|b": 2.0}


def test_a_card_without_words_of_its_own_says_nothing_of_licence_and_data(hub: Hub, folder: Path):
    seqae.push(folder, "hf://plant/pump", token=hub.token)
    _, front, text = hub.files("plant/pump")["README.md"].decode().split("---\n", 2)
    assert yaml.safe_load(front) == {"library_name": "seqae", "tags": ["seqae", "autoencoder"]}
    assert "## Use" in text and "## Data" not in text and "![" not in text


def test_a_model_is_uploaded_to_the_branch_that_is_named(hub: Hub, folder: Path):
    seqae.push(folder, "hf://plant/pump", token=hub.token)
    seqae.save(seqae.RecurrentEncoder(seqae.GRU(3, hidden_size=4), code_size=5), folder)
    seqae.push(folder, "hf://plant/pump@next", token=hub.token)
    assert codes(seqae.load("hf://plant/pump")).shape == (1, 2)
    assert codes(seqae.load("hf://plant/pump@next")).shape == (1, 5)


@pytest.mark.parametrize(
    ("place", "error", "message"),
    [
        ("hf://plant/none", FileNotFoundError, "is absent, or not for everyone"),
        ("hf://plant/pump@v9", FileNotFoundError, "hf://plant/pump@v9: the repository has no such branch"),
        ("hf://pump", ValueError, "Expected hf://OWNER/NAME"),
        ("hf://plant/pump/more", ValueError, "Expected hf://OWNER/NAME"),
        ("hf://plant/pump@", ValueError, "Expected hf://OWNER/NAME"),
        ("hf://plant/..", ValueError, "hf://plant/.. is no repository"),
        ("https://plant/pump", ValueError, "is an address"),
    ],
)
def test_a_place_without_a_model_is_named(hub: Hub, folder: Path, place: str, error: type, message: str):
    seqae.push(folder, "hf://plant/pump", token=hub.token)
    with pytest.raises(error, match=message):
        seqae.load(place)


def test_a_private_repository_shows_itself_to_its_owner_alone(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch):
    seqae.push(folder, "hf://plant/pump", private=True, token=hub.token)
    with pytest.raises(FileNotFoundError, match="not for everyone"):
        seqae.load("hf://plant/pump")
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert codes(seqae.load("hf://plant/pump")).shape == (1, 2)


def test_what_cannot_be_pushed_is_not(hub: Hub, folder: Path, tmp_path: Path):
    with pytest.raises(PermissionError, match="a token that may write"):
        seqae.push(folder, "hf://plant/pump", token="hf_reader")
    with pytest.raises(FileNotFoundError, match="holds no artifact"):
        seqae.push(tmp_path, "hf://plant/pump", token=hub.token)
    with pytest.raises(ValueError, match=r"no picture that a card shows. Give one of \.png"):
        seqae.push(folder, "hf://plant/pump", picture=folder / "seqae.json", token=hub.token)
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="damaged"):
        seqae.push(folder, "hf://plant/pump", token=hub.token)
    assert not hub.branches
