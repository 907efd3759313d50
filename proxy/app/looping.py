"""The event loop: uvloop where it can be had, asyncio's own elsewhere."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a program to its end."""
    try:
        import uvloop
    except ImportError:  # Windows and PyPy have no uvloop; the lock leaves it out there
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
