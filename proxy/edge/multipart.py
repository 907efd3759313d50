"""`multipart/form-data`, both ways: a splitter of what clients send, and the words around what Telnyx gets.

Theory of operation: `Splitter.feed` takes any slicing of the bytes and gives what they say: the head of a part, the
bytes of its content as they come, its end. Nothing is kept but a possible beginning of the next delimiter.

Sources: RFC 7578; RFC 2046, section 5.1.1; the HTML standard for how names are quoted (`%22`, `%0D`, `%0A`).
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from proxy.errors import InvalidRequest

HEAD_LIMIT = 8192
"""Bytes of the headers of one part."""
PREAMBLE_LIMIT = 64 * 1024
"""Bytes before the first part: no client writes any."""
PARTS = 256
"""Parts of one body, each of which costs a moment."""
NAME_LIMIT = 256
"""Characters of a name."""
BOUNDARY_LIMIT = 200
"""Characters of a boundary. The standard has 70."""
BROKEN = "The multipart body cannot be read."
BINARY = "application/octet-stream"

_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE)
_PARAMETER = re.compile(r';\s*(name|filename\*?)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))', re.IGNORECASE)
_ESCAPED = re.compile(r'\\(["\\])')
_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:; ?[A-Za-z0-9-]+=[A-Za-z0-9_.,-]+)*")


class Part(NamedTuple):
    """The head of a part."""

    name: str
    filename: str | None = None
    content_type: str = ""


class End(NamedTuple):
    """A part has ended."""


END = End()
Event = Part | bytes | End


class Splitter:
    """A body, read piece by piece.

    Attributes:
        ended: the last delimiter has come; what follows is nothing.
    """

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._rest = b"\r\n"  # the first delimiter needs no line end before it
        self._inside = False  # of a content
        self._events: list[Event] = []
        self._parts = self._skipped = 0
        self._step = self._preamble
        self.ended = False

    def feed(self, data: bytes) -> list[Event]:
        """What these bytes say. Raises InvalidRequest."""
        self._rest = self._rest + data if self._rest else data
        events: list[Event] = []
        self._events = events
        while not self.ended and self._step():
            pass
        return events

    def _preamble(self) -> bool:
        at = self._rest.find(self._delimiter)
        if at < 0:
            kept = len(self._delimiter) - 1
            self._skipped += max(0, len(self._rest) - kept)
            if self._skipped > PREAMBLE_LIMIT:
                raise broken()
            self._rest = self._rest[-kept:]
            return False
        self._rest = self._rest[at + len(self._delimiter) :]
        self._step = self._after_delimiter
        return True

    def _after_delimiter(self) -> bool:
        if self._rest[:2] == b"--":
            self.ended = True
            self._rest = b""
            return False
        end = self._rest.find(b"\r\n")
        if end < 0:
            if len(self._rest) > HEAD_LIMIT:
                raise broken()
            return False
        if self._rest[:end].strip(b" \t"):
            raise broken()
        self._rest = self._rest[end:]  # its line end may be that of an empty head
        self._step = self._head
        return True

    def _head(self) -> bool:
        end = self._rest.find(b"\r\n\r\n")
        if end < 0 or end > HEAD_LIMIT:
            if len(self._rest) > HEAD_LIMIT:
                raise broken()
            return False
        self._parts += 1
        if self._parts > PARTS:
            raise InvalidRequest(f"The multipart body has too many parts: at most {PARTS} are read.")
        self._events.append(_part(self._rest[2:end]))
        self._rest = self._rest[end + 4 :]
        self._step = self._content
        return True

    def _content(self) -> bool:
        events, rest, delimiter = self._events, self._rest, self._delimiter
        at = rest.find(delimiter)
        if at < 0:
            sure = len(rest) - len(delimiter) + 1
            if sure > 0:
                events.append(rest[:sure])
                self._rest = rest[sure:]
            return False
        if at:
            events.append(rest[:at])
        events.append(END)
        self._rest = rest[at + len(delimiter) :]
        self._step = self._after_delimiter
        return True


def broken() -> InvalidRequest:
    """What a body is answered with that is none."""
    return InvalidRequest(BROKEN, code="invalid_multipart")


def boundary_of(content_type: str) -> bytes:
    """The boundary that a `content-type` names. Raises InvalidRequest."""
    kind = content_type.partition(";")[0].strip().lower()
    found = _BOUNDARY.search(content_type)
    if kind != "multipart/form-data" or found is None:
        raise InvalidRequest(
            "This endpoint takes a form with a file: the content type has to be multipart/form-data with a boundary.",
            code="invalid_multipart",
        )
    boundary = found[1] or found[2]
    if len(boundary) > BOUNDARY_LIMIT:
        raise broken()
    return boundary.encode("latin-1", "replace")


def _part(head: bytes) -> Part:
    """The part that begins with these headers. Raises InvalidRequest."""
    fields: dict[str, str] = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        fields.setdefault(name.strip().lower(), value.strip())
    disposition = fields.get("content-disposition", "")
    found = {key.lower(): _ESCAPED.sub(r"\1", quoted) or bare for key, quoted, bare in _PARAMETER.findall(disposition)}
    name = found.get("name", "")
    if not disposition.lower().startswith("form-data") or not name or len(name) > NAME_LIMIT:
        raise broken()
    if fields.get("content-transfer-encoding", "binary").lower() not in {"binary", "8bit", "7bit"}:
        raise InvalidRequest("Parts with a transfer encoding are not supported.", code="invalid_multipart")
    filename = found.get("filename")
    if filename is None and "filename*" in found:
        filename = found["filename*"].rpartition("''")[2]  # its escapes are those that Telnyx gets
    return Part(name, filename, fields.get("content-type", ""))


def fields(boundary: str, pairs: Iterable[tuple[str, str]]) -> bytes:
    """Parts that are texts."""
    return b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n{value}\r\n'.encode(
            "utf-8", "replace"
        )
        for name, value in pairs
    )


def file_head(boundary: str, part: Part) -> bytes:
    """The head of the part that is the file: the name as the client gave it, for Telnyx tells formats by it."""
    content_type = part.content_type if _TYPE.fullmatch(part.content_type) else BINARY
    filename = _quoted((part.filename or "audio")[:NAME_LIMIT])
    return (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        f"Content-Type: {content_type}\r\n\r\n"
    ).encode("utf-8", "replace")


def closing(boundary: str) -> bytes:
    """The end of a body."""
    return f"--{boundary}--\r\n".encode()


def _quoted(text: str) -> str:
    text = text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    return "".join(each if each.isprintable() else "_" for each in text)
