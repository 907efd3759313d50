"""Logs: one canonical line per request, and whatever else there is to say, as JSON or for people on a terminal.

Nothing here is global: a logger is made from plain arguments and handed to those who log. Lines are written whole, so
that several processes can share a pipe or file without tearing them; those about requests wait, at most, until the
event loop has done what it is at, and are made and go out together.

Writing can fail, because a disk is full or a reader has gone. That is counted and never becomes a request's problem.
"""

import io
import logging
import sys
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, Protocol

from proxy import codec
from proxy.accounts.ledger import Record
from proxy.telemetry.redaction import redact
from proxy.telemetry.request_line import RequestLine, canonical, iso, level_of

Style = Literal["auto", "json", "console"]
Level = Literal["debug", "info", "warning", "error", "critical"]

LEVELS: Mapping[Level, int] = MappingProxyType(
    {
        "debug": logging.DEBUG,
        "info": logging.INFO,
        "warning": logging.WARNING,
        "error": logging.ERROR,
        "critical": logging.CRITICAL,
    }
)
"""Their numbers in the standard library."""

_NAMES = {number: name for name, number in LEVELS.items()}

TOGETHER = 4096
"""Bytes written at once at most, but for a line that is longer: so much goes through a pipe of Linux in one piece, also
when other processes write to it."""

Soon = Callable[[Callable[[], None]], object]
"""Has something done soon."""

Render = Callable[[str, MutableMapping[str, Any]], bytes]
"""Level and event with all its details -> one line."""


