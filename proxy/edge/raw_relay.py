"""An answer that goes to the client as it comes: what `edge/relay` is for events, for bytes that mean nothing here.

The client hears of a 200 when there is a byte of it, or the end, and not before; up to then whatever goes wrong is an
error like any other. Afterwards nothing can be said in words any more: the connection is broken off, so that no client
takes a part for the whole.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from proxy.accounts.ledger import CLIENT_CLOSED, COMPLETE, LEFT
from proxy.edge.connection import GONE
from proxy.edge.exchange import Exchange
from proxy.edge.redacting import Redactor
from proxy.edge.reply import StreamedReply
from proxy.errors import ProxyError, UpstreamFailed, UpstreamTimeout
from proxy.upstream.transport import Answer

if TYPE_CHECKING:
    from proxy.timers import Timer

Look = Callable[[bytes], None]
"""Sees each piece before the client does."""


def unseen(_piece: bytes) -> None:
    """Nobody looks at it."""


class Flow:
    """One answer under way between two connections.

    Attributes:
        fault: what ended it here: the client's connection, silence, or a bug.
    """

    def __init__(
        self, exchange: Exchange, answer: Answer, content_type: str, look: Look, redactor: Redactor | None = None
    ) -> None:
        self.fault: Exception | None = None
        self._redactor = redactor
        self._exchange, self._answer, self._content_type, self._see = exchange, answer, content_type, look
        services = exchange.services
        self._steady, self._timers = services.clock.steady, services.timers
        self._between = services.settings.upstream.timeouts.between_chunks
        self._reply = StreamedReply(exchange.connection, exchange.request, last=exchange.last)
        self._heard = self._steady()
        self._held: float | None = None  # since when the client has not kept up
        self._idle = 0.0  # seconds in which it did not
        self._timer: Timer = self._timers.after(self._between, self._look)

    async def run(self, empty: str | None) -> StreamedReply:
        """Until all has been written. Raises UpstreamFault, ConnectionError where the client has gone, and bugs."""
        exchange, begun = self._exchange, self._steady()
        connection = exchange.connection
        connection.writer = self
        try:
            if connection.writing_paused:
                self.pause()
            await self._answer.pour(self.feed)
            if self.fault is not None:
                raise self.fault
            if exchange.reply is None and empty is not None:
                raise UpstreamFailed(empty)
        finally:
            connection.writer = None
            self._timer.cancel()
            self.resume()
            exchange.record.client_waited += self._idle
            exchange.record.waited += max(0.0, self._steady() - begun - self._idle)
        return await self._finish()

    async def _finish(self) -> StreamedReply:
        """The good end, accounted for before it is written."""
        exchange = self._exchange
        self._begin()
        transport = exchange.connection.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError(GONE)
        if self._redactor is not None:
            self._write(self._redactor.finish())
        exchange.record.stream_end = COMPLETE
        exchange.record.duration = exchange.elapsed()
        exchange.services.account(exchange.record)
        await self._reply.write_eof()
        return self._reply

    def feed(self, piece: bytes) -> None:
        """Telnyx sent something."""
        self._heard = self._steady()
        try:
            self._begin()
            self._see(piece)
            self._write(piece if self._redactor is None else self._redactor.feed(piece))
        except Exception as fault:  # noqa: BLE001 - the transport called; it goes to whoever waits in `run`
            self.fault = fault
            self._answer.close()

    def _write(self, piece: bytes) -> None:
        if piece:
            self._exchange.record.bytes_out += len(piece)
            self._reply.write(piece)

    def _begin(self) -> None:
        """From now on there is an answer."""
        exchange, record = self._exchange, self._exchange.record
        if exchange.reply is None:
            record.status, record.stream, record.first_token = 200, True, self._heard - exchange.started
            self._reply.begin(exchange.lines(self._content_type))
            exchange.reply = self._reply

    def _look(self) -> None:
        """Some time has passed."""
        now = self._steady()
        if self._held is not None:
            self._heard = now  # that nothing comes is our own doing
        left = self._heard + self._between - now
        if left > 0:
            self._timer = self._timers.after(left, self._look)
        else:
            self.fault = UpstreamTimeout(f"Telnyx sent nothing for {self._between:g} s (timeouts.between_chunks).")
            self._answer.close()

    def pause(self) -> None:
        """The client does not keep up."""
        if self._held is None:
            self._held = self._steady()
            self._answer.pause()

    def resume(self) -> None:
        """It has caught up."""
        held, self._held = self._held, None
        if held is not None:
            self._heard = self._steady()
            self._idle += self._heard - held
            self._answer.resume()


async def hand_on(  # noqa: PLR0913 - two of them are seldom given
    exchange: Exchange,
    answer: Answer,
    content_type: str,
    *,
    empty: str | None = None,
    look: Look = unseen,
    redactor: Redactor | None = None,
) -> StreamedReply:
    """The whole of it, however it ends; the record says how. Raises ProxyError as long as nothing was said.

    `empty`: what is wrong with an answer without a byte; None where nothing is. `redactor`: what takes secrets out of
    it; None where none can be in it.
    """
    under_way = exchange.services.metrics.streams_under_way
    under_way.value += 1
    flow = Flow(exchange, answer, content_type, look, redactor)
    try:
        return await flow.run(empty)
    except ProxyError as broken:
        end = "stalled" if isinstance(broken, UpstreamTimeout) else "upstream_reset"
        return _broken_off(exchange, broken, end)
    except ConnectionError:
        _abandon(exchange)
        if exchange.reply is None:
            raise
        return exchange.reply
    except asyncio.CancelledError:
        if exchange.interruption is None:
            _abandon(exchange)
        if exchange.interruption is None or exchange.reply is None:
            raise
        exchange.interrupted()
        return _broken_off(exchange, *exchange.interruption)
    finally:
        answer.close()
        under_way.value -= 1


def _broken_off(exchange: Exchange, error: ProxyError, end: str) -> StreamedReply:
    """An answer that has begun ends without its end. Raises the error where nothing was said yet."""
    reply = exchange.reply
    if reply is None:
        raise error
    exchange.note(error)
    exchange.record.stream_end = end
    reply.cut()
    return reply


def _abandon(exchange: Exchange) -> None:
    """The client went away. What the ledger has the last word on stays as it is."""
    if not exchange.record.accounted:
        exchange.record.status = CLIENT_CLOSED
        if exchange.reply is not None:
            exchange.record.stream_end = LEFT
