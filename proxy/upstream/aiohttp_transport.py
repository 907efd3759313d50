"""The transport on aiohttp's client.

A request is replayed once, and only if it went out on a reused connection that Telnyx closed before a single byte of
an answer: then it is the keep-alive race every pool has, and the request was not read. The replay goes out on a fresh
connection, because the others of the pool may be as stale. Nothing else is retried here.
"""

import asyncio
import io
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from types import SimpleNamespace
from typing import Any, cast
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from yarl import URL

from proxy.codec import Pieces
from proxy.errors import ProxyError, UpstreamFailed, UpstreamTimeout, UpstreamUnavailable
from proxy.outbox import Outbox
from proxy.upstream.transport import Outgoing, Sink, Upload

HEADER_LIMIT = 64 * 1024
"""Bytes of one upstream header line: far above what any API sends, far below what hurts. At most 128 lines are read."""
OTHER_LENGTH = "The request to Telnyx has another length than was announced."
LARGE = 64 * 1024
"""Bytes of a request body from which it is written piece by piece, as Telnyx takes it."""

BORDER: tuple[tuple[type[BaseException], type[ProxyError], str], ...] = (
    (aiohttp.ConnectionTimeoutError, UpstreamTimeout, "Telnyx could not be reached in time (timeouts.connect)."),
    (aiohttp.ClientConnectorError, UpstreamUnavailable, "Telnyx could not be reached."),
    (aiohttp.InvalidURL, UpstreamFailed, "The address of Telnyx is no address (upstream.base_url)."),
    (aiohttp.ClientPayloadError, UpstreamFailed, "Telnyx broke off its answer."),
    (aiohttp.ServerDisconnectedError, UpstreamFailed, "Telnyx closed the connection without an answer."),
    (aiohttp.ClientResponseError, UpstreamFailed, "Telnyx sent something that is not HTTP."),
    (aiohttp.ClientError, UpstreamFailed, "The connection to Telnyx failed."),
    (OSError, UpstreamFailed, "The connection to Telnyx broke."),
    (RuntimeError, UpstreamFailed, "The connection to Telnyx was closed."),
    (ValueError, UpstreamFailed, "The request to Telnyx cannot be written as HTTP."),
)
"""Foreign exceptions -> ours, first match wins."""
_CLOSED = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError)
"""How aiohttp says that a connection was closed or reset."""
_TALKATIVE = (aiohttp.ClientResponseError, UnicodeError)
"""Those that carry the headers of the request, or the text that could not be encoded: the credential with them."""


@contextmanager
def border() -> Iterator[None]:
    """Let no exception of the library out. Their texts stay inside, too: they may name hosts and addresses."""
    try:
        yield
    except (aiohttp.ClientError, OSError, RuntimeError, ValueError) as fault:
        ours, message = next((ours, text) for theirs, ours, text in BORDER if isinstance(fault, theirs))
        raise ours(message) from (None if isinstance(fault, _TALKATIVE) else fault)