class Take(Protocol):
    """What takes the record of a request."""

    def __call__(self, record: Record) -> None:
        """The record does not change any more."""
        ...


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

    Args:
        output: where lines go.
        on_lost: told of each line that could not be written.
        soon: has something done when the event loop has done what it is at, `loop.call_soon`. Then lines about requests
            wait so long and are made and written together: under load a dozen of them cost half of what they would.

    Attributes:
        lost: lines that could not be written, or not whole.
    """

    def __init__(self, output: Output, on_lost: Callable[[], None] | None = None, soon: Soon | None = None) -> None:
        self._output = output
        self._on_lost = on_lost
        self._soon = soon
        self._waiting: list[tuple[Callable[[Record], bytes], Record]] = []
        self._torn = False
        self.lost = 0

    def write(self, line: bytes) -> None:
        """Writes one line, without its line end, after those that wait."""
        self.flush()
        self._put([line])

    def write_soon(self, render: Callable[[Record], bytes], record: Record) -> None:
        """Writes what `render` makes of a record that does not change any more, now or with the next ones."""
        waiting = self._waiting
        waiting.append((render, record))
        if self._soon is None:
            self.flush()
        elif len(waiting) == 1:
            self._soon(self.flush)

    def flush(self) -> None:
        """Writes the lines that wait."""
        waiting, self._waiting = self._waiting, []
        lines: list[bytes] = []
        size = 0
        for render, record in waiting:
            line = render(record)
            size += len(line) + 1
            if size > TOGETHER and lines:
                self._put(lines)
                lines, size = [], len(line) + 1
            lines.append(line)
        if lines:
            self._put(lines)

    def _put(self, lines: list[bytes]) -> None:
        data = b"\n".join([b"", *lines, b""] if self._torn else [*lines, b""])  # half a line must not spoil the next
        done = 0
        try:
            done = self._output.write(data) or 0
            while done < len(data) and (count := self._output.write(data[done:]) if done else 0):
                done += count
        except (OSError, ValueError):  # ValueError: the file was closed
            pass
        if done == len(data):
            self._torn = False
            return
        whole = data.count(b"\n", 0, done) - (self._torn and done > 0)
        self._torn = data[done - 1 : done] != b"\n" if done else self._torn
        for _ in range(len(lines) - whole):
            self.lost += 1
            if self._on_lost:
                self._on_lost()


class Logger:
    """Writes events as lines. None of its methods raises because a line cannot be written.

    Args:
        writer: where lines go.
        level: events below are not written.
        console: renders for people; None renders JSON.
        bound: details that every line has, also those about requests.

    Attributes:
        request: writes the canonical line of one request.
    """

    def __init__(
        self, writer: LineWriter, level: Level, console: Render | None, bound: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        self._writer = writer
        self._level: Level = level
        self._least = LEVELS[level]
        self._console = console
        self._bound = bound
        each = not console and self._least <= LEVELS["info"]  # each request is a line of JSON
        self.request: Take = partial(writer.write_soon, RequestLine(bound).render) if each else self._request

    def bind(self, **details: Any) -> "Logger":
        """A logger for the same output with these details in every line."""
        return Logger(self._writer, self._level, self._console, {**self._bound, **details})

    def flush(self) -> None:
        """Write what waits."""
        self._writer.flush()

    def debug(self, event: str, **details: Any) -> None:
        """For those who look for a fault."""
        self.log("debug", event, **details)

    def info(self, event: str, **details: Any) -> None:
        """Something to know."""
        self.log("info", event, **details)

    def warning(self, event: str, **details: Any) -> None:
        """Something to look after."""
        self.log("warning", event, **details)

    def error(self, event: str, **details: Any) -> None:
        """Something failed. With `exc_info` (an exception, or True for the one being handled) comes its traceback."""
        self.log("error", event, **details)

    def exception(self, event: str, **details: Any) -> None:
        """The exception being handled, with its traceback."""
        self.log("error", event, exc_info=True, **details)

    def critical(self, event: str, **details: Any) -> None:
        """Everything failed."""
        self.log("critical", event, **details)

    def _request(self, record: Record) -> None:
        self.log(level_of(record), **canonical(record))

    def log(self, level: Level, event: str, **details: Any) -> None:
        """Writes an event of this level."""
        if LEVELS[level] < self._least:
            return
        details = {**self._bound, **details}
        fault = _fault(details.pop("exc_info", None))
        if fault is not None:  # Python's own traceback: no local variables in it
            details["exception"] = "".join(traceback.format_exception(fault)).removesuffix("\n")
        # Time, level and event in front, where eyes look for them; a line that brings its time keeps it.
        timestamp = details.pop("timestamp", None) or iso(datetime.now(UTC).timestamp())
        line = redact({"timestamp": timestamp, "level": level, "event": event, **details})
        self._writer.write(self._console(level, line) if self._console else codec.encode(line))


def _fault(exc_info: Any) -> BaseException | None:
    """What `exc_info` means, of an event or of a record of `logging`."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        fault = exc_info[1]
        return fault if isinstance(fault, BaseException) else None
    return sys.exc_info()[1] if exc_info else None


def make_logger(
    output: Output,
    style: Style = "auto",
    level: Level = "info",
    on_lost: Callable[[], None] | None = None,
    soon: Soon | None = None,
) -> Logger:
    """A logger that writes events of this level and above.

    `auto` is `console` on a terminal and `json` elsewhere. See LineWriter for the other two.
    """
    terminal = output.isatty()
    console = style == "console" or (style == "auto" and terminal)
    return Logger(LineWriter(output, on_lost, soon), level, _console(colors=terminal) if console else None)


class StandardLogs(logging.Handler):
    """Takes what libraries log through `logging` into the same output, so that it is masked as well."""

    def __init__(self, logger: Logger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one record under the nearest lower level that there is."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # the arguments do not fit the format; that is not worth failing for
            text = str(record.msg)
        number = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        self._logger.log(_NAMES[number], text, logger=record.name, exc_info=record.exc_info)


def _console(*, colors: bool) -> Render:
    """Renders for people; control characters are shown, not sent: a model name must not drive a terminal."""
    import structlog  # megabytes, which a log for machines does not need

    render = structlog.dev.ConsoleRenderer(
        colors=colors, sort_keys=False, exception_formatter=structlog.dev.plain_traceback
    )

    def line(level: str, event: MutableMapping[str, Any]) -> bytes:
        shown = {name: _visible(value) if isinstance(value, str) else value for name, value in event.items()}
        return render(None, level, shown).encode()

    return line


def _visible(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
