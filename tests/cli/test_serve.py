"""`telnyx-proxy serve`: as users start it, in front of an emulated Telnyx."""

import asyncio
import io
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from proxy.cli.main import main
from proxy.emulator.server import Emulator
from proxy.emulator.server import running as emulator_running
from tests.cli.commands import MODULE, PATIENCE, PROGRAM, base_url, finished, running, snippet
from tests.world import HELLO, KEY, MODEL

TENANT = f"""
tenants:
  - id: acme
    upstream_api_key: {{value: KEY_acme}}
    keys: [{{name: web, secret: {{value: {KEY}}}}}]
"""
CREDENTIAL = {"TELNYX_API_KEY": "KEY_of-the-environment"}


@pytest.fixture
async def telnyx() -> AsyncIterator[Emulator]:
    async with asyncio.timeout(PATIENCE), emulator_running() as emulator:
        yield emulator
        emulator.state.release.set()


class Configured:
    """A configuration file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "proxy.yaml"

    def write(self, text: str, *, port: int = 0) -> str:
        self.path.write_text(f"listen: {{port: {port}}}\nadmin: {{port: 0}}\nshutdown: {{grace: 0.1}}\n{text}")
        return str(self.path)


@pytest.fixture
def config(tmp_path: Path) -> Configured:
    return Configured(tmp_path)


async def test_without_tenants_one_is_made_and_what_is_printed_works(telnyx: Emulator, config: Configured) -> None:
    path = config.write(f"upstream: {{base_url: '{telnyx.base_url}'}}")
    async with running(*PROGRAM, "serve", "--config", path, environ=CREDENTIAL) as serve:
        text = await serve.until("Ctrl-C stops it.")
        assert f"in front of {telnyx.base_url}" in text
        pasted = await finished(sys.executable, "-W", "error", "-c", snippet(text))
        assert (pasted.code, pasted.err) == (0, "")
        assert pasted.out.strip()
        ended = await serve.end(signal.SIGTERM)
    assert ended.code == 0
    assert [line["event"] for line in ended.lines()] == ["listening", "request", "stopping"]
    assert telnyx.state.requests[-1].headers["authorization"] == "Bearer KEY_of-the-environment"
    assert "KEY_of-the-environment" not in ended.out + ended.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_open_stream_is_ended_with_an_error(
    telnyx: Emulator, config: Configured, number: signal.Signals
) -> None:
    telnyx.state.choose("stall-mid-stream")
    path = config.write(f"upstream: {{base_url: '{telnyx.base_url}'}}\n{TENANT}")
    async with running(*MODULE, "serve", "--config", path) as serve, aiohttp.ClientSession() as client:
        text = await serve.until("Ctrl-C stops it.")
        assert "OPENAI_API_KEY" not in text, "the configuration has keys of its own"
        body = {"model": MODEL, "messages": HELLO, "stream": True}
        url, headers = f"{base_url(text)}/chat/completions", {"Authorization": f"Bearer {KEY}"}
        async with client.post(url, json=body, headers=headers) as answer:
            await telnyx.state.until(lambda state: state.paused == 1)
            ending = asyncio.ensure_future(serve.end(number))
            rest = await answer.text()
        ended = await ending
    assert '"code":"shutting_down"' in rest
    assert "[DONE]" not in rest
    assert ended.code == 0
    assert [line["event"] for line in ended.lines()] == ["listening", "stopping", "request"]


async def test_a_port_in_use_is_a_failure_that_says_so(config: Configured) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = config.write(f"upstream: {{base_url: 'http://127.0.0.1:1'}}\n{TENANT}", port=port)
        ended = await finished(*MODULE, "serve", "--config", path)
    assert (ended.code, ended.out) == (1, "")
    assert f"cannot listen on 127.0.0.1:{port} (listen.host, listen.port)" in ended.err
    assert "in use" in ended.err
    assert "Traceback" not in ended.err


class StopsWhenGreeted(io.StringIO):
    """A terminal whose user presses Ctrl-C as soon as the greeting is complete."""

    def flush(self) -> None:
        if "Ctrl-C stops it" in self.getvalue():
            signal.raise_signal(signal.SIGINT)


def test_an_orderly_stop_is_a_success(
    monkeypatch: pytest.MonkeyPatch, config: Configured, capfd: pytest.CaptureFixture[str]
) -> None:
    terminal = StopsWhenGreeted()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["serve", "--config", config.write("upstream: {base_url: 'http://127.0.0.1:1'}" + TENANT)]) == 0
    assert "in front of http://127.0.0.1:1" in terminal.getvalue()
    assert '"event":"stopping"' in capfd.readouterr().err


def test_without_any_telnyx_key_it_does_not_start(
    monkeypatch: pytest.MonkeyPatch, config: Configured, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TELNYX_API_KEY", raising=False)
    assert main(["serve", "--config", config.write("")]) == 2
    captured = capsys.readouterr()
    assert "upstream.api_key" in captured.err
    assert "TELNYX_API_KEY" in captured.err
    assert captured.out == ""


def test_every_fault_of_the_configuration_is_told(config: Configured, capsys: pytest.CaptureFixture[str]) -> None:
    path = config.write("upstrem: {}\nmodels: {profiles: {a: {quirks: {cap_with_tool: on}}}}\n")
    assert main(["serve", "--config", path]) == 2
    told = capsys.readouterr().err
    assert "did you mean 'upstream'?" in told
    assert "did you mean 'cap_with_tools'?" in told


def test_a_configuration_has_to_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve"]) == 2
    assert "--config" in capsys.readouterr().err
