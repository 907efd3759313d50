"""The port to Telnyx: what a transport takes, what it gives, and how it fails.

Theory of operation: `send` returns as soon as the status line and headers have arrived. The body is then either read
whole (`read`, bounded) or taken piece by piece (`piece`), which is what gives backpressure: nothing more is read from
Telnyx than the caller asked for. `close` is idempotent, may be called at any moment, and returns the connection to
the pool only if the answer was read to its end; otherwise the connection is cut, which is how Telnyx learns that
nobody listens any more.

Failures are `proxy.errors.UpstreamFault`, never exceptions of a library.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One HTTP request to Telnyx.

    Attributes:
        method, url: as they go out.
        credential: the Telnyx API key; never shown.
        body: the request body, None for GET.
        accept: the `accept` header.
        headers: further headers, from the allow-list of the edge.
    """

    method: str
    url: str
    credential: str = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    accept: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


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

    async def read(self, limit: int, idle: float) -> bytes:
        """The whole body: at most `limit` bytes, with at most `idle` seconds between pieces.

        Raises UpstreamFailed when it is larger or breaks off, UpstreamTimeout when it stalls.
        """
        ...

    async def piece(self) -> bytes:
        """The next piece as it came, b"" at the end. May be cancelled and asked again without losing a byte.

        Raises UpstreamFailed when the connection breaks.
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
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
