"""A server that says exactly the bytes a test wants, and notices exactly what its client does."""

import asyncio
import contextlib
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

LIMIT = 1024 * 1024
"""Bytes of a request head; and how far the server reads ahead."""
PATIENCE = 30.0
"""Seconds after which a test fails that waits for something that never happens."""


@dataclass(frozen=True)
class Request:
    """What arrived. Header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    @property
    def credential(self) -> str:
        return self.headers["authorization"].removeprefix("Bearer ")


class Gone(Exception):
    """The client closed the connection."""


@dataclass
class Line:
    """One connection, from the server's side."""

    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    requests: list[Request]

    async def request(self) -> Request:
        """The next request, whole. Raises Gone if there is none."""
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, OSError) as fault:
            raise Gone from fault
        first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        method, target, _ = first.split(" ")
        pairs = [line.partition(": ")[::2] for line in lines]
        headers = {name.lower(): value for name, value in pairs}
        assert len(headers) == len(pairs), "a header came twice"
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        request = Request(method, target, headers, body, self.number)
        self.requests.append(request)
        return request

    async def say(self, data: bytes) -> None:
        """Send bytes. Raises Gone."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except OSError as fault:
            raise Gone from fault

    async def gone(self) -> None:
        """Wait until the client has closed the connection, in order or not."""
        with contextlib.suppress(OSError):
            while await self.reader.read(LIMIT):
                pass

    def reset(self) -> None:
        """Break the connection off: RST instead of FIN."""
        self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def cut(self) -> None:
        """End the TCP connection below whatever TLS thinks of it."""
        with self._socket().dup() as twin:
            twin.shutdown(socket.SHUT_WR)

    def scribble(self, data: bytes) -> None:
        """Put bytes under the TLS layer, where they are no valid record."""
        os.write(self._socket().fileno(), data)

    def shrink(self) -> None:
        """Keep next to nothing for the client in the kernel."""
        self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.writer.transport.set_write_buffer_limits(high=0)

    def _socket(self) -> socket.socket:
        found: socket.socket = self.writer.get_extra_info("socket")
        return found


Script = Callable[[Line], Awaitable[None]]


@dataclass
class Origin:
    """A running server."""

    port: int
    scheme: str = "http"
    lines: list[Line] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/v2/chat"


@asynccontextmanager
async def origin(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Origin]:
    """Runs the script for each connection, and closes the connection where the script ends.

    A script that is left by its client ends silently; any other exception of a script fails the test.
    """
    tasks: set[asyncio.Task[None]] = set()
    faults: list[BaseException] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        line = Line(len(here.lines) + 1, reader, writer, here.requests)
        here.lines.append(line)
        try:
            await script(line)
        except (Gone, asyncio.CancelledError):
            pass
        except Exception as fault:  # noqa: BLE001 - told to the test, see below
            faults.append(fault)
        finally:
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async with asyncio.timeout(PATIENCE), _listening(serve, tls) as port:
        here = Origin(port, "https" if tls else "http")
        try:
            yield here
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    assert not faults, faults


@asynccontextmanager
async def _listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], tls: ssl.SSLContext | None
) -> AsyncIterator[int]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=LIMIT, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def answering(line: Line, *answers: bytes) -> None:
    """The script that answers each request of a connection with the same bytes, or with one after the other."""
    turn = 0
    while True:
        await line.request()
        await line.say(answers[turn % len(answers)])
        turn += 1


async def silent(line: Line) -> None:
    """The script that takes whatever comes and says nothing."""
    await line.gone()
