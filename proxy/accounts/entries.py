"""What the ledger keeps of a request: one flat row, made from its record. No prompt, no answer.

A row is written twice. When the request goes to Telnyx, provisionally: it says what will be true if nothing more is
heard of it, that it was aborted. When it has ended, finally. Both have the same columns in the same order, so that
whatever keeps them need not know what they mean.
"""

from collections.abc import Callable
from math import log2
from typing import Any, NamedTuple

from proxy.accounts.ledger import Record
from proxy.accounts.names import Named
from proxy.accounts.pricing import FREE, Charge
from proxy.usage import Usage

__all__ = [
    "ABORTED",
    "COLUMNS",
    "FREE",
    "MICROSECONDS",
    "STEPS",
    "TEXT",
    "Charge",
    "ChargeOf",
    "Entry",
    "bin_of",
    "bounds_of",
    "entry",
]

ABORTED = "aborted"
"""The `stream_end` of a request whose process was killed; no other way to end writes nothing down."""
STEPS = 4
"""Bins per doubling: a bin is 19 % wide, so that a percentile read from bins is at most 9 % off."""
MICROSECONDS = 1_000_000
TEXT = 256
"""Characters of a text at most: what the columns hold."""


class Entry(NamedTuple):
    """A row of the ledger. Texts that are not known are empty; numbers that are not known are None.

    Attributes:
        id: the request's; started_us: Unix time in microseconds.
        tenant, key_id, key: who; `key_id` of a key of the configuration is `tenant/name`.
        end_user: hashed, empty without one; tags: what the tenant allows of the client's `metadata`.
        endpoint, model_asked, model, provider, service_tier, region: what was asked, and what served it.
        status: HTTP status sent to the client, 0 for none; error_code: OpenAI's; stream_end: as of Record, or ABORTED.
        input_tokens ... reasoning_tokens: cached and cache writes are part of input, reasoning is part of output.
        audio_ms, characters: of speech in and out.
        source: `upstream`, `estimated` or `none`: where those figures are from.
        cost_micros, charged_micros, price: see Charge.
        duration_us, overhead_us, first_token_us: microseconds; duration_bin, first_token_bin: see `bin_of`.
        retries: which try of the client it was, from 0; repairs: quirks that were repaired by trying again.
        changes: pairs of field and kind of change; violations: of the schema that was asked for.
        client, upstream_request_id, client_request_id, trace_id: for following it through other systems.
        bytes_in, bytes_out: sizes of the bodies.
    """

    id: str
    started_us: int
    tenant: str
    key_id: str
    key: str
    end_user: str
    tags: dict[str, str]
    endpoint: str
    model_asked: str
    model: str
    provider: str
    service_tier: str
    region: str
    status: int
    error_code: str
    stream: int
    stream_end: str
    input_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    audio_ms: int
    characters: int
    source: str
    cost_micros: int | None
    charged_micros: int | None
    price: str
    duration_us: int
    overhead_us: int
    first_token_us: int | None
    duration_bin: int
    first_token_bin: int | None
    retries: int
    repairs: tuple[str, ...]
    changes: tuple[tuple[str, str], ...]
    violations: int
    client: str
    upstream_request_id: str
    client_request_id: str
    trace_id: str
    bytes_in: int
    bytes_out: int


COLUMNS = Entry._fields
"""The names, in the order in which an entry is written down."""

ChargeOf = Callable[[Record, Usage], Charge]
"""What a request costs that has used so much."""


def bin_of(microseconds: int) -> int:
    """The bin of a duration: bin n holds 2^(n/STEPS) up to, not including, 2^((n+1)/STEPS) microseconds."""
    return int(log2(microseconds) * STEPS) if microseconds > 1 else 0


def bounds_of(number: int) -> tuple[float, float]:
    """The shortest and the longest duration of a bin, in microseconds."""
    return 2.0 ** (number / STEPS), 2.0 ** ((number + 1) / STEPS)


def entry(
    record: Record, usage: Usage, charge: Charge, *, end: str | None = None, named: Named | None = None
) -> tuple[Any, ...]:
    """The row of a request, in the order of COLUMNS.

    `end`: how it ended, if the record does not say it. `named`: its model and changes, if not the record's.
    """
    model, changes = named or (record.model, record.changes)
    given, made, cached, thought, source, stored, heard, spoken = usage
    cost, charged, price = charge
    here = record.duration - record.waited - record.client_waited  # as `Record.overhead`: a call less
    duration, first = int(record.duration * MICROSECONDS), record.first_token
    first = None if first is None else int(first * MICROSECONDS)
    return (
        record.request_id, int(record.started_at * MICROSECONDS),
        record.tenant, record.key_id or f"{record.tenant}/{record.key}", record.key, record.end_user or "", record.tags,
        record.endpoint, record.model_asked[:TEXT], model[:TEXT],
        record.provider, record.service_tier, record.region,
        record.status, record.error_code or "", int(record.stream), end or record.stream_end or "",
        given, cached, stored, made, thought, heard, spoken, source,
        cost, charged, price,
        duration, int(here * MICROSECONDS) if here > 0 else 0, first,
        bin_of(duration), None if first is None else bin_of(first),
        record.retry_count, record.repairs, changes, record.schema_violations,
        record.client, record.upstream_request_id or "", record.client_request_id or "", record.trace_id or "",
        record.bytes_in, record.bytes_out,
    )  # fmt: skip
