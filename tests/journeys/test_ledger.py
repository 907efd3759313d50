"""Every request in the table `requests`, as the official client made it."""

import asyncio
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest

from proxy import codec
from proxy.accounts.entries import COLUMNS
from proxy.app.running import running
from proxy.errors import LedgerFull
from tests.conftest import Build
from tests.journeys.operating import TOKEN, eventually, kept
from tests.storage.ready import lay_out
from tests.world import HELLO, KEY, MODEL, TENANTS, World, settings

PRICED: dict[str, Any] = {"profiles": {MODEL: {"price": {"input": 2, "output": 10}}}}
TAGGED = [{**TENANTS[0], "metadata_tags": ["team"], "markup": 10}, TENANTS[1]]


def rows(folder: Path) -> list[dict[str, Any]]:
    """The table as it is in the file."""
    with closing(sqlite3.connect(folder / "proxy.db")) as connection:
        found = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM requests ORDER BY started_us")  # noqa: S608
        return [dict(zip(COLUMNS, row, strict=True)) for row in found]


async def ledger(folder: Path, count: int) -> list[dict[str, Any]]:
    """The table once it has so many rows."""

    async def there() -> bool:
        return len(rows(folder)) >= count

    await eventually(there)
    return rows(folder)


async def start(build: Build, folder: Path, scenario: str = "default", **sections: Any) -> World:
    return await build(scenario, **kept(folder, tenants=TAGGED, models=PRICED, **sections))


async def test_what_the_client_read_is_in_the_ledger(build: Build, tmp_path: Path) -> None:
    here = await start(build, tmp_path)
    client = await here.openai()
    raw = await client.chat.completions.with_raw_response.create(
        model=MODEL, messages=HELLO, metadata={"team": "red", "other": "no"}, user="someone", logit_bias={"1": 2}
    )
    usage = raw.parse().usage
    assert usage is not None
    [row] = await ledger(tmp_path, 1)
    assert row["id"] == raw.headers["x-request-id"]
    assert (row["tenant"], row["key"], row["key_id"], row["tags"]) == ("acme", "web", "acme/web", '{"team":"red"}')
    assert (row["endpoint"], row["model_asked"], row["model"]) == ("chat.completions", MODEL, MODEL)
    assert (row["status"], row["error_code"], row["stream"], row["stream_end"]) == (200, "", 0, "")
    assert (row["input_tokens"], row["output_tokens"]) == (usage.prompt_tokens, usage.completion_tokens)
    assert row["source"] == "upstream"
    cost = usage.prompt_tokens * 2 + usage.completion_tokens * 10
    assert row["cost_micros"] == cost
    assert row["charged_micros"] == -(-cost * 11 // 10)
    assert len(row["end_user"]) == 16
    assert "logit_bias" in row["changes"]
    assert row["bytes_out"] == len(raw.content)
    assert row["duration_us"] > 0
    assert row["price"]


async def test_a_stream_is_one_row_and_so_is_a_refusal(build: Build, tmp_path: Path) -> None:
    here = await start(build, tmp_path)
    client = await here.openai()
    async with await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True) as stream:
        async for _ in stream:
            pass
    with pytest.raises(openai.BadRequestError):
        await client.chat.completions.create(model=MODEL, messages=[])
    with pytest.raises(openai.AuthenticationError):
        await (await here.openai("sk-nobody")).chat.completions.create(model=MODEL, messages=HELLO)
    stream_row, refused = await ledger(tmp_path, 2)
    assert (stream_row["stream"], stream_row["stream_end"], stream_row["status"]) == (1, "complete", 200)
    assert stream_row["first_token_us"] > 0
    assert stream_row["output_tokens"] > 0
    assert (refused["status"], refused["cost_micros"], refused["source"]) == (400, 0, "none")
    assert refused["error_code"]


async def test_who_leaves_in_the_middle_is_accounted_for(build: Build, tmp_path: Path) -> None:
    here = await start(build, tmp_path, scenario="stall-mid-stream")
    client = await here.openai()
    async with await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True) as stream:
        async for _ in stream:
            break
    [row] = await ledger(tmp_path, 1)
    assert (row["status"], row["stream_end"]) == (499, "client_disconnected")
    assert row["input_tokens"] > 0


