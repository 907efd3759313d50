"""A streamed answer, from Telnyx's pieces to the client's.

Theory of operation: the transport pours each piece into `Flow.feed`, which feeds it to the stream and writes what comes
out to the client, all in one call, without a task switch: most of what a chunk that arrives alone costs is then the
kernel's. The request's own task only waits for the end. Nothing is collected: where the client does not keep up, its
connection says so, and the transport stops reading from Telnyx.

Silence is filled with comments and, more rarely, empty chunks; silence that lasts too long and connections that break
become the stream's one error event. One timer per stream looks after that; chunks do not touch it.
"""

import asyncio

from proxy.accounts.ledger import CLIENT_CLOSED, COMPLETE, LEFT
from proxy.edge.connection import GONE
from proxy.edge.exchange import NAME_LIMIT, Exchange
from proxy.edge.reply import StreamedReply, line
from proxy.errors import ProxyError, UpstreamTimeout
from proxy.settings import Settings
from proxy.streaming.stream import Stream
from proxy.upstream.transport import Answer

COMMENT = b": keepalive\n"
"""One line, without a blank line behind it: several client libraries take a blank line for the end of an event."""
LAST_WORDS = 5.0
"""Seconds for writing the error event of a stream that is broken off: its client may not be reading at all."""
NEVER = float("inf")
CONTENT_TYPE = "text/event-stream; charset=utf-8"
LINES = line("Cache-Control", "no-cache") + line("X-Accel-Buffering", "no")


class Pace:
    """When silence has to be broken, and when it has lasted too long. Times are steady seconds.

    Attributes:
        heard: when Telnyx sent something last.
        shown: when the client was sent something other than a comment last.
    """

    __slots__ = ("_between", "_commented", "_heartbeat", "_keepalive", "heard", "shown")

    def __init__(self, settings: Settings, now: float) -> None:
        self._keepalive = settings.streams.keepalive or NEVER
        self._heartbeat = settings.streams.heartbeat or NEVER
        self._between = settings.upstream.timeouts.between_chunks
        self.heard = self.shown = self._commented = now

    def wait(self, now: float) -> float:
        """Seconds until something has to happen if nothing comes."""
        comment = max(self.shown, self._commented) + self._keepalive
        return max(0.0, min(comment, self.shown + self._heartbeat, self.heard + self._between) - now)

    def fill(self, stream: Stream, now: float) -> bytes:
        """What to send into the silence; an error event where it is over."""
        if now >= self.heard + self._between:
            return stream.fail(
                UpstreamTimeout(f"Telnyx sent nothing for {self._between:g} s (timeouts.between_chunks)."), "stalled"
            )
        if now >= self.shown + self._heartbeat:
            self.shown = now
            return stream.heartbeat()
        if now >= max(self.shown, self._commented) + self._keepalive:
            self._commented = now
            return COMMENT
        return b""


