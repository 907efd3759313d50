"""The pace of a stream, with time turned by hand. Everything with sockets stands in tests/journeys/test_streams.py."""

from typing import Any

import pytest

from proxy.edge.relay import COMMENT, Pace
from proxy.streaming.chat import ChatStream
from proxy.translation.answers import Identity
from proxy.translation.rules import Expectation
from tests.world import settings


def pace(now: float = 100.0, **sections: Any) -> Pace:
    defaults: dict[str, Any] = {
        "streams": {"keepalive": 15, "heartbeat": 45},
        "upstream": {"timeouts": {"between_chunks": 120}},
    }
    return Pace(settings("http://127.0.0.1:1/v2", **{**defaults, **sections}), now)


@pytest.fixture
def stream() -> ChatStream:
    return ChatStream(Expectation(stream=True), Identity("chatcmpl-1", 1), "m/x")


def test_silence_is_broken_by_comments_then_chunks_then_an_error(stream: ChatStream) -> None:
    quiet = pace()
    assert quiet.wait(100) == 15
    assert quiet.fill(stream, 115) == COMMENT
    assert quiet.wait(115) == 15
    assert quiet.fill(stream, 130) == COMMENT
    assert b'"delta":{"role":"assistant"}' in quiet.fill(stream, 145)
    assert quiet.wait(145) == 15
    assert quiet.fill(stream, 146) == b""
    assert b'"error"' in quiet.fill(stream, 220)
    assert stream.ended == "stalled"


def test_what_telnyx_sends_resets_the_stall_and_what_the_client_gets_resets_the_silence(stream: ChatStream) -> None:
    lively = pace()
    lively.heard = lively.shown = 180
    assert lively.wait(181) == 14
    assert lively.fill(stream, 195) == COMMENT
    assert stream.ended is None


def test_a_comment_does_not_put_the_empty_chunk_off(stream: ChatStream) -> None:
    quiet = pace(streams={"keepalive": 40, "heartbeat": 45})
    assert quiet.fill(stream, 140) == COMMENT
    assert quiet.wait(140) == 5


def test_zero_switches_off() -> None:
    silent = pace(streams={"keepalive": 0, "heartbeat": 0})
    assert silent.wait(100) == 120
    assert silent.wait(300) == 0
