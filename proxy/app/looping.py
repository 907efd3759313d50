"""The event loop: uvloop where it can be had, asyncio's own elsewhere; and how often garbage is looked for."""

import asyncio
import gc
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

GARBAGE = (20_000, 20, 50)
"""Objects made and not yet freed before the youngest are looked through for cycles, and how many such looks make one
at the older ones. Nearly everything a request makes is freed when it is done, without a search; Python's default of 700
costs a twentieth of the processor."""


@contextmanager
def rare_garbage() -> Iterator[None]:
    """Until the block is left: what is there now is never searched again, what comes is searched more rarely."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a program to its end."""
    try:
        import uvloop
    except ImportError:  # Windows and PyPy have no uvloop; the lock leaves it out there
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
