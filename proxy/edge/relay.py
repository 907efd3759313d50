"""A streamed answer, from Telnyx to the client, piece by piece.

One loop: take a piece, feed it to the stream, write what comes out. Backpressure is the loop itself: while the client
does not read, `write` waits, and nothing more is read from Telnyx. Silence is filled with comments and, more rarely,
empty chunks; time that runs out and connections that break become the stream's one error event.
"""

import asyncio

from aiohttp import web

from proxy.accounts.ledger import CLIENT_CLOSED
from proxy.edge.exchange import NAME_LIMIT, Exchange
from proxy.errors import ProxyError, ShuttingDown, UpstreamTimeout
from proxy.streaming.chat import ChatStream
from proxy.upstream.transport import Answer

COMMENT = b": keepalive\n"
"""One line, without a blank line behind it: several client libraries take a blank line for the end of an event."""
LAST_WORDS = 5.0
"""Seconds for writing the error event of a stream that is broken off: its client may not be reading at all."""
NEVER = float("inf")

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}


class Pace:
    """When silence has to be broken, and when it has lasted too long. Times are steady seconds."""

    __slots__ = ("_between", "_heartbeat", "_keepalive", "end", "heard", "next_comment", "next_heartbeat")

    def __init__(self, exchange: Exchange, now: float) -> None:
        settings = exchange.services.settings
        self._keepalive = settings.streams.keepalive or NEVER
        self._heartbeat = settings.streams.heartbeat or NEVER
        self._between = settings.upstream.timeouts.between_chunks
        self.end = exchange.started + settings.upstream.timeouts.total
        self.hear(now)
        self.show(now)

    def hear(self, now: float) -> None:
        """Telnyx sent something."""
        self.heard = now

    def show(self, now: float) -> None:
        """The client was sent something."""
        self.next_comment = now + self._keepalive
        self.next_heartbeat = now + self._heartbeat

    def wait(self, now: float) -> float:
        """Seconds until something has to happen if nothing comes."""
        return max(0.0, min(self.next_comment, self.next_heartbeat, self.heard + self._between, self.end) - now)

    def fill(self, stream: ChatStream, now: float) -> bytes:
        """What to send into the silence; an error event where it is over."""
        if now >= self.end:
            return stream.fail(UpstreamTimeout("The answer took too long (timeouts.total)."), "timeout")
        if now >= self.heard + self._between:
            return stream.fail(
                UpstreamTimeout(f"Telnyx sent nothing for {self._between:g} s (timeouts.between_chunks)."), "stalled"
            )
        if now >= self.next_heartbeat:
            self.show(now)
            return stream.heartbeat()
        if now >= self.next_comment:
            self.next_comment = now + self._keepalive
            return COMMENT
        return b""


async def relay(exchange: Exchange, answer: Answer, stream: ChatStream) -> web.StreamResponse:
    """Hand a streamed answer on. Returns when it has ended, however it ended; the record says how."""
    response = web.StreamResponse(headers={**exchange.headers(), **HEADERS})
    exchange.response, exchange.stream, exchange.record.status = response, stream, 200
    exchange.services.metrics.open_stream(1)
    try:
        if exchange.last:
            response.force_close()
        await response.prepare(exchange.request)
        async with asyncio.timeout_at(asyncio.get_running_loop().time() + _left(exchange)):
            await _pump(exchange, answer, response, stream)
        await response.write_eof()
    except TimeoutError:
        await break_off(exchange, UpstreamTimeout("The answer took too long (timeouts.total)."), "timeout")
    except ConnectionError:
        _abandon(exchange)
    except asyncio.CancelledError:
        if not exchange.stopping:
            _abandon(exchange)
            raise
        if exchange.task is not None:
            exchange.task.uncancel()
        await break_off(exchange, ShuttingDown("The proxy is shutting down."), "shutdown")
    finally:
        answer.close()
        exchange.services.metrics.open_stream(-1)
        _account(exchange, stream)
    return response


async def _pump(exchange: Exchange, answer: Answer, response: web.StreamResponse, stream: ChatStream) -> None:
    record, steady = exchange.record, exchange.services.clock.steady
    now = steady()
    pace = Pace(exchange, now)
    while stream.ended is None:
        before = now
        try:
            async with asyncio.timeout(pace.wait(now)):
                piece = await answer.piece()
        except TimeoutError:
            now = steady()
            out = pace.fill(stream, now)
        except ProxyError as fault:
            now = steady()
            out = stream.fail(fault, "upstream_reset")
        else:
            now = steady()
            pace.hear(now)
            out = stream.feed(piece) if piece else stream.finish()
            if out:
                pace.show(now)
                if record.first_token is None and stream.started:
                    record.first_token = now - exchange.started
        record.waited += now - before
        if out:
            record.bytes_out += len(out)
            await response.write(out)
            before, now = now, steady()
            record.client_waited += now - before


def _left(exchange: Exchange) -> float:
    # A little behind Pace, which ends a silent stream in order; this one ends the wait for a client that never reads.
    return max(0.0, exchange.services.settings.upstream.timeouts.total - exchange.elapsed()) + 1.0


async def break_off(exchange: Exchange, error: ProxyError, end: str) -> None:
    """End a stream that has begun with an error event, if the client still reads."""
    response, stream = exchange.response, exchange.stream
    if response is None or stream is None:
        return
    last = stream.fail(error, end)
    try:
        async with asyncio.timeout(LAST_WORDS):
            await response.write(last)
            await response.write_eof()
    except (TimeoutError, ConnectionError):
        if exchange.request.transport is not None:
            exchange.request.transport.abort()


def _abandon(exchange: Exchange) -> None:
    """The client went away: nothing more can be said to it, everything is accounted for."""
    exchange.record.status = CLIENT_CLOSED
    exchange.record.stream_end = "client_disconnected"


def _account(exchange: Exchange, stream: ChatStream) -> None:
    record = exchange.record
    record.usage = stream.usage
    record.model = stream.model[:NAME_LIMIT]
    record.schema_violations = stream.violations
    if record.stream_end is None:
        record.stream_end = stream.ended
    if stream.error is not None:
        exchange.note(stream.error)
