"""A test that hangs fails and is told by its name, and the others go on: shown on a small suite run beside."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.house.repository import ROOT
from tests.processes import PATIENCE

PLUGINS = ("xdist.plugin", "pytest_timeout", "pytest_rerunfailures", "pytest_asyncio.plugin")
CONFTEST = """
from tests import bounds
from tests.bounds import *

bounds.AGAIN, bounds.DEAF = 0.2, 0.5
"""
SUITE = """
import asyncio
import signal
import subprocess
import time

import pytest

pytestmark = pytest.mark.timeout(0.3)


async def test_in_an_await_and_again_when_it_is_run_again():
    await asyncio.Event().wait()


async def test_in_an_await_while_another_task_hears_the_alarm():
    async def busy():
        while True:
            time.sleep(0.1)
            await asyncio.sleep(0)

    task = asyncio.ensure_future(busy())
    await asyncio.Event().wait()


@pytest.fixture
async def endless():
    yield
    await asyncio.Event().wait()


def test_in_a_fixture_after_the_test(endless):
    pass


@pytest.mark.flaky(reruns=0)
def test_for_a_process():
    subprocess.run(["sleep", "600"])


@pytest.mark.flaky(reruns=0)
def test_deaf():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    time.sleep(600)


def test_well():
    pass
"""


def test_whatever_hangs_fails_and_the_rest_is_run(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_hangs.py").write_text(SUITE)
    given = ["-n", "2", "--dist", "worksteal", "--reruns", "1", "--asyncio-mode", "auto", "-q", "-rA"]
    loaded = [word for name in PLUGINS for word in ("-p", name)]
    words = [sys.executable, "-m", "pytest", *loaded, *given, "-p", "no:cacheprovider", "--rootdir", "."]
    path = {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))} | path
    run = subprocess.run(
        words, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    told = sorted(set(re.findall(r"^(FAILED|ERROR|PASSED) \S+::test_(\w+)", run.stdout, re.MULTILINE)))
    assert told == [
        ("ERROR", "in_a_fixture_after_the_test"),
        ("FAILED", "deaf"),
        ("FAILED", "for_a_process"),
        ("FAILED", "in_an_await_and_again_when_it_is_run_again"),
        ("FAILED", "in_an_await_while_another_task_hears_the_alarm"),
        ("PASSED", "in_a_fixture_after_the_test"),
        ("PASSED", "well"),
    ], run.stdout + run.stderr
    assert "crashed while running" in run.stdout
