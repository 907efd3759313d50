"""A load generator on raw asyncio protocols.  usage: python -m tests.bench.load --port N --connections C --seconds S

Closed loop: every connection sends its next request when the answer to the last is complete. With `--rate` it is open:
requests become due at an even rate, whatever became of those before, and the latency of each counts from the moment it
was due, also where it had to wait for a connection. It runs for a time, or for a number of requests, and prints one
JSON line.

An answer counts only when it is complete and right; everything else is bad and is counted as such: another status, a
cut or unframed body, a chunk too many or too few, a missing `[DONE]`, a refused connection, an answer that does not
come. Frame, number of chunks and end of every answer are checked. What is the same, byte by byte, as an answer that was
read word by word needs no second reading; of what differs, every plain answer is read, and of the streams on one
connection the first and every fiftieth after it.
"""

import argparse
import asyncio
import gc
import json
import math
import re
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol, cast

import uvloop

from tests.bench import answers
from tests.bench.ticking import Ticker

GRACE = 20.0  # a held-open stream takes ten seconds
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)
_END = b"0\r\n\r\n"
_DONE = b"data: [DONE]\n\n"
_READ_EVERY = 50
_OPENING = 64  # connections that may wait for their first answer at once: listen queues are not what is measured


@dataclass(frozen=True)
class Plan:
    """What to send, how hard and until when.

    Attributes:
        port, path, key, model, headers: whom to ask for what; headers are lines, `name: value`.
        connections: kept open, each with at most one request under way.
        seconds, requests: whichever ends first ends it.
        stream: ask for streams.
        hold: one request on each connection, and `open` on a line of its own when every one has had its first piece.
        settle: `open` as well; until then nobody asks twice, and what was answered does not count. `over` when time is
            up; what is answered after that does not count, either. So neither opening nor closing does.
        rate: requests a second that become due; 0 = the next when the last is answered.
        size, functions: of a request that is not an ordinary one, see `answers.question`.
        keys, models: requests take turns with so many, see `answers.numbered`.
        rewrites: the target makes its own chunks: not their number counts, but the text of every stream.
        grace: seconds after the end in which answers under way may still complete.
    """

    port: int
    connections: int = 1
    seconds: float = 60.0
    requests: int = sys.maxsize
    path: str = answers.CLIENT_PATH
    model: str = answers.AT_ONCE
    key: str = "none"
    headers: tuple[str, ...] = ()
    stream: bool = False
    hold: bool = False
    settle: bool = False
    rate: float = 0.0
    size: int = 0
    functions: int = 0
    keys: int = 1
    models: int = 1
    rewrites: bool = False
    grace: float = GRACE

    def written(self) -> list[bytes]:
        """The requests, to be sent in turn."""
        return [self._request(number) for number in range(max(self.keys, self.models))]

    def _request(self, number: int) -> bytes:
        model = answers.numbered(self.model, number % self.models)
        body = answers.question(model, stream=self.stream, size=self.size, functions=self.functions)
        lines = [
            f"POST {self.path} HTTP/1.1",
            f"Host: {answers.HOST}:{self.port}",
            f"Authorization: Bearer {answers.numbered(self.key, number % self.keys)}",
            "Content-Type: application/json",
            "Accept: */*",
            *self.headers,
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Tally:
    """What came of it. Times are in seconds."""

    plan: Plan
    started: float = field(default_factory=perf_counter)
    finished: float = 0.0
    issued: int = 0
    unsent: int = 0
    """Requests that became due and found no free connection until the end."""
    bad: int = 0
    first_bad: str = ""
    opened: int = 0
    over: bool = False
    latencies: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    known_good: bytes = b""
    """The body of the last answer that was read word by word."""
    requests: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.requests = self.plan.written()

    def wants_more(self) -> bool:
        deadline = self.started + self.plan.seconds + (0.0 if self.settled() else self.plan.grace / 2)
        return self.issued < self.plan.requests and perf_counter() < deadline

    def settled(self) -> bool:
        """Whether everything is open, where that is waited for."""
        return not self.plan.settle or self.opened >= self.plan.connections

    def next_request(self) -> bytes:
        self.issued += 1
        return self.requests[(self.issued - 1) % len(self.requests)]

    def good(self, latency: float, first: float, now: float) -> None:
        if self.over:
            return
        self.latencies.append(latency)
        self.firsts.append(first)
        self.finished = now

    def fail(self, why: str, times: int = 1) -> None:
        self.bad += times
        self.first_bad = self.first_bad or why[:300]

    def opens(self) -> None:
        self.opened += 1
        if self.opened != self.plan.connections:
            return
        if self.plan.hold or self.plan.settle:
            announce("open")
        if self.plan.settle:
            self.latencies.clear()
            self.firsts.clear()
            self.started = perf_counter()

    def ends(self) -> None:
        """No more is asked."""
        if self.plan.settle and self.settled() and not self.over:
            self.over = True
            announce("over")

    def summary(self) -> dict[str, Any]:
        """The JSON line: rates per second, times in microseconds."""
        answered = len(self.latencies)
        seconds = max(self.finished - self.started, 1e-9)
        chunks = answered * answers.CHUNKS if self.plan.stream else 0
        return {
            "answers": answered,
            "bad": self.bad,
            "unsent": self.unsent,
            "first_bad": self.first_bad,
            "seconds": seconds,
            "per_second": answered / seconds,
            "chunks": chunks,
            "chunks_per_second": chunks / seconds,
            "latency_us": percentiles(self.latencies),
            "first_us": percentiles(self.firsts),
        }


def announce(word: str) -> None:
    """To whoever started this program, at once."""
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p90, p99 and the largest in microseconds, by nearest rank; empty without values."""
    if not seconds:
        return {}
    ordered = sorted(seconds)
    ranks = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {name: 1e6 * ordered[math.ceil(len(ordered) * rank) - 1] for name, rank in ranks.items()}


def unchunk(framed: bytes) -> bytes | None:
    """A chunked HTTP body without its frame; None while it is incomplete. Raises ValueError for a broken frame."""
    pieces: list[bytes] = []
    at = 0
    while (line_end := framed.find(b"\r\n", at)) >= 0:
        size = int(framed[at:line_end], 16)
        at = line_end + 2 + size
        if size < 0 or framed[at : at + 2] not in {b"\r\n", b"\r", b""}:
            raise ValueError(f"a chunk of {size} bytes does not end there")
        if len(framed) < at + 2:
            return None
        if size == 0:
            return _expect_nothing_after(framed, at + 2, b"".join(pieces))
        pieces.append(framed[line_end + 2 : at])
        at += 2
    return None


def _expect_nothing_after(framed: bytes, end: int, body: bytes) -> bytes:
    if len(framed) > end:
        raise ValueError(f"{len(framed) - end} bytes after the end")
    return body


class Course(Protocol):
    """Decides when a connection sends its next request."""

    def free(self, connection: "Connection") -> None:
        """The connection is open and waits for nothing."""
        ...

    def lost(self, connection: "Connection") -> None:
        """The connection is no more."""
        ...


class Closed:
    """The next request when the last is answered."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._parked: set[Connection] = set()

    def free(self, connection: "Connection") -> None:
        tally = self._tally
        if tally.settled():
            parked, self._parked = self._parked, set()
            for each in parked:
                each.ask(perf_counter())
        elif connection.answers:
            self._parked.add(connection)
            return
        if not tally.wants_more() or (connection.answers and tally.plan.hold):
            tally.ends()
            connection.close()
        else:
            connection.ask(perf_counter())

    def lost(self, connection: "Connection") -> None:
        self._parked.discard(connection)


class Paced:
    """Requests become due at an even rate; the connection that has been free for longest takes the next."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._interval = 1 / tally.plan.rate
        self._ticker = Ticker(self._interval, self._tick)
        self._number = 0
        self._begun = self._over = False
        self._idle: deque[Connection] = deque()
        self._late: deque[float] = deque()

    def free(self, connection: "Connection") -> None:
        if self._late:
            connection.ask(self._late.popleft())
        elif self._over:
            connection.close()
        else:
            self._idle.append(connection)
            connection.begun.set()
            if not self._begun and len(self._idle) == self._tally.plan.connections:
                self._begun = True
                self._tally.started = perf_counter()
                self._ticker.start()

    def lost(self, connection: "Connection") -> None:
        if connection in self._idle:
            self._idle.remove(connection)

    def _tick(self, passed: int) -> None:
        for _ in range(passed):
            self._number += 1
            due = self._tally.started + self._number * self._interval
            if self._idle:
                self._idle.popleft().ask(due)
            else:
                self._late.append(due)
        if not self._tally.wants_more():
            self._end()

    def _end(self) -> None:
        self._ticker.stop()
        self._over = True
        self._tally.unsent = len(self._late)
        self._late.clear()
        while self._idle:
            self._idle.popleft().close()


class Connection(asyncio.Protocol):
    """One connection: at most one request under way, every answer judged."""

    def __init__(self, tally: Tally, course: Course) -> None:
        self.begun = asyncio.Event()
        self.closed = asyncio.Event()
        self.waiting = False
        self.answers = 0
        self._tally = tally
        self._course = course
        self._stream = tally.plan.stream

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are such in all but ancestry
        self._course.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._course.lost(self)
        if self.waiting:
            self._give_up(f"the connection was lost after {len(self._received)} bytes of an answer")
        self.begun.set()
        self.closed.set()

    def close(self) -> None:
        self._transport.close()

    def ask(self, since: float) -> None:
        """Sends a request whose latency counts from `since`."""
        self._received = bytearray()
        self._body_at = self._total = 0
        self._head = b""
        self._first = 0.0
        self.waiting = True
        self._sent = since
        self._transport.write(self._tally.next_request())

    def data_received(self, data: bytes) -> None:
        if not self.waiting:
            self._give_up("bytes that nobody asked for")
            return
        self._received += data
        if not self._body_at and not self._read_head():
            return
        if not self._first and len(self._received) > self._body_at:
            self._first = perf_counter() - self._sent
            if not self.answers:
                self.begun.set()
                self._tally.opens()
        self._look_for_the_end()

    def _read_head(self) -> bool:
        """False while the head is incomplete or when there is no telling where the body ends."""
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return False
        self._body_at = end + 4
        self._head = bytes(self._received[: end + 2])
        length = _LENGTH.search(self._head)
        if length:
            self._total = self._body_at + int(length[1])
        elif not _CHUNKED.search(self._head):
            self._give_up("an answer without content-length or chunks")
            return False
        return True

    def _look_for_the_end(self) -> None:
        """The frame is read only when its last bytes may have come: that keeps a chunk that arrives alone cheap."""
        body: bytes | None = None
        if self._total:
            if len(self._received) > self._total:
                self._give_up("an answer longer than its content-length")
            elif len(self._received) == self._total:
                body = bytes(self._received[self._body_at :])
        elif self._received.endswith(_END):
            try:
                body = unchunk(bytes(self._received[self._body_at :]))
            except ValueError as fault:
                self._give_up(f"a broken frame: {fault}")
        if body is not None:
            self._complete(body)

    def _complete(self, body: bytes) -> None:
        now = perf_counter()
        self.waiting = False
        fault = self._fault(body)
        if fault:
            self._tally.fail(fault)
        else:
            self._tally.good(now - self._sent, self._first, now)
        self.answers += 1
        if _CLOSE.search(self._head):
            self._transport.close()
        else:
            self._course.free(self)

    def _fault(self, body: bytes) -> str | None:
        if self._head[9:12] != b"200":
            return f"status {self._head[9:12].decode()}: {body[:200]!r}"
        tally = self._tally
        if body == tally.known_good:
            return None
        must_read = not self._stream or self.answers % _READ_EVERY == 0 or tally.plan.rewrites
        fault = self._misshapen(body) or (answers.fault_of(body, stream=self._stream) if must_read else None)
        if must_read and not fault:
            tally.known_good = body
        return fault

    def _misshapen(self, body: bytes) -> str | None:
        if not self._stream:
            return None
        chunks = body.count(b"chat.completion.chunk")
        if not body.endswith(_DONE) or (chunks != answers.CHUNKS and not self._tally.plan.rewrites):
            return f"a stream of {chunks} chunks that ends {body[-40:]!r}"
        return None

    def abandon(self) -> None:
        """Called when time is up: what is still waited for is bad."""
        if self.waiting:
            self._give_up("no complete answer in time")

    def _give_up(self, why: str) -> None:
        self._tally.fail(why)
        self.waiting = False
        self._transport.abort()


async def _keep_one(tally: Tally, course: Course, opening: asyncio.Semaphore, live: set[Connection]) -> None:
    """Keeps one connection of the plan open, again after it is lost, until no more is wanted."""
    loop = asyncio.get_running_loop()
    while tally.wants_more():
        try:
            async with opening:
                _, connection = await loop.create_connection(
                    lambda: Connection(tally, course), answers.HOST, tally.plan.port
                )
                live.add(connection)
                await connection.begun.wait()
        except OSError as fault:
            tally.issued += 1
            tally.fail(f"no connection: {fault}")
            await asyncio.sleep(0.05)
            continue
        await connection.closed.wait()
        if tally.plan.hold:
            return
        live.discard(connection)


async def run(plan: Plan) -> Tally:
    """Carries the plan out. What is not answered in time is bad."""
    tally, opening, live = Tally(plan), asyncio.Semaphore(_OPENING), set[Connection]()
    course: Course = Paced(tally) if plan.rate else Closed(tally)
    try:
        async with asyncio.timeout(plan.seconds + plan.grace), asyncio.TaskGroup() as connections:
            for _ in range(plan.connections):
                connections.create_task(_keep_one(tally, course, opening, live))
    except TimeoutError:
        for connection in live:
            connection.abandon()
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    for name in ("connections", "requests", "size", "functions", "keys", "models"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Plan, name))
    for name in ("seconds", "rate", "grace"):
        parser.add_argument(f"--{name}", type=float, default=getattr(Plan, name))
    for name in ("path", "model", "key"):
        parser.add_argument(f"--{name}", default=getattr(Plan, name))
    for name in ("stream", "hold", "settle", "rewrites"):
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--headers", action="append", default=[], help="a line, `name: value`; may be repeated")
    options = vars(parser.parse_args())
    plan = Plan(**{**options, "headers": tuple(options["headers"])})
    gc.disable()  # a collection in the middle of a measurement would be charged to the target
    sys.stdout.write(json.dumps(uvloop.run(run(plan)).summary()) + "\n")


if __name__ == "__main__":
    main()
