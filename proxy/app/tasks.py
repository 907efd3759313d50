"""The owner of background tasks: started here, watched here, ended here."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Tasks:
    """Keeps tasks alive while they run, tells about those that fail, cancels the rest on close."""

    def __init__(self, on_failure: Callable[[BaseException], None]) -> None:
        self._on_failure = on_failure
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run in the background until done or until `close`."""
        task = asyncio.create_task(work)  # noqa: TID251 - this is the owner
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._on_failure(fault)

    async def close(self) -> None:
        """Cancel what runs and wait until it has ended."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
