"""What the workers share. More of how they serve stands in the journey."""

import os
import signal
import socket
import stat
import urllib.request
from pathlib import Path

import pytest

from proxy import codec
from proxy.app import several as module
from proxy.app.running import Addresses
from proxy.app.several import SHARED_METRICS, supervise
from tests.processes import PATIENCE
from tests.world import settings

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

NOWHERE = "http://127.0.0.1:1/v2"


def test_workers_count_in_a_directory_of_their_own_that_goes_with_them() -> None:
    environ: dict[str, str] = {}
    with module._shared_metrics(environ):
        folder = Path(environ[SHARED_METRICS])
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "counter_1.db").touch()
    assert environ == {}
    assert not folder.exists()


def test_a_directory_of_the_operator_is_used_and_left_alone(tmp_path: Path) -> None:
    environ = {SHARED_METRICS: str(tmp_path)}
    with module._shared_metrics(environ):
        assert environ == {SHARED_METRICS: str(tmp_path)}
    assert tmp_path.exists()


def test_a_directory_that_is_gone_already_is_no_failure() -> None:
    environ: dict[str, str] = {}
    with module._shared_metrics(environ):
        Path(environ[SHARED_METRICS]).rmdir()


def test_a_port_in_use_is_an_error_before_any_worker_starts() -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as taken:
        given = settings(NOWHERE, listen={"port": taken.getsockname()[1]})
        with pytest.raises(OSError, match=r"cannot listen on .*listen\.port.*in use"):
            supervise(given, 2, lambda _: None)
    assert SHARED_METRICS not in os.environ


def test_so_is_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    given = settings(NOWHERE, tmp_path / "nowhere" / "log.jsonl")
    with pytest.raises(FileNotFoundError) as caught:
        supervise(given, 2, lambda _: None)
    assert caught.value.filename == str(tmp_path / "nowhere" / "log.jsonl")


def test_the_workers_serve_at_the_addresses_that_are_told_once(tmp_path: Path) -> None:
    told: list[Addresses] = []

    def greet(addresses: Addresses) -> None:
        told.append(addresses)
        for root in (addresses.openai, addresses.admin):
            with urllib.request.urlopen(f"{root}/readyz", timeout=PATIENCE) as answer:  # noqa: S310 - it is our own
                assert answer.status == 200
        signal.raise_signal(signal.SIGTERM)

    log = tmp_path / "log.jsonl"
    assert supervise(settings(NOWHERE, log), 2, greet) == 0
    (here,) = told
    lines = [codec.decode(line) for line in log.read_bytes().splitlines()]
    listening = [line for line in lines if line["event"] == "listening"]
    assert sorted(line["worker"] for line in listening) == [1, 2]
    assert {(line["openai"], line["admin"]) for line in listening} == {(here.openai, here.admin)}
    assert len({line["pid"] for line in listening} - {os.getpid()}) == 2


def test_what_keeps_a_worker_from_starting_is_the_error_of_all(tmp_path: Path) -> None:
    rubbish = tmp_path / "ca.pem"
    rubbish.write_text("-----BEGIN RUBBISH-----\n")
    given = settings(NOWHERE, tmp_path / "log.jsonl", upstream={"ca_file": str(rubbish)})
    with pytest.raises(OSError, match=r"ca\.pem holds no certificate"):
        supervise(given, 2, lambda _: signal.raise_signal(signal.SIGTERM))
