"""The running proxy: up, drained, and gone, with a real Telnyx emulator behind it."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from proxy import codec
from proxy.app import running as module
from proxy.app.running import Addresses, Place, Proxy, running, until_signal
from proxy.emulator.server import Emulator
from proxy.emulator.server import running as emulator_running
from proxy.settings import Settings
from tests.world import HELLO, KEY, MODEL, settings

CHAT = {"model": MODEL, "messages": HELLO}
KEYED = {"Authorization": f"Bearer {KEY}"}
NOWHERE = "http://127.0.0.1:1/v2"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


@pytest.fixture
async def telnyx() -> AsyncIterator[Emulator]:
    async with asyncio.timeout(30), emulator_running() as emulator:
        yield emulator
        emulator.state.release.set()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def lines(log: Path) -> list[dict[str, Any]]:
    return [codec.decode(line) for line in log.read_bytes().splitlines()]


def events(log: Path) -> list[str]:
    return [line["event"] for line in lines(log)]


class Lifetime:
    """A proxy in a task of its own, so that a test can watch it stop."""

    def __init__(self, given: Settings) -> None:
        self.stop = asyncio.Event()
        self._up: asyncio.Future[Proxy] = asyncio.get_running_loop().create_future()
        self.task = asyncio.ensure_future(self._live(given))

    async def _live(self, given: Settings) -> None:
        async with running(given) as proxy:
            self._up.set_result(proxy)
            await self.stop.wait()

    async def up(self) -> Addresses:
        await asyncio.wait((self._up, self.task), return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            await self.task  # why it could not start
        return (await self._up).addresses


async def test_both_listeners_are_up(log: Path, telnyx: Emulator, client: aiohttp.ClientSession) -> None:
    async with running(settings(telnyx.base_url, log)) as proxy:
        here = proxy.addresses
        assert here.base_url == f"{here.openai}/v1"
        assert here.openai != here.admin
        for root in (here.openai, here.admin):
            for probe in ("/livez", "/readyz"):
                async with client.get(root + probe) as answer:
                    assert (answer.status, await answer.json()) == (200, {"status": "ok"})
        async with client.get(f"{here.admin}/metrics") as answer:
            assert "telnyx_proxy_build_info" in await answer.text()
        async with client.get(f"{here.openai}/metrics") as answer:
            assert answer.status == 404, "metrics are the operator's"
        async with client.post(f"{here.base_url}/chat/completions", json=CHAT, headers=KEYED) as answer:
            assert answer.status == 200
            assert (await answer.json())["choices"][0]["message"]["content"]
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.get(f"{here.openai}/livez")
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.get(f"{here.admin}/livez")


async def test_metrics_may_need_a_token(log: Path, client: aiohttp.ClientSession) -> None:
    admin = {"token": {"value": "a-token-of-the-operator"}}
    async with running(settings(NOWHERE, log, admin=admin)) as proxy:
        async with client.get(f"{proxy.addresses.admin}/metrics") as answer:
            assert answer.status == 401
        bearer = {"Authorization": "Bearer a-token-of-the-operator"}
        async with client.get(f"{proxy.addresses.admin}/metrics", headers=bearer) as answer:
            assert answer.status == 200


async def test_a_request_under_way_may_finish(log: Path, telnyx: Emulator, client: aiohttp.ClientSession) -> None:
    telnyx.state.choose("slow-headers")
    proxy = Lifetime(settings(telnyx.base_url, log, shutdown={"grace": 1000}))
    here = await proxy.up()
    request = asyncio.ensure_future(_status_and_text(client, here, CHAT))
    await telnyx.state.until(lambda state: state.paused == 1)
    proxy.stop.set()
    await _stopping(client, here)
    with pytest.raises(aiohttp.ClientConnectorError):  # nobody new is let in
        await client.get(f"{here.openai}/livez", headers={"Connection": "close"})
    assert not proxy.task.done()
    telnyx.state.release.set()
    status, text = await request
    assert status == 200
    assert codec.decode(text)["choices"][0]["finish_reason"] == "stop"
    await proxy.task
    assert events(log) == ["request"]


async def _status_and_text(client: aiohttp.ClientSession, here: Addresses, body: Any) -> tuple[int, str]:
    async with client.post(f"{here.base_url}/chat/completions", json=body, headers=KEYED) as answer:
        return answer.status, await answer.text()


async def _stopping(client: aiohttp.ClientSession, here: Addresses) -> None:
    """Readiness on the operator's side says that the end has begun, while the end is waited for."""
    while True:
        async with client.get(f"{here.admin}/readyz") as answer:
            if answer.status == 503:
                assert (await answer.json())["status"] == "stopping"
                return


async def test_a_stream_that_never_ends_is_broken_off(
    log: Path, telnyx: Emulator, client: aiohttp.ClientSession
) -> None:
    telnyx.state.choose("stall-mid-stream")
    proxy = Lifetime(settings(telnyx.base_url, log, shutdown={"grace": 0.05}))
    here = await proxy.up()
    body = {**CHAT, "stream": True}
    async with client.post(f"{here.base_url}/chat/completions", json=body, headers=KEYED) as answer:
        assert answer.status == 200
        await telnyx.state.until(lambda state: state.paused == 1)
        proxy.stop.set()
        text = (await answer.content.read()).decode()
    last = text.rstrip().rpartition("\n\n")[2]
    error = codec.decode(last.removeprefix("data: "))["error"]
    assert (error["type"], error["code"]) == ("server_error", "shutting_down")
    assert "[DONE]" not in text
    await telnyx.state.until(lambda state: state.requests[-1].hung_up)
    await proxy.task
    (line,) = lines(log)
    assert line["stream_end"] == "shutdown"


