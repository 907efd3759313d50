"""Collecting the tests in half the time: a hook of pytest, which `conftest.py` takes in.

Sixteen thousand tests are a million objects, and 500 test files import all that the clients of the world consist of.
The garbage collector looks at all of it again and again and finds nothing; coverage is called for each line of it
although only `proxy` is measured.
"""

import gc
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

import pytest

__all__ = ["pytest_collection"]


@contextmanager
def no_garbage() -> Iterator[None]:
    """Nothing is looked for inside, and nothing of what is there at the end ever after: it stays until the end."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class Tracing:
    """What coverage has installed to be called, to be taken out and put back."""

    def __init__(self) -> None:
        self._trace: Any = sys.gettrace()
        self._greenlet = getattr(self._trace, "concur_id_func", None)

    def off(self) -> None:
        """Take it out."""
        sys.settrace(None)

    def on(self) -> None:
        """Put it back."""
        sys.settrace(self._trace)
        self._noticed()

    def ask_for_greenlets(self, *, needed: bool) -> None:
        """Whether it finds out, at each call, which greenlet runs. It asks a weak dictionary of Python for that."""
        if self._greenlet is not None:
            self._trace.concur_id_func = self._greenlet if needed else None

    def _noticed(self) -> None:
        """With the first call after it was put back coverage's tracer takes its fast place again."""

    @contextmanager
    def back(self) -> Iterator[None]:
        """It is there inside, and afterwards if it was before: a module that is imported imports others."""
        if sys.gettrace() is not None:
            yield
            return
        self.on()
        try:
            yield
        finally:
            self.off()


class Measured(PathFinder):
    """Finds the modules of `proxy`, whose lines are to be seen while they are imported."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:  # type: ignore[override]  # a method of the object, not of the class
        """Where the module is, with a loader that lets coverage see it."""
        if not fullname.startswith("proxy."):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                with self._tracing.back():
                    load(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


@contextmanager
def unmeasured() -> Iterator[None]:
    """Coverage sees the modules of `proxy` that are imported inside, and nothing else."""
    if sys.gettrace() is None:
        yield
        return
    tracing = Tracing()
    measured: Any = Measured(tracing)
    sys.meta_path.insert(0, measured)
    tracing.off()
    try:
        yield
    finally:
        tracing.on()
        sys.meta_path.remove(measured)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, Any, Any]:
    with no_garbage(), unmeasured():
        return (yield)
