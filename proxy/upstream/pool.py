"""Which idle connection is used next, and which have idled too long. Policy only: nothing here touches a socket.

There is one pool for each pair of address and credential, so a connection that was used with one credential is never
used with another. The connection used last is used next: it is the least likely to be stale, and those that are not
needed any more grow old and go.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)
NEVER = float("inf")


class Pool(Generic[T]):
    """Idle connections of one address and one credential, the one used last on top.

    Attributes:
        idle: connection -> since when it has idled, in the order of these times. What is done for every request is
            done to it directly, without a call of Python: `idle[connection] = now` puts a connection in that idles from
            now on, `idle.popitem()` takes the one that was used last.
        keeps: whether connections that have nothing to do are to be kept at all.
    """

    __slots__ = ("idle", "keeps")

    def __init__(self, *, keeps: bool = True) -> None:
        self.idle: dict[T, float] = {}
        self.keeps = keeps

    def drop(self, connection: T) -> None:
        """Forget a connection, if it is here."""
        self.idle.pop(connection, None)

    def expire(self, before: float) -> list[T]:
        """Those that have idled since `before` or longer; they are no longer in the pool."""
        old = []
        for connection, since in self.idle.items():
            if since > before:
                break
            old.append(connection)
        for connection in old:
            del self.idle[connection]
        return old

    def oldest(self) -> float:
        """Since when the connection has idled that will expire first; for ever in an empty pool."""
        return next(iter(self.idle.values()), NEVER)

    def take_oldest(self) -> T:
        """The connection that has idled longest; there must be one."""
        connection = next(iter(self.idle))
        del self.idle[connection]
        return connection
