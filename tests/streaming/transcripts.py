"""Recorded dialogues: what upstream sent, what the client must get. Each is a file in `tests/golden/streams`.

The first line is JSON: `why`, `ended`, and where they matter `expects`, `usage` (input, output, source), `violations`,
`model`; `newline` and `prefix` say how the upstream half goes on the wire. Then come the upstream half, a line of
dashes (needing no line ending before it) and the client half.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from proxy.streaming.chat import ChatStream
from proxy.translation.answers import Identity
from proxy.translation.rules import Expectation

IDENTITY = Identity(id="chatcmpl-made-up", created=1_750_000_000)
MODEL = "moonshotai/Kimi-K2.6"


@dataclass(frozen=True)
class Transcript:
    name: str
    about: dict[str, Any]
    upstream: bytes
    client: bytes

    def stream(self) -> ChatStream:
        wishes = dict(self.about.get("expects", {}))
        if "custom_tools" in wishes:
            wishes["custom_tools"] = frozenset(wishes["custom_tools"])
        return ChatStream(Expectation(stream=True, **wishes), IDENTITY, MODEL)


def read(path: Path) -> Transcript:
    first, _, rest = path.read_bytes().decode().partition("\n")
    upstream, _, client = rest.partition("-----\n")
    about = json.loads(first)
    wire = about.get("prefix", "") + upstream.replace("\n", about.get("newline", "\n"))
    return Transcript(path.stem, about, wire.encode(), client.encode())


ALL = [read(path) for path in sorted((Path(__file__).parents[1] / "golden" / "streams").glob("*.txt"))]


def play(stream: ChatStream, pieces: Iterable[bytes]) -> bytes:
    """All that the client gets."""
    return b"".join(stream.feed(piece) for piece in pieces) + stream.finish()


def sliced(data: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    start = 0
    for cut in sorted(cuts):
        yield data[start:cut]
        start = cut
    yield data[start:]


def cuts_of(data: bytes) -> st.SearchStrategy[list[int]]:
    """Places to cut, often next to line endings, where parsers err."""
    near = [at + off for at, byte in enumerate(data) if byte in b"\r\n" for off in (0, 1)]
    place = st.integers(0, len(data))
    return st.lists(st.sampled_from(near) | place if near else place, max_size=12)


def chunks(client: bytes) -> list[dict[str, Any]]:
    """The chunks of a client half, without its ending. Fails where it is not one-line events and one ending."""
    assert client.endswith(b"\n\n")
    events = client[:-2].split(b"\n\n")
    assert all(event.startswith(b"data: {") for event in events[:-1]), events
    assert not any(b"\n" in event or b"\r" in event for event in events)
    ending = events[-1].removeprefix(b"data: ")
    assert ending == b"[DONE]" or set(json.loads(ending)) == {"error"}, ending
    found = [json.loads(event[6:]) for event in events[:-1]]
    assert not any("error" in chunk for chunk in found)
    return found
