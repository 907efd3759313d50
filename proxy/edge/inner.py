"""Requests that the proxy itself makes on somebody's behalf: of a batch, or of an answer made in the background.

They take the very way that requests from outside take, from the table of contents to the ledger: the same translation,
limits, budgets, metrics and log line. Only nobody is connected, and who asks is known beforehand.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, cast

from aiohttp import HttpVersion11, StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from multidict import CIMultiDict, CIMultiDictProxy

from proxy import codec
from proxy.accounts.tenants import Grant
from proxy.edge.connection import GONE
from proxy.edge.exchange import Exchange
from proxy.edge.journey import handle
from proxy.edge.reply import Reply
from proxy.edge.services import Services
from proxy.errors import InvalidRequest

if TYPE_CHECKING:
    from proxy.edge.connection import Connection
    from proxy.edge.exchange import Ending
    from proxy.edge.making import Making


@dataclass(frozen=True, slots=True)
class Errand:
    """One request.

    Attributes:
        grant: on whose behalf.
        method, path: as a client would send them; the path with `/v1`.
        body: JSON that does not ask for a stream.
        headers: what else of a client's request it takes along, such as `traceparent`.
        making: the response in the background that it makes.
        ending: asked why, when it is broken off; None = whoever wanted it has left.
    """

    grant: Grant
    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]
    making: "Making | None" = None
    ending: "Ending | None" = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended: the HTTP status, the body, and the id under which the log and the ledger have it.

    `lines`: the headers of the answer, each with its end.
    """

    status: int
    body: bytes
    request_id: str
    lines: str = ""


class _Request:
    """What the path of a request asks of one."""

    def __init__(self, errand: Errand, connection: "_Nobody") -> None:
        self.method = errand.method
        self.headers = CIMultiDictProxy(CIMultiDict(errand.headers))
        self.version = HttpVersion11
        self.keep_alive = True
        # With a smaller bound it would ask a connection, of which there is none, to read no further.
        self.content = StreamReader(BaseProtocol(connection.loop), len(errand.body) + 1, loop=connection.loop)
        self.content.feed_data(errand.body)
        self.content.feed_eof()
        self.content_length = len(errand.body)
        self.transport = None
        self.protocol = connection
        self.query: Mapping[str, str] = {}


class _Nobody:
    """A connection that nobody is at the other end of."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.server = None
        self.transport = None
        self.writing_paused = False
        self.stuck = None
        self.writer = None
        self.begun = False

    def send(self, _: bytes) -> NoReturn:
        """Raises ConnectionError."""
        raise ConnectionResetError(GONE)


async def perform(services: Services, errand: Errand) -> Outcome:
    """Do an errand. Errors are outcomes, as a client would have got them; cancelled, the call to Telnyx is, too.

    It has the time that every request has (`timeouts.total`). A stream cannot be asked for: it would be paid for, and
    the outcome says that nobody read it.
    """
    connection = _Nobody()
    request = _Request(errand, connection)
    path = errand.path
    exchange = Exchange(services, cast("web.BaseRequest", cast("Any", request)), cast("Connection", connection), path)
    exchange.grant, exchange.making, exchange.ending = errand.grant, errand.making, errand.ending
    patience = services.timers.after(max(0.0, exchange.due - services.clock.steady()), exchange.run_out)
    try:
        answer = await handle(exchange)
    finally:
        patience.cancel()
    if not isinstance(answer, Reply):
        refused = InvalidRequest("Nobody is there to read a stream.", param="stream")
        return Outcome(refused.status, codec.encode(refused.envelope()), exchange.record.request_id)
    return Outcome(answer.status, answer.body, exchange.record.request_id, answer.lines)
