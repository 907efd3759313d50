"""`telnyx-proxy emulator`, as a process and by its parts."""

import argparse
import io
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from proxy.cli import emulator
from proxy.emulator.scenarios import SCENARIOS
from tests.processes import PATIENCE, started

PROGRAM = """
import argparse, sys
from proxy.cli import emulator
parser = argparse.ArgumentParser()
emulator.add(parser.add_subparsers())
args = parser.parse_args()
sys.exit(args.run(args))
"""


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    emulator.add(parser.add_subparsers())
    return parser.parse_args(["emulator", *words])


def test_it_has_defaults() -> None:
    args = parsed()
    assert (args.port, args.host, args.scenario, args.run) == (8090, "127.0.0.1", "default", emulator.run)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(number: signal.Signals) -> None:
    command = [sys.executable, "-c", PROGRAM, "emulator", "--port", "0", "--scenario", "crlf"]
    with started(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        greeting = process.stdout.readline()
        found = re.search(r"(http://127\.0\.0\.1:\d+)/v2 \(scenario crlf\)", greeting)
        assert found is not None
        with urllib.request.urlopen(f"{found[1]}/_scenario", timeout=PATIENCE) as response:  # noqa: S310 - our own loopback server
            assert json.load(response)["name"] == "crlf"
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
        assert "_scenarios" in process.stdout.read()
        assert process.stderr.read() == ""


class StopsWhenGreeted(io.StringIO):
    """A terminal whose user presses Ctrl-C as soon as the greeting is complete."""

    def flush(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_an_orderly_stop_is_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = StopsWhenGreeted()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert emulator.run(parsed("--port", "0", "--scenario", "crlf+no-done")) == 0
    assert "(scenario crlf+no-done)" in terminal.getvalue()
    assert terminal.getvalue().endswith("Ctrl-C stops it.\n")


def test_an_unknown_scenario_is_bad_usage_and_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert emulator.run(parsed("--scenario", "rate-limted")) == 2
    said = capsys.readouterr().err
    assert "did you mean 'rate-limited'" in said
    assert "emulator --list" in said


def test_the_scenarios_are_listed_without_serving(capsys: pytest.CaptureFixture[str]) -> None:
    assert emulator.run(parsed("--list")) == 0
    listed = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert [name for name, _ in listed] == list(SCENARIOS)
    assert "think-tags" in SCENARIOS


def test_a_port_in_use_is_a_failure_that_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert emulator.run(parsed("--port", port)) == 1
    assert f"port {port} on 127.0.0.1 is in use" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("--port", "70000"), ("--host", "no.such.host.invalid")])
def test_an_address_that_cannot_be_is_a_failure(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    assert emulator.run(parsed(*words)) == 1
    assert "cannot listen on" in capsys.readouterr().err
