"""Answers in one piece where a stream was asked for.

Mostly they are errors that a server or a portal sends with status 200. As long as the client has heard nothing, such
an error still has a status, and client libraries try again; as the end of a stream that has begun they do not. A
completion that came whole is made a stream of, so that it is not paid for in vain.

Whether an answer is a stream its first bytes say, where all of it has come with its head, and otherwise its type: who
sends events calls them by their name, by another one or by none, but not JSON or HTML.
"""

import re
from collections.abc import Awaitable, Callable

from proxy.edge.exchange import Exchange
from proxy.upstream.fields import Fields
from proxy.upstream.incoming import Incoming
from proxy.upstream.repair import SUCCESS
from proxy.upstream.transport import Answer

EVENT = b"data: "
"""How nearly every stream begins."""
_EVENTS = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:data|event|id|retry)?:")
_IN_ONE_PIECE = re.compile(r"\s*(?:application/(?:[\w.-]+\+)?json|text/html|application/xhtml\+xml)\b", re.IGNORECASE)
NOT_ASKED_FOR = "Telnyx answered in one piece, though it was asked for a stream."

Read = Callable[[Exchange, Answer], Awaitable[bytes]]
"""Reads the whole of an answer."""


def is_stream(answer: Answer) -> bool:
    """Whether an answer brings events, as far as can be told without waiting for more of it."""
    whole = answer.whole
    if whole is not None:
        return whole.startswith(EVENT) or _EVENTS.match(whole) is not None
    return _IN_ONE_PIECE.match(answer.headers.get("content-type", "")) is None


async def as_stream(exchange: Exchange, answer: Answer, say: Callable[[bytes], bytes], read: Read) -> Answer:
    """An answer that is no stream as one: the events that `say` makes of it, unless it raises what it is instead."""
    raw = await read(exchange, answer)
    return Incoming(None, SUCCESS, Fields({}), [raw if _EVENTS.match(raw) else say(raw)])
