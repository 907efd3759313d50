"""A proxy that is killed again and again under traffic, and what its ledger says in the end.

Three witnesses are compared: the clients, who know which answers they have read to the end; the emulated Telnyx, which
knows what has reached it; and the table `requests`.
"""

import asyncio
import os
import random
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from proxy import codec
from proxy.accounts.entries import ABORTED
from proxy.emulator.server import Emulator
from proxy.emulator.server import running as telnyx_running
from tests.world import CREDENTIAL, KEY, MODEL

CLIENTS = 6
"""Requests under way at a time."""
LIFE = 0.12
"""Seconds that a life lasts under traffic at most; the kill comes at any moment of it."""
PATIENCE = 60.0
SLOW = 0.01
"""Seconds between the chunks of a stream, in every second life: some are always under way then."""


@dataclass
class Seen:
    """What was seen, by the number that each request carries.

    Attributes:
        asked: how many requests clients have begun.
        answered: read to the end by a client; broken: begun by a client that did not read the end.
        reached: had arrived at the emulated Telnyx.
        kills: processes killed.
    """

    asked: int = 0
    answered: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    reached: set[str] = field(default_factory=set)
    kills: int = 0


@dataclass
class Verdict:
    """How the ledger compares.

    Attributes:
        rows: in the table; aborted: those of them of requests in flight at a kill.
        lost: answered, and not in the table as such; unheard: arrived at Telnyx, and not in the table.
        twice: in the table more than once; invented: in the table, and never asked for.
        left: files in the spool.
    """

    rows: int
    aborted: int
    lost: list[str]
    unheard: list[str]
    twice: list[str]
    invented: list[str]
    left: list[str]

    @property
    def good(self) -> bool:
        return not (self.lost or self.unheard or self.twice or self.invented or self.left)


def settings(folder: Path, base_url: str) -> dict[str, Any]:
    """Of the proxy that is killed."""
    tenant = {
        "id": "acme",
        "upstream_api_key": {"value": CREDENTIAL},
        "keys": [{"name": "web", "secret": {"value": KEY}}],
        "metadata_tags": ["number"],
    }
    return {
        "listen": {"port": 0},
        "admin": {"port": 0, "token": None},
        "upstream": {"base_url": base_url, "api_key": None},
        "shutdown": {"grace": 5},
        "logging": {"file": str(folder / "log.jsonl"), "format": "json"},
        "tenants": [tenant],
        "storage": {"url": f"sqlite:///{folder}/proxy.db"},
        "ledger": {"spool": {"folder": str(folder / "spool")}},
    }


class Nursery:
    """Where lives begin."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def start(self) -> tuple[int, str]:
        """A new proxy: its process and its address."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        async with asyncio.timeout(PATIENCE):
            said = codec.decode(await self._process.stdout.readline())
        assert "pid" in said, said
        return said["pid"], said["url"]


@asynccontextmanager
async def nursery(file: Path) -> AsyncIterator[Nursery]:
    """A process that starts proxies, until the block is left."""
    command = (sys.executable, "-m", "tests.soak.nursery", str(file))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:
        yield Nursery(process)
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(PATIENCE):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Soak:
    """Lives and deaths of a proxy."""

    def __init__(self, folder: Path, telnyx: Emulator, nursery: Nursery, chance: random.Random) -> None:
        self.seen = Seen()
        self._folder = folder
        self._telnyx = telnyx
        self._nursery = nursery
        self._chance = chance

    async def life(self) -> None:
        """One life: a start, traffic, a kill at any moment of it."""
        self._telnyx.state.choose(*(("slow-stream", {"seconds": SLOW}) if self.seen.kills % 2 else ("default", {})))
        process, url = await self._nursery.start()
        async with aiohttp.ClientSession() as session:
            clients = [asyncio.create_task(self._client(session, url)) for _ in range(CLIENTS)]
            await asyncio.sleep(self._chance.uniform(0, LIFE))
            os.kill(process, signal.SIGKILL)
            self.seen.kills += 1
            await asyncio.gather(*clients)
        for request in self._telnyx.state.requests:
            if isinstance(request.body, dict):
                self.seen.reached.add(str(request.body["messages"][0]["content"]))
        self._telnyx.state.clear()

    async def last(self) -> None:
        """A life that ends well, once everything is in the ledger."""
        process, _ = await self._nursery.start()
        spool = self._folder / "spool"
        async with asyncio.timeout(PATIENCE):
            while sum(path.is_dir() for path in spool.iterdir()) > 1:  # noqa: ASYNC110 - files call nobody back
                await asyncio.sleep(0.02)
            os.kill(process, signal.SIGTERM)
            while any(path.is_dir() for path in spool.iterdir()):  # noqa: ASYNC110 - files call nobody back
                await asyncio.sleep(0.02)

    async def _client(self, session: aiohttp.ClientSession, url: str) -> None:
        """Asks until nobody answers any more."""
        with suppress(aiohttp.ClientError, ConnectionError):
            while True:
                self.seen.asked += 1
                number = str(self.seen.asked)
                self.seen.broken.add(number)
                await self._ask(session, url, number)
                self.seen.broken.remove(number)
                self.seen.answered.add(number)

    async def _ask(self, session: aiohttp.ClientSession, url: str, number: str) -> None:
        body = {
            "model": MODEL,
            "messages": [{"role": "user", "content": number}],
            "metadata": {"number": number},
            "stream": self._chance.random() < 0.5,
        }
        headers = {"Authorization": f"Bearer {KEY}"}
        async with session.post(f"{url}/v1/chat/completions", data=codec.encode(body), headers=headers) as answer:
            text = await answer.text()
            assert answer.status == 200, text

    def verdict(self) -> Verdict:
        """Compare."""
        with closing(sqlite3.connect(self._folder / "proxy.db")) as connection:
            found = connection.execute("SELECT tags, status, stream_end FROM requests").fetchall()
        rows = [(codec.decode(tags)["number"], status, end) for tags, status, end in found]
        counts = Counter(number for number, _, _ in rows)
        good = {number for number, status, end in rows if status == 200 and end in {"", "complete"}}
        asked = self.seen.answered | self.seen.broken
        spool = self._folder / "spool"
        return Verdict(
            rows=len(rows),
            aborted=sum(end == ABORTED for _, _, end in rows),
            lost=sorted(self.seen.answered - good),
            unheard=sorted(self.seen.reached - counts.keys()),
            twice=sorted(number for number, count in counts.items() if count > 1),
            invented=sorted(counts.keys() - asked),
            left=sorted(path.name for path in spool.iterdir() if path.name != "database"),
        )


async def soak(folder: Path, kills: int, seed: int) -> tuple[Seen, Verdict]:
    """Kill so many times."""
    async with telnyx_running() as telnyx:
        file = folder / "settings.json"
        file.write_bytes(codec.encode(settings(folder, telnyx.base_url)))
        async with nursery(file) as started:
            here = Soak(folder, telnyx, started, random.Random(seed))  # noqa: S311 - moments of a test
            for _ in range(kills):
                await here.life()
            await here.last()
        return here.seen, here.verdict()
