"""Threads that compute, so that the loop of the server answers meanwhile."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from seqae.service.http.problems import RequestError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Workers:
    """Threads for rows, which are quick, and others for files, which may be large.

    Args:
        files: Files that are scored, or wait for it, at a time.
    """

    def __init__(self, files: int):
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.rows = ThreadPoolExecutor(max(2, cores), thread_name_prefix="rows")
        self.files = ThreadPoolExecutor(max(1, cores // 2), thread_name_prefix="files")
        self.max_files = files
        self.waiting_files = 0
        self.running = 0

    async def on_rows(
        self, function: Callable[Arguments, Result], *arguments: Arguments.args, **keywords: Arguments.kwargs
    ) -> Result:
        """Return what a function of a few rows returns."""
        return await self._run(self.rows, lambda: function(*arguments, **keywords))

    async def on_files(
        self, function: Callable[Arguments, Result], *arguments: Arguments.args, **keywords: Arguments.kwargs
    ) -> Result:
        """Return what a function of whole files returns.

        Raises:
            RequestError: Too many files are waiting.
        """
        if self.waiting_files >= self.max_files:
            raise RequestError(
                503, f"{self.waiting_files} files are being scored. Come again later", {"retry-after": "5"}
            )
        self.waiting_files += 1
        try:
            return await self._run(self.files, lambda: function(*arguments, **keywords))
        finally:
            self.waiting_files -= 1

    async def _run(self, pool: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
        self.running += 1
        future = asyncio.get_running_loop().run_in_executor(pool, work)
        future.add_done_callback(self._done)
        # A client that goes away does not stop the work: what it works on must stay whole.
        return await asyncio.shield(future)

    def _done(self, future: asyncio.Future[Result]) -> None:
        self.running -= 1
        if not future.cancelled():
            future.exception()  # it was told to the one who waits, or nobody waits any more

    def close(self) -> None:
        """Take no more work; what runs goes on."""
        for pool in (self.rows, self.files):
            pool.shutdown(wait=False, cancel_futures=True)
