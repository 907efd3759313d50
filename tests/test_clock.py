"""Time is handed in."""

import time
from dataclasses import FrozenInstanceError

import pytest

from proxy.clock import SYSTEM, Clock


def test_the_system_clock_reads_the_system() -> None:
    before = time.time()
    assert before <= SYSTEM.wall() <= time.time()
    steady = time.monotonic()
    assert steady <= SYSTEM.steady() <= time.monotonic()


def test_a_test_turns_its_clock_by_hand() -> None:
    now = 100.0
    clock = Clock(wall=lambda: 1_700_000_000 + now, steady=lambda: now)
    assert (clock.wall(), clock.steady()) == (1_700_000_100, 100)
    now += 5
    assert (clock.wall(), clock.steady()) == (1_700_000_105, 105)


def test_nobody_turns_a_clock_that_others_read() -> None:
    with pytest.raises(FrozenInstanceError):
        SYSTEM.wall = lambda: 0.0  # type: ignore[misc]  # the point of the test
