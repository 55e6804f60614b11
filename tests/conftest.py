"""What holds for all tests."""

from __future__ import annotations

import os
import re

import pytest

# Before torch is imported, and for the programs that tests start: beside other work, two threads on models this small
# take seven times the processor time of one, nearly all of it spent waiting for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where a test was skipped for a reason that the expression in SEQAE_MAY_SKIP does not admit.

    It is set where all that tests need is there, so that none of them falls silent.
    """
    admitted, reporter = os.environ.get("SEQAE_MAY_SKIP"), session.config.pluginmanager.get_plugin("terminalreporter")
    if admitted is None or reporter is None:  # a worker of xdist reports to a process that has one
        return
    skipped = {(path, reason) for path, _, reason in (each.longrepr for each in reporter.stats.get("skipped", []))}
    for path, reason in sorted(skipped):
        if not re.search(admitted, reason):
            reporter.write_line(f"\nERROR {path}: {reason}. Expected no skip; or admit it in SEQAE_MAY_SKIP", red=True)
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
