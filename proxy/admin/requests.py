"""Single requests, newest first, and one request's whole story. No prompt and no answer is kept of any."""

import asyncio
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import select

from proxy.accounts.entries import MICROSECONDS
from proxy.admin.asking import FORMS, filters, moment, names_of_keys, only
from proxy.admin.figures import seconds, usd_or_none
from proxy.admin.listing import DEFAULT, PAGING, shaped, size, text
from proxy.admin.operations import EVERYBODY, Call, Office, Operation, Reply, View
from proxy.admin.subjects import held
from proxy.admin.values import LATEST
from proxy.errors import InvalidRequest, NotFound
from proxy.storage import reports
from proxy.storage.ledger_schema import PRICES
from proxy.storage.reports import Question, Row
from proxy.storage.store import Session

ROOT = "/admin/v1/requests"
MOST = 1_000
"""Rows of a page: whoever takes them all has a million of them."""
_FILTERS = ("tenant", "key", "model", "endpoint", "status", "end_user")
_TIMES = {
    "start": "only requests from this moment on, Unix seconds or ISO 8601 (UTC where it names no zone)",
    "end": "only requests before this moment",
}
_LIMIT = {"limit": f"rows of a page, 1 to {MOST}; {DEFAULT} where nothing is said"}
_EQUAL = {
    "error_code": "only those that failed with this code of OpenAI's; empty = those that did not",
    "stream_end": "only streams that ended like this: `complete`, `truncated`, `client_disconnected`, `aborted`, ...",
}
_MS_PER_SECOND = 1_000
_AS_THEY_ARE = (
    "id",
    "tenant",
    "end_user",
    "tags",
    "endpoint",
    "model_asked",
    "model",
    "provider",
    "service_tier",
    "region",
    "status",
    "error_code",
    "stream_end",
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "characters",
    "source",
    "retries",
    "repairs",
    "violations",
    "client",
    "upstream_request_id",
    "client_request_id",
    "trace_id",
    "bytes_in",
    "bytes_out",
)


class RequestChange(View):
    """What was done to a field."""

    field: str
    verdict: str


class Request(View):
    """A request. Texts that are not known are empty."""

    object: Literal["request"] = "request"
    id: str = Field(description="its `x-request-id`")
    started_at: float = Field(description="Unix seconds")
    tenant: str
    key: str = Field(description="id of the key")
    key_name: str
    end_user: str = Field(description="hashed")
    tags: dict[str, str] = Field(description="what the tenant allows of the client's `metadata`")
    endpoint: str
    model_asked: str = Field(description="what the client wrote")
    model: str = Field(description="what served it")
    provider: str
    service_tier: str
    region: str
    status: int = Field(description="HTTP's; 499: the client left; 0: nothing was sent")
    error_code: str
    stream: bool
    stream_end: str = Field(description="empty for answers in one piece")
    input_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    audio_seconds: float
    characters: int
    source: str = Field(description="where these figures are from: `upstream`, `estimated` or `none`")
    cost_usd: str | None = Field(description="what Telnyx charges, six decimals; null: the price is not known")
    charged_usd: str | None = Field(description="what the tenant is charged, with its markup")
    price_version: str = Field(description="empty where nothing is charged or the price is not known")
    seconds: float = Field(description="from the first byte to the last")
    first_token_seconds: float | None = Field(
        description="to the first piece of content; null: no stream, or none came"
    )
    overhead_seconds: float = Field(description="the part of it that was spent in this proxy")
    retries: int = Field(description="which try of the client it was, from 0")
    repairs: list[str] = Field(description="quirks of the model that were repaired by asking again")
    changes: list[RequestChange] = Field(description="what was done to its fields")
    violations: int = Field(description="of the schema that was asked for")
    client: str
    upstream_request_id: str
    client_request_id: str
    trace_id: str
    bytes_in: int
    bytes_out: int


class RequestStory(Request):
    """The same, with the price it was counted by."""

    price: dict[str, Any] | None = Field(
        description="micro-dollars per million tokens, as they were then; null where there is none"
    )


def view(row: Row, names: Mapping[str, str]) -> dict[str, Any]:
    """A row as it is shown. `names`: of keys, by their ids."""
    return {
        "object": "request",
        **{name: row[name] for name in _AS_THEY_ARE},
        "started_at": row["started_us"] / MICROSECONDS,
        "key": row["key_id"],
        "key_name": names.get(row["key_id"], row["key"]),
        "stream": bool(row["stream"]),
        "audio_seconds": row["audio_ms"] / _MS_PER_SECOND,
        "cost_usd": usd_or_none(row["cost_micros"]),
        "charged_usd": usd_or_none(row["charged_micros"]),
        "price_version": row["price"],
        "seconds": seconds(row["duration_us"]),
        "first_token_seconds": seconds(row["first_token_us"]),
        "overhead_seconds": seconds(row["overhead_us"]),
        "changes": [{"field": field, "verdict": verdict} for field, verdict in row["changes"]],
    }


async def show_all(office: Office, session: Session, call: Call) -> Reply:
    """The requests that suit the filters, newest first. Raises InvalidRequest; NotFound for a cursor, a tenant."""
    wanted = size(call, most=MOST)
    start, end = moment(call, "start") or 0, moment(call, "end")
    asked = Question(start, LATEST if end is None else end, only=only(call, _FILTERS))
    if asked.start >= asked.end:
        raise InvalidRequest("'start' must be before 'end'.", param="start")
    equal = {name: value for name in _EQUAL if (value := text(call, name)) is not None}
    rows = await reports.requests(session.connection, asked, wanted + 1, await _cursor(session, call), **equal)
    names = await names_of_keys(session, rows)
    # In a thread: a thousand rows take some milliseconds, and streams must not wait for them.
    shown = await asyncio.to_thread(lambda: [view(row, names) for row in rows[:wanted]])
    return shaped(shown, more=len(rows) > wanted)


async def _cursor(session: Session, call: Call) -> tuple[int, str] | None:
    given = text(call, "after")
    if given is None:
        return None
    row = await _seen(session, call, given)
    if row is None:
        raise NotFound("'after' names no request.", param="after")
    return row["started_us"], row["id"]


async def _seen(session: Session, call: Call, identity: str) -> Row | None:
    """A request that the caller may see; None where there is none, or it is another tenant's."""
    row = await reports.request(session.connection, identity)
    return row if row is not None and held(call.actor) in {None, row["tenant"]} else None


async def show(office: Office, session: Session, call: Call) -> Reply:
    """One request. Raises NotFound."""
    identity = call.params["id"]
    row = await _seen(session, call, identity)
    if row is None:
        raise NotFound(f"There is no request '{identity[:200]}'; it may be older than requests are kept.")
    names = await names_of_keys(session, [row])
    query = select(PRICES.c.figures).where(PRICES.c.version == row["price"])
    price = (await session.connection.execute(query)).scalar_one_or_none()
    return Reply({**view(row, names), "price": price})


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "requests.list", "GET", ROOT, EVERYBODY, show_all, "List requests, newest first",
        view=Request, query={**PAGING, **_LIMIT, **_TIMES, **filters(_FILTERS), **_EQUAL}, listed=True,
        forms={**FORMS, "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT}},
        of_ledger=True,
    ),
    Operation(
        "requests.get", "GET", ROOT + "/{id}", EVERYBODY, show, "Show one request's whole story", view=RequestStory
    ),
)  # fmt: skip
