"""What becomes of a batch where not everything goes well."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from proxy.app import recording
from proxy.app.batch_run import Around, Run
from proxy.app.fairness import Places
from proxy.app.recording import Outcome
from proxy.storage.filing_schema import BATCHES
from proxy.storage.filing_terms import Lost
from proxy.translation import batches as pure
from proxy.translation import retrying
from tests.journeys.test_batches import begin, ended, jsonl, kept, lines, request
from tests.world import CREDENTIAL, KEY, World, world

SECOND = "sk-an-old-key-of-the-app-0003"
TENANT = {
    "id": "acme",
    "upstream_api_key": {"value": CREDENTIAL},
    "keys": [{"name": "web", "secret": {"value": KEY}}, {"name": "other", "secret": {"value": SECOND}}],
}


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(retrying, "TRIES", 3)
    monkeypatch.setattr(recording, "PAUSE", 0.01)


def here_with(tmp_path: Path, **batches: Any) -> Any:
    return world(tmp_path / "log.jsonl", tenants=[TENANT], **kept(tmp_path, **batches))


@pytest.mark.parametrize(("scenario", "times", "status"), [("server-error", 2, 200), ("unavailable", None, 503)])
async def test_trouble_at_telnyx_is_tried_again(tmp_path: Path, scenario: str, times: int | None, status: int) -> None:
    async with here_with(tmp_path, concurrent=1) as here:
        client = await here.openai()
        here.telnyx.state.choose(scenario, {"times": times, "where": "chat", "retry_after": 0.01})
        done = await ended(client, await begin(client, jsonl(request("a"))))
        (line,) = [*await lines(client, done.output_file_id), *await lines(client, done.error_file_id)]
        assert line["response"]["status_code"] == status
        assert len(here.sent()) == (3 if times else retrying.TRIES)


async def test_limits_of_telnyx_are_waited_for(tmp_path: Path) -> None:
    async with here_with(tmp_path) as here:
        client = await here.openai()
        here.telnyx.state.choose("rate-limited", {"times": 2, "where": "chat", "retry_after": 0.01})
        done = await ended(client, await begin(client, jsonl(request("a"), request("b"))))
        assert len(await lines(client, done.output_file_id)) == 2


async def test_a_key_that_is_gone_runs_nothing_more(tmp_path: Path) -> None:
    async with here_with(tmp_path, concurrent=2) as here:
        client, other = await here.openai(), await here.openai(SECOND)
        here.telnyx.state.choose("slow-headers", {"seconds": 0.05})
        batch = await begin(client, jsonl(*(request(str(number)) for number in range(20))))
        await ended(other, batch, lambda found: found.request_counts and found.request_counts.completed)
        ring = here.proxy.services.keys
        ring.replace({digest: grant for digest, grant in ring._grants.items() if grant.key != "web"})
        done = await ended(other, batch)
        assert done.status == "completed"
        bad = await lines(other, done.error_file_id)
        assert bad
        assert {line["error"]["code"] for line in bad} == {"invalid_api_key"}
        assert len(bad) + len(await lines(other, done.output_file_id)) == 20


@pytest.mark.parametrize(
    ("reason", "told"),
    [("cancelled", (499, None)), ("expired", (504, "upstream_timeout")), ("lost", (503, "shutting_down"))],
)
async def test_the_log_says_why_a_line_was_broken_off(tmp_path: Path, reason: str, told: Any) -> None:
    """Only who cancels has left. What the proxy breaks off is not the client's doing."""
    async with here_with(tmp_path, concurrent=1) as here:
        here.telnyx.state.choose("slow-headers", {"seconds": 3600, "where": "chat"})
        run, _ = await a_run(here, "in_progress")
        task = asyncio.ensure_future(run.run())
        await here.telnyx.state.until(lambda state: state.paused and here.sent())
        run.stop(reason)
        await asyncio.wait({task})
        here.proxy.services.log.flush()
        (line,) = (line for line in here.lines() if line["client"] == "batch")
        assert (line["status"], line.get("error_code")) == told
        assert isinstance(task.exception(), Lost) == (reason == "lost")


async def test_what_is_not_done_in_time_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pure, "WINDOWS", {"24h": 1})
    async with here_with(tmp_path, concurrent=1) as here:
        client = await here.openai()
        here.telnyx.state.choose("slow-headers", {"seconds": 3600, "where": "chat"})
        done = await ended(client, await begin(client, jsonl(request("a"), request("b"))))
        assert (done.status, done.expired_at is not None) == ("expired", True)
        assert [line["error"]["code"] for line in await lines(client, done.error_file_id)] == ["batch_expired"] * 2


