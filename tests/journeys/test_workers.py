"""Several workers on one port, as users start them: real processes, an emulated Telnyx."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy import codec
from proxy.emulator.server import Emulator
from proxy.emulator.server import running as telnyx_running
from tests.cli.commands import MODULE, PATIENCE, Command, base_url, finished, running
from tests.world import HELLO, KEY, MODEL, TENANTS

CHAT: dict[str, Any] = {"model": MODEL, "messages": HELLO}
KEYED = {"Authorization": f"Bearer {KEY}"}
WORKERS = 2
TRIES = 200
"""Connections until each of two workers has one: the kernel spreads them by chance."""


async def until(condition: Callable[[], bool]) -> None:
    """Look again and again, for some time."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - a log file and processes call nobody back
            await asyncio.sleep(0.02)


@dataclass
class Workers:
    """A proxy of two workers, from outside."""

    command: Command
    telnyx: Emulator
    log: Path
    config: Path
    text: str
    stack: AsyncExitStack

    @property
    def openai(self) -> str:
        """The root of the OpenAI side."""
        return base_url(self.text).removesuffix("/v1")

    @property
    def admin(self) -> str:
        """The root of the operator's side."""
        return self.text.partition("metrics and health: ")[2].partition("/metrics")[0]

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The log lines of an event."""
        found = [codec.decode(line) for line in self.log.read_bytes().splitlines()]
        return [line for line in found if line["event"] == event]

    def pids(self) -> dict[int, int]:
        """Worker -> the process that holds its post now."""
        return {line["worker"]: line["pid"] for line in self.lines("listening")}

    async def get(self, url: str) -> tuple[int, str]:
        """Status and text of a page."""
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status, await answer.text()

    async def ask(self) -> None:
        """One request on a new connection, which stays open."""
        session = await self.stack.enter_async_context(aiohttp.ClientSession())
        async with session.post(f"{self.openai}/v1/chat/completions", json=CHAT, headers=KEYED) as answer:
            assert answer.status == 200, await answer.text()

    async def reach_both(self) -> int:
        """New requests until each worker has answered one; the number of them."""
        for number in range(1, TRIES):
            await self.ask()
            if all(self._connected(pid) for pid in self.pids().values()):
                return number
        raise AssertionError("one of them answers nobody")

    def _connected(self, pid: int) -> bool:
        port = int(self.openai.rpartition(":")[2])
        connections = psutil.Process(pid).net_connections("tcp")
        return any(each.status == psutil.CONN_ESTABLISHED and each.laddr.port == port for each in connections)

    async def counted(self, number: int) -> None:
        """Until so many requests are counted, and no more: a figure may come a moment late."""
        seen = 0.0
        async with asyncio.timeout(PATIENCE):
            while seen < number:
                families = text_string_to_metric_families((await self.get(f"{self.admin}/metrics"))[1])
                samples = [sample for family in families for sample in family.samples]
                seen = sum(each.value for each in samples if each.name == "telnyx_proxy_requests_total")
        assert seen == number


Build = Callable[..., Awaitable[Workers]]


@pytest.fixture
async def build(tmp_path: Path) -> AsyncIterator[Build]:
    """Starts two workers in front of an emulated Telnyx: `await build("scenario", section={...})`."""
    async with AsyncExitStack() as stack:

        async def start(scenario: str = "default", **sections: Any) -> Workers:
            telnyx = await stack.enter_async_context(telnyx_running(scenario=scenario))
            log, config = tmp_path / "log.jsonl", tmp_path / "proxy.yaml"
            config.write_bytes(codec.encode(settings_of(telnyx, log) | sections))
            serve = running(*MODULE, "serve", "--config", str(config), environ={"TMPDIR": str(tmp_path)})
            command = await stack.enter_async_context(serve)
            text = await command.until("Ctrl-C stops it.")
            stack.callback(telnyx.state.release.set)
            here = Workers(command, telnyx, log, config, text, stack)
            await until(lambda: len(here.pids()) == WORKERS)  # who listens is told first, and logged next
            return here

        yield start


def settings_of(telnyx: Emulator, log: Path) -> dict[str, Any]:
    return {
        "listen": {"port": 0},
        "admin": {"port": 0, "token": None},
        "server": {"workers": WORKERS},
        "upstream": {"base_url": telnyx.base_url},
        "logging": {"file": str(log)},
        "tenants": TENANTS,
    }


def gone(pid: int) -> bool:
    """Whether a process has ended; somebody else's may still wait to be asked how."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_two_workers_answer_as_one(build: Build) -> None:
    here = await build()
    assert here.text.count("OPENAI_BASE_URL=") == 1
    assert sorted(line["worker"] for line in here.lines("listening")) == [1, 2]
    asked = await here.reach_both()
    await here.counted(asked)
    for root in (here.openai, here.admin):
        assert (await here.get(f"{root}/readyz"))[0] == 200
    given = {
        "TELNYX_PROXY_LISTEN__PORT": here.openai.rpartition(":")[2],
        "TELNYX_PROXY_STORAGE__URL": f"sqlite:///{here.config.parent}/another.db",
    }
    second = await finished(*MODULE, "serve", "--config", str(here.config), environ=given)
    assert (second.code, second.out) == (1, "")
    assert "cannot listen on 127.0.0.1" in second.err
    assert "in use" in second.err
    ended = await here.command.end(signal.SIGTERM)
    assert (ended.code, ended.err) == (0, "")
    assert len(here.lines("request")) == asked
    assert not list(here.log.parent.glob("telnyx-proxy-*")), "the files they counted in"


async def test_a_killed_worker_is_replaced_while_the_other_goes_on(build: Build) -> None:
    here = await build()
    asked = await here.reach_both()
    await here.counted(asked)
    killed = here.pids()[2]
    os.kill(killed, signal.SIGKILL)
    await until(lambda: bool(here.lines("worker died")))
    (line,) = here.lines("worker died")
    assert (line["level"], line["worker"], line["pid"], line["reason"]) == ("error", 2, killed, "signal 9")
    for _ in range(10):
        await here.ask()
    await until(lambda: here.pids()[2] != killed)
    asked += 10 + await here.reach_both()
    await here.counted(asked)
    assert (await here.command.end(signal.SIGINT)).code == 0


async def test_a_signal_lets_an_open_stream_finish(build: Build) -> None:
    here = await build("stall-mid-stream")
    url, body = f"{here.openai}/v1/chat/completions", {**CHAT, "stream": True}
    async with aiohttp.ClientSession() as client, client.post(url, json=body, headers=KEYED) as answer:
        await here.telnyx.state.until(lambda state: state.paused == 1)
        ending = asyncio.ensure_future(here.command.end(signal.SIGTERM))
        await until(lambda: len(here.lines("stopping")) == 2)
        here.telnyx.state.release.set()
        assert (await answer.text()).endswith("data: [DONE]\n\n")
    ended = await ending
    assert (ended.code, ended.err) == (0, "")
    assert [line["stream_end"] for line in here.lines("request")] == ["complete"]


async def test_a_killed_supervisor_leaves_nobody_behind(build: Build) -> None:
    here = await build()
    assert (await here.command.end(signal.SIGKILL)).code == -signal.SIGKILL
    await until(lambda: all(gone(pid) for pid in here.pids().values()))
    assert len(here.lines("stopping")) == 2, "in order, as after a signal"