async def test_a_request_that_waits_too_long_is_refused_with_an_error(
    log: Path, telnyx: Emulator, client: aiohttp.ClientSession
) -> None:
    telnyx.state.choose("slow-headers")
    proxy = Lifetime(settings(telnyx.base_url, log, shutdown={"grace": 0}))
    here = await proxy.up()
    request = asyncio.ensure_future(_status_and_text(client, here, CHAT))
    await telnyx.state.until(lambda state: state.paused == 1)
    proxy.stop.set()
    status, text = await request
    assert (status, codec.decode(text)["error"]["code"]) == (503, "shutting_down")
    await telnyx.state.until(lambda state: state.requests[-1].hung_up)
    await proxy.task


@pytest.mark.parametrize("section", ["listen", "admin"])
async def test_a_port_in_use_is_an_error_that_names_the_setting(log: Path, section: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        given = settings(NOWHERE, log, **{section: {"port": port}})
        with pytest.raises(OSError, match=rf"cannot listen on 127\.0\.0\.1:{port} .*{section}\.port.*in use"):
            await running(given).__aenter__()


async def test_a_failed_start_leaves_nothing_behind(log: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        given = settings(NOWHERE, log, listen={"port": taken.getsockname()[1]}, admin={"port": port})
        with pytest.raises(OSError, match=r"listen\.port"):
            await running(given).__aenter__()
    socket.create_server(("127.0.0.1", port)).close()


async def test_a_host_that_nobody_has_is_an_error_that_names_the_setting(log: Path) -> None:
    with pytest.raises(OSError, match=r"cannot listen on nowhere\.invalid:0 \(listen\.host, listen\.port\): \w+"):
        await running(settings(NOWHERE, log, listen={"host": "nowhere.invalid"})).__aenter__()


async def test_several_processes_may_share_a_port(log: Path) -> None:
    async with running(settings(NOWHERE, log, listen={"reuse_port": True})) as one:
        port = int(one.addresses.openai.rpartition(":")[2])
        async with running(settings(NOWHERE, log, listen={"reuse_port": True, "port": port})) as other:
            assert other.addresses.openai == one.addresses.openai
            assert other.addresses.admin != one.addresses.admin


async def test_workers_share_both_ports(log: Path) -> None:
    async with running(settings(NOWHERE, log), workers=2) as one:
        ports = [int(each.rpartition(":")[2]) for each in (one.addresses.openai, one.addresses.admin)]
        given = settings(NOWHERE, log, listen={"port": ports[0]}, admin={"port": ports[1]})
        async with running(given, workers=2) as other:
            assert other.addresses == one.addresses


async def test_a_worker_ends_with_whoever_holds_the_other_end_of_its_lifeline(log: Path) -> None:
    lifeline, held = os.pipe()

    def ready(proxy: Proxy) -> None:
        os.close(held)

    async with asyncio.timeout(30):
        await until_signal(settings(NOWHERE, log), ready, Place(3, lifeline))
    os.close(lifeline)
    assert events(log) == ["listening", "stopping"]
    assert [(line["worker"], line["pid"]) for line in lines(log)] == [(3, os.getpid())] * 2


async def test_a_worker_is_stopped_by_a_signal_too(log: Path) -> None:
    lifeline, held = os.pipe()
    async with asyncio.timeout(30):
        await until_signal(settings(NOWHERE, log), lambda _: os.kill(os.getpid(), signal.SIGTERM), Place(1, lifeline))
    os.close(lifeline)
    os.close(held)
    assert events(log) == ["listening", "stopping"]


class Bound:
    """A runner that listens on port 8080."""

    addresses = (("::1", 8080, 0, 0),)


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:8080"), ("localhost", "http://localhost:8080"), ("::1", "http://[::1]:8080")],
)
def test_addresses_are_written_as_urls(host: str, url: str) -> None:
    runner: Any = Bound()
    assert module._address(runner, host) == url


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_is_the_end(log: Path, number: signal.Signals) -> None:
    seen: list[Addresses] = []

    def ready(proxy: Proxy) -> None:
        seen.append(proxy.addresses)
        os.kill(os.getpid(), number)

    async with asyncio.timeout(30):
        await until_signal(settings(NOWHERE, log), ready)
    assert seen[0].openai.startswith("http://127.0.0.1:")
    assert events(log) == ["listening", "stopping"]
    assert signal.getsignal(number) in {signal.SIG_DFL, signal.default_int_handler}


async def test_whoever_is_told_may_take_a_moment(log: Path) -> None:
    told = asyncio.Event()

    async def ready(proxy: Proxy) -> None:
        await asyncio.sleep(0)
        told.set()
        os.kill(os.getpid(), signal.SIGTERM)

    async with asyncio.timeout(30):
        await until_signal(settings(NOWHERE, log), ready)
    assert told.is_set()


async def test_a_start_that_fails_gives_the_signals_back(log: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match=r"listen\.port"):
        await until_signal(settings(NOWHERE, log, listen={"port": taken.getsockname()[1]}), lambda proxy: None)
    assert signal.getsignal(signal.SIGTERM) == before