class Flow:
    """One stream under way between two connections.

    Attributes:
        fault: what ended it here: the client's connection, or a bug.
    """

    __slots__ = (
        "_answer",
        "_begun",
        "_busy",
        "_exchange",
        "_held",
        "_idle",
        "_pace",
        "_record",
        "_reply",
        "_steady",
        "_stream",
        "_timer",
        "fault",
    )

    def __init__(self, exchange: Exchange, answer: Answer, stream: Stream, reply: StreamedReply) -> None:
        self.fault: Exception | None = None
        self._exchange = exchange
        self._record = exchange.record
        self._answer = answer
        self._stream = stream
        self._reply = reply
        self._steady = exchange.services.clock.steady
        self._begun = now = self._steady()
        self._busy = 0.0  # seconds spent here, in all calls
        self._held: float | None = None  # since when the client has not kept up
        self._idle = 0.0  # seconds in which it did not
        self._pace = Pace(exchange.services.settings, now)
        self._timer = exchange.services.timers.after(self._pace.wait(now), self._look)

    async def run(self) -> None:
        """Until the stream has ended, however. Raises ConnectionError where the client has gone, and bugs."""
        connection = self._exchange.connection
        connection.writer = self
        try:
            if connection.writing_paused:
                self.pause()
            await self._answer.pour(self.feed)
            if self.fault is not None:
                raise self.fault
            self._send(self._stream.finish())
            await self._conclude()
        except ProxyError as broken:
            self._send(self._stream.fail(broken, "upstream_reset"))
            await self._conclude()
        finally:
            connection.writer = None
            self._timer.cancel()
            if self._held is not None:
                self.resume()
            self._note_times()

    def feed(self, piece: bytes) -> None:
        """Telnyx sent something."""
        begun = self._steady()
        pace, stream = self._pace, self._stream
        pace.heard = begun
        try:
            out = stream.feed(piece)
            ended = stream.ended
            if out:
                pace.shown = begun
                record = self._record
                record.bytes_out += len(out)
                if record.first_token is None and stream.started:
                    record.first_token = begun - self._exchange.started
                last = ended is not None and self._exchange.keep is None
                if last:
                    self._settle()
                self._reply.write(out, last=last)
            if ended is not None:
                self._let_go(ended)
        except ConnectionError as gone:
            self._lose(gone)
        except Exception as fault:  # noqa: BLE001 - the transport called; it goes to whoever waits in `run`
            self.fault = fault
            self._answer.close()
        self._busy += self._steady() - begun

    def _lose(self, gone: ConnectionError) -> None:
        """Nobody reads any more. Where the tenant wants to know what it pays for, Telnyx is read to the end."""
        if not self._exchange.outlive():
            self.fault = gone
            self._answer.close()
        elif self._stream.ended is not None:
            self._let_go(self._stream.ended)

    def _let_go(self, ended: str) -> None:
        if ended == COMPLETE:
            self._answer.leave()
        else:
            self._answer.close()

    async def _conclude(self) -> None:
        """Say the last words of a stream that is kept, once it is. Raises ConnectionError."""
        keep = self._exchange.keep
        if keep is not None and not self._reply.ended:
            out = await keep()
            self._record.bytes_out += len(out)
            self._settle()
            self._reply.write(out, last=True)

    def _send(self, out: bytes) -> None:
        if out:
            self._record.bytes_out += len(out)
            last = self._stream.ended is not None and self._exchange.keep is None
            if last:
                self._settle()
            self._reply.write(out, last=last)

    def _settle(self) -> None:
        """The last piece is about to be written: first it is accounted for."""
        self._note_times()
        settle(self._exchange, self._stream)

    def _note_times(self) -> None:
        """What was waited for, up to now, counted from where it was noted last."""
        record, now, idle = self._record, self._steady(), self._idle
        record.client_waited += idle
        record.waited += max(0.0, now - self._begun - self._busy - idle)
        self._begun, self._busy, self._idle = now, 0.0, 0.0

    def _look(self) -> None:
        """Some time has passed."""
        now = self._steady()
        if self._held is not None:
            self._pace.heard = now  # that nothing comes is our own doing
        try:
            self._send(self._pace.fill(self._stream, now) if self._held is None else b"")
        except ConnectionError as gone:
            self._lose(gone)
        except Exception as fault:  # noqa: BLE001 - the loop called; it goes to whoever waits in `run`
            self.fault = fault
        if self._stream.ended is not None or self.fault is not None:
            self._answer.close()
        else:
            self._timer = self._exchange.services.timers.after(self._pace.wait(now), self._look)

    def pause(self) -> None:
        """The client does not keep up."""
        if self._held is None:
            self._held = self._steady()
            self._answer.pause()

    def resume(self) -> None:
        """It has caught up."""
        held, self._held = self._held, None
        if held is not None:
            now = self._steady()
            self._pace.heard = self._pace.shown = now
            self._idle += now - held
            self._answer.resume()


