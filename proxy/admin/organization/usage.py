"""Usage in OpenAI's shape: what requests consumed, by kinds of endpoint, in buckets of time.

    project_id     the tenant
    api_key_id     the id of the key
    user_id        the end user, hashed
    model          what served it, by Telnyx's name
    num_model_requests   those that consumed something: what was refused here never came to a model

    batch          whether it was a line of a batch. Only single requests know, so this goes back as far as they are
                   kept (`ledger.retention.requests`)

There are no agents here, so every request is of the source `unlabeled`. Telnyx does not tell tokens of
text from those of images, so these figures are null; audio goes through endpoints of its own. What does not exist here
(images, moderations, vector stores, hosted tools) was never used: its buckets are empty.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from proxy.admin.asking import MOST_VALUES, Only, among, many, rounded, within_sight
from proxy.admin.listing import LONGEST, flag
from proxy.admin.operations import EVERYBODY, Call, Office, Operation, Reply
from proxy.admin.organization.buckets import OF_USAGE, START, Part, Result, UsagePage, forms, paged, parameters, part
from proxy.errors import InvalidRequest
from proxy.storage import reports
from proxy.storage.reports import Question, Row
from proxy.storage.store import Session

ROOT = "/v1/organization/usage"
MOST_RESULTS = 20_000
"""Of one page, over all its buckets: some megabytes."""
CONSUMED = ("upstream", "estimated")
"""The values of `source` of requests that consumed something."""
_MS_PER_SECOND = 1_000

COLUMNS: Mapping[str, str] = {
    "project_id": "tenant",
    "user_id": "end_user",
    "api_key_id": "key_id",
    "model": "model",
    "service_tier": "service_tier",
    "batch": "batch",
}
"""OpenAI's name of what results are grouped by -> the ledger's column."""
SAME: Mapping[str, Any] = {"api_source": "unlabeled"}
"""What is the same for all requests here."""
FILTERS: Mapping[str, str] = {
    "project_ids": "tenant",
    "user_ids": "end_user",
    "api_key_ids": "key_id",
    "models": "model",
}
_WHO = ("project_id", "user_id", "api_key_id")
_VALUE: Mapping[str, Any] = {"type": "string", "maxLength": LONGEST, "pattern": r"^[^\x00]*$"}
_VALUES: Mapping[str, Any] = {"type": "array", "maxItems": MOST_VALUES, "items": _VALUE}


class Kind(NamedTuple):
    """A row of the table: what OpenAI counts under a name.

    Attributes:
        endpoints: the endpoints of this proxy that are counted; none = there is no such thing here.
        figures: a row of sums -> OpenAI's figures.
        group_by, filters: OpenAI's names.
        result: the `object` of a result, where it is not called as the path is.
    """

    endpoints: tuple[str, ...]
    figures: Callable[[Row], Result]
    group_by: tuple[str, ...]
    filters: tuple[str, ...]


def _tokens(row: Row) -> Result:
    given, cached, written = row["input_tokens"], row["cached_input_tokens"], row["cache_write_tokens"]
    unknown = ("input_text_tokens", "output_text_tokens", "input_image_tokens", "output_image_tokens")
    return {
        "input_tokens": given,
        "input_cached_tokens": cached,
        "input_cache_write_tokens": written,
        "input_uncached_tokens": max(0, given - cached - written),
        "output_tokens": row["output_tokens"],
        **dict.fromkeys(unknown),
        "input_audio_tokens": 0,
        "output_audio_tokens": 0,
    }


def _input(row: Row) -> Result:
    return {"input_tokens": row["input_tokens"]}


def _characters(row: Row) -> Result:
    return {"characters": row["characters"]}


def _seconds(row: Row) -> Result:
    return {"seconds": -(-row["audio_ms"] // _MS_PER_SECOND)}


_EVERY = tuple(FILTERS)
_BY_MODEL = (*_WHO, "model")
_BY_ALL = (*_BY_MODEL, "batch", "service_tier", "api_source")
KINDS: Mapping[str, Kind] = {
    "completions": Kind(
        ("chat.completions", "responses", "completions", "messages"), _tokens, _BY_ALL, (*_EVERY, "batch")
    ),
    "embeddings": Kind(("embeddings",), _input, _BY_MODEL, _EVERY),
    "audio_speeches": Kind(("audio.speech",), _characters, _BY_MODEL, _EVERY),
    "audio_transcriptions": Kind(
        ("audio.transcriptions", "audio.translations"), _seconds, _BY_MODEL, _EVERY
    ),
    "images": Kind((), _input, (*_BY_MODEL, "size", "source"), (*_EVERY, "sizes", "sources")),
    "moderations": Kind((), _input, _BY_MODEL, _EVERY),
    "vector_stores": Kind((), _input, ("project_id",), ("project_ids",)),
    "code_interpreter_sessions": Kind((), _input, ("project_id",), ("project_ids",)),
    "file_search_calls": Kind(
        (), _input, (*_WHO, "vector_store_id"), ("project_ids", "user_ids", "api_key_ids", "vector_store_ids")
    ),
    "web_search_calls": Kind((), _input, (*_BY_MODEL, "context_level", "api_source"), (*_EVERY, "context_levels")),
    "decisions": Kind((), _input, _BY_ALL, (*_EVERY, "batch")),
}  # fmt: skip
"""What is counted, by the last word of its path."""


def show(name: str) -> Callable[[Office, Session, Call], Any]:
    """The operation of a kind."""
    kind = KINDS[name]

    async def run(office: Office, session: Session, call: Call) -> Reply:
        asked = part(call, session.now, OF_USAGE)
        wanted = among(call, "group_by", kind.group_by)
        only = within_sight(call, chosen(call, kind.filters))
        batches = flag_of(call, kind)
        if not kind.endpoints:
            return paged(asked, {})
        if batches is not None:
            only["batch"] = (int(batches),)
        only |= {"endpoint": kind.endpoints, "source": CONSUMED}
        by = tuple(COLUMNS[each] for each in wanted if each in COLUMNS)
        rows = await summed(session, asked, by, only)
        # In a thread: thousands of results take a tenth of a second, and streams must not wait for them.
        return await asyncio.to_thread(_page, name, asked, rows, wanted)

    return run


def _page(name: str, asked: Part, rows: Sequence[Row], wanted: Sequence[str]) -> Reply:
    found: dict[int, list[Result]] = {}
    for row in rows:
        found.setdefault(row["bucket"], []).append(_result(name, KINDS[name], row, wanted))
    return paged(asked, found)


def flag_of(call: Call, kind: Kind) -> bool | None:
    """Whether batches alone are asked for, or all but batches; None = all. Raises InvalidRequest."""
    return flag(call, "batch") if "batch" in kind.filters else None


def chosen(call: Call, names: Sequence[str]) -> Only:
    """The filters that were given, in the ledger's columns. Those that nothing here has are none."""
    return {FILTERS[name]: many(call, name) for name in names if name in FILTERS and call.query.get(name)}


