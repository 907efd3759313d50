"""A connection without a network: the test is the event loop's transport, and the owner."""

import asyncio
from typing import TYPE_CHECKING, Any

from proxy.codec import Pieces
from proxy.outbox import Outbox
from proxy.timers import Wheel
from proxy.upstream.connection import Connection
from proxy.upstream.pool import Pool

if TYPE_CHECKING:
    from proxy.upstream.incoming import Incoming

PATIENT = 60.0


def usable(connection: Connection) -> bool:
    """Whether a request may be sent on it."""
    return connection.transport is not None and not connection.transport.is_closing()


class Wire(asyncio.Transport):
    """What is written to a connection and asked of it. `unsent` is what the kernel does not take."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.reading, self.aborted, self.closed, self.unsent = True, False, False, 0

    def write(self, data: Any) -> None:
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True

    def is_closing(self) -> bool:
        return self.aborted or self.closed

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.closed = True


class Desk:
    """Owns one connection, on which everything may be tried."""

    def __init__(self, first_byte: float = PATIENT, outbox: Outbox | None = None) -> None:
        self.wire, self.gone, self.outbox = Wire(), 0, outbox or Outbox()
        self.pool: Pool[Connection] = Pool()
        self.connection = Connection(self, Wheel(), self.pool, first_byte)
        self.connection.connection_made(self.wire)

    def lost(self, connection: Connection) -> None:
        self.gone += 1

    @property
    def idle(self) -> bool:
        """Whether the connection waits for another request."""
        return self.connection in self.pool.idle

    def ask(self, body: bytes | Pieces | None = b"{}") -> "asyncio.Future[Incoming]":
        self.pool.drop(self.connection)
        return self.connection.ask(b"POST / HTTP/1.1\r\n\r\n", body, PATIENT)

    def say(self, *pieces: bytes) -> None:
        """Telnyx says this, as long as anybody listens."""
        for piece in pieces:
            if piece and not self.wire.is_closing():
                self.connection.data_received(piece)

    def hang_up(self) -> None:
        """Telnyx ends the connection in order, and the event loop does what it does then."""
        if not self.wire.is_closing():
            self.connection.eof_received()
        self.connection.connection_lost(None)
