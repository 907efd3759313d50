"""Requests for tests of the ledger, and what its tables hold."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Table, select, text

from proxy import codec
from proxy.accounts.entries import COLUMNS, Entry, bin_of
from proxy.storage.database import Database
from proxy.storage.json_sql import POSTGRESQL, SQLITE
from proxy.storage.ledger_schema import REQUESTS
from proxy.storage.rollups import ROLL_UPS, sums

DAY = 86_400
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US

PLAIN = Entry(
    id="req_0",
    started_us=0,
    tenant="acme",
    key_id="acme/web",
    key="web",
    end_user="",
    tags={},
    endpoint="chat.completions",
    model_asked="gpt-4o",
    model="moonshotai/Kimi-K2.5",
    provider="telnyx",
    service_tier="",
    region="",
    status=200,
    error_code="",
    stream=0,
    stream_end="",
    input_tokens=10,
    cached_input_tokens=0,
    cache_write_tokens=0,
    output_tokens=5,
    reasoning_tokens=0,
    audio_ms=0,
    characters=0,
    source="upstream",
    cost_micros=7,
    charged_micros=8,
    price="2026-01-01",
    duration_us=1_000_000,
    overhead_us=300,
    first_token_us=None,
    duration_bin=bin_of(1_000_000),
    first_token_bin=None,
    retries=0,
    repairs=(),
    changes=(),
    violations=0,
    client="openai-python",
    upstream_request_id="",
    client_request_id="",
    trace_id="",
    bytes_in=100,
    bytes_out=200,
)


def today() -> int:
    """Microseconds at which this day (UTC) began. Partitions are for days near the one that it is."""
    return int(datetime.now(UTC).timestamp()) // DAY * DAY_US


def made(identity: str, /, *, started_us: int | None = None, **others: Any) -> Entry:
    return PLAIN._replace(id=identity, started_us=today() if started_us is None else started_us, **others)


def encoded(*entries: Entry) -> list[bytes]:
    return [codec.encode(tuple(entry)) for entry in entries]


def invented(number: int, seed: int = 1, *, days: int = 3) -> list[Entry]:
    """Requests of all kinds over the last days."""
    chance, end = random.Random(seed), today() + DAY_US // 2  # noqa: S311 - the same ones every time
    return [
        _invented(chance, f"req_{seed}_{index:05}", end - chance.randrange(days * DAY_US)) for index in range(number)
    ]


def _invented(chance: random.Random, identity: str, started_us: int) -> Entry:
    tenant, duration, stream = (
        chance.choice(("acme", "Ünïon", "o'hara")),
        chance.randrange(1, 10**8),
        chance.random() < 0.5,
    )
    first = chance.randrange(1, duration + 1) if stream and chance.random() < 0.9 else None
    source = chance.choice(("upstream", "upstream", "estimated", "none"))
    return made(
        identity,
        started_us=started_us,
        tenant=tenant,
        key_id=f"{tenant}/{chance.randrange(3)}",
        endpoint=chance.choice(("chat.completions", "embeddings")),
        model=chance.choice(("a/b", 'c"d', "")),
        status=chance.choice((200, 200, 200, 429, 499, 502)),
        stream=int(stream),
        stream_end=chance.choice(("complete", "complete", "client_disconnected", "aborted")) if stream else "",
        input_tokens=chance.randrange(10**6),
        output_tokens=chance.randrange(10**4),
        source=source,
        cost_micros=None if chance.random() < 0.2 else chance.randrange(10**6),
        charged_micros=None if chance.random() < 0.2 else chance.randrange(10**6),
        duration_us=duration,
        duration_bin=bin_of(duration),
        first_token_us=first,
        first_token_bin=None if first is None else bin_of(first),
        changes=tuple(
            (f"{chance.choice(('messages', 'tools'))}[{index}].{chance.choice(('name', 'x[7]'))}", "dropped")
            for index in range(chance.randrange(4))
        ),
        tags={"team": "é😀"} if chance.random() < 0.1 else {},
    )


def shuffled(items: Sequence[Any], seed: int) -> list[Any]:
    return random.Random(seed).sample(items, len(items))  # noqa: S311 - the same order every time


Rows = list[tuple[Any, ...]]


async def rows_of(database: Database, table: Table) -> Rows:
    """Every row, in the order of the key."""
    async with database.connect() as connection:
        return [tuple(row) for row in await connection.execute(select(table).order_by(*table.primary_key))]


async def requests(database: Database) -> list[Entry]:
    """Every request, as it is in the database, oldest first."""
    found = [Entry(*row) for row in await rows_of(database, REQUESTS)]
    return sorted(found, key=lambda entry: (entry.started_us, entry.id))


def listed(entry: Entry) -> Entry:
    """As it comes back: JSON knows no tuples."""
    return entry._replace(repairs=list(entry.repairs), changes=[list(pair) for pair in entry.changes])  # type: ignore[arg-type]


async def kept_sums(database: Database) -> dict[str, Rows]:
    """Every roll-up as it is kept."""
    return {rollup.table.name: sorted(await rows_of(database, rollup.table)) for rollup in ROLL_UPS}


async def counted_sums(database: Database) -> dict[str, Rows]:
    """Every roll-up as it has to be: counted from the requests."""
    json = POSTGRESQL if database.location.path is None else SQLITE
    found = {}
    async with database.connect() as connection:
        for rollup in ROLL_UPS:
            rows = await connection.execute(text(sums(rollup, json, "requests")))
            found[rollup.table.name] = sorted(tuple(row) for row in rows)
    return found


async def expect_right_sums(database: Database) -> None:
    assert await kept_sums(database) == await counted_sums(database)


assert REQUESTS.c.keys() == list(COLUMNS), "they are read as they are written"
