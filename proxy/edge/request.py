"""A request as aiohttp's handlers know it, made with what is asked of it here.

aiohttp's own takes a writer that nobody writes with, looks up where the client is, and gives away what it knows by
properties, each of which is a call. Here what every request is asked for is an attribute, and the rest is made when it
is asked for the first time: for most requests never.
"""

from typing import TYPE_CHECKING, Any

from aiohttp import HttpVersion, StreamReader, web
from aiohttp.http_writer import StreamWriter
from multidict import CIMultiDictProxy
from yarl import URL

if TYPE_CHECKING:
    import asyncio

    from aiohttp.http_parser import RawRequestMessage
    from aiohttp.web_protocol import RequestHandler


class Request(web.BaseRequest):
    """One request of a connection.

    Args:
        message, payload, protocol: the head, the body and the connection, as aiohttp hands them over.
        task: who serves it.

    Attributes:
        method, version, headers, rel_url, content, keep_alive, protocol: as aiohttp has them.
    """

    __slots__ = (
        "_message",
        "_server",
        "content",
        "headers",
        "keep_alive",
        "method",
        "protocol",
        "rel_url",
        "version",
    )

    method: str
    version: HttpVersion
    headers: CIMultiDictProxy[str]
    rel_url: URL
    content: StreamReader
    keep_alive: bool
    protocol: "RequestHandler"

    def __init__(
        self,
        message: "RawRequestMessage",
        payload: StreamReader,
        protocol: "RequestHandler",
        task: "asyncio.Task[None]",
    ) -> None:
        # Not aiohttp's own: `_Later` calls that one where it is needed.
        self._message, self.content, self.protocol, self._server = message, payload, protocol, task
        self.method, self.version, self.rel_url = message.method, message.version, message.url
        self.headers, self.keep_alive = message.headers, not message.should_close

    def complete(self) -> None:
        """Make what aiohttp keeps of a request, if that has not been done."""
        if "_state" not in self.__dict__:
            protocol, loop = self.protocol, self._server.get_loop()
            super().__init__(self._message, self.content, protocol, StreamWriter(protocol, loop), self._server, loop)


class _Later:
    """An attribute of aiohttp's that is made when it is asked for. From then on the one of the request is found first.

    `__getattr__` would make every attribute of a request cost several times as much.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, request: Request, kind: type[Request]) -> Any:
        request.complete()
        return request.__dict__[self._name]


for _name in Request.ATTRS:
    if not hasattr(Request, _name):
        setattr(Request, _name, _Later(_name))
