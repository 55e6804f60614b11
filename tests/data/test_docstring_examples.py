"""The examples in docstrings give what they show."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["seqae.data.signals.loading", "seqae.data.audio.log_mel"])
def test_the_examples_in_docstrings_give_what_they_show(name: str):
    if "audio" in name:
        pytest.importorskip("torchaudio")
    failed, attempted = doctest.testmod(importlib.import_module(name))
    assert attempted >= 3 and failed == 0