async def summed(session: Session, asked: Part, by: tuple[str, ...], only: Only) -> list[Row]:
    """The sums of the page's buckets. Raises InvalidRequest where there are too many."""
    question = Question(asked.start, rounded(asked.end, session.now), asked.width, by, only)
    rows = await reports.usage(session.connection, question, MOST_RESULTS + 1)
    if len(rows) > MOST_RESULTS:
        told = f"A page has at most {MOST_RESULTS} results; group by less, or ask for fewer buckets."
        raise InvalidRequest(told, param="limit")
    return rows


def grouped(row: Row, wanted: Sequence[str], known: Sequence[str]) -> Result:
    """What a result is of, under OpenAI's names; null where it is not grouped by it."""
    found = {name: None if name not in wanted else SAME[name] if name in SAME else row[COLUMNS[name]] for name in known}
    if found.get("batch") is not None:
        found["batch"] = bool(found["batch"])
    return found


def _result(name: str, kind: Kind, row: Row, wanted: Sequence[str]) -> Result:
    return {
        "object": f"organization.usage.{name}.result",
        **kind.figures(row),
        "num_model_requests": row["requests"],
        **grouped(row, wanted, kind.group_by),
    }


def filter_lines(names: Sequence[str]) -> dict[str, str]:
    """The parameters to filter by, with a line on each."""
    lines = {"batch": "true: batches only, false: all but batches; as long as single requests are kept"}
    return {
        name: lines.get(name, f"only of these {name.replace('_', ' ')}; may be given several times") for name in names
    }


def filter_forms(names: Sequence[str], group_by: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The schemas of these and of `group_by`."""
    switch = {"type": "string", "enum": ["true", "false"]}
    by = {"type": "array", "maxItems": MOST_VALUES, "items": {"type": "string", "enum": list(group_by)}}
    return {**{name: switch if name == "batch" else _VALUES for name in names}, "group_by": by}


GROUP_BY = "keep results apart by this; may be given several times"


def _operation(name: str, kind: Kind) -> Operation:
    what = name.replace("_", " ")
    return Operation(
        f"organization.usage.{name}", "GET", f"{ROOT}/{name}", EVERYBODY, show(name),
        f"Usage of {what}" if kind.endpoints else f"Usage of {what}, which there are none of here",
        view=UsagePage,
        query={**parameters(OF_USAGE), "group_by": GROUP_BY, **filter_lines(kind.filters)},
        forms={**forms(OF_USAGE), **filter_forms(kind.filters, kind.group_by)},
        needed=frozenset({START}),
        of_ledger=True,
    )  # fmt: skip


OPERATIONS: tuple[Operation, ...] = tuple(_operation(name, kind) for name, kind in KINDS.items())
