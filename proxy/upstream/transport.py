"""The port to Telnyx: what a transport takes, what it gives, and how it fails.

Theory of operation: `send` returns as soon as the status line and headers have arrived. The body is then either read
whole (`read`, bounded) or poured into a sink (`pour`) as it comes, without a task switch where the transport can do so.
A sink that cannot take more calls `pause`: then no more is read from Telnyx than a bounded buffer holds, and nothing
more is poured until `resume`. `close` is idempotent, may be called at any moment, also by the sink, and returns the
connection to the pool only if the answer was read to its end; otherwise the connection is cut, which is how Telnyx
learns that nobody listens any more.

Failures are `proxy.errors.UpstreamFault`, never exceptions of a library.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from proxy.codec import Pieces


@dataclass(slots=True)
class Upload:
    """A request body that is read while it is sent, and only once. Whoever made it ends what it is read from.

    Attributes:
        pieces: the body. The next piece is asked for when Telnyx has taken what came before, but for a bounded buffer.
            What it raises comes out of `Transport.send`, and Telnyx sees a request that breaks off.
        content_type: what it is.
        length: its bytes, for `content-length`; None where nobody knows: it goes out in chunks.
    """

    pieces: AsyncIterator[bytes] = field(repr=False)
    content_type: str
    length: int | None = None


@dataclass(slots=True)
class Outgoing:
    """One HTTP request to Telnyx.

    Attributes:
        method, url: as they go out.
        credential: the Telnyx API key; never shown.
        body: the request body: JSON, or an upload; None for GET.
        accept: the `accept` header.
        headers: further headers, from the allow-list of the edge.
    """

    method: str
    url: str
    credential: str = field(repr=False)
    body: bytes | Pieces | Upload | None = field(default=None, repr=False)
    accept: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


Sink = Callable[[bytes], None]
"""Takes the next piece of a body, never an empty one, and never raises.

It may be called within the call stack of the event loop's reader: what it does, the next connection waits for. Should
it raise all the same, the answer is cut, and `pour` raises that.
"""


class Answer(Protocol):
    """An answer under way."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, names looked up without regard to case."""
        ...

    whole: bytes | None
    """The body, if all of it came together with its head and nobody has taken it yet; it may never be there.

    Who takes it puts None in its place, and need neither `read` nor `close`.
    """

    async def read(self, limit: int, idle: float) -> bytes:
        """The whole body: at most `limit` bytes, with at most `idle` seconds between pieces.

        Raises UpstreamFailed when it is larger or breaks off, UpstreamTimeout when it stalls.
        """
        ...

    async def pour(self, sink: Sink) -> None:
        """Hand the body to `sink`, every piece as it comes; returns at its end, or once the answer is closed.

        Raises UpstreamFailed when the connection breaks, after every piece that came before has been handed over.
        Where the task is cancelled, nothing more is poured, and the connection is cut; so it is where `read` is.
        """
        ...

    def pause(self) -> None:
        """Pour nothing until `resume`. May be called at any moment, also by the sink, before `pour` and after the end.

        While it is paused, `pour` does not return before what has come is poured, or the answer is closed.
        """
        ...

    def resume(self) -> None:
        """Go on pouring. What came in the meantime is poured before this returns, or soon after it."""
        ...

    def leave(self) -> None:
        """Let the answer go, knowing that its end is due any moment: nothing more is poured, and `pour` returns.

        A transport may wait a moment for the end, so that the connection can be used again. `close` then does nothing.
        """
        ...

    def close(self) -> None:
        """Let the answer go; cuts the connection if the body was not read to its end."""
        ...


class Transport(Protocol):
    """Something that can carry a request to Telnyx."""

    async def send(self, outgoing: Outgoing) -> Answer:
        """Send, and wait for status and headers.

        Raises UpstreamUnavailable when no connection could be made, UpstreamTimeout when connecting or the first
        byte took too long, UpstreamFailed when the connection broke before an answer.

        For the first byte of the answer to an upload it waits from its end on; while it is sent, as long for Telnyx to
        take the next piece, and for ever for that piece to come. An answer that comes before the end ends the upload,
        and the connection with the answer. A request whose body was an upload is never sent twice.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
