"""The columns of an export: what they are called, what type they have, and where they are in a row of the API."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from proxy.cli.figures import micros_of
from proxy.cli.ranges import GROUPS
from proxy.cli.sums import WHOLE
from proxy.cli.tables import Row

Kind = Literal["text", "whole", "number", "flag", "time", "dollars", "texts", "map", "pairs"]
"""`time`: a datetime in UTC; `dollars`: a Decimal with six places; `pairs`: a list of {field, verdict}."""

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Field:
    """One column. `value` may be None."""

    name: str
    kind: Kind
    value: Callable[[Row], Any]


def _as_is(kind: Kind, *names: str) -> tuple[Field, ...]:
    return tuple(Field(name, kind, lambda row, name=name: row[name]) for name in names)  # type: ignore[misc]  # mypy infers no type of a lambda with a default


def moment(at: float) -> datetime:
    """Unix seconds as a time in UTC, exact to the microsecond."""
    whole = round(at * MICROSECONDS)
    return datetime.fromtimestamp(whole // MICROSECONDS, UTC).replace(microsecond=whole % MICROSECONDS)


def _time(name: str) -> Field:
    return Field(name, "time", lambda row: moment(row[name]))


def _money(name: str) -> tuple[Field, ...]:
    """Money twice: whole micro-dollars to calculate with, dollars to read."""
    text = f"{name}_usd"
    return (
        Field(f"{name}_micros", "whole", lambda row: None if row[text] is None else micros_of(row[text])),
        Field(text, "dollars", lambda row: None if row[text] is None else Decimal(row[text])),
    )


OF_REQUESTS: tuple[Field, ...] = (
    *_as_is("text", "id"),
    _time("started_at"),
    *_as_is("text", "tenant", "key", "key_name", "end_user"),
    *_as_is("map", "tags"),
    *_as_is("text", "endpoint", "model_asked", "model", "provider", "service_tier", "region"),
    *_as_is("whole", "status"),
    *_as_is("text", "error_code"),
    *_as_is("flag", "stream"),
    *_as_is("text", "stream_end"),
    *_as_is("whole", "input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"),
    *_as_is("number", "audio_seconds"),
    *_as_is("whole", "characters"),
    *_as_is("text", "source"),
    *_money("cost"),
    *_money("charged"),
    *_as_is("text", "price_version"),
    *_as_is("number", "seconds", "first_token_seconds", "overhead_seconds"),
    *_as_is("whole", "retries"),
    *_as_is("texts", "repairs"),
    *_as_is("pairs", "changes"),
    *_as_is("whole", "violations"),
    *_as_is("text", "client", "upstream_request_id", "client_request_id", "trace_id"),
    *_as_is("whole", "bytes_in", "bytes_out"),
)
"""A row for each request, in the words of the API."""

OF_SUMS: tuple[Field, ...] = (
    _time("start"),
    _time("end"),
    *_as_is("text", *(name for name in ("tenant", "key", "key_name"))),
    *_as_is("text", *(name for name in GROUPS if name not in {"tenant", "key", "status", "end_user"})),
    *_as_is("whole", "status"),
    *_as_is("whole", *WHOLE),
    *_as_is("number", "audio_seconds"),
    *_money("cost"),
    *_money("charged"),
)
"""A row for each hour or day and all that sums are kept apart by."""