async def test_an_input_that_is_lost_fails_the_batch(tmp_path: Path) -> None:
    async with here_with(tmp_path) as here:
        client = await here.openai()
        file = await client.files.create(file=("x", jsonl(request("a"))), purpose="batch")
        (tmp_path / "files" / file.id).unlink()
        batch = await client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        done = await ended(client, batch)
        assert done.errors is not None
        assert [each.code for each in done.errors.data or ()] == ["input_file_unavailable"]


async def a_run(here: World, status: str, *ran: Outcome, stop: str = "") -> tuple[Run, str]:
    """A batch of this state, as one that somebody has left behind, with the lines that had ended; and its id."""
    services = here.proxy.services
    assert services.files is not None
    assert services.batches is not None
    deposit = await services.files.open("acme", "batch")
    await deposit.writer.write(jsonl(request("a"), request("b")))
    file = await services.files.close(deposit, "batch", "in", None)
    given: dict[str, Any] = {"tenant": "acme", "key_id": "", "key": "web", "endpoint": "/v1/chat/completions"}
    given |= {"input_file": file["id"], "metadata": None, "output_seconds": None}
    places = Places(lambda: 1)
    batch = await services.batches.create(given, 3600)
    services.batches.changed.clear()  # before the runner has heard of it
    assert batch is not None
    claimed = await services.batches.claim(batch["id"], "me")
    assert claimed is not None
    async with services.batches._database.begin() as connection:
        await connection.execute(update(BATCHES).values(status=status))
    run = Run(Around(services, services.files, services.batches, places), {**claimed, "status": status})
    for each in ran:
        run._recorder.add(each)
    await run._recorder.keep()
    if stop:
        run.stop(stop)
    return run, batch["id"]


@pytest.mark.parametrize(
    ("status", "stop", "end", "sent"),
    [
        ("validating", "", "completed", 1),
        ("in_progress", "", "completed", 1),
        ("finalizing", "", "completed", 0),
        ("finalizing", "expired", "completed", 0),
        ("cancelling", "", "cancelled", 0),
        ("in_progress", "cancelled", "cancelled", 0),
        ("validating", "expired", "expired", 0),
    ],
)
async def test_it_goes_on_from_where_another_one_was(
    tmp_path: Path, status: str, stop: str, end: str, sent: int
) -> None:
    async with here_with(tmp_path) as here:
        run, identity = await a_run(here, status, Outcome(1, good=True, line=b"{}\n"), stop=stop)
        assert run.settled
        assert await run.run() == end
        assert len(here.sent()) == sent
        found = await (await here.openai()).batches.retrieve(identity)
        assert found.status == end


async def test_a_batch_that_is_lost_is_left_alone(tmp_path: Path) -> None:
    async with here_with(tmp_path) as here:
        run, identity = await a_run(here, "in_progress", stop="lost")
        with pytest.raises(Lost):
            await run.run()
        assert (await (await here.openai()).batches.retrieve(identity)).status == "in_progress"


async def test_it_is_cancelled_in_the_last_moment(tmp_path: Path) -> None:
    """After the last line, and before its output is put together; or before the first one."""
    async with here_with(tmp_path) as here:
        for status in ("in_progress", "validating"):
            run, _ = await a_run(here, "cancelling")
            run.batch = {**run.batch, "status": status}
            run._reason = ""
            assert await run.run() == "cancelled"


async def test_what_changed_since_it_was_looked_at_is_no_request(tmp_path: Path) -> None:
    async with here_with(tmp_path) as here:
        run, _ = await a_run(here, "in_progress")
        run.batch = {**run.batch, "endpoint": "/v1/embeddings"}
        assert await run.run() == "completed"
        assert here.sent() == []


async def test_what_is_made_in_the_background_has_no_place_in_a_batch(tmp_path: Path) -> None:
    async with here_with(tmp_path) as here:
        client = await here.openai()
        done = await ended(client, await begin(client, jsonl(request("a", background=True))))
        (line,) = await lines(client, done.error_file_id)
        assert line["response"]["body"]["error"]["param"] == "background"
        await asyncio.sleep(0)


async def test_a_slip_ends_a_batch_with_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with here_with(tmp_path) as here:
        run, identity = await a_run(here, "in_progress", Outcome(1, good=True, line=b"{}\n"))

        def slip(*_: Any) -> Any:
            raise ZeroDivisionError

        monkeypatch.setattr(here.proxy.services.keys, "named", slip)
        with pytest.raises(ZeroDivisionError):
            await run.run()
        client = await here.openai()
        found = await client.batches.retrieve(identity)
        assert found.status == "failed"
        assert len(await lines(client, found.output_file_id)) == 1
        (rest,) = await lines(client, found.error_file_id)
        assert (rest["custom_id"], rest["error"]["code"]) == ("b", "internal_error")
