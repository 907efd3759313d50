"""A load generator on raw asyncio protocols.  usage: python -m tests.bench.load --port N --connections C --seconds S

Closed loop: every connection sends its next request when the answer to the last is complete. It runs for a time, or for
a number of requests, and prints one JSON line. An answer counts only when it is complete and right; everything else is
bad and is counted as such: another status, a cut or unframed body, a chunk too many or too few, a missing `[DONE]`,
a refused connection, an answer that does not come. Frame, number of chunks and end of every answer are checked; of the
streams on one connection the first and every fiftieth after it are read word by word, of plain answers every one.
"""

import argparse
import asyncio
import gc
import json
import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, cast

import uvloop

from tests.bench import answers

GRACE = 20.0  # seconds after the end in which answers under way may still complete; a held-open stream takes ten
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)
_END = b"0\r\n\r\n"
_DONE = b"data: [DONE]\n\n"
_READ_EVERY = 50
_OPENING = 64  # connections that may wait for their first answer at once: listen queues are not what is measured


@dataclass(frozen=True)
class Plan:
    """What to send, how hard and until when."""

    port: int
    connections: int = 1
    seconds: float = 60.0
    requests: int = sys.maxsize
    path: str = answers.CLIENT_PATH
    model: str = answers.AT_ONCE
    key: str = "none"
    stream: bool = False
    hold: bool = False
    """One request on each connection, and `open` on a line of its own when every one has had its first piece."""
    grace: float = GRACE

    def request(self) -> bytes:
        """The bytes of one request; they are all the same."""
        body = answers.question(self.model, stream=self.stream)
        lines = [
            f"POST {self.path} HTTP/1.1",
            f"Host: {answers.HOST}:{self.port}",
            f"Authorization: Bearer {self.key}",
            "Content-Type: application/json",
            "Accept: */*",
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
    bad: int = 0
    first_bad: str = ""
    opened: int = 0
    latencies: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)

    def wants_more(self) -> bool:
        return self.issued < self.plan.requests and perf_counter() < self.started + self.plan.seconds

    def good(self, latency: float, first: float, now: float) -> None:
        self.latencies.append(latency)
        self.firsts.append(first)
        self.finished = now

    def fail(self, why: str, times: int = 1) -> None:
        self.bad += times
        self.first_bad = self.first_bad or why[:300]

    def opens(self) -> None:
        self.opened += 1
        if self.plan.hold and self.opened == self.plan.connections:
            sys.stdout.write("open\n")
            sys.stdout.flush()

    def summary(self) -> dict[str, Any]:
        """The JSON line: rates per second, times in microseconds."""
        answered = len(self.latencies)
        seconds = max(self.finished - self.started, 1e-9)
        chunks = answered * answers.CHUNKS if self.plan.stream else 0
        return {
            "answers": answered,
            "bad": self.bad,
            "first_bad": self.first_bad,
            "seconds": seconds,
            "per_second": answered / seconds,
            "chunks": chunks,
            "chunks_per_second": chunks / seconds,
            "latency_us": percentiles(self.latencies),
            "first_us": percentiles(self.firsts),
        }


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


class Connection(asyncio.Protocol):
    """One connection of the closed loop."""

    def __init__(self, tally: Tally, request: bytes) -> None:
        self.begun = asyncio.Event()
        self.closed = asyncio.Event()
        self.waiting = False
        self._tally = tally
        self._request = request
        self._stream = tally.plan.stream
        self._answers = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are such in all but ancestry
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waiting:
            self._give_up(f"the connection was lost after {len(self._received)} bytes of an answer")
        self.begun.set()
        self.closed.set()

    def _ask(self) -> None:
        if not self._tally.wants_more() or (self._answers and self._tally.plan.hold):
            self._transport.close()
            return
        self._tally.issued += 1
        self._received = bytearray()
        self._body_at = self._total = 0
        self._head = b""
        self._first = 0.0
        self.waiting = True
        self._sent = perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self.waiting:
            self._give_up("bytes that nobody asked for")
            return
        self._received += data
        if not self._body_at and not self._read_head():
            return
        if not self._first and len(self._received) > self._body_at:
            self._first = perf_counter() - self._sent
            if not self._answers:
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
        self._answers += 1
        if _CLOSE.search(self._head):
            self._transport.close()
        else:
            self._ask()

    def _fault(self, body: bytes) -> str | None:
        if self._head[9:12] != b"200":
            return f"status {self._head[9:12].decode()}: {body[:200]!r}"
        if not self._stream:
            return answers.fault_of(body, stream=False)
        chunks = body.count(b"chat.completion.chunk")
        if chunks != answers.CHUNKS or not body.endswith(_DONE):
            return f"a stream of {chunks} chunks that ends {body[-40:]!r}"
        return answers.fault_of(body, stream=True) if self._answers % _READ_EVERY == 0 else None

    def abandon(self) -> None:
        """Called when time is up: what is still waited for is bad."""
        if self.waiting:
            self._give_up("no complete answer in time")

    def _give_up(self, why: str) -> None:
        self._tally.fail(why)
        self.waiting = False
        self._transport.abort()


async def _keep_one(tally: Tally, request: bytes, opening: asyncio.Semaphore, live: set[Connection]) -> None:
    """Keeps one connection of the plan open, again after it is lost, until no more is wanted."""
    loop = asyncio.get_running_loop()
    while tally.wants_more():
        try:
            async with opening:
                _, connection = await loop.create_connection(
                    lambda: Connection(tally, request), answers.HOST, tally.plan.port
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
    try:
        async with asyncio.timeout(plan.seconds + plan.grace), asyncio.TaskGroup() as connections:
            for _ in range(plan.connections):
                connections.create_task(_keep_one(tally, plan.request(), opening, live))
    except TimeoutError:
        for connection in live:
            connection.abandon()
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--requests", type=int, default=sys.maxsize)
    parser.add_argument("--path", default=answers.CLIENT_PATH)
    parser.add_argument("--model", default=answers.AT_ONCE)
    parser.add_argument("--key", default="none")
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--hold", action="store_true")
    plan = Plan(**vars(parser.parse_args()))
    gc.disable()  # a collection in the middle of a measurement would be charged to the target
    sys.stdout.write(json.dumps(uvloop.run(run(plan)).summary()) + "\n")


if __name__ == "__main__":
    main()
