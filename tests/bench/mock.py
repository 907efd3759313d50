"""A fast, minimal upstream on a raw asyncio protocol.  usage: python -m tests.bench.mock --port N

It answers `POST /v2/ai/openai/chat/completions` with bytes built beforehand, whole or as a stream of 100 chunks at once
or spaced (the model name says which), and `GET .../models` with a list. A request without the upstream's key gets 401,
one whose model was not translated 404, one that has lost a part on the way 400, so that a target cannot look fast by
not doing its work.
"""

import argparse
import asyncio
import contextlib
import gc
import heapq
import re
from collections.abc import Callable
from functools import partial
from itertools import count
from time import monotonic
from typing import cast

import uvloop

from tests.bench import answers
from tests.bench.ticking import Ticker

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_KEY = re.compile(rb"\r\nauthorization:[ \t]*Bearer " + answers.UPSTREAM_KEY.encode() + rb"(?:\r\n|$)", re.IGNORECASE)
_MODEL = re.compile(rb'"model"\s*:\s*"' + answers.PREFIX.encode() + rb'chunks-(\d+)(?:-\d+)?"')
_STREAM = re.compile(rb'"stream"\s*:\s*true')
_USAGE = re.compile(rb'"include_usage"\s*:\s*true')
_POST = b"POST " + answers.UPSTREAM_PATH.encode() + b" "
_MODELS = re.compile(rb"GET /\S*/models(?:\?\S*)? ")
_LARGE = 4096  # bytes from which on a request must say how large it is
_BYTES = re.compile(rb"\((\d+) bytes\)")
_FUNCTIONS = re.compile(rb"\((\d+) functions\)")
_EDGE = 65536  # bytes at both ends of a request among which its fields are looked for: prose of megabytes has none
TICK = 0.0001  # seconds: chunks of different streams that fall into one tick leave together


def _whole(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _chunks(*, usage: bool) -> list[bytes]:
    """Each event as one HTTP chunk, as an inference server sends them; the last carries the end of the body."""
    framed = [b"%x\r\n%b\r\n" % (len(event), event) for event in answers.events(usage=usage)]
    framed[-1] += b"0\r\n\r\n"
    return framed


PLAIN = _whole("200 OK", answers.whole())
NO_KEY = _whole("401 Unauthorized", b'{"errors":[{"code":"10009","title":"Authentication failed"}]}')
UNKNOWN = _whole("404 Not Found", b'{"errors":[{"code":"10005","title":"Resource not found"}]}')
PART_LOST = _whole("400 Bad Request", b'{"errors":[{"code":"10015","title":"A part of the request is missing"}]}')
NO_LENGTH = _whole("411 Length Required", b'{"errors":[{"code":"10015","title":"Bad Request"}]}')
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)
STREAM = {usage: _chunks(usage=usage) for usage in (False, True)}
AT_ONCE = {usage: STREAM_HEAD + b"".join(chunks) for usage, chunks in STREAM.items()}


class Schedule:
    """Spaced streams: which chunk of which connection is due, and a tick that looks for it.

    Streams begin at phases spread evenly over the space between two chunks: in step, chunks would travel in convoys,
    which is cheaper.
    """

    def __init__(self) -> None:
        self._due: list[tuple[float, int, int, list[bytes], float, Upstream]] = []
        self._numbers = count()
        self._ticker = Ticker(TICK, self._look)

    def begin(self, upstream: "Upstream", chunks: list[bytes], delay: float) -> None:
        """Plans the stream, a chunk every `delay` seconds."""
        number = next(self._numbers)
        phase = number * 0.618034 % 1  # by the golden ratio any number of them is spread evenly
        due = monotonic() + delay * phase
        heapq.heappush(self._due, (due, number, 0, chunks, delay, upstream))
        self._ticker.start()

    def _look(self, ticks: int) -> None:
        """Sends what is due and plans the next against the clock, so that lateness does not add up."""
        now, due = monotonic(), self._due  # the loop's own time stands still in whole milliseconds
        while due and due[0][0] <= now:
            when, number, at, chunks, delay, upstream = due[0]
            if upstream.gone:
                heapq.heappop(due)
                continue
            upstream.write(chunks[at])
            if at + 1 < len(chunks):
                heapq.heapreplace(due, (when + delay, number, at + 1, chunks, delay, upstream))
            else:
                heapq.heappop(due)
        if not due:
            self._ticker.stop()


class Upstream(asyncio.Protocol):
    """One connection, kept alive. A request is read whole, answered, forgotten."""

    def __init__(self, schedule: Schedule, catalogue: bytes = b"") -> None:
        self.gone = False
        self._schedule = schedule
        self._catalogue = catalogue
        self._received = bytearray()
        self._awaited = 0  # bytes of a request whose length is known and of which more is to come

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are such in all but ancestry
        self.write = self._transport.write

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        if len(received) < self._awaited:
            return
        while (end := received.find(b"\r\n\r\n")) >= 0:
            head = bytes(received[:end])
            length = _LENGTH.search(head)
            total = end + 4 + (int(length[1]) if length else 0)
            if len(received) < total:
                self._awaited = total
                return
            body_at, self._awaited = end + 4, 0
            if total - body_at <= 2 * _EDGE:
                fields = bytes(received[body_at:total])
            else:
                fields = bytes(received[body_at : body_at + _EDGE] + received[total - _EDGE : total])
            del received[:total]
            if head.startswith(b"POST ") and not length:
                self._transport.write(NO_LENGTH)
                self._transport.close()  # where the body ends is anybody's guess
                return
            self._answer(head, fields, total - body_at)

    def _answer(self, head: bytes, fields: bytes, size: int) -> None:
        """Answers a request of which `fields` are the two ends, or all, and `size` the size of its body."""
        model = _MODEL.search(fields)
        if not _KEY.search(head):
            self.write(NO_KEY)
        elif _MODELS.match(head):
            self.write(self._catalogue)
        elif not head.startswith(_POST) or not model:
            self.write(UNKNOWN)
        elif size > _LARGE and not is_complete(fields, size):
            self.write(PART_LOST)
        elif b'"stream"' not in fields or not _STREAM.search(fields):  # to look for it by pattern takes much longer
            self.write(PLAIN)
        elif delay := int(model[1]):
            self.write(STREAM_HEAD)
            self._schedule.begin(self, STREAM[bool(_USAGE.search(fields))], delay / 1000)
        else:
            self.write(AT_ONCE[bool(_USAGE.search(fields))])


def is_complete(fields: bytes, size: int) -> bool:
    """Whether a request has what its last words say. `fields` are its ends, or all of it; `size` is that of it all."""
    prose = _BYTES.search(fields, max(0, fields.find(b" bytes)") - 20))
    if prose and size < int(prose[1]):
        return False
    functions = _FUNCTIONS.search(fields, max(0, fields.find(b" functions)") - 20))
    if functions and fields.count(b'"function":{') + fields.count(b'"function": {') < int(functions[1]):
        return False
    return bool(prose or functions)


def upstream(models: int = 1) -> Callable[[], Upstream]:
    """Makes connections of one mock, which lists so many models of each kind."""
    return partial(Upstream, Schedule(), _whole("200 OK", answers.catalogue(models)))


async def serve(port: int, models: int = 1) -> None:
    """Serves until the process is ended."""
    server = await asyncio.get_running_loop().create_server(upstream(models), answers.HOST, port, backlog=4096)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--models", type=int, default=1, help="of each kind in the list")
    options = parser.parse_args()
    gc.disable()  # a collection in the middle of a measurement would be charged to the target
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(options.port, options.models))


if __name__ == "__main__":
    main()
