"""The runner of a process: what it takes up, and what it leaves to others."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from proxy.app import batching
from proxy.app.batching import Runner, open_files
from proxy.app.batching import batching as running_batches
from proxy.app.keeping import Condition
from proxy.clock import SYSTEM
from proxy.errors import StoreUnavailable
from tests.journeys.test_batches import begin, ended, jsonl, kept, lines, request
from tests.world import OTHER_KEY, settings, world


async def test_where_nothing_is_kept_nothing_runs(tmp_path: Path) -> None:
    given = settings("http://127.0.0.1:1")
    assert open_files(given, None, SYSTEM, bytes) == (None, None)
    async with world(tmp_path / "log.jsonl") as here:
        services = here.proxy.services
        assert (services.files, services.batches) == (None, None)
        async with running_batches(services, Condition(), 1):
            pass
        condition = Condition()
        condition.started.set()
        await Runner(services, condition).run()


async def test_live_requests_come_first(tmp_path: Path) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path, concurrent=8)) as here:
        condition = Condition()
        runner = Runner(here.proxy.services, condition)
        gauge = here.proxy.services.metrics.requests_under_way
        found = []
        for live in (0, 3, 6, 100):
            gauge.value += live
            found.append(runner._allowed())
            gauge.value -= live
        assert found == [8, 5, 2, 2]
        assert Runner(here.proxy.services, condition, workers=16)._allowed() == 1
        condition.stopping = True
        assert runner._allowed() == 0


async def test_lines_that_made_room_for_live_requests_go_on_when_those_have_ended(tmp_path: Path) -> None:
    """Also where no line ends meanwhile."""
    async with world(tmp_path / "log.jsonl", **kept(tmp_path, concurrent=2)) as here:
        client = await here.openai()
        here.telnyx.state.choose("slow-headers", {"seconds": 3600, "where": "chat"})
        gauge = here.proxy.services.metrics.requests_under_way
        gauge.value += 10
        batch = await begin(client, jsonl(*(request(str(number)) for number in range(4))))
        await ended(client, batch, lambda found: found.status == "in_progress" and len(here.sent()) == 1)
        gauge.value -= 10
        await ended(client, batch, lambda _: len(here.sent()) == 2)
        here.telnyx.state.release.set()
        await ended(client, batch)


async def test_what_is_left_at_the_end_goes_on_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "LAST_LINES", 0.01)
    sections = kept(tmp_path, concurrent=2) | {"shutdown": {"grace": 0.01}}
    async with world(tmp_path / "log.jsonl", **sections) as here:
        client = await here.openai()
        here.telnyx.state.choose("slow-headers", {"seconds": 3600, "where": "chat"})
        batch = await begin(client, jsonl(*(request(str(number)) for number in range(4))))
        await ended(client, batch, lambda found: found.status == "in_progress" and len(here.sent()) == 2)
    told = [(line["status"], line["error_code"]) for line in here.lines() if line["client"] == "batch"]
    assert told == [(503, "shutting_down")] * 2, "nobody has left"
    async with world(tmp_path / "log.jsonl", **sections) as here:
        client = await here.openai()
        done = await ended(client, batch)
        assert [line["custom_id"] for line in await lines(client, done.output_file_id)] == list("0123")
    with closing(sqlite3.connect(tmp_path / "proxy.db")) as database:
        found = database.execute(
            "SELECT status, error_code, count(*) FROM requests WHERE client = 'batch' GROUP BY 1, 2"
        )
        assert sorted(found) == [(200, "", 4), (503, "shutting_down", 2)]


async def test_tenants_with_little_under_way_are_taken_up_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "AT_ONCE", 2)
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        client, other = await here.openai(), await here.openai(OTHER_KEY)
        here.telnyx.state.choose("slow-headers", {"seconds": 3600, "where": "chat"})
        made = [await begin(client, jsonl(request("a"))) for _ in range(3)]
        await ended(client, made[1], lambda found: found.status == "in_progress")
        late = await begin(other, jsonl({**request("a"), "body": {"model": "zai-org/GLM-5.2", "messages": []}}))
        await client.batches.cancel(made[0].id)
        await ended(client, made[0])
        assert (await ended(other, late)).status == "completed"
        assert (await client.batches.retrieve(made[2].id)).status in {"validating", "in_progress"}
        for batch in made[1:]:
            await client.batches.cancel(batch.id)
            await ended(client, batch)


async def test_a_database_that_fails_stops_nothing(tmp_path: Path) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        runner = Runner(here.proxy.services, Condition())
        for fault in (StoreUnavailable("down"), OSError(28, "No space left on device")):

            async def fail(error: Exception = fault) -> None:
                raise error

            await runner._try(fail())
        here.proxy.services.log.flush()
        assert b"No space left on device" in here.log.read_bytes()


@pytest.mark.parametrize("fault", [StoreUnavailable("down"), OSError("full"), None])
async def test_a_run_that_fails_is_let_go_of(tmp_path: Path, fault: Exception | None) -> None:
    from proxy.storage.filing_terms import Lost

    class Failing:
        batch: ClassVar = {"id": "batch_1", "tenant": "acme", "status": "in_progress"}

        async def run(self) -> str:
            raise fault or Lost

    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        runner = Runner(here.proxy.services, Condition())
        run = cast("Any", Failing())
        runner._runs["batch_1"] = run
        await runner._run(run)
        assert runner._runs == {}
        here.proxy.services.log.flush()
        assert (b"batch_interrupted" if fault else b"batch_lost") in here.log.read_bytes()
        await asyncio.sleep(0)


async def test_what_is_too_old_is_removed_in_portions(tmp_path: Path) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path, keep=1)) as here:
        services = here.proxy.services
        runner = Runner(services, Condition())
        calls: list[str] = []

        class Old:
            left = 2

            async def prune(self) -> int:
                calls.append("prune")
                Old.left -= 1
                return max(0, Old.left)

        old = cast("Any", Old())
        object.__setattr__(services, "files", old)
        for _ in range(4):
            await runner._prune(old)
        assert calls == ["prune", "prune", "prune"], "the first has found some, the second one none"


async def test_a_slip_in_one_round_is_told_and_the_next_one_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "LOOK_EVERY", 0.01)
    real, rounds = Runner._look, []

    async def slip(self: Runner, batches: Any) -> None:
        rounds.append(self)
        if len(rounds) == 1:
            raise ZeroDivisionError
        await real(self, batches)

    monkeypatch.setattr(Runner, "_look", slip)
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        client = await here.openai()
        assert (await ended(client, await begin(client, jsonl(request("a"))))).status == "completed"
        here.proxy.services.log.flush()
        assert b"ZeroDivisionError" in here.log.read_bytes()