class AiohttpAnswer:
    """An aiohttp response behind the port `Answer`."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.whole: bytes | None = None  # not to be told from what aiohttp shows
        self._closed = False
        self._pouring = asyncio.Event()
        self._pouring.set()
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def read(self, limit: int, idle: float) -> bytes:
        """See `Answer.read`."""
        try:
            return await self._read(limit, idle)
        except BaseException:
            self.close()
            raise

    async def _read(self, limit: int, idle: float) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while True:
            try:
                async with asyncio.timeout(idle):
                    piece = await self._piece()
            except TimeoutError:
                raise UpstreamTimeout(f"Telnyx sent nothing for {idle:g} s (timeouts.between_chunks).") from None
            if not piece:
                return b"".join(pieces) if len(pieces) != 1 else pieces[0]
            size += len(piece)
            if size > limit:
                raise UpstreamFailed(f"Telnyx's answer is larger than {limit} bytes (limits.answer).")
            pieces.append(piece)

    async def pour(self, sink: Sink) -> None:
        """See `Answer.pour`."""
        try:
            while not self._closed and (piece := await self._piece()):
                await self._pouring.wait()
                if not self._closed:
                    sink(piece)
        except BaseException as fault:
            closed, self._closed = self._closed, True
            self._response.close()
            if not closed or not isinstance(fault, UpstreamFailed):
                raise

    def pause(self) -> None:
        """See `Answer.pause`."""
        if not self._closed:
            self._pouring.clear()

    def resume(self) -> None:
        """See `Answer.resume`."""
        self._pouring.set()

    def interrupt(self) -> None:
        """Break off where it is: aiohttp closes connections without waking those that wait for their bytes."""
        if not self._response.content.is_eof():
            self._response.content.set_exception(aiohttp.ClientConnectionError())

    async def _piece(self) -> bytes:
        with border():
            return await self._response.content.readany()

    def leave(self) -> None:
        """See `Answer.leave`. Nobody would read the end here; where it has come already, the connection is kept."""
        self.close()

    def close(self) -> None:
        """See `Answer.close`."""
        self._closed = True
        self._pouring.set()
        self._response.close()  # a no-op after a body that was read to its end: the connection is in the pool already


class AiohttpTransport:
    """aiohttp's client behind the port `Transport`."""

    def __init__(  # noqa: PLR0913 - what both transports take
        self,
        *,
        connect: float,
        first_byte: float,
        keepalive: float,
        user_agent: str,
        tls: ssl.SSLContext,
        outbox: Outbox | None = None,
    ) -> None:
        self._first_byte = first_byte
        self._outbox = outbox or Outbox()
        session = partial(
            aiohttp.ClientSession,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect, connect=None, sock_read=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Compression would only add latency to streams, and this proxy reads every answer anyway.
            headers={"User-Agent": user_agent, "Accept-Encoding": "identity"},
            max_line_size=HEADER_LIMIT,
            max_field_size=HEADER_LIMIT,
            trust_env=False,
            trace_configs=[_reuse_noted()],
            response_class=_Response,
        )
        # 0 s would keep them: aiohttp looks at the time of idle connections only when the next request wants one
        keeping: dict[str, Any] = {"keepalive_timeout": keepalive} if keepalive else {"force_close": True}
        self._pooled = session(connector=_Connector(limit=0, ssl=tls, **keeping))
        self._fresh = session(connector=_Connector(limit=0, ssl=tls, force_close=True))
        self._answers: WeakSet[AiohttpAnswer] = WeakSet()
        for each in (self._pooled, self._fresh):
            each._retry_connection = False  # noqa: SLF001 - no public switch; aiohttp repeats any GET, even a fresh one

    async def send(self, outgoing: Outgoing) -> AiohttpAnswer:
        """See `Transport.send`."""
        self._outbox.flush()  # aiohttp writes past it
        context = SimpleNamespace(reused=False)
        if isinstance(outgoing.body, Upload):
            return await self._upload(outgoing, outgoing.body, context)
        try:
            return await self._send(self._pooled, outgoing, context)
        except UpstreamFailed as fault:
            if not (context.reused and isinstance(fault.__cause__, _CLOSED)):
                raise
        return await self._send(self._fresh, outgoing, context)

    async def _send(
        self, session: aiohttp.ClientSession, outgoing: Outgoing, context: SimpleNamespace
    ) -> AiohttpAnswer:
        headers = {} if outgoing.body is None else {"Content-Type": "application/json"}
        try:
            async with asyncio.timeout(self._first_byte):
                return await self._request(session, outgoing, context, (_payload(outgoing.body), headers))
        except TimeoutError:
            raise self._late() from None

    async def _upload(self, outgoing: Outgoing, upload: Upload, context: SimpleNamespace) -> AiohttpAnswer:
        """Always on a fresh connection, which ends with the answer."""
        headers = {"Content-Type": upload.content_type}
        if upload.length is not None:
            headers["Content-Length"] = str(upload.length)
        source = None
        try:
            async with asyncio.timeout(self._first_byte) as patience:
                source = _Source(upload, patience, self._first_byte)
                answer = await self._request(self._fresh, outgoing, context, (source.pieces(), headers))
                source.stop()
                return answer
        except TimeoutError:
            raise self._late() if source is None or source.ended else _choked(self._first_byte) from None
        except UpstreamFailed:
            if source is None or source.fault is None:
                raise
            raise source.fault from source.fault.__cause__

    async def _request(
        self,
        session: aiohttp.ClientSession,
        outgoing: Outgoing,
        context: SimpleNamespace,
        body: tuple[Any, Mapping[str, str]],
    ) -> AiohttpAnswer:
        """Send; `body` with the headers that belong to it."""
        if session.closed:
            raise UpstreamUnavailable("The proxy has closed its connections to Telnyx.")
        headers = {"Authorization": f"Bearer {outgoing.credential}", "Accept": outgoing.accept, **outgoing.headers}
        headers.update(body[1])
        with border():
            _expect_text(headers)
            response = await session.request(
                outgoing.method,
                URL(outgoing.url, encoded=True),
                data=body[0],
                headers=headers,
                allow_redirects=False,
                trace_request_ctx=context,
            )
        answer = AiohttpAnswer(response)
        self._answers.add(answer)
        return answer

    def _late(self) -> UpstreamTimeout:
        return UpstreamTimeout(f"Telnyx did not begin to answer within {self._first_byte:g} s (timeouts.first_byte).")

    async def close(self) -> None:
        """See `Transport.close`."""
        for answer in self._answers:
            answer.interrupt()
        await self._pooled.close()
        await self._fresh.close()


