"""Logs: one canonical line per request, and whatever else there is to say, as JSON or for people on a terminal.

Nothing here is global: a logger is made from plain arguments and handed to those who log. Lines are rendered and
written at once, one `write` per line, so that several processes can share a pipe or file without tearing them.

Writing can fail, because a disk is full or a reader has gone. That is counted and never becomes a request's problem.
"""

import io
import logging
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import structlog
from structlog.typing import FilteringBoundLogger

from proxy import codec
from proxy.accounts.ledger import Record
from proxy.telemetry.redaction import redact

Style = Literal["auto", "json", "console"]
Level = Literal["debug", "info", "warning", "error", "critical"]


class Output(Protocol):
    """Where lines go: an unbuffered binary file."""

    def write(self, data: bytes, /) -> int | None:
        """Bytes written; fewer than given if there was no room, None if writing would block."""
        ...

    def isatty(self) -> bool:
        """Whether people are watching."""
        ...


def open_output(path: str | None = None) -> io.FileIO:
    """The file to append to, or standard error. Raises OSError if the file cannot be opened.

    Unbuffered: a buffer would keep a line that could not be written and fail again with the next one.
    """
    return io.FileIO(2, "w", closefd=False) if path is None else io.FileIO(path, "a")


class LineWriter:
    """The end of the chain: writes rendered lines, counts those that are lost, never raises.

    Attributes:
        lost: lines that could not be written, or not whole.
    """

    def __init__(self, output: Output, on_lost: Callable[[], None] | None = None) -> None:
        self._output = output
        self._on_lost = on_lost
        self._torn = False
        self.lost = 0

    def write(self, line: bytes) -> None:
        """Writes one line, without its line end."""
        data = b"\n" + line + b"\n" if self._torn else line + b"\n"  # half a line must not spoil the next
        done = 0
        try:
            while done < len(data):
                count = self._output.write(data[done:])
                if not count:
                    break
                done += count
        except (OSError, ValueError):  # ValueError: the file was closed
            pass
        self._torn = 0 < done < len(data) or (self._torn and not done)
        if done < len(data):
            self.lost += 1
            if self._on_lost:
                self._on_lost()

    debug = info = warning = error = critical = write


def make_logger(
    output: Output, style: Style = "auto", level: Level = "info", on_lost: Callable[[], None] | None = None
) -> FilteringBoundLogger:
    """A logger that writes events of this level and above.

    `auto` is `console` on a terminal and `json` elsewhere. `on_lost` is told of each line that could not be written.
    """
    terminal = output.isatty()
    console = style == "console" or (style == "auto" and terminal)
    logger: FilteringBoundLogger = structlog.wrap_logger(
        LineWriter(output, on_lost),
        processors=[
            structlog.processors.format_exc_info,  # Python's own traceback: no local variables in it
            _head,
            redact,
            _Console(colors=terminal) if console else _json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        context_class=dict,
    ).bind()  # the bound logger itself, not the proxy that would make a new one on each call
    return logger


class StandardLogs(logging.Handler):
    """Takes what libraries log through `logging` into the same output, so that it is masked as well."""

    def __init__(self, logger: FilteringBoundLogger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one record under the nearest lower level that structlog has."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # the arguments do not fit the format; that is not worth failing for
            text = str(record.msg)
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        self._logger.log(level, text, logger=record.name, exc_info=record.exc_info)


def canonical(record: Record) -> dict[str, Any]:
    """The one line about a request: what it was, who sent it, what became of it, and how long that took.

    Durations are milliseconds. What is empty, zero or absent is left out, except the status and the durations.
    """
    usage = record.usage
    line: dict[str, Any] = {
        "timestamp": _iso(record.started_at),
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
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cached_input_tokens": usage.cached_input,
        "reasoning_tokens": usage.reasoning,
        "tokens_source": usage.source if usage.source != "none" else "",
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
    _add_durations(line, record)
    return line


def _add_durations(line: dict[str, Any], record: Record) -> None:
    line["duration_ms"] = _milliseconds(record.duration)
    line["upstream_ms"] = _milliseconds(record.waited)
    line["overhead_ms"] = _milliseconds(record.overhead)
    if record.client_waited:
        line["client_ms"] = _milliseconds(record.client_waited)
    if record.first_token is not None:
        line["ttft_ms"] = _milliseconds(record.first_token)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _iso(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _head(_logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Puts time, level and event in front, where eyes look for them; a line that brings its time keeps it."""
    timestamp = event.pop("timestamp", None) or _iso(datetime.now(UTC).timestamp())
    return {"timestamp": timestamp, "level": method, "event": event.pop("event"), **event}


def _json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> bytes:
    return codec.encode(event)


class _Console:
    """Renders for people; control characters are shown, not sent: a model name must not drive a terminal."""

    def __init__(self, *, colors: bool) -> None:
        self._render = structlog.dev.ConsoleRenderer(
            colors=colors, sort_keys=False, exception_formatter=structlog.dev.plain_traceback
        )

    def __call__(self, logger: object, method: str, event: MutableMapping[str, Any]) -> bytes:
        shown = {name: _visible(value) if isinstance(value, str) else value for name, value in event.items()}
        return self._render(logger, method, shown).encode()


def _visible(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