async def test_at_the_end_everything_is_shipped_and_nothing_is_left(build: Build, tmp_path: Path) -> None:
    here = await start(build, tmp_path)
    client = await here.openai()
    for _ in range(3):
        await client.chat.completions.create(model=MODEL, messages=HELLO)
    services = here.proxy.services
    assert services.readiness() == ("ok", [])


async def test_the_spool_is_in_the_metrics(build: Build, tmp_path: Path) -> None:
    here = await start(build, tmp_path)
    client = await here.openai()
    await client.chat.completions.create(model=MODEL, messages=HELLO)

    async def metric(name: str) -> float:
        url = here.proxy.addresses.admin + "/metrics"
        async with here.session.get(url, headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
            lines = (await answer.text()).splitlines()
        return sum(float(line.split()[1]) for line in lines if line.startswith(f"telnyx_proxy_ledger_{name} "))

    async def shipped() -> bool:
        return await metric("rows_shipped_total") == 1

    await eventually(shipped)
    assert await metric("rows_waiting") == 0
    assert await metric("spool_limit_bytes") == 1 << 30


async def test_where_the_operator_wants_it_a_full_spool_refuses_requests(build: Build, tmp_path: Path) -> None:
    spool = {"folder": str(tmp_path / "spool"), "size": 200, "when_full": "refuse"}
    here = await start(build, tmp_path, ledger={"spool": spool})
    client = await here.openai()
    with pytest.raises(openai.InternalServerError) as refused:
        await client.chat.completions.create(model=MODEL, messages=HELLO)
    assert (refused.value.status_code, refused.value.code) == (503, LedgerFull.code)
    assert refused.value.response.headers["retry-after"] == "10"
    assert here.sent() == []


async def test_a_spool_of_another_database_is_not_used(build: Build, tmp_path: Path) -> None:
    here = await start(build, tmp_path)
    (tmp_path / "spool" / "database").write_text("another")
    with pytest.raises(OSError, match=r"ledger\.spool\.folder"):
        await start(build, tmp_path)
    assert here.proxy.services.readiness()[0] == "ok"


def written_down(folder: Path) -> tuple[set[str], set[str]]:
    """Ids in the files of the spool: of requests that have begun, and of those that have ended."""
    found: dict[str, set[str]] = {"b": set(), "e": set()}
    for file in folder.glob("spool/*/*.log"):
        for each in file.read_text().splitlines():
            kind, _, row = each.split(" ", 2)
            found[kind].add(codec.decode(row)[0])
    return found["b"], found["e"]


@dataclass
class Slow:
    """A Telnyx that answers nobody before all have asked, and looks into the files whenever somebody does."""

    folder: Path
    count: int
    asked: int = 0
    unheard_of: list[int] = field(default_factory=list)
    everybody: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split()[0]))
                await self._take()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    async def _take(self) -> None:
        self.asked += 1
        begun, ended = written_down(self.folder)
        if len(begun - ended) < self.asked:
            self.unheard_of.append(self.asked)
        if self.asked == self.count:
            self.everybody.set()
        await self.everybody.wait()


@pytest.mark.parametrize("transport", ["native", "aiohttp"])
async def test_nobody_hears_of_a_request_that_is_not_written_down(tmp_path: Path, transport: str) -> None:
    """Requests that come at once are written down together, and before anybody is told of any of them."""
    telnyx = Slow(tmp_path, 24)
    server = await asyncio.start_server(telnyx.serve, "127.0.0.1", 0)
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v2"
    given = settings(origin, tmp_path / "log", **kept(tmp_path, upstream={"transport": transport}))
    lay_out(given.storage.url)
    async with server, running(given) as proxy, aiohttp.ClientSession() as session:

        async def ask() -> bool:
            async with session.post(
                f"{proxy.addresses.openai}/v1/chat/completions",
                data=codec.encode({"model": MODEL, "messages": HELLO}),
                headers={"Authorization": f"Bearer {KEY}"},
            ) as answer:
                identity = answer.headers["x-request-id"]
                return identity in written_down(tmp_path)[1] or identity in {each["id"] for each in rows(tmp_path)}

        await asyncio.gather(*(ask() for _ in range(telnyx.count)))  # from now on there are connections to Telnyx
        telnyx.asked = 0
        telnyx.everybody.clear()
        there = await asyncio.gather(*(ask() for _ in range(telnyx.count)))
    assert (telnyx.asked, telnyx.unheard_of) == (telnyx.count, [])
    assert all(there)
