"""What the ledger costs in a database: `python -m tests.bench.ledger`.

Adds a million requests of 30 days, 20 keys and 10 models to a SQLite file and to a real PostgreSQL (both flush what is
committed to the disk), in batches as the shipper does, and asks what a dashboard asks: of the tables of sums, and of
the single requests. Figures are for the machine and the moment; both databases share the processors with this program.
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import func, select, text

from proxy import codec
from proxy.accounts.entries import Entry, bin_of
from proxy.storage.database import Database, open_database
from proxy.storage.engines import postgres_engine
from proxy.storage.ledger import LedgerStore
from proxy.storage.ledger_schema import US_PER_DAY
from proxy.storage.location import locate
from proxy.storage.rollups import ROLL_UPS
from tests.storage import databases

DAYS, KEYS, MODELS, TENANTS = 30, 20, 10, 4
BATCH = 2000
ASKED = 5
"""Times each question is asked; the table has the median."""
DAY = 86_400
ENDPOINTS = ("chat.completions", "chat.completions", "chat.completions", "embeddings")
CHANGES = (("messages[0].name", "dropped"), ("messages[4].name", "dropped"), ("store", "dropped"))

DAILY = """
SELECT started_us / 86400000000 * 86400, model, count(*), sum(input_tokens), sum(output_tokens), sum(cost_micros)
FROM requests WHERE started_us >= CAST(:since AS bigint) * 1000000 GROUP BY 1, 2"""
HOURLY = """SELECT started_us / 3600000000 * 3600, count(*), sum(input_tokens), sum(output_tokens), sum(cost_micros)
FROM requests WHERE started_us >= CAST(:since AS bigint) * 1000000 GROUP BY 1"""
BINS = """SELECT duration_bin, count(*) FROM requests
WHERE started_us >= CAST(:since AS bigint) * 1000000 AND status < 400 AND stream_end IN ('', 'complete') GROUP BY 1"""


class Question(NamedTuple):
    """What a dashboard asks: of how many days, of the sums (None: they do not know), of the single requests."""

    name: str
    days: int
    sums: str | None
    single: str


QUESTIONS = (
    Question(
        "sums by day and model, 30 days",
        30,
        "SELECT bucket, model, sum(requests), sum(input_tokens), sum(output_tokens), sum(cost_micros)"
        " FROM usage_daily WHERE bucket >= :since GROUP BY 1, 2",
        DAILY,
    ),
    Question(
        "sums by hour, 24 hours",
        1,
        "SELECT bucket, sum(requests), sum(input_tokens), sum(output_tokens), sum(cost_micros)"
        " FROM usage_hourly WHERE bucket >= :since GROUP BY 1",
        HOURLY,
    ),
    Question(
        "percentiles, 30 days",
        30,
        "SELECT bin, sum(requests) FROM latency_daily WHERE bucket >= :since AND measure = 'duration' GROUP BY 1",
        BINS,
    ),
    Question(
        "percentiles, 24 hours",
        1,
        "SELECT bin, sum(requests) FROM latency_hourly WHERE bucket >= :since AND measure = 'duration' GROUP BY 1",
        BINS,
    ),
    Question("newest 50 requests", 0, None, "SELECT * FROM requests ORDER BY started_us DESC, id DESC LIMIT 50"),
    Question(
        "newest 50 of a tenant",
        0,
        None,
        "SELECT * FROM requests WHERE tenant = 'tenant-1' ORDER BY started_us DESC, id DESC LIMIT 50",
    ),
    Question("one request by its id", 0, None, "SELECT * FROM requests WHERE id = :id"),
)


class Figures(NamedTuple):
    """Of one database.

    Attributes:
        requests, sums: rows of either kind; seconds: that adding them took; size: bytes of all tables, with indices.
        asked: question -> seconds of the sums (None: they do not know) and of the single requests.
    """

    name: str
    requests: int
    sums: int
    seconds: float
    size: int
    asked: dict[str, tuple[float | None, float]]


def entries(rows: int, end_us: int, seed: int = 1) -> Iterator[bytes]:
    """Requests in the order of time, the last one at the end."""
    chance = random.Random(seed)  # noqa: S311 - the same ones every time
    step = DAYS * US_PER_DAY // rows
    for number in range(rows):
        yield codec.encode(tuple(_entry(chance, number, end_us - (rows - number) * step)))


def _entry(chance: random.Random, number: int, started_us: int) -> Entry:
    key, stream = chance.randrange(KEYS), chance.random() < 0.6
    duration, tenant = int(chance.lognormvariate(14.5, 0.8)), f"tenant-{key % TENANTS}"
    first, given, refused = duration // 4 if stream else None, chance.randrange(8000), chance.random() < 0.03
    return Entry(
        id=f"req_{chance.getrandbits(128):032x}" if number else "req_first",
        started_us=started_us,
        tenant=tenant,
        key_id=f"key_{key:024}",
        key=f"app-{key}",
        end_user=f"{chance.randrange(1000):016x}",
        tags={"team": "search"} if key % 3 == 0 else {},
        endpoint=chance.choice(ENDPOINTS),
        model_asked="gpt-4o",
        model=f"vendor/model-{min(chance.randrange(MODELS), chance.randrange(MODELS))}",
        provider="telnyx",
        service_tier="",
        region="",
        status=429 if refused else 200,
        error_code="rate_limit_exceeded" if refused else "",
        stream=int(stream),
        stream_end="complete" if stream and not refused else "",
        input_tokens=given,
        cached_input_tokens=given // 2,
        cache_write_tokens=0,
        output_tokens=chance.randrange(2000),
        reasoning_tokens=0,
        audio_ms=0,
        characters=0,
        source="none" if refused else "upstream",
        cost_micros=given,
        charged_micros=given,
        price="0123456789abcdef",
        duration_us=duration,
        overhead_us=chance.randrange(200, 900),
        first_token_us=first,
        duration_bin=bin_of(duration),
        first_token_bin=None if first is None else bin_of(first),
        retries=0,
        repairs=(),
        changes=CHANGES if chance.random() < 0.2 else (),
        violations=0,
        client="openai-python",
        upstream_request_id=f"{chance.getrandbits(128):032x}",
        client_request_id="",
        trace_id=f"{chance.getrandbits(128):032x}",
        bytes_in=given * 4,
        bytes_out=3000,
    )


async def measured(name: str, database: Database, rows: int, end: int) -> Figures:
    """Fill an empty database and ask it. `end`: Unix seconds."""
    store, spent, batch = LedgerStore(database), 0.0, list[bytes]()
    for number, row in enumerate(entries(rows, end * 1_000_000), 1):
        batch.append(row)
        if len(batch) == BATCH or number == rows:
            started = time.perf_counter()
            added = await store.add(batch)
            spent += time.perf_counter() - started
            assert added == len(batch), "every request is a new one"
            batch = []
    return Figures(
        name=name,
        requests=rows,
        sums=await _count(database),
        seconds=spent,
        size=await _size(database),
        asked={question.name: await _asked(database, question, end) for question in QUESTIONS},
    )


async def _count(database: Database) -> int:
    async with database.connect() as connection:
        counts = [await connection.execute(select(func.count()).select_from(rollup.table)) for rollup in ROLL_UPS]
        return sum(count.scalar_one() for count in counts)


async def _size(database: Database) -> int:
    """And the planner gets its statistics, as it would in time."""
    query = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    if database.location.path is None:
        query = (
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = CAST(current_schema() AS regnamespace)"
        )
    async with database.begin() as connection:
        await connection.execute(text("ANALYZE"))
        return int((await connection.execute(text(query))).scalar_one())


async def _asked(database: Database, question: Question, end: int) -> tuple[float | None, float]:
    values: dict[str, int | str] = {"since": end // DAY * DAY - question.days * DAY, "id": "req_first"}
    single = await _median(database, question.single, values)
    return (None if question.sums is None else await _median(database, question.sums, values)), single


async def _median(database: Database, query: str, values: Mapping[str, int | str]) -> float:
    times, given = [], {name: value for name, value in values.items() if f":{name}" in query}
    for _ in range(ASKED):
        async with database.connect() as connection:
            started = time.perf_counter()
            found = (await connection.execute(text(query), given)).all()
            times.append(time.perf_counter() - started)
        assert found, query
    return statistics.median(times)


async def on_sqlite(folder: Path, rows: int, end: int) -> Figures:
    database = await open_database(f"sqlite:///{folder}/ledger.db", folder=folder, migrate=True)
    try:
        return await measured("SQLite", database, rows, end)
    finally:
        await database.close()


async def on_postgresql(server: databases.Postgres, rows: int, end: int) -> Figures:
    connection = await asyncpg.connect(server.url())
    for name in ("fsync", "full_page_writes"):  # for tests they are off
        await connection.execute(f"ALTER SYSTEM SET {name} = on")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()
    location = locate(await server.create(), Path())
    # without bounds: what reads a million requests may take longer than a server lets it
    database = Database(postgres_engine(location, databases.PATIENCE, timed=False), location)
    try:
        return await measured("PostgreSQL", database, rows, end)
    finally:
        await database.close()


def table(found: Sequence[Figures]) -> str:
    """The figures, one column for each database."""
    lines = [
        ("", *(figures.name for figures in found)),
        ("requests", *(f"{figures.requests:,}" for figures in found)),
        ("requests added per second", *(f"{figures.requests / figures.seconds:,.0f}" for figures in found)),
        ("bytes per request, all tables", *(f"{figures.size / figures.requests:,.0f}" for figures in found)),
        ("rows of sums", *(f"{figures.sums:,}" for figures in found)),
        ("milliseconds: from sums / from requests", *("" for _ in found)),
    ]
    lines += [
        (question.name, *(" / ".join(map(_ms, figures.asked[question.name])) for figures in found))
        for question in QUESTIONS
    ]
    return "\n".join(f"{name:40}" + "".join(f"{value:>20}" for value in values) for name, *values in lines) + "\n"


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:,.1f}"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ledger", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="requests (%(default)s)")
    rows, end = parser.parse_args(arguments).rows, int(datetime.now(UTC).timestamp())
    with tempfile.TemporaryDirectory() as folder, databases.server() as server:
        found = [asyncio.run(on_sqlite(Path(folder), rows, end)), asyncio.run(on_postgresql(server, rows, end))]
    sys.stdout.write(table(found))


if __name__ == "__main__":
    main(sys.argv[1:])
