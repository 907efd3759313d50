"""A fast, minimal upstream on a raw asyncio protocol.  usage: python -m tests.bench.mock --port N

It answers `POST /v2/ai/openai/chat/completions` with bytes built beforehand, whole or as a stream of 100 chunks at once
or spaced (the model name says which), and `GET .../models` with a list. A request without the upstream's key gets 401,
one whose model was not translated 404, so that a target cannot look fast by not doing its work.
"""

import argparse
import asyncio
import contextlib
import gc
import re
from itertools import count
from typing import cast

import uvloop

from tests.bench import answers

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_KEY = re.compile(rb"\r\nauthorization:[ \t]*Bearer " + answers.UPSTREAM_KEY.encode() + rb"(?:\r\n|$)", re.IGNORECASE)
_MODEL = re.compile(rb'"model"\s*:\s*"' + answers.PREFIX.encode() + rb'chunks-(\d+)"')
_STREAM = re.compile(rb'"stream"\s*:\s*true')
_USAGE = re.compile(rb'"include_usage"\s*:\s*true')
_POST = b"POST " + answers.UPSTREAM_PATH.encode() + b" "
_MODELS = re.compile(rb"GET /\S*/models(?:\?\S*)? ")


def _whole(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _chunks(*, usage: bool) -> list[bytes]:
    """Each event as one HTTP chunk, as an inference server sends them; the last carries the end of the body."""
    framed = [b"%x\r\n%b\r\n" % (len(event), event) for event in answers.events(usage=usage)]
    framed[-1] += b"0\r\n\r\n"
    return framed


PLAIN = _whole("200 OK", answers.whole())
CATALOGUE = _whole("200 OK", answers.catalogue())
NO_KEY = _whole("401 Unauthorized", b'{"errors":[{"code":"10009","title":"Authentication failed"}]}')
UNKNOWN = _whole("404 Not Found", b'{"errors":[{"code":"10005","title":"Resource not found"}]}')
NO_LENGTH = _whole("411 Length Required", b'{"errors":[{"code":"10015","title":"Bad Request"}]}')
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)
STREAM = {usage: _chunks(usage=usage) for usage in (False, True)}
AT_ONCE = {usage: STREAM_HEAD + b"".join(chunks) for usage, chunks in STREAM.items()}


class Upstream(asyncio.Protocol):
    """One connection, kept alive. A request is read whole, answered, forgotten."""

    _numbers = count()

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are such in all but ancestry

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            length = _LENGTH.search(head)
            total = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < total:
                return
            body, self._received = self._received[end + 4 : total], self._received[total:]
            if head.startswith(b"POST ") and not length:
                self._transport.write(NO_LENGTH)
                self._transport.close()  # where the body ends is anybody's guess
                return
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        model = _MODEL.search(body)
        if not _KEY.search(head):
            self._transport.write(NO_KEY)
        elif _MODELS.match(head):
            self._transport.write(CATALOGUE)
        elif not head.startswith(_POST) or not model:
            self._transport.write(UNKNOWN)
        elif not _STREAM.search(body):
            self._transport.write(PLAIN)
        elif delay := int(model[1]):
            self._begin(STREAM[bool(_USAGE.search(body))], delay)
        else:
            self._transport.write(AT_ONCE[bool(_USAGE.search(body))])

    def _begin(self, chunks: list[bytes], delay: int) -> None:
        """Starts a spaced stream, each at another phase: in step, chunks would travel in convoys, which is cheaper."""
        self._transport.write(STREAM_HEAD)
        phase = next(self._numbers) * 7 % delay
        self._tick(chunks, 0, self._loop.time() + phase / 1000, delay / 1000)

    def _tick(self, chunks: list[bytes], number: int, due: float, delay: float) -> None:
        """Sends chunk `number - 1` and plans the next against the clock, so that lateness does not add up."""
        if number:
            self._transport.write(chunks[number - 1])
        if number < len(chunks):
            self._timer = self._loop.call_at(due + number * delay, self._tick, chunks, number + 1, due, delay)


async def serve(port: int) -> None:
    """Serves until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Upstream, answers.HOST, port, backlog=4096)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    gc.disable()  # a collection in the middle of a measurement would be charged to the target
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(options.port))


if __name__ == "__main__":
    main()
