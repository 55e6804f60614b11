"""Warnings that one thread expects are shown to all others, and no filter or level stays behind."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

import seqae
from seqae._random_numbers import LocalRandomNumbers
from seqae._warnings import warnings_here
from seqae.training.quiet import quiet_lightning
from seqae.transforms.corruptions import GaussianNoise

LOGGERS = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]


def state() -> tuple[list, list[int]]:
    """Return what is of the whole process: filters, and levels of loggers."""
    return list(warnings.filters), [logger.level for logger in LOGGERS]


def in_threads(*works: Callable[[], object]) -> list[object]:
    """Return what functions return that run at the same time, after the first step of each."""
    results: list[object] = [None] * len(works)
    together = threading.Barrier(len(works))

    def run(number: int) -> None:
        together.wait(300)
        results[number] = works[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    return results


def warned(message: str = "that is odd", category: type[Warning] = RuntimeWarning) -> bool:
    """Return whether a warning is shown here."""
    shown = len(caught)
    warnings.warn(message, category, stacklevel=2)
    return len(caught) > shown


caught: list[warnings.WarningMessage] = []


@pytest.fixture(autouse=True)
def all_are_caught():
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        global caught
        caught = found
        yield


def test_what_one_thread_ignores_another_one_is_told():
    entered, asked = threading.Event(), threading.Event()
    before = state()

    def ignoring() -> bool:
        with warnings_here("ignore", RuntimeWarning):
            entered.set()
            asked.wait(300)
            return warned()

    def others() -> bool:
        entered.wait(300)
        found = warned()
        asked.set()
        return found

    assert in_threads(ignoring, others) == [False, True]
    assert state() == before


def test_filters_are_as_before_in_whatever_order_threads_leave():
    before, second = state(), threading.Event()
    leave = threading.Event()

    def first_in_first_out() -> None:
        with warnings_here("ignore", RuntimeWarning):
            second.wait(300)
        leave.set()

    def last_in_last_out() -> bool:
        with warnings_here("ignore", RuntimeWarning), quiet_lightning():
            second.set()
            leave.wait(300)
            return warned() or LOGGERS[0].level < logging.ERROR

    assert in_threads(first_in_first_out, last_in_last_out) == [None, False]
    assert state() == before
    assert warned()


def test_only_messages_and_kinds_that_are_named_are_ignored():
    with warnings_here("ignore", RuntimeWarning, "odd|strange"):
        assert not warned("how strange") and warned("how strange", UserWarning) and warned("how usual")


def test_a_rule_for_a_kind_holds_within_one_for_all_kinds_and_beside_it():
    with warnings_here("error", RuntimeWarning), warnings_here("ignore"):
        assert not warned(category=UserWarning)
        with pytest.raises(RuntimeWarning):
            warned()
    with warnings_here("ignore"), warnings_here("error", RuntimeWarning), pytest.raises(RuntimeWarning):
        warned()


def test_an_error_within_leaves_nothing_behind():
    before = state()
    with pytest.raises(KeyError), warnings_here("ignore"), quiet_lightning():
        raise KeyError
    assert state() == before


def test_a_level_above_errors_stays_while_lightning_is_quiet():
    LOGGERS[1].setLevel(logging.CRITICAL)
    try:
        with quiet_lightning():
            assert [logger.level for logger in LOGGERS] == [logging.ERROR, logging.CRITICAL]
    finally:
        LOGGERS[1].setLevel(logging.NOTSET)


def trained(seed: int) -> list[torch.Tensor]:
    """Return the weights that a small model learns, with numbers drawn while it trains."""
    with LocalRandomNumbers(seed):
        encoder = seqae.RecurrentEncoder(seqae.GRU(2, 4, num_layers=2, dropout=0.3), 2)
        model = seqae.Autoencoder(encoder, seqae.RepeatDecoder(seqae.GRU(2, 4), nn.Linear(4, 2)))
        sequences = [torch.randn(4 + n % 3, 2) for n in range(8)]
        task = seqae.Reconstruction(model, seqae.squared_error, corrupt=GaussianNoise(0.1), seed=seed)
        seqae.fit(task, seqae.make_loader(seqae.SequenceDataset(sequences), 4, seed), epochs=2, progress=False)
    return list(model.state_dict().values())


def test_two_fits_at_the_same_time_learn_what_they_learn_alone_and_change_nothing_else():
    alone, before = [trained(1), trained(2)], state()
    together = in_threads(partial(trained, 1), partial(trained, 2))
    assert state() == before
    for expected, found in zip(alone, together):
        assert all(map(torch.equal, expected, found))
