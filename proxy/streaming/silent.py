"""Chunks that say nothing, the first and the last one of most streams: decoded once, and not once for each stream.

Such a chunk begins with what the stream is called, and what follows is the same in all streams of a model. So what
follows is remembered as `known`, with what decoding gave. It is no guess: the members of a JSON object are what stands
before a comma and what stands behind it, taken together, and neither part has a name in it that the other one has.
"""

import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

from proxy.codec import NotJson, decode
from proxy.streaming.chunks import KIND, TROUBLE, Names, with_usage_key
from proxy.streaming.events import CR, LF
from proxy.streaming.templates import LINE_FEEDS, SAYS_NOTHING, Around, expected

LONGEST = 512
"""Bytes behind the names of a chunk that says nothing. It bounds what is remembered."""
MOST = 64
"""Chunks that are remembered: a first and a last one for each model, and for each reason to finish."""
SIGN: Final = b'"delta":{'
"""What every such chunk has in it, and neither `[DONE]` nor a chunk with the usage."""
ENDS: Final = (b'"delta":{},', b'"delta":{"content":""},')
"""How the last chunk of a choice tells that it has no text."""
_LEAD = re.compile(
    rb'data: (\{"id":"([ !#-\[\]-~]{1,200})","object":"%b","created":([1-9][0-9]{0,9}),)' % re.escape(KIND.encode())
)
_LED_BY = frozenset({"id", "object", "created"})


class Silent(NamedTuple):
    """What a chunk is, behind what it is called.

    Attributes:
        model: who says nothing.
        choice: its only choice, which has the index 0. Not to be changed.
        made: what goes on instead of what came; None where that goes on.
        sides: what will stand around a text, from behind the lead to the end of the event, on the wire and for the
            client; see `templates.expected`.
    """

    model: str
    choice: dict[str, Any]
    made: bytes | None
    sides: tuple[Around, Around] | None


Opening = tuple[bytes, Names, Silent, int]
"""The first event of a stream: how all its chunks begin, what it is called, the chunk, and where the event ends."""


@lru_cache(MOST)
def known(rest: bytes, asked: bool) -> Silent | None:  # noqa: FBT001 - by name, the cache would take longer
    """What a chunk says behind its lead, if that is nothing: `rest` is what follows the comma, to the closing brace.

    `asked`: the client asked for usage, and gets its key with each chunk.
    """
    try:
        chunk = decode(b"{" + rest)
    except NotJson:
        return None
    choices, model = chunk.get("choices"), chunk.get("model")
    if not (_LED_BY.isdisjoint(chunk) and TROUBLE.isdisjoint(chunk)) or chunk.get("usage") is not None:
        return None
    if type(model) is not str or not model or type(choices) is not list or len(choices) != 1:
        return None
    index = choices[0].get("index") if type(choices[0]) is dict else None
    if type(index) is not int or index != 0 or LF in rest or CR in rest:
        return None
    made = None if ("usage" in chunk) is asked else with_usage_key(rest, chunk, asked=asked)[1:]
    came = expected(rest, b"", LINE_FEEDS)
    goes = came if made is None else expected(made, b"", LINE_FEEDS)
    return Silent(model, choices[0], made, None if came is None or goes is None else (came, goes))


def opening(piece: bytes, asked: bool) -> Opening | None:  # noqa: FBT001 - as above
    """The event at the beginning of a piece, if its chunk says nothing but the role."""
    found = _LEAD.match(piece)
    if found is None:
        return None
    begin, end = found.end(), piece.find(LINE_FEEDS, found.end(), found.end() + LONGEST)
    rest = piece[begin:end]
    chunk = known(rest, asked) if end >= 0 and rest.find(SAYS_NOTHING) >= 0 else None
    if chunk is None:
        return None
    lead, name, created = found.groups()
    return lead, (name.decode(), KIND, int(created), chunk.model), chunk, end + 2


def ending(data: bytes, lead: bytes, asked: bool) -> Silent | None:  # noqa: FBT001 - as above
    """A chunk that says nothing but how its choice ends, of a stream whose chunks begin like this."""
    if (
        not data.startswith(lead)
        or len(data) > len(lead) + LONGEST
        or not (data.find(ENDS[0]) >= 0 or data.find(ENDS[1]) >= 0)
    ):
        return None
    chunk = known(data[len(lead) :], asked)
    return chunk if chunk is not None and chunk.choice.get("finish_reason") is not None else None
