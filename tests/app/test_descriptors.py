"""Open files: as many as the system allows, a part of them for connections that idle."""

import subprocess
import sys

import pytest

from proxy.app import descriptors
from proxy.app.descriptors import MOST_IDLE, UNKNOWN, most_idle, raise_limit

PROGRAM = """
import resource
from proxy.app.descriptors import raise_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 512))
print(raise_limit(), resource.getrlimit(resource.RLIMIT_NOFILE), raise_limit())
"""


def test_the_soft_limit_becomes_the_hard_one() -> None:
    told = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert told.stdout == "512 (512, 512) 512\n"


def test_a_system_that_has_no_limit_to_read_or_refuses_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(descriptors.resource, "getrlimit", lambda _: (300, 600))
    monkeypatch.setattr(descriptors.resource, "setrlimit", refuse)
    assert raise_limit() == 300
    monkeypatch.setattr(descriptors, "resource", None)
    assert raise_limit() == UNKNOWN


def test_idle_connections_get_a_part() -> None:
    assert most_idle(1024) == 256
    assert most_idle(1_000_000) == MOST_IDLE
