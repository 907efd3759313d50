"""The ledger and the log tell the same of every request, on good days and on all the bad ones."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from proxy.accounts.limits import MICROS
from proxy.edge import relay
from proxy.edge.connection import Connection
from proxy.edge.exchange import Exchange
from proxy.streaming.chat import ChatStream
from proxy.translation import answers
from tests.conftest import Build
from tests.journeys.operating import kept
from tests.journeys.test_ledger import PRICED, TAGGED, ledger
from tests.world import HELLO, MODEL, World

QUICK = {"timeouts": {"first_byte": 0.4, "between_chunks": 0.4}}
"""Seconds after which silence is over."""
ASKED: dict[str, Any] = {"model": MODEL, "messages": HELLO, "max_tokens": 20}
BODIES = (ASKED, {**ASKED, "stream": True}, {**ASKED, "stream": True, "n": 2})
DAYS = (
    "default", "usage-missing", "usage-on-every-chunk", "usage-twice", "minimal-answer", "think-tags", "error-null",
    "no-done", "after-done", "unterminated", "one-byte", "one-write", "cut-mid-stream",
    "drop-mid-stream", "reset-mid-stream", "stall-mid-stream", "error-mid-stream", "error-mid-stream-telnyx",
    "non-json-event", "flaky", "slow-headers", "slow-first-byte", "reset-before-answer", "reset-on-reused-connection",
    "cut-mid-body", "reset-mid-body", "stall-mid-body", "unavailable", "deep-json", "error-in-200", "errors-in-200",
    "html-200", "empty-200", "no-choices-200", "truncated-json-200", "server-error-html", "rate-limited",
    "stream-options-refused",
)  # fmt: skip
SAME = {
    "status": 0, "stream_end": "", "error_code": "", "model": "", "upstream_request_id": "", "input_tokens": 0,
    "output_tokens": 0, "cached_input_tokens": 0, "reasoning_tokens": 0, "bytes_in": 0, "bytes_out": 0,
}  # fmt: skip
"""What both have by the same name, and what it is where the log leaves it out."""


async def ask(here: World, body: dict[str, Any]) -> None:
    with suppress(aiohttp.ClientError):
        async with here.post(body) as answer:
            await answer.read()


def as_logged(row: dict[str, Any]) -> dict[str, Any]:
    return {**{name: row[name] for name in SAME}, "source": row["source"], "cost": row["cost_micros"]}


def as_kept(line: dict[str, Any]) -> dict[str, Any]:
    given = {name: line.get(name, nothing) for name, nothing in SAME.items()}
    return {**given, "source": line.get("tokens_source", "none"), "cost": round(line.get("cost_usd", 0) * MICROS)}


async def test_the_ledger_and_the_log_say_the_same(build: Build, tmp_path: Path) -> None:
    here = await build(**kept(tmp_path, tenants=TAGGED, models=PRICED, upstream=QUICK))
    days: dict[str, str] = {}
    for day in DAYS:
        here.telnyx.state.choose(day)
        await asyncio.gather(*(ask(here, body) for body in BODIES))
        days |= {line["request_id"]: day for line in here.lines() if line["request_id"] not in days}
    rows = {row["id"]: row for row in await ledger(tmp_path, len(DAYS) * len(BODIES))}
    lines = {line["request_id"]: line for line in here.lines()}
    assert len(lines) == len(DAYS) * len(BODIES)
    assert {name: (days[name], as_logged(row)) for name, row in rows.items()} == {
        name: (days[name], as_kept(line)) for name, line in lines.items()
    }
    # What comes after the ledger's last word, the log has in its duration.
    assert all(0 < rows[name]["duration_us"] <= line["duration_ms"] * 1000 + 10 for name, line in lines.items())
    unpaid = {days[name] for name, row in rows.items() if row["source"] == "none"}
    refused = {"flaky", "unavailable", "server-error-html", "rate-limited"}
    assert unpaid == refused, "what Telnyx has read may be charged, be its answer of use or not"


@pytest.mark.parametrize("leaves", [False, True])
async def test_a_client_that_takes_the_end_too_late_does_not_change_it(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, leaves: bool
) -> None:
    """Its connection is stuck when the last piece is written; then it has gone. With `drain`, that is noted as well."""
    rules = {"on_disconnect": "drain"} if leaves else {}
    here = await build(**kept(tmp_path, tenants=[{**TAGGED[0], **rules}], models=PRICED))
    settle = relay.settle

    def stuck(exchange: Exchange, stream: Any) -> None:
        settle(exchange, stream)
        exchange.connection.stuck = 0.0

    async def gone(connection: Connection) -> None:
        if connection.under_way is not None:
            connection.under_way.outlive()
        raise ConnectionResetError

    monkeypatch.setattr(relay, "settle", stuck)
    monkeypatch.setattr(Connection, "drained", gone)
    await ask(here, BODIES[1])
    [row] = await ledger(tmp_path, 1)
    [line] = here.lines()
    assert as_logged(row) == as_kept(line)
    assert (row["status"], row["stream_end"]) == (200, "complete")


async def compared(here: World, folder: Path) -> list[dict[str, Any]]:
    """The only row, which is what the only line says."""
    found = await ledger(folder, 1)
    assert [as_logged(row) for row in found] == [as_kept(line) for line in here.lines()]
    return found


@pytest.mark.parametrize("stream", [False, True])
async def test_what_the_proxy_breaks_off_is_accounted_for(build: Build, tmp_path: Path, *, stream: bool) -> None:
    here = await build("slow-headers", **kept(tmp_path, tenants=TAGGED, models=PRICED))
    asking = asyncio.gather(ask(here, {**ASKED, "stream": stream}))
    await here.telnyx.state.until(lambda state: state.paused == 1)
    await here.proxy.listener.drain(0)
    await asking
    [row] = await compared(here, tmp_path)
    assert (row["status"], row["source"], row["output_tokens"]) == (503, "estimated", 0)
    assert row["cost_micros"] > 0


async def test_a_stream_that_is_broken_off_has_what_it_made(build: Build, tmp_path: Path) -> None:
    upstream = {"timeouts": {"total": 0.5}}
    here = await build("stall-mid-stream", **kept(tmp_path, tenants=TAGGED, models=PRICED, upstream=upstream))
    await ask(here, BODIES[1])
    [row] = await compared(here, tmp_path)
    assert (row["status"], row["stream_end"], row["error_code"]) == (200, "timeout", "upstream_timeout")
    assert row["output_tokens"] > 0


async def test_a_bug_in_the_middle_of_a_stream_is_accounted_for(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await build("slow-stream", {"seconds": 0.01}, **kept(tmp_path, tenants=TAGGED, models=PRICED))
    feed, fed = ChatStream.feed, iter(range(100))

    def broken(stream: ChatStream, piece: bytes) -> bytes:
        if next(fed) == 3:
            raise ZeroDivisionError
        return feed(stream, piece)

    monkeypatch.setattr(ChatStream, "feed", broken)
    await ask(here, BODIES[1])
    [row] = await compared(here, tmp_path)
    assert (row["status"], row["stream_end"], row["error_code"]) == (200, "internal_error", "internal_error")
    assert (row["source"], row["output_tokens"] > 0) == ("estimated", True)


async def test_a_bug_in_reading_an_answer_does_not_make_it_free(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await build(**kept(tmp_path, tenants=TAGGED, models=PRICED))

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(answers, "_as_openai", broken)
    await ask(here, ASKED)
    [row] = await compared(here, tmp_path)
    assert (row["status"], row["error_code"], row["source"]) == (500, "internal_error", "estimated")


async def test_several_telnyx_keys_are_one_row(build: Build, tmp_path: Path) -> None:
    names = ("unauthorized.1", "unauthorized.2", "default")
    keys = [{"name": name[-3:], "api_key": {"value": f"KEY_{name}"}} for name in names]
    tenant = {**TAGGED[0], "credentials": keys, "upstream_api_key": None}
    here = await build(**kept(tmp_path, tenants=[tenant], models=PRICED))
    for _ in range(3):
        await ask(here, ASKED)
    rows = await ledger(tmp_path, 3)
    assert [(row["status"], row["source"]) for row in rows] == [(200, "upstream")] * 3
    assert len(here.sent()) == 3 + 2