class _Source:
    """The body of an upload, as aiohttp's writer takes it, in a task of its own.

    Attributes:
        ended: all of it has been taken; fault: what it raised.
    """

    def __init__(self, upload: Upload, patience: asyncio.Timeout, seconds: float) -> None:
        self._upload, self._patience, self._seconds = upload, patience, seconds
        self._stopped = self.ended = False
        self.fault: Exception | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        """The pieces. Only while aiohttp has one to write time runs out."""
        left = self._upload.length
        self._await(None)
        try:
            async for piece in self._upload.pieces:
                left = None if left is None else left - len(piece)
                if left is not None and left < 0:
                    break
                self._await(self._seconds)
                yield piece
                self._await(None)
                if self._stopped:
                    await asyncio.Event().wait()  # until the answer is closed
        except Exception as fault:
            self.fault = fault
            raise
        if left:
            self.fault = UpstreamFailed(OTHER_LENGTH)
            raise self.fault
        self.ended = True
        self._await(self._seconds)

    def stop(self) -> None:
        """The answer is there: nothing more is asked for."""
        self._stopped = True

    def _await(self, seconds: float | None) -> None:
        if not self._stopped:
            with suppress(RuntimeError):  # it has run out in this turn of the loop
                self._patience.reschedule(None if seconds is None else asyncio.get_running_loop().time() + seconds)


def _choked(seconds: float) -> UpstreamTimeout:
    return UpstreamTimeout(f"Telnyx took nothing of the request for {seconds:g} s (timeouts.first_byte).")


def _payload(body: bytes | Pieces | Upload | None) -> bytes | io.BytesIO | None:
    if isinstance(body, Pieces):
        body = bytes(body)
    return io.BytesIO(body) if isinstance(body, bytes) and len(body) >= LARGE else cast("bytes | None", body)


def _expect_text(headers: Mapping[str, str]) -> None:
    """Raises ValueError for text that is no Unicode (a variable that is not UTF-8): aiohttp would leave it out."""
    for value in headers.values():
        value.encode()


def _reuse_noted() -> aiohttp.TraceConfig:
    async def note(session: aiohttp.ClientSession, context: SimpleNamespace, params: object) -> None:
        context.trace_request_ctx.reused = True

    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(note)
    return trace


class _Connector(aiohttp.TCPConnector):
    """aiohttp's pool, with connections that are watched."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory = cast("partial[ResponseHandler]", partial(_Line, loop=self._loop))


class _Line(ResponseHandler):
    """A connection, and what aiohttp does not look at: whether Telnyx has spoken at all, and out of turn.

    Attributes:
        heard: whether a byte has arrived since the last request began.
        answer: the body of its answer, once the head is there.
    """

    heard = False
    answer: aiohttp.StreamReader | None = None

    def set_response_params(self, **params: Any) -> None:
        """A request begins."""
        self.heard, self.answer = False, None
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Telnyx speaks. What comes behind an answer must not become the answer to the next request."""
        if data and self.answer is not None and self.answer.is_eof():
            self.abort()
            return
        self.heard = True
        super().data_received(data)


class _Response(aiohttp.ClientResponse):
    """A response that tells its connection when it begins, and a stale connection from one that broke off."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Wait for the head."""
        line = cast("_Line", connection.protocol)
        try:
            await super().start(connection)
        except _CLOSED as fault:
            if line.heard:
                raise aiohttp.ClientPayloadError from fault
            raise
        line.answer = self.content
        return self
