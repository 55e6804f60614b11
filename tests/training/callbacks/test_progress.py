"""What is shown while training runs."""

import re
import sys

import pytest
import torch

import seqae
from generators import waves


def fit(valid: bool = True) -> None:
    source = waves()
    torch.manual_seed(0)
    model = seqae.Autoencoder(seqae.MeanEncoder(1, 2), seqae.ConstantDecoder(torch.nn.Linear(2, 1)))
    loader = seqae.make_loader(source, 8)
    seqae.fit(seqae.Reconstruction(model, seqae.squared_error), loader, loader if valid else None, epochs=2)


@pytest.mark.parametrize("valid", [True, False])
def test_each_epoch_has_a_line_where_there_is_no_terminal(capsys, valid):
    fit(valid)
    shown = capsys.readouterr()
    losses = r"train_loss 0\.\d+  val_loss 0\.\d+  val_r2 -?0\.\d+" if valid else r"train_loss 0\.\d+"
    assert shown.out == ""
    first, second = shown.err.splitlines()
    assert re.fullmatch(rf"epoch 1/2  {losses}  [\d,]+ steps/s", first)
    assert re.fullmatch(rf"epoch 2/2  {losses}  [\d,]+ steps/s", second)


def test_a_terminal_has_a_bar(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    fit()
    shown = capsys.readouterr()
    assert shown.out == "" and "epoch 2/2" in shown.err
    assert not any(re.fullmatch(r"epoch \d/2  .* steps/s", line) for line in shown.err.splitlines())
