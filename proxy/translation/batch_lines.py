"""The lines of a batch: JSONL in, JSONL out.

A line in: `{"custom_id", "method": "POST", "url", "body"}`. A line out: `{"id", "custom_id", "response", "error"}`, one
of the last two null; a response is `{"status_code", "request_id", "body"}`. Blank lines, CRLF and a byte order mark at
the beginning are no faults: editors make them. A line is called by its number in the file, from 1, blank ones counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from proxy import codec
from proxy.translation.checks import shorten

BOM = b"\xef\xbb\xbf"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
FAULTS = 100
"""Faults of one file that are told; who has so many has a fault in the program that writes it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file. `data` is None where it is longer than a line may be."""

    number: int
    data: bytes | None


class LineSplitter:
    """Bytes, however sliced -> lines that are not blank. Of a line that is too long nothing is kept."""

    def __init__(self, limit: int) -> None:
        """`limit`: bytes of one line."""
        self._limit = limit
        self._held: list[bytes] = []
        self._size = 0
        self._number = 0

    def feed(self, piece: bytes) -> list[Line]:
        """The lines that end in this piece."""
        first, *others = piece.split(b"\n")
        self._hold(first)
        found: list[Line] = []
        for part in others:
            if self._size or self._number == 0:
                found += self._end()
            else:  # a file of nothing but line ends has hundreds of millions of them
                self._number += 1
            if part:
                self._hold(part)
        return found

    def finish(self) -> list[Line]:
        """The last line, where nothing ends it."""
        return list(self._end())

    def _hold(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limit + 1:  # a CR at its end is not counted
            self._held.clear()
        elif part:
            self._held.append(part)

    def _end(self) -> Iterator[Line]:
        self._number += 1
        data, size = b"".join(self._held), self._size
        self._held, self._size = [], 0
        if self._number == 1 and data.startswith(BOM):
            data = data[len(BOM) :]
        if size > self._limit + 1 or len(data.rstrip(b"\r")) > self._limit:
            yield Line(self._number, None)
        elif data.strip():
            yield Line(self._number, data)


class LineFault(ValueError):
    """A line that is no request of its batch."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param


@dataclass(frozen=True, slots=True)
class Request:
    """What a line asks for."""

    custom_id: str
    body: dict[str, Any]


def parse(data: bytes, endpoint: str) -> Request:
    """The request of a line. Raises LineFault, with the code and the words for the first thing that is wrong."""
    line = _object(data)
    for name in ("custom_id", "method", "url", "body"):
        if line.get(name) is None:
            raise LineFault("missing_required_parameter", f"Missing required parameter: '{name}'.", name)
    custom_id, body = line["custom_id"], line["body"]
    if not isinstance(custom_id, str) or not custom_id:
        raise LineFault("invalid_type", "Invalid 'custom_id': expected a string that is not empty.", "custom_id")
    if line["method"] != "POST":
        raise LineFault("invalid_method", "Invalid 'method': the one supported value is 'POST'.", "method")
    if line["url"] != endpoint:
        raise LineFault("invalid_url", f"Invalid 'url': it must be the endpoint of the batch, {endpoint}.", "url")
    if not isinstance(body, dict):
        raise LineFault("invalid_type", "Invalid 'body': expected an object.", "body")
    return Request(custom_id, body)


def _object(data: bytes) -> dict[str, Any]:
    if data.startswith(UTF16):
        raise LineFault("invalid_json_line", "The file is in UTF-16. It must be in UTF-8.")
    if codec.crowded(data):
        raise LineFault("request_too_large", "This line holds too many arrays, objects or values.")
    try:
        line = codec.decode(data)
    except codec.NotJson as fault:
        raise LineFault("invalid_json_line", f"This line is not parseable as valid JSON: {fault.message}.") from None
    if not isinstance(line, dict):
        raise LineFault("invalid_json_line", "This line is not a JSON object.")
    return line


class Checker:
    """Looks through a whole file before any of it is run.

    Attributes:
        total: requests so far.
        faults: what is wrong, as `errors.data` of a batch; some FAULTS at most.
    """

    def __init__(self, endpoint: str, requests: int, line_limit: int) -> None:
        """`requests`: of one batch at most; `line_limit`: bytes of a line, for the message."""
        self._endpoint = endpoint
        self._requests = requests
        self._line_limit = line_limit
        self._seen: set[bytes] = set()
        self.total = 0
        self.faults: list[dict[str, Any]] = []

    @property
    def full(self) -> bool:
        """It is of no use to look any further."""
        return len(self.faults) >= FAULTS or self.total > self._requests

    def check(self, line: Line) -> None:
        """The next line."""
        self.total += 1
        try:
            self._expect_good(line)
        except LineFault as fault:
            self._note(fault, line.number)

    def _expect_good(self, line: Line) -> None:
        if self.total > self._requests:
            raise LineFault("too_many_requests", f"A batch holds {self._requests} requests at most.")
        if line.data is None:
            raise LineFault("line_too_long", f"This line has more than {self._line_limit} bytes.")
        self._expect_new(parse(line.data, self._endpoint).custom_id)

    def finish(self) -> None:
        """That was the last line."""
        if self.total == 0:
            self._note(LineFault("empty_file", "The input file holds no requests."), None)

    def _expect_new(self, custom_id: str) -> None:
        seen = blake2b(custom_id.encode(), digest_size=16).digest()  # an id may be long, and there are many
        if seen in self._seen:
            raise LineFault(
                "duplicate_custom_id",
                f"The custom_id '{shorten(custom_id)}' for this request is a duplicate of another request. "
                "The custom_id parameter must be unique for each request in a batch.",
                "custom_id",
            )
        self._seen.add(seen)

    def _note(self, fault: LineFault, number: int | None) -> None:
        self.faults.append({"code": fault.code, "line": number, "message": fault.message, "param": fault.param})


def line_id(batch: str, number: int) -> str:
    """What a line of the output is called: always the same for one line of one batch."""
    return f"batch_req_{blake2b(f'{batch}/{number}'.encode(), digest_size=16).hexdigest()}"


def answered(identity: str, custom_id: str, status: int, request_id: str, body: bytes) -> bytes:
    """The output line of a request that was answered with JSON, whatever the status."""
    if b"\n" in body or b"\r" in body or not body:
        body = codec.encode(codec.decode(body) if body.strip() else None)
    return b'{"id":%b,"custom_id":%b,"response":{"status_code":%d,"request_id":%b,"body":%b},"error":null}\n' % (
        codec.encode(identity),
        codec.encode(custom_id),
        status,
        codec.encode(request_id),
        body,
    )


def unanswered(identity: str, custom_id: str, code: str | None, message: str) -> bytes:
    """The output line of a request that was not made."""
    error = {"code": code, "message": message}
    return codec.encode({"id": identity, "custom_id": custom_id, "response": None, "error": error}) + b"\n"


def envelope(message: str, *, param: str | None, code: str) -> bytes:
    """The body of an answer that refuses a request."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return codec.encode({"error": error})
