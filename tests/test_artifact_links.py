"""Links, pipes and folders among the files of an artifact: no save or load follows them elsewhere or waits."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from torch import nn

from no_files import NO_FILES, make
from seqae.artifact import inspect, load, save

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes and sockets have names on POSIX alone")
STAGED = (".model.safetensors.new", ".seqae.json.new")
FINAL = ("model.safetensors", "seqae.json")


@pytest.fixture(autouse=True)
def in_time():
    """Fail a test that waits, which it would do for ever."""
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("waits"))
    signal.alarm(300)
    yield
    signal.alarm(0)


def layer(value: float) -> nn.Linear:
    made = nn.Linear(2, 2)
    nn.init.constant_(made.weight, value)
    return made


def value_of(folder: Path) -> float:
    return float(load(folder).weight[0, 0])


def planted(link: Path) -> Path:
    """Put a link to another file somewhere, and return that file."""
    other = link.parents[1] / "other"
    other.write_bytes(b"old")
    link.unlink(missing_ok=True)
    link.symlink_to(other)
    return other


@pytest.mark.parametrize("name", [*STAGED, *FINAL])
def test_saving_replaces_a_planted_link_and_leaves_what_it_leads_to(tmp_path, name):
    folder = save(layer(1.0), tmp_path / "model")
    other = planted(folder / name)
    save(layer(2.0), folder)
    assert other.read_bytes() == b"old" and value_of(folder) == 2.0
    assert sorted(path.name for path in folder.iterdir()) == sorted(FINAL)
    assert not any(path.is_symlink() for path in folder.iterdir())


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "dangling link"])
@pytest.mark.parametrize("name", STAGED)
def test_saving_clears_away_what_is_no_file_where_it_stages(tmp_path, kind, name):
    folder = save(layer(1.0), tmp_path / "model")
    make(kind, folder / name)
    assert value_of(folder) == 1.0
    save(layer(2.0), folder)
    assert value_of(folder) == 2.0 and sorted(path.name for path in folder.iterdir()) == sorted(FINAL)


@pytest.mark.parametrize("name", [*STAGED, *FINAL])
def test_a_folder_in_place_of_a_file_is_refused_and_nothing_changes(tmp_path, name):
    folder = save(layer(1.0), tmp_path / "model")
    (folder / name).unlink(missing_ok=True)
    make("folder", folder / name)
    before = sorted(folder.rglob("*"))
    with pytest.raises(IsADirectoryError, match=f"{name} is a folder"):
        save(layer(2.0), folder)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize("name", FINAL)
def test_a_file_of_a_model_that_is_none_is_named(tmp_path, kind, name):
    folder = save(layer(1.0), tmp_path / "model")
    (folder / name).unlink()
    make(kind, folder / name)
    with pytest.raises((OSError, ValueError), match=name):
        load(folder)
    if name == "seqae.json":
        with pytest.raises((OSError, ValueError), match=name):
            inspect(folder)


def test_weights_behind_a_link_are_read_and_checked(tmp_path):
    folder = save(layer(1.0), tmp_path / "model")
    shutil.move(folder / "model.safetensors", tmp_path / "weights")
    (folder / "model.safetensors").symlink_to(tmp_path / "weights")
    assert value_of(folder) == 1.0
    (tmp_path / "weights").write_bytes((tmp_path / "weights").read_bytes()[:-1] + b"\0")
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged"):
        load(folder)


def test_staged_weights_behind_a_link_do_not_take_the_place_of_the_model(tmp_path):
    folder, other = save(layer(1.0), tmp_path / "model"), tmp_path / "other"
    shutil.move(folder / "model.safetensors", other)
    (folder / ".model.safetensors.new").symlink_to(other)  # whose content the description names
    save(layer(2.0), folder)
    assert value_of(folder) == 2.0 and other.exists() and not (folder / "model.safetensors").is_symlink()


def test_a_link_to_an_absent_folder_is_named(tmp_path):
    (tmp_path / "latest").symlink_to(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match="latest"):
        load(tmp_path / "latest")
    with pytest.raises(OSError, match=r"latest is a link to .*absent, which is absent"):
        save(layer(1.0), tmp_path / "latest")
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_what_is_no_folder_holds_no_model(tmp_path, kind):
    path = make(kind, tmp_path / "model")
    with pytest.raises((OSError, ValueError), match="model"):
        load(path)
    with pytest.raises((OSError, ValueError), match="model"):
        save(torch.nn.ReLU(), path)
    assert os.path.lexists(path) and not path.is_dir()
