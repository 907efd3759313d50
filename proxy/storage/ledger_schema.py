"""The tables of the ledger. `started_us` and durations are microseconds, `bucket` is Unix seconds, money micro-dollars.

`requests` has one row per request, in the columns of `accounts.entries.Entry`. The other tables are sums of it by hour
and by day (UTC), kept in step with it within the same transaction: what is added to one is added to the others.

    usage_*     how much: requests, tokens, money, by whoever and whatever was served
    latency_*   how fast: requests by bin of their duration and of their time to first token
    changes_*   what apps send that Telnyx does not take: requests by field and what was done to it

On PostgreSQL `requests` is partitioned by the day of `started_us`, so that old days are dropped and not deleted
(`partitions`). SQLite keeps whatever it is given in whatever column. What `requests` are made of is looked at before
(`groups`); the sums, which are added up there, it is told to refuse, as PostgreSQL does, where one is no whole number
of 64 bits any more. They are stored in the order of their keys, which are most of a row.
"""

from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, Index, Integer, SmallInteger, String, Table

from proxy.storage.schema import METADATA

US_PER_DAY = 86_400_000_000


def _text(name: str, length: int = 256, *, primary: bool = False) -> "Column[str]":
    return Column(name, String(length), nullable=False, primary_key=primary, default="")


def _big(name: str, *, nullable: bool = False) -> "Column[int]":
    return Column(name, BigInteger, nullable=nullable, default=None if nullable else 0)


def _numbers(table: str, columns: "tuple[Column[Any], ...]") -> CheckConstraint:
    numbers = [column.name for column in columns if isinstance(column.type, Integer)]
    refused = " AND ".join(f"typeof({name}) IN ('integer', 'null')" for name in numbers)
    return CheckConstraint(refused, f"ck_{table}_numbers").ddl_if(dialect="sqlite")


_ENTRY: "tuple[Column[Any], ...]" = (
    Column("id", String(64), primary_key=True),
    Column("started_us", BigInteger, primary_key=True, autoincrement=False),
    _text("tenant", 64),
    _text("key_id", 128),
    _text("key", 64),
    _text("end_user", 64),
    Column("tags", JSON, nullable=False),
    _text("endpoint", 64),
    _text("model_asked"),
    _text("model"),
    _text("provider", 64),
    _text("service_tier", 64),
    _text("region", 64),
    Column("status", SmallInteger, nullable=False),
    _text("error_code"),
    Column("stream", SmallInteger, nullable=False),
    _text("stream_end", 32),
    *map(_big, ("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")),
    *map(_big, ("audio_ms", "characters")),
    _text("source", 16),
    _big("cost_micros", nullable=True),
    _big("charged_micros", nullable=True),
    _text("price", 64),
    *map(_big, ("duration_us", "overhead_us")),
    _big("first_token_us", nullable=True),
    Column("duration_bin", SmallInteger, nullable=False),
    Column("first_token_bin", SmallInteger),
    Column("retries", Integer, nullable=False),
    Column("repairs", JSON, nullable=False),
    Column("changes", JSON, nullable=False),
    Column("violations", Integer, nullable=False),
    _text("client", 64),
    _text("upstream_request_id"),
    _text("client_request_id"),
    _text("trace_id", 64),
    *map(_big, ("bytes_in", "bytes_out")),
)
REQUESTS = Table(
    "requests",
    METADATA,
    *_ENTRY,
    Index(None, "started_us"),
    Index(None, "tenant", "started_us"),
)

DIMENSIONS = ("tenant", "key_id", "endpoint", "model", "provider", "service_tier", "region", "status", "source")
"""What usage is kept apart by, beside the time."""

SUMS = (
    "requests",
    "streams",
    "aborted",  # the client left, or the process was killed
    "broken",  # a good status had been sent, and then the stream broke; in no other way an error
    "unpriced",  # requests that consumed something whose price was not known
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_ms",
    "characters",
    "cost_micros",  # of those whose price was known
    "charged_micros",
    "duration_us",
    "overhead_us",
    "bytes_in",
    "bytes_out",
)
"""What is added up."""


def _dimensions() -> "tuple[Column[str] | Column[int], ...]":
    lengths = {"tenant": 64, "key_id": 128, "model": 256}
    return tuple(
        Column(name, SmallInteger, primary_key=True, autoincrement=False)
        if name == "status"
        else _text(name, lengths.get(name, 64), primary=True)
        for name in DIMENSIONS
    )


def _sums(name: str, *columns: "Column[Any]") -> Table:
    bucket = Column("bucket", BigInteger, primary_key=True, autoincrement=False)
    every = (bucket, *columns)
    return Table(name, METADATA, *every, _numbers(name, every), sqlite_with_rowid=False)


def _usage(name: str) -> Table:
    return _sums(name, *_dimensions(), *map(_big, SUMS))


def _latency(name: str) -> Table:
    return _sums(
        name,
        _text("tenant", 64, primary=True),
        _text("key_id", 128, primary=True),
        _text("endpoint", 64, primary=True),
        _text("model", 256, primary=True),
        _text("measure", 16, primary=True),  # duration or first_token; answers only, no refusals
        Column("bin", SmallInteger, primary_key=True, autoincrement=False),  # accounts.entries.bin_of
        _big("requests"),
    )


def _changes(name: str) -> Table:
    return _sums(
        name,
        _text("tenant", 64, primary=True),
        _text("key_id", 128, primary=True),
        _text("model", 256, primary=True),
        _text("field", 256, primary=True),  # without indices: messages[].role
        _text("verdict", 32, primary=True),
        _big("requests"),
    )


USAGE_HOURLY, USAGE_DAILY = _usage("usage_hourly"), _usage("usage_daily")
LATENCY_HOURLY, LATENCY_DAILY = _latency("latency_hourly"), _latency("latency_daily")
CHANGES_HOURLY, CHANGES_DAILY = _changes("changes_hourly"), _changes("changes_daily")

PRICES = Table(  # what the versions in `requests.price` stand for
    "prices",
    METADATA,
    _text("version", 64, primary=True),
    _text("model"),
    Column("figures", JSON, nullable=False),  # accounts.pricing.Price as a map, and where it is from
    _big("seen_at"),
)
LEDGER = (
    REQUESTS, USAGE_HOURLY, USAGE_DAILY, LATENCY_HOURLY, LATENCY_DAILY, CHANGES_HOURLY, CHANGES_DAILY, PRICES,
)  # fmt: skip
"""Every table of the ledger."""
