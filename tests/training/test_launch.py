"""How many processes train: one, what the caller says, or what torchrun has started."""

import pytest

from seqae.training.launch import process_options


@pytest.mark.parametrize(
    ("environment", "settings", "expected"),
    [
        ({}, {}, (1, 1, "auto")),
        ({}, {"devices": 2, "strategy": "ddp"}, (2, 1, "ddp")),
        ({"WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}, {}, (1, 1, "auto")),
        ({"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}, {}, (2, 1, "ddp")),
        ({"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}, {"devices": 2, "strategy": "ddp"}, (2, 1, "ddp")),
        ({"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}, {"devices": "auto"}, (2, 1, "ddp")),
        ({"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}, {"devices": 1}, (1, 1, "auto")),
        ({"WORLD_SIZE": "6", "LOCAL_WORLD_SIZE": "2"}, {"strategy": "fsdp"}, (2, 3, "fsdp")),
        ({"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "1"}, {"devices": 1}, (1, 2, "ddp")),
        ({"WORLD_SIZE": "2"}, {}, (2, 1, "ddp")),  # Lightning's own launcher
    ],
)
def test_processes_that_were_started_together_train_together(monkeypatch, environment, settings, expected):
    for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    options = process_options(**settings)
    assert (options["devices"], options["num_nodes"], options["strategy"]) == expected
