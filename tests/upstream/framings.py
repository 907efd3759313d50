"""Answers on the wire: every way to frame one, and what is no answer at all."""

from collections.abc import Mapping
from dataclasses import dataclass

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = OK + b"Content-Length: 5\r\n\r\nhello"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
EARLY = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX-Step: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"


@dataclass(frozen=True)
class Framing:
    """An answer.

    Attributes:
        wire: the bytes.
        body, status: what they mean.
        lasts: whether the connection can carry another one.
        complete_from: a prefix of this length or more is complete if the connection then ends.
    """

    wire: bytes
    body: bytes = b"hello"
    status: int = 200
    lasts: bool = True
    complete_from: int = 0

    def breaks(self) -> range:
        """The lengths at which the answer is cut off."""
        return range(self.complete_from or len(self.wire))


FRAMINGS: Mapping[str, Framing] = {
    "content-length": Framing(LENGTH),
    "empty": Framing(OK + b"Content-Length: 0\r\n\r\n", b""),
    "chunked": Framing(CHUNKED),
    "chunk-extensions": Framing(OK + b'Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n3;c="d"\r\nllo\r\n0;e\r\n\r\n'),
    "trailers": Framing(CHUNKED.removesuffix(b"\r\n") + b"X-Checksum: 1\r\nX-Other: 2\r\n\r\n"),
    "until-the-end": Framing(OK + b"\r\nhello", lasts=False, complete_from=len(OK) + 2),
    "connection-close": Framing(OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", lasts=False),
    "http-1.0": Framing(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", lasts=False),
    "no-content": Framing(b"HTTP/1.1 204 No Content\r\n\r\n", b"", 204),
    "not-modified": Framing(b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", b"", 304),
    "interim": Framing(EARLY + LENGTH),
    "interim-chunked": Framing(EARLY + CHUNKED),
    "no-reason": Framing(b"HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello"),
    "an-error": Framing(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\n\r\nhello", status=503),
}

NOT_HTTP: Mapping[str, bytes] = {
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "tls": b"\x15\x03\x01\x00\x02\x02\x46",
    "html": b"<html><body>Bad gateway</body></html>\r\n\r\n",
    "zeros": bytes(100),
    "status-word": b"HTTP/1.1 fine OK\r\n\r\n",
    "status-long": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "version": b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "header-without-colon": OK + b"nonsense\r\nContent-Length: 0\r\n\r\n",
    "header-name": OK + b"a b: c\r\nContent-Length: 0\r\n\r\n",
    "length-word": OK + b"Content-Length: five\r\n\r\nhello",
    "length-negative": OK + b"Content-Length: -5\r\n\r\nhello",
    "lengths-differ": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "length-and-chunked": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunk-size-word": OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n",
    "chunk-size-huge": OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\nhello\r\n0\r\n\r\n",
    "chunk-without-end": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
    "status-line-endless": b"HTTP/1.1 200 " + b"x" * 300_000,
    "header-endless": OK + b"X-Long: " + b"x" * 300_000,
    "header-name-endless": OK + b"x" * 300_000,
    "headers-without-number": OK + b"".join(b"X-%d: 1\r\n" % number for number in range(20_000)),
}
