"""What every stream is to those who carry it: bytes in, bytes out, one ending, and what is known of it then."""

from typing import Protocol

from proxy.errors import ProxyError
from proxy.usage import Usage


class Stream(Protocol):
    """One streamed answer under way: upstream's bytes in, the client's bytes out, whole events only.

    Attributes:
        ended: how it ended, one of `proxy.accounts.ledger.STREAM_ENDS`; None while more may come.
        error: why, if it was not complete.
        model: the Telnyx id that served, as the client sees it.
    """

    ended: str | None
    error: ProxyError | None
    model: str

    @property
    def started(self) -> bool:
        """Whether content, reasoning or a tool call has been handed on."""
        ...

    @property
    def violations(self) -> int:
        """Texts and arguments that do not keep to the schema the client gave."""
        ...

    @property
    def usage(self) -> Usage:
        """Upstream's figures, else an estimate of what went by so far."""
        ...

    def feed(self, data: bytes) -> bytes:
        """What the client gets for a piece of upstream's bytes, however sliced. Never raises for what upstream sent."""
        ...

    def finish(self) -> bytes:
        """The end of the stream, when upstream has closed it in good order."""
        ...

    def fail(self, error: ProxyError, end: str) -> bytes:
        """The end of the stream by trouble that the caller saw (a reset, a stall, a timeout, a shutdown)."""
        ...

    def heartbeat(self) -> bytes:
        """An event that says nothing, for clients that give up on silence; nothing where there is none."""
        ...
