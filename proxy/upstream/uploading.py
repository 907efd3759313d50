"""A connection whose request has a body that is read while it is sent.

Theory of operation: the task that sends the request pulls the next piece when the socket has room for it, so that no
more of the body is in memory than a piece and what the socket's buffer holds. The answer, or the end of the connection,
may come at any moment; it ends the pulling, wherever that is.
"""

import asyncio
from contextlib import suppress

from proxy.errors import UpstreamFailed, UpstreamTimeout
from proxy.upstream.connection import NEVER, Connection
from proxy.upstream.incoming import Incoming
from proxy.upstream.transport import Upload

LAST = b"0\r\n\r\n"
OTHER_LENGTH = "The request to Telnyx has another length than was announced."


class Uploading(Connection):
    """A connection that begins with an upload. Later requests on it are like those on any other."""

    __slots__ = ("_room", "_unfinished")

    _room: "asyncio.Future[None] | None"
    _unfinished: bool

    def pause_writing(self) -> None:
        """Telnyx does not take the body as fast as it comes."""
        super().pause_writing()
        self._room = self.loop.create_future()

    def resume_writing(self) -> None:
        """It has taken most of it."""
        super().resume_writing()
        room = self._room
        if room is not None and not room.done():
            room.set_result(None)

    def _rest(self) -> None:
        self._keep = self._keep and not self._unfinished  # Telnyx would take what comes next for the rest of the body
        super()._rest()

    async def upload(self, head: bytes, upload: Upload, patience: float) -> Incoming:
        """Send a request and its body; gives the answer once its head has come.

        Raises UpstreamTimeout where Telnyx takes nothing, or says nothing after the end, for `patience` seconds; as the
        future of `ask` does; and whatever the source of the body raises.
        """
        self._room, self._unfinished = None, True
        waiter = self.ask(head, None, NEVER)
        self._owner.outbox.flush()  # what follows is written past it, as Telnyx takes it
        try:
            if await self._before_the_answer(upload, waiter, patience):
                self._unfinished = False
                self._due = self._time() + patience
                if self._due < self._looks:
                    self._watch(patience)
            return await waiter
        except BaseException:
            self.give_up(waiter)
            raise

    async def _before_the_answer(self, upload: Upload, waiter: "asyncio.Future[Incoming]", patience: float) -> bool:
        """Send the body until its end or the answer; whether it was the end."""

        def hurry(_: "asyncio.Future[Incoming]") -> None:
            with suppress(RuntimeError):  # the last piece may have gone in the same turn of the loop
                answered.reschedule(self._time())

        try:
            async with asyncio.timeout(None) as answered:
                waiter.add_done_callback(hurry)
                try:
                    await self._pump(upload, patience)
                finally:
                    waiter.remove_done_callback(hurry)
        except TimeoutError:
            if not answered.expired():
                raise
            return False
        return True

    async def _pump(self, upload: Upload, patience: float) -> None:
        """Send all of the body."""
        left = upload.length
        async for piece in upload.pieces:
            if not piece:
                continue
            if left is None:
                self._write(b"%x\r\n%b\r\n" % (len(piece), piece))
            else:
                left -= len(piece)
                if left < 0:
                    raise UpstreamFailed(OTHER_LENGTH)
                self._write(piece)
            if self._choked:
                await self._taken(patience)
            else:
                await asyncio.sleep(0)  # a source that has all at hand would never let an answer in
        if left:
            raise UpstreamFailed(OTHER_LENGTH)
        if left is None:
            self._write(LAST)

    def _write(self, data: bytes) -> None:
        if self.transport is not None:  # else the answer will say so
            self.transport.write(data)

    async def _taken(self, patience: float) -> None:
        """Wait until there is room."""
        room = self._room
        if room is None:
            return
        try:
            async with asyncio.timeout(patience) as waiting:
                await room
        except TimeoutError:
            if not waiting.expired():
                raise
            raise UpstreamTimeout(
                f"Telnyx took nothing of the request for {patience:g} s (timeouts.first_byte)."
            ) from None