async def relay(exchange: Exchange, answer: Answer, stream: Stream) -> StreamedReply:
    """Hand a streamed answer on. Returns when it has ended, however it ended; the record says how."""
    reply = StreamedReply(exchange.connection, exchange.request, last=exchange.last)
    exchange.reply, exchange.stream, exchange.record.status = reply, stream, 200
    under_way = exchange.services.metrics.streams_under_way
    under_way.value += 1
    connection, whole = exchange.connection, None
    try:
        reply.begin(exchange.lines(CONTENT_TYPE) + LINES)
        if answer.whole is not None and connection.stuck is None and exchange.keep is None:
            whole, answer.whole = answer.whole, None
            _hand_over(exchange, whole, stream, reply)
        else:
            reply.show_soon()
            flow = Flow(exchange, answer, stream, reply)
            if exchange.keep is not None:
                flow.feed(b"")  # the first events of a response need nothing that Telnyx says
            await flow.run()
        if connection.stuck is not None or not reply.ended:
            await _flush(exchange, reply)
    except ConnectionError:
        _abandon(exchange)
    except asyncio.CancelledError:
        broken = exchange.interrupted()
        if broken is None or exchange.gone:
            _abandon(exchange)
            raise
        await break_off(exchange, *broken)
    finally:
        if whole is None:
            answer.close()
        under_way.value -= 1
        _account(exchange, stream)
    return reply


def _hand_over(exchange: Exchange, whole: bytes, stream: Stream, reply: StreamedReply) -> None:
    """A stream that came as a whole, as answers that were kept somewhere do: there is nothing to wait for."""
    record, elapsed = exchange.record, exchange.elapsed()
    out = stream.feed(whole)
    if stream.started:
        record.first_token = elapsed
    if out:
        record.bytes_out = len(out)
        if stream.ended is not None:
            settle(exchange, stream)
        reply.write(out, last=stream.ended is not None)
    if stream.ended is None and (out := stream.finish()):
        record.bytes_out += len(out)
        settle(exchange, stream)
        reply.write(out, last=True)


async def _flush(exchange: Exchange, reply: StreamedReply) -> None:
    steady = exchange.services.clock.steady
    before = steady()
    try:
        await reply.write_eof()
    finally:
        exchange.record.client_waited += steady() - before


async def break_off(exchange: Exchange, error: ProxyError, end: str) -> None:
    """End a stream that has begun with an error event, if the client still reads; where there are no events, cut it."""
    reply, stream = exchange.reply, exchange.stream
    if reply is None:
        return
    if stream is None:
        reply.cut()
        return
    try:
        last = stream.fail(error, end)
        if exchange.keep is not None and not reply.ended:
            last += await exchange.keep()
        if last:
            settle(exchange, stream)
            reply.write(last, last=True)
        async with asyncio.timeout(LAST_WORDS):
            await _flush(exchange, reply)
    except (TimeoutError, ConnectionError):
        reply.cut()


def settle(exchange: Exchange, stream: Stream) -> None:
    """Account for a stream whose last piece is about to be written. Raises ConnectionError where nobody will read it.

    Who reads the end of an answer can rely on it that the ledger has it.
    """
    transport = exchange.connection.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError(GONE)
    _account(exchange, stream)
    exchange.record.duration = exchange.elapsed()
    exchange.services.account(exchange.record)


def _abandon(exchange: Exchange) -> None:
    """The client went away: nothing more can be said to it. What the ledger has the last word on stays as it is."""
    if not exchange.record.accounted:
        exchange.record.status = CLIENT_CLOSED
        exchange.record.stream_end = LEFT


def _account(exchange: Exchange, stream: Stream) -> None:
    record = exchange.record
    if record.accounted:
        return  # it was when the last piece was written, and a stream that has ended does not change any more
    record.usage = stream.usage
    record.model = stream.model[:NAME_LIMIT]
    record.schema_violations = stream.violations
    if record.stream_end is None:
        record.stream_end = stream.ended
    if stream.error is not None:
        exchange.note(stream.error)
