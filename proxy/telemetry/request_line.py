"""The canonical line: one per request, what it was, who sent it, what became of it, and how long that took.

`canonical` says what is in it. `RequestLine` renders the same for the log at a fraction of the cost: most of a line is
the same for most requests of an app, and is kept as text, masked and bounded with all care once. What remains are
figures, which need no care, and identifiers, of which one look at all together sees whether they need any.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from proxy import codec
from proxy.accounts.ledger import Record
from proxy.accounts.limits import MICROS
from proxy.telemetry.redaction import VALUE_LIMIT, mask, plain, redact
from proxy.usage import Usage

SERVER_ERROR = 500

TEXTS_LIMIT = 512
"""Parts of lines that are remembered. Clients choose some of the values, so it starts anew when full."""

TEXT_LIMIT = 4096
"""Bytes of a part that is remembered."""

_IDENTIFIERS = ("request_id", "key", "client_request_id", "trace_id", "upstream_request_id", "end_user")

_OWN = frozenset(
    {
        "timestamp", *_IDENTIFIERS, "input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens",
        "audio_seconds", "characters",
        "bytes_in", "bytes_out", "duration_ms", "upstream_ms", "overhead_ms", "client_ms", "ttft_ms", "cost_usd",
    }
)  # fmt: skip
"""What each request has for itself."""

_MICROSECONDS = 1_000_000

_MILLISECONDS = tuple(b'%03dZ",' % number for number in range(1000))
"""The end of a timestamp."""


def level_of(record: Record) -> Literal["info", "error"]:
    """An error where the proxy or Telnyx failed."""
    return "error" if record.status >= SERVER_ERROR else "info"


def canonical(record: Record) -> dict[str, Any]:
    """The one line about a request.

    Durations are milliseconds. What is empty, zero or absent is left out, except the status and the durations.
    """
    line: dict[str, Any] = {
        "timestamp": iso(record.started_at),
        "event": "request",
        "request_id": record.request_id,
        "tenant": record.tenant,
        "key": record.key,
        "endpoint": record.endpoint,
        "method": record.method if record.path else "",
        "path": record.path,
        "model_asked": record.model_asked,
        "model": record.model,
        "error_code": record.error_code,
        "error_kind": record.error_kind,
        "changes": record.changes_header,
        "repairs": record.repairs,
        "schema_violations": record.schema_violations,
        **_used(record.usage),
        "stream": record.stream,
        "stream_end": record.stream_end,
        "client": record.client,
        "retry_count": record.retry_count,
        "client_request_id": record.client_request_id,
        "trace_id": record.trace_id,
        "upstream_request_id": record.upstream_request_id,
        "end_user": record.end_user,
        "bytes_in": record.bytes_in,
        "bytes_out": record.bytes_out,
    }
    line = {name: value for name, value in line.items() if value}
    line["status"] = record.status
    _add_cost(line, record)
    _add_durations(line, record)
    return line


def _used(usage: Usage) -> dict[str, Any]:
    """What was used, zeros included."""
    return {
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cached_input_tokens": usage.cached_input,
        "reasoning_tokens": usage.reasoning,
        "audio_seconds": usage.audio_ms / 1000,
        "characters": usage.characters,
        "tokens_source": usage.source if usage.source != "none" else "",
    }


def _add_cost(line: dict[str, Any], record: Record) -> None:
    """US dollars that it costs at Telnyx, where something was consumed whose price is known: to the micro-dollar."""
    charge = record.charge
    if charge is not None and charge.price and charge.cost is not None:
        line["cost_usd"] = charge.cost / MICROS


def _add_durations(line: dict[str, Any], record: Record) -> None:
    line["duration_ms"] = milliseconds(record.duration)
    line["upstream_ms"] = milliseconds(record.waited)
    line["overhead_ms"] = milliseconds(record.overhead)
    if record.client_waited:
        line["client_ms"] = milliseconds(record.client_waited)
    if record.first_token is not None:
        line["ttft_ms"] = milliseconds(record.first_token)


def milliseconds(seconds: float) -> float:
    """The same with two decimals, a half rounded up."""
    try:
        return int(seconds * 1e5 + 0.5) / 100  # a third of the time of `round`
    except (ValueError, OverflowError):  # not finite
        return seconds * 1000


def iso(timestamp: float) -> str:
    """Unix time as text, with milliseconds."""
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


class RequestLine:
    """Renders canonical lines as JSON, with `bound` in each of them. Says what `exact` says, in another order."""

    __slots__ = ("_bound", "_head", "_second", "_texts")

    def __init__(self, bound: Mapping[str, Any]) -> None:
        self._bound = bound
        self._texts: dict[tuple[object, ...], bytes] = {}
        self._second = 0  # of the last line; the next mostly bears the same
        self._head = b'{"timestamp":"1970-01-01T00:00:00.'

    def render(self, record: Record) -> bytes:
        """One line, without its end."""
        if record.path:  # an unknown path, chosen by the client: nothing to be remembered
            return self.exact(record)
        try:
            return self._quick(record)
        except (TypeError, ValueError, OverflowError):  # a value that is not of its type, or not finite
            return self.exact(record)

    def exact(self, record: Record) -> bytes:
        """The same by the book: everything that `canonical` says, value by value."""
        line = canonical(record)
        head = {"timestamp": line.pop("timestamp"), "level": level_of(record), "event": line.pop("event")}
        return codec.encode(redact({**head, **self._bound, **line}))

    def _quick(self, record: Record) -> bytes:
        duration, waited, client_waited = record.duration, record.waited, record.client_waited
        overhead, usage = duration - waited - client_waited, record.usage
        line: dict[str, object] = {  # with `milliseconds` spelled out: the calls are what takes time
            "request_id": record.request_id,
            "duration_ms": int(duration * 1e5 + 0.5) / 100,
            "upstream_ms": int(waited * 1e5 + 0.5) / 100,
            "overhead_ms": int(overhead * 1e5 + 0.5) / 100 if overhead > 0 else 0.0,
        }
        if client_waited:
            line["client_ms"] = int(client_waited * 1e5 + 0.5) / 100
        if record.first_token is not None:
            line["ttft_ms"] = int(record.first_token * 1e5 + 0.5) / 100
        _add_sizes(line, record)
        if record.charge is not None:
            _add_cost(line, record)
        identifiers = _add_identifiers(line, record)
        if len(identifiers) > VALUE_LIMIT or not identifiers.isascii() or mask(identifiers) is not identifiers:
            _mask(line)
        kind = (
            record.tenant, record.endpoint, record.model_asked, record.model, record.status,
            record.error_code, record.error_kind, record.changes_header, record.repairs, record.schema_violations,
            usage.source, record.stream, record.stream_end, record.client, record.retry_count,
        )  # fmt: skip
        fixed = self._texts.get(kind) or self._text(kind, record)
        microseconds = round((record.started_at - self._second) * 1e6)
        if not 0 <= microseconds < _MICROSECONDS:
            microseconds = self._turn(record.started_at)
        return self._head + _MILLISECONDS[microseconds // 1000] + fixed + codec.encode(line)[1:]

    def _turn(self, timestamp: float) -> int:
        """Another second than that of the last line: the microseconds in it. OverflowError where none can be told."""
        second = int(timestamp)
        microseconds = round((timestamp - second) * 1e6)
        if not 0 <= microseconds < _MICROSECONDS:
            raise OverflowError("before 1970, or so near to the next second that it counts as that")
        self._second = second
        self._head = f'{{"timestamp":"{iso(second).partition(".")[0]}.'.encode()
        return microseconds

    def _text(self, kind: tuple[object, ...], record: Record) -> bytes:
        """What is the same for all requests of this kind, as part of a line."""
        everything = {"level": level_of(record), "event": "request", **self._bound, **canonical(record)}
        same = {name: value for name, value in everything.items() if name not in _OWN}
        text = codec.encode(redact(same))[1:-1] + b","
        if len(text) <= TEXT_LIMIT:
            if len(self._texts) >= TEXTS_LIMIT:
                self._texts.clear()
            self._texts[kind] = text
        return text


def _add_sizes(line: dict[str, object], record: Record) -> None:
    read, written, cached_input, reasoning, _, _, heard, spoken = record.usage
    if read:
        line["input_tokens"] = read
    if written:
        line["output_tokens"] = written
    if cached_input:
        line["cached_input_tokens"] = cached_input
    if reasoning:
        line["reasoning_tokens"] = reasoning
    if heard or spoken:
        _add_speech(line, heard, spoken)
    if record.bytes_in:
        line["bytes_in"] = record.bytes_in
    if record.bytes_out:
        line["bytes_out"] = record.bytes_out


def _add_speech(line: dict[str, object], heard: int, spoken: int) -> None:
    """Milliseconds that were transcribed, and characters that were spoken."""
    if heard:
        line["audio_seconds"] = heard / 1000
    if spoken:
        line["characters"] = spoken


def _add_identifiers(line: dict[str, object], record: Record) -> str:
    """Adds those that there are, and gives the text of all, with blanks between: none hides how the next one begins."""
    text = record.request_id
    if record.key:
        line["key"] = record.key
        text += " " + record.key
    if record.client_request_id:
        line["client_request_id"] = record.client_request_id
        text += " " + record.client_request_id
    if record.trace_id:
        line["trace_id"] = record.trace_id
        text += " " + record.trace_id
    if record.upstream_request_id:
        line["upstream_request_id"] = record.upstream_request_id
        text += " " + record.upstream_request_id
    if record.end_user:
        line["end_user"] = record.end_user
        text += " " + record.end_user
    return text


def _mask(line: dict[str, object]) -> None:
    """The identifiers masked and bounded, one by one."""
    for name in _IDENTIFIERS:
        if name in line:
            line[name] = plain(line[name])
