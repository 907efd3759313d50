"""A real Prometheus, on a free port and in a folder of its own, that tests ask by its HTTP API."""

import asyncio
import math
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

PROMETHEUS = shutil.which("prometheus")
PROMTOOL = shutil.which("promtool")
needs_prometheus = pytest.mark.skipif(
    PROMETHEUS is None or PROMTOOL is None,
    reason="prometheus and promtool are not installed here (apt-get install prometheus)",
)
DEADLINE = 30.0
"""Seconds after which something that was to happen has not."""


@dataclass(frozen=True)
class Sample:
    """One series of an answer, at one time."""

    labels: dict[str, str]
    value: float


class NotRunning(Exception):
    """It has not come up, or is gone already."""


class QueryFault(AssertionError):
    """Prometheus does not take the query."""


@dataclass
class Prometheus:
    """A running server."""

    root: str
    session: aiohttp.ClientSession

    async def get(self, path: str, **params: Any) -> Any:
        """The data of one call of its API. Raises QueryFault where it complains."""
        async with self.session.get(f"{self.root}/api/v1/{path}", params=params) as answer:
            said = await answer.json()
            if said["status"] != "success":
                raise QueryFault(said["error"])
            return said["data"]

    async def ask(self, query: str) -> list[Sample]:
        """What a query gives now: every series of it that is a number."""
        found = (await self.get("query", query=query))["result"]
        samples = [Sample(each["metric"], float(each["value"][1])) for each in found]
        return [sample for sample in samples if not math.isnan(sample.value)]

    async def number(self, query: str) -> float:
        """The sum of what a query gives now."""
        return sum(sample.value for sample in await self.ask(query))

    async def until(self, query: str, holds: Callable[[float], bool]) -> float:
        """Ask until the sum of what a query gives is as it should be."""
        value = math.nan
        try:
            async with asyncio.timeout(DEADLINE):
                while not holds(value := await self.number(query)):  # noqa: ASYNC110 - it calls nobody back
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{query} has stayed at {value}") from None
        return value


@asynccontextmanager
async def running_prometheus(config: Path, folder: Path) -> AsyncIterator[Prometheus]:
    """A server with this configuration until the block is left."""
    assert PROMETHEUS is not None
    log = folder / "prometheus.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            PROMETHEUS,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--web.listen-address=127.0.0.1:0",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        async with aiohttp.ClientSession() as session:
            server = Prometheus(f"http://127.0.0.1:{await _port(process.pid)}", session)
            await _ready(server)
            yield server
    except NotRunning:
        raise AssertionError(log.read_text()) from None
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _port(pid: int) -> int:
    """The port that it has been given."""
    try:
        async with asyncio.timeout(DEADLINE):
            while True:
                for each in psutil.Process(pid).net_connections("tcp"):
                    if each.status == psutil.CONN_LISTEN:
                        return int(each.laddr.port)
                await asyncio.sleep(0.05)
    except (TimeoutError, psutil.Error) as fault:
        raise NotRunning from fault


async def _ready(server: Prometheus) -> None:
    try:
        async with asyncio.timeout(DEADLINE):
            while True:
                async with server.session.get(f"{server.root}/-/ready") as answer:
                    if answer.status == 200:
                        return
                await asyncio.sleep(0.05)
    except TimeoutError as fault:
        raise NotRunning from fault
