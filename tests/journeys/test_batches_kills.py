"""Batches in processes that are killed, and in several at once: no line is lost, and none is in the output twice."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI

from proxy import codec
from proxy.emulator.server import Emulator
from proxy.emulator.server import running as telnyx_running
from tests.journeys.test_batches import begin, ended, jsonl, lines, request
from tests.soak.lives import PATIENCE, Nursery, settings
from tests.world import KEY

LINES = 200
CONCURRENT = 8
NUMBERS = [str(number) for number in range(LINES)]


class Lives(Nursery):
    """Proxies of one test; none of them outlives it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        super().__init__(process)
        self.alive: set[int] = set()

    async def start(self) -> tuple[int, str]:
        process, url = await super().start()
        self.alive.add(process)
        return process, url

    def kill(self, process: int, number: signal.Signals = signal.SIGKILL) -> None:
        self.alive.discard(process)
        os.kill(process, number)


@asynccontextmanager
async def nursery(folder: Path, telnyx: Emulator) -> AsyncIterator[Lives]:
    given: dict[str, Any] = settings(folder, telnyx.base_url)
    given["batches"] = {"folder": str(folder / "files"), "concurrent": CONCURRENT}
    file = folder / "settings.json"
    file.write_bytes(codec.encode(given))
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "tests.journeys.batch_nursery", str(file))
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    lives = Lives(process)
    try:
        yield lives
    finally:
        for each in list(lives.alive):
            lives.kill(each)
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(PATIENCE):
            await process.wait()


async def client_of(stack: AsyncExitStack, url: str) -> AsyncOpenAI:
    return await stack.enter_async_context(AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0))


def reached(telnyx: Emulator) -> Counter[str]:
    """How often each line has arrived at Telnyx."""
    bodies = [seen.body for seen in telnyx.state.requests if isinstance(seen.body, dict)]
    return Counter(str(body["messages"][0]["content"]) for body in bodies)


async def test_a_killed_process_loses_no_line_and_runs_none_that_had_ended(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        telnyx = await stack.enter_async_context(telnyx_running(scenario="slow-headers", options={"seconds": 0.02}))
        started = await stack.enter_async_context(nursery(tmp_path, telnyx))
        process, url = await started.start()
        client = await client_of(stack, url)
        batch = await begin(client, jsonl(*(request(number, number) for number in NUMBERS)))
        for share in (20, 100):
            await ended(client, batch, lambda found: found.request_counts and found.request_counts.completed >= share)  # noqa: B023 - awaited here
            started.kill(process)
            process, url = await started.start()
            client = await client_of(stack, url)
        done = await ended(client, batch)
        assert done.status == "completed"
        found = [line["custom_id"] for line in await lines(client, done.output_file_id)]
        assert found == NUMBERS, "each once, in the order of the input"
        assert done.error_file_id is None
        counts = reached(telnyx)
        assert counts.keys() == set(NUMBERS)
        assert sum(counts.values()) <= LINES + 2 * CONCURRENT, "only what was under way at a kill runs again"
        left = {batch.input_file_id, str(done.output_file_id)}
        async with asyncio.timeout(PATIENCE):  # drafts go when the batch has ended, and not before
            while {path.name for path in (tmp_path / "files").iterdir()} != left:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.02)
        started.kill(process, signal.SIGTERM)


async def test_two_processes_share_the_batches_and_not_their_lines(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        telnyx = await stack.enter_async_context(telnyx_running())
        started = await stack.enter_async_context(nursery(tmp_path, telnyx))
        lives = [await started.start(), await started.start()]
        clients = [await client_of(stack, url) for _, url in lives]
        content = [jsonl(*(request(name, name) for name in NUMBERS[part::4])) for part in range(4)]
        made = [await begin(clients[part % 2], content[part]) for part in range(4)]
        for batch in made:
            assert (await ended(clients[0], batch)).status == "completed"
        assert reached(telnyx) == Counter(NUMBERS)
        telnyx.state.choose("slow-headers", {"seconds": 3600})
        batch = await begin(clients[0], content[0])
        await ended(clients[0], batch, lambda found: found.status == "in_progress")
        await clients[1].batches.cancel(batch.id)
        done = await ended(clients[1], batch)
        assert done.status == "cancelled"
        assert len(await lines(clients[1], done.error_file_id)) == LINES // 4
        for process, _ in lives:
            started.kill(process, signal.SIGTERM)
