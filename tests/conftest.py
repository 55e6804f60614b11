"""What holds for all tests."""

from __future__ import annotations

import gc
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib import metadata

import pytest

# Before torch is imported, and for the programs that tests start: beside other work, two threads on models this small
# take seven times the processor time of one, nearly all of it spent waiting for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Each Trainer of Lightning looks through all packages that are installed: a fifth of the time of a small fit.
metadata.entry_points = cache(metadata.entry_points)

# A process may be held up at any moment, for long: no example of hypothesis has to be ready in time.
with suppress(ImportError):  # most tests need none
    from hypothesis import HealthCheck, settings

    settings.register_profile("seqae", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("seqae")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Let searches for garbage pass over all that is there before the first test, which is most of what they find."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def keep_denormals():
    """What `configure_runtime` sets for a process does not outlast the test: hypothesis refuses to work with it."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


UNEXPECTED = pytest.StashKey[list[str]]()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where a test was skipped for a reason that the expression in SEQAE_MAY_SKIP does not admit.

    It is set where all that tests need is there, so that none of them falls silent.
    """
    admitted, reporter = os.environ.get("SEQAE_MAY_SKIP"), session.config.pluginmanager.get_plugin("terminalreporter")
    if admitted is None or reporter is None:  # a worker of xdist reports to a process that has one
        return
    skipped = {(path, reason) for path, _, reason in (each.longrepr for each in reporter.stats.get("skipped", []))}
    unexpected = sorted(f"{path}: {reason}" for path, reason in skipped if not re.search(admitted, reason))
    session.config.stash[UNEXPECTED] = unexpected
    if unexpected:
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config: pytest.Config) -> None:
    """Tell of unexpected skips in the very last lines, below the summaries, where nobody overlooks them."""
    for each in config.stash.get(UNEXPECTED, []):
        print(f"ERROR {each}. Expected no skip; or admit it in SEQAE_MAY_SKIP")
