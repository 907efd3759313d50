"""A look at streams that are handed on unread: what they say that they consumed, however they are sliced."""

import pytest

from proxy.streaming.glance import UsageGlance
from proxy.usage import NOTHING, Usage

CHAT = (
    b'data: {"choices":[{"delta":{"content":"a \\"usage\\" of words"}}],"usage":null}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\ndata: [DONE]\n\n'
)
RESPONSES = (
    b'event: response.created\ndata: {"response":{"usage":null}}\n\n'
    b'event: response.completed\ndata: {"response":{"usage":{"input_tokens":3,"output_tokens":2}}}\n\n'
)
MESSAGES = (
    b'event: message_start\ndata: {"message":{"usage":{"input_tokens":3,"output_tokens":1}}}\n\n'
    b'event: message_delta\ndata: {"usage":{"output_tokens":2,"input_tokens":null}}\n\n'
)
SILENT = b'data: {"choices":[]}\n\ndata: ["usage"]\n\ndata: {"usage"\n\ndata: {"usage":7,"message":[]}\n\n'


@pytest.mark.parametrize(
    ("events", "usage"),
    [(CHAT, (3, 2)), (RESPONSES, (3, 2)), (MESSAGES, (3, 2)), (SILENT, (0, 0))],
    ids=["chat", "responses", "messages", "nothing"],
)
def test_what_was_consumed(events: bytes, usage: tuple[int, int]) -> None:
    at_once, apart = UsageGlance(1 << 16), UsageGlance(1 << 16)
    said = at_once.feed(events)
    slices = [apart.feed(events[at : at + 1]) for at in range(len(events))]
    assert said is any(slices) is (usage != (0, 0))
    assert at_once.usage == apart.usage
    assert at_once.usage == (Usage(*usage, source="upstream") if said else NOTHING)


def test_an_event_that_is_too_large_ends_it() -> None:
    glance = UsageGlance(200)
    glance.feed(CHAT + b"data: " + b"x" * 300 + b"\n\n" + MESSAGES)
    assert glance.usage == Usage(3, 2, source="upstream")
