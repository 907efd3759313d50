"""Garbage is looked for between tests, and hardly ever within one: hooks of pytest.

Coverage's tracer makes objects, and so may start the collector from within itself. What is called then (the callbacks
of weak references, of which coverage keeps one for each greenlet) is traced as well, by a tracer that is in the middle
of something: a worker was seen to hang in there, twice in one run of the suite, and takes its part of the coverage
along when it is ended.
"""

import gc

import pytest

WITHIN = 200_000
"""Objects more than before at which the collector starts by itself: tests of memory make as many, others do not."""
ALL_OF_IT = 200
"""Tests after which old objects are looked at, too."""

_ended = 0


def pytest_configure(config: pytest.Config) -> None:
    """See `pytest.hookspec`."""
    gc.set_threshold(WITHIN, 20, 20)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """See `pytest.hookspec`."""
    global _ended  # noqa: PLW0603 - one for each worker
    _ended += 1
    gc.collect(1 if _ended % ALL_OF_IT else 2)
