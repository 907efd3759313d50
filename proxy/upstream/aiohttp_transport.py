"""The transport on aiohttp's client.

A POST is replayed once, and only if it went out on a reused connection that Telnyx closed before a single byte of an
answer: then it is the keep-alive race every pool has, and the request was not read. Nothing else is retried here.
"""

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace

import aiohttp

from proxy.errors import ProxyError, UpstreamFailed, UpstreamTimeout, UpstreamUnavailable
from proxy.upstream.transport import Outgoing

HEADER_LIMIT = 64 * 1024
"""Bytes of one upstream header line: far above what any API sends, far below what hurts."""

_BORDER: tuple[tuple[type[BaseException], type[ProxyError], str], ...] = (
    (aiohttp.ConnectionTimeoutError, UpstreamTimeout, "Telnyx could not be reached in time (timeouts.connect)."),
    (aiohttp.ClientConnectorError, UpstreamUnavailable, "Telnyx could not be reached."),
    (aiohttp.ClientPayloadError, UpstreamFailed, "Telnyx broke off its answer."),
    (aiohttp.ServerDisconnectedError, UpstreamFailed, "Telnyx closed the connection without an answer."),
    (aiohttp.ClientResponseError, UpstreamFailed, "Telnyx sent something that is not HTTP."),
    (aiohttp.ClientError, UpstreamFailed, "The connection to Telnyx failed."),
    (OSError, UpstreamFailed, "The connection to Telnyx broke."),
)
"""Foreign exceptions -> ours, first match wins."""


@contextmanager
def _border() -> Iterator[None]:
    """Let no exception of the library out. Their texts stay inside, too: they may name hosts and addresses."""
    try:
        yield
    except (aiohttp.ClientError, OSError) as fault:
        ours, message = next((ours, text) for theirs, ours, text in _BORDER if isinstance(fault, theirs))
        raise ours(message) from fault


class AiohttpAnswer:
    """An aiohttp response behind the port `Answer`."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def read(self, limit: int, idle: float) -> bytes:
        """See `Answer.read`."""
        pieces: list[bytes] = []
        size = 0
        while True:
            try:
                async with asyncio.timeout(idle):
                    piece = await self.piece()
            except TimeoutError:
                raise UpstreamTimeout(f"Telnyx sent nothing for {idle:g} s (timeouts.between_chunks).") from None
            if not piece:
                return b"".join(pieces) if len(pieces) != 1 else pieces[0]
            size += len(piece)
            if size > limit:
                raise UpstreamFailed(f"Telnyx's answer is larger than {limit} bytes (limits.answer).")
            pieces.append(piece)

    async def piece(self) -> bytes:
        """See `Answer.piece`."""
        with _border():
            return await self._response.content.readany()

    def close(self) -> None:
        """See `Answer.close`."""
        self._response.close()  # a no-op after a body that was read to its end: the connection is in the pool already


class AiohttpTransport:
    """aiohttp's client behind the port `Transport`."""

    def __init__(
        self, *, connect: float, first_byte: float, keepalive: float, user_agent: str, tls: ssl.SSLContext
    ) -> None:
        self._first_byte = first_byte
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_on_reuse)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=keepalive, ssl=tls),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect, connect=None, sock_read=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Compression would only add latency to streams, and this proxy reads every answer anyway.
            headers={"User-Agent": user_agent, "Accept-Encoding": "identity"},
            max_line_size=HEADER_LIMIT,
            max_field_size=HEADER_LIMIT,
            trust_env=False,
            trace_configs=[trace],
        )

    async def send(self, outgoing: Outgoing) -> AiohttpAnswer:
        """See `Transport.send`."""
        context = SimpleNamespace(reused=False)
        try:
            return await self._send(outgoing, context)
        except UpstreamFailed as fault:
            if not (context.reused and isinstance(fault.__cause__, aiohttp.ServerDisconnectedError | ConnectionError)):
                raise
        return await self._send(outgoing, SimpleNamespace(reused=False))

    async def _send(self, outgoing: Outgoing, context: SimpleNamespace) -> AiohttpAnswer:
        headers = {"Authorization": f"Bearer {outgoing.credential}", "Accept": outgoing.accept, **outgoing.headers}
        if outgoing.body is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with asyncio.timeout(self._first_byte):
                with _border():
                    response = await self._session.request(
                        outgoing.method,
                        outgoing.url,
                        data=outgoing.body,
                        headers=headers,
                        allow_redirects=False,
                        trace_request_ctx=context,
                    )
        except TimeoutError:
            raise UpstreamTimeout(
                f"Telnyx did not begin to answer within {self._first_byte:g} s (timeouts.first_byte)."
            ) from None
        return AiohttpAnswer(response)

    async def close(self) -> None:
        """See `Transport.close`."""
        await self._session.close()


async def _on_reuse(session: aiohttp.ClientSession, context: SimpleNamespace, params: object) -> None:
    context.trace_request_ctx.reused = True
