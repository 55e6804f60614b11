"""Window models are stopped early by windows that they are not trained on."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from seqae.anomaly.window_models import Recurrent
from seqae.anomaly.window_training import train
from seqae.training.trainer import History


def test_no_window_is_both_trained_on_and_held_out(monkeypatch: pytest.MonkeyPatch):
    seen: list[list[torch.Tensor]] = []

    def remember(task: Any, loader: Any, valid: Any, **_: Any) -> History:
        seen.extend([window for batch in each for window in batch.values] for each in (loader, valid))
        return History()

    monkeypatch.setattr("seqae.training.trainer.fit", remember)
    windows = torch.arange(100.0, dtype=torch.float64)[:, None, None].expand(100, 8, 2).clone()
    model = Recurrent(code_size=2, hidden_size=4)(windows, torch.ones(2, dtype=torch.float64))
    train(model, windows, epochs=1, learning_rate=1e-3, random_state=0, progress=False)
    trained, held_out = ({float(window[0, 0]) for window in each} for each in seen)
    assert held_out and not trained & held_out
    assert trained | held_out == set(range(100))
    assert max(trained) < min(held_out), "the last windows are held out, which overlap with the fewest"


def test_the_seed_chooses_the_order_of_the_windows(monkeypatch: pytest.MonkeyPatch):
    def order(seed: int) -> list[float]:
        seen: list[float] = []

        def remember(task: Any, loader: Any, valid: Any, **_: Any) -> History:
            seen.extend(float(window[0, 0]) for batch in loader for window in batch.values)
            return History()

        monkeypatch.setattr("seqae.training.trainer.fit", remember)
        windows = torch.arange(100.0, dtype=torch.float64)[:, None, None].expand(100, 8, 2).clone()
        model = Recurrent(code_size=2, hidden_size=4)(windows, torch.ones(2, dtype=torch.float64))
        train(model, windows, epochs=1, learning_rate=1e-3, random_state=seed, progress=False)
        return seen

    assert order(0) == order(0) != order(1)
