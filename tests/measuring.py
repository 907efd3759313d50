"""What coverage looks at while tests run: a plugin of pytest, which `conftest.py` names.

CPython 3.11 calls coverage for every line of everything, which more than doubles the work of a run. So it is there only
while a test or a fixture runs, not while pytest does; and not at all in tests that reach a line by chance or on the way
to something else: tests that start whole programs, and properties, except those of the pure rooms, which are written
for the lines they reach. So the floor (`house/coverage_floor.py`) says more, not less.
"""

import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.collecting import Tracing

WHOLE_PROGRAMS = frozenset({"bench", "clients", "deploy", "house"})
"""Rooms of `tests/` that start programs or read files. Journeys mirror no module either, and count."""
NO_DATABASE = frozenset({"accounts", "settings", "streaming", "translation"})
"""Rooms whose tests never reach SQLAlchemy, the one user of greenlets: coverage need not ask which one runs, which is
half of its work.
"""
INSTALLED = pytest.StashKey[Tracing]()
"""Coverage, if it is there at all."""
SEEING = pytest.StashKey[Tracing | None]()
"""The same while a test runs that counts."""


def room(item: pytest.Item) -> str:
    """`streaming`, of `tests/streaming/test_x.py::test_y`; the name of the file of a test outside the rooms."""
    return item.path.relative_to(item.config.rootpath / "tests").parts[0]


def looked_at(item: pytest.Item) -> bool:
    """Whether what the test reaches counts."""
    where = room(item)
    return where in NO_DATABASE or (where not in WHOLE_PROGRAMS and item.get_closest_marker("hypothesis") is None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    if sys.gettrace() is None:
        return (yield)
    stash = item.session.stash
    tracing = stash.setdefault(INSTALLED, Tracing())
    stash[SEEING] = tracing if looked_at(item) else None
    tracing.ask_for_greenlets(needed=room(item) not in NO_DATABASE)
    tracing.off()
    try:
        return (yield)
    finally:
        tracing.ask_for_greenlets(needed=True)
        tracing.on()


@contextmanager
def seen(session: pytest.Session) -> Iterator[None]:
    """What is done inside is seen, if the test at hand counts."""
    tracing = session.stash.get(SEEING, None)
    if tracing is None:
        yield
        return
    with tracing.back():
        yield


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_fixture_setup(request: pytest.FixtureRequest) -> Generator[None, Any, Any]:
    with seen(request.session):
        return (yield)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    with seen(pyfuncitem.session):
        return (yield)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    with seen(item.session):
        return (yield)
