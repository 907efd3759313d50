"""The sums of the ledger, and the statements that add new requests to them.

A roll-up is a table of keys and sums. Adding to it is always the same statement,

    INSERT INTO usage_hourly (bucket, tenant, ..., requests, ...)
    SELECT started_us / ..., tenant, ..., count(*), ... FROM fresh GROUP BY bucket, tenant, ... ORDER BY ...
    ON CONFLICT (bucket, tenant, ...) DO UPDATE SET requests = usage_hourly.requests + excluded.requests, ...

where `fresh` are the requests that were not in the database before. Rows are locked in the order of their keys and the
tables always in the same order, so that several processes that add at once never wait for each other in a circle.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import String, Table

from proxy.accounts.entries import ABORTED
from proxy.accounts.ledger import CLIENT_CLOSED, COMPLETE, LEFT
from proxy.storage.json_sql import JsonSql
from proxy.storage.ledger_schema import (
    CHANGES_DAILY,
    CHANGES_HOURLY,
    DIMENSIONS,
    LATENCY_DAILY,
    LATENCY_HOURLY,
    SUMS,
    USAGE_DAILY,
    USAGE_HOURLY,
)

HOUR, DAY = 3600, 86_400
"""Seconds of a bucket."""
ANSWERED = f"status < 400 AND stream_end IN ('', '{COMPLETE}')"
"""Whose time is measured: a refusal is quick and a broken stream short, which says nothing about how fast Telnyx is."""
GONE = f"(stream_end IN ('{ABORTED}', '{LEFT}') OR status = {CLIENT_CLOSED})"
"""Of whom nobody knows whether the answer was any good: the client left, or the process was killed."""
BROKEN = f"(status BETWEEN 1 AND 399 AND stream_end NOT IN ('', '{COMPLETE}', '{LEFT}', '{ABORTED}'))"
"""Failures that no status tells of: it had been sent when the stream broke. Ends that are new count until told else."""
COUNTED = {
    "requests": "count(*)",
    "streams": "sum(stream)",
    "aborted": f"count(*) FILTER (WHERE {GONE})",
    "broken": f"count(*) FILTER (WHERE {BROKEN})",
    "unpriced": "count(*) FILTER (WHERE source <> 'none' AND cost_micros IS NULL)",
}
"""Sums that are no sums of a column of the same name."""


class RollUp(NamedTuple):
    """One table of sums.

    Attributes:
        seconds: of a bucket.
        keys: columns beside `bucket` that it is kept apart by.
        sums: column -> what is added up.
    """

    table: Table
    seconds: int
    keys: tuple[str, ...]
    sums: Mapping[str, str]


USAGE = {name: COUNTED.get(name) or f"coalesce(sum({name}), 0)" for name in SUMS}
NUMBER = {"requests": "count(*)"}
TIMES = {"requests": "sum(times)"}
SPEED = ("tenant", "key_id", "endpoint", "model", "measure", "bin")
CHANGED = ("tenant", "key_id", "model", "field", "verdict")

ROLL_UPS = (
    RollUp(USAGE_HOURLY, HOUR, DIMENSIONS, USAGE),
    RollUp(USAGE_DAILY, DAY, DIMENSIONS, USAGE),
    RollUp(LATENCY_HOURLY, HOUR, SPEED, NUMBER),
    RollUp(LATENCY_DAILY, DAY, SPEED, NUMBER),
    RollUp(CHANGES_HOURLY, HOUR, CHANGED, TIMES),
    RollUp(CHANGES_DAILY, DAY, CHANGED, TIMES),
)


def sums(rollup: RollUp, json: JsonSql, requests: str) -> str:
    """A query for the rows of a roll-up, from whatever `requests` names: all of them, or only new ones."""
    keys = ", ".join(rollup.keys)
    microseconds = rollup.seconds * 1_000_000
    return f"""SELECT started_us / {microseconds} * {rollup.seconds}, {keys}, {", ".join(rollup.sums.values())}
FROM {_source(rollup, json, requests)}
WHERE true
GROUP BY 1, {keys}
ORDER BY 1, {keys}"""  # noqa: S608 - only names of ours


def addition(rollup: RollUp, json: JsonSql) -> str:
    """The statement that adds the requests in `fresh` to a roll-up."""
    table, keys = rollup.table.name, ("bucket", *rollup.keys)
    added = ",\n    ".join(f"{name} = {table}.{name} + excluded.{name}" for name in rollup.sums)
    return f"""INSERT INTO {table} ({", ".join((*keys, *rollup.sums))})
{sums(rollup, json, "fresh")}
ON CONFLICT ({", ".join(keys)}) DO UPDATE SET
    {added}"""


def _source(rollup: RollUp, json: JsonSql, requests: str) -> str:
    if rollup.keys == SPEED:
        return f"({_measured(requests)}) AS measured"
    if rollup.keys == CHANGED:
        return f"({_changed(json, rollup.table, requests)}) AS changed"
    return requests


def _measured(requests: str) -> str:
    """A row for each figure that was measured."""
    who = "started_us, tenant, key_id, endpoint, model"
    return f"""
    SELECT {who}, 'duration' AS measure, duration_bin AS bin FROM {requests} WHERE {ANSWERED}
    UNION ALL
    SELECT {who}, 'first_token' AS measure, first_token_bin AS bin FROM {requests}
    WHERE {ANSWERED} AND first_token_bin IS NOT NULL
"""  # noqa: S608 - only names of ours


def _changed(json: JsonSql, table: Table, requests: str) -> str:
    """A row for each field and verdict of each kind of request: the same field of a hundred messages counts once.

    An app does the same to each of its requests, so what was done is taken apart once for all that are alike.
    """
    field, verdict = (json.item("pair.value", index, String()) for index in (0, 1))
    lengths = {name: table.c[name].type.length for name in ("field", "verdict")}  # type: ignore[attr-defined]
    hour = f"{HOUR * 1_000_000}"
    return f"""
    SELECT DISTINCT
        started_us, tenant, key_id, model, changes, times,
        substr({json.without_indices(field)}, 1, {lengths["field"]}) AS field,
        substr({verdict}, 1, {lengths["verdict"]}) AS verdict
    FROM (
        SELECT started_us / {hour} * {hour} AS started_us, tenant, key_id, model, {json.text("changes")} AS changes,
            count(*) AS times
        FROM {requests} GROUP BY 1, 2, 3, 4, 5
    ) AS alike CROSS JOIN {json.each("pair", "alike.changes")}
"""  # noqa: S608 - only names of ours
