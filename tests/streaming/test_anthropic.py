"""A streamed message: whole events, one ending, nothing lost, and the same bytes for any slicing."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import codec
from proxy.accounts.ledger import STREAM_ENDS
from proxy.errors import ShuttingDown, UpstreamTimeout
from proxy.streaming.anthropic import BLOCK_LIMIT, PING, MessageStream
from proxy.translation.answers import Identity
from proxy.translation.rules import Expectation

MODEL = "moonshotai/Kimi-K2.6"
IDENTITY = Identity("msg_abc", 1)
Events = list[tuple[str, dict[str, Any]]]


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: ".encode() + codec.encode({"type": kind, **fields}) + b"\n\n"


def start(usage: Any = None, **more: Any) -> bytes:
    usage = {"input_tokens": 25, "cache_read_input_tokens": 5, "output_tokens": 1} if usage is None else usage
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m/served", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": usage, **more,
    }  # fmt: skip
    return event("message_start", message=message)


def opened(index: int, kind: str = "text", **more: Any) -> bytes:
    block = {"type": kind, kind: "", **more} if kind != "tool_use" else {"type": kind, "name": "f", "input": {}, **more}
    return event("content_block_start", index=index, content_block=block)


def delta(index: int, **fields: Any) -> bytes:
    return event("content_block_delta", index=index, delta=fields)


def closed(index: int) -> bytes:
    return event("content_block_stop", index=index)


def said(text: str, index: int = 0) -> bytes:
    return delta(index, type="text_delta", text=text)


def thought(text: str, index: int = 0) -> bytes:
    return delta(index, type="thinking_delta", thinking=text)


def ends(reason: str = "end_turn", usage: Any = None) -> bytes:
    usage = {"output_tokens": 15} if usage is None else usage
    return event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=usage)


STOP = event("message_stop")
GOOD = start() + PING + opened(0) + said("Hel") + said("lo, é") + closed(0) + ends() + STOP


def new(**wishes: Any) -> MessageStream:
    return MessageStream(Expectation(stream=True, input_bytes=40, **wishes), IDENTITY, MODEL, event_limit=5000)


def play(stream: MessageStream, *pieces: bytes) -> bytes:
    return b"".join(map(stream.feed, pieces)) + stream.finish()


def events(raw: bytes) -> Events:
    found = []
    for block in raw.decode().split("\n\n")[:-1]:
        name, _, data = block.partition("\n")
        found.append(
            (name.removeprefix("event: "), codec.decode(data.replace("\ndata: ", "\n").removeprefix("data: ")))
        )
    return found


def names(raw: bytes) -> list[str]:
    return [name for name, _ in events(raw)]


def test_what_is_whole_goes_on_as_it_came() -> None:
    stream = new()
    assert play(stream, GOOD) == GOOD
    assert (stream.ended, stream.error, stream.model, stream.violations) == ("complete", None, "m/served", 0)
    usage = stream.usage
    assert (usage.input, usage.output, usage.cached_input, usage.source) == (30, 15, 5, "upstream")


@given(st.lists(st.integers(1, len(GOOD) - 1)), st.sampled_from(["\n", "\r\n", "\r"]))
def test_any_slicing_gives_the_same_bytes(cuts: list[int], newline: str) -> None:
    raw = (GOOD + b"event: more\ndata: {}\n\n").replace(b"\n", newline.encode())
    places = [0, *sorted(cuts), len(raw)]
    stream = new()
    assert play(stream, *(raw[a:b] for a, b in pairwise(places))) == GOOD
    assert stream.ended == "complete"


def test_it_has_started_when_content_is_handed_on() -> None:
    stream = new()
    stream.feed(start() + opened(0))
    assert not stream.started
    stream.feed(said("x"))
    assert stream.started


def test_names_and_figures_that_are_missing_are_filled_in() -> None:
    raw = event("message_start", message={}) + opened(0) + said("12345678") + closed(0)
    raw += event("message_delta", delta={"stop_reason": "stop"}) + STOP
    stream = new()
    made = dict(events(play(stream, raw)))
    assert made["message_start"]["message"] == {
        "id": "msg_abc", "type": "message", "role": "assistant", "model": MODEL, "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 0},
    }  # fmt: skip
    assert made["message_delta"]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert made["message_delta"]["usage"] == {"output_tokens": 2}
    assert stream.usage.source == "estimated"


def test_a_prompt_of_no_tokens_is_one_that_is_not_known_yet() -> None:
    stream = new()
    play(stream, start({"input_tokens": 0, "output_tokens": 0}), opened(0), said("x"), closed(0), ends(), STOP)
    assert (stream.usage.input, stream.usage.output, stream.usage.source) == (10, 15, "estimated")
    stream = new()
    late = ends(usage={"input_tokens": 7, "output_tokens": 2, "cache_read_input_tokens": None})
    play(stream, start({"input_tokens": 0}), late, STOP)
    assert (stream.usage.input, stream.usage.output, stream.usage.source) == (7, 2, "upstream")


def test_what_upstream_left_out_of_the_order_is_put_in() -> None:
    raw = said("Hi") + thought("hm", 1) + ends() + event("content_block_stop", index=0)
    stream = new()
    made = events(play(stream, raw))
    assert [name for name, _ in made] == [
        "message_start", "content_block_start", "content_block_delta", "content_block_start", "content_block_delta",
        "content_block_stop", "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip
    assert made[1][1]["content_block"] == {"type": "text", "text": ""}
    assert made[3][1]["content_block"] == {"type": "thinking", "thinking": ""}
    assert stream.ended == "complete"


@pytest.mark.parametrize("last", [STOP, b"", b"data: [DONE]\n\n", STOP.rstrip(b"\n")])
def test_the_end_is_said_once_however_upstream_says_it(last: bytes) -> None:
    stream = new()
    made = play(stream, start() + opened(0) + said("x") + closed(0) + ends() + last)
    assert names(made)[-2:] == ["message_delta", "message_stop"]
    assert (stream.ended, names(made).count("message_stop")) == ("complete", 1)


@pytest.mark.parametrize(("kind", "reason"), [("text", "end_turn"), ("tool_use", "tool_use")])
def test_a_stop_without_a_reason_gets_one(kind: str, reason: str) -> None:
    stream = new()
    made = events(play(stream, start() + opened(0, kind) + STOP))
    assert [name for name, _ in made[-3:]] == ["content_block_stop", "message_delta", "message_stop"]
    assert made[-2][1]["delta"]["stop_reason"] == reason
    assert stream.ended == "complete"


def test_a_call_without_a_name_gets_one() -> None:
    raw = start() + opened(0, "tool_use") + delta(0, type="input_json_delta", partial_json='{"a":1}')
    raw += closed(0) + opened(1, "tool_use", id="toolu_1") + closed(1) + ends("tool_calls") + STOP
    stream = new()
    made = events(play(stream, raw))
    blocks = [value["content_block"] for name, value in made if name == "content_block_start"]
    assert [block["id"] for block in blocks] == ["toolu_abc0", "toolu_1"]
    assert dict(made)["message_delta"]["delta"]["stop_reason"] == "tool_use"


def test_hidden_reasoning_leaves_no_trace_but_in_the_figures() -> None:
    redacted = event("content_block_start", index=1, content_block={"type": "redacted_thinking", "data": "x"})
    raw = start(usage={}) + opened(0, "thinking") + thought("12345678") + closed(0) + redacted + closed(1)
    raw += opened(2) + said("Hi", 2) + closed(2) + thought("late", 3) + ends(usage={}) + STOP
    stream = new(hide_reasoning=True)
    made = events(play(stream, raw))
    assert "thinking" not in repr(made)
    assert [value["index"] for name, value in made if name.startswith("content_block")] == [0, 0, 0]
    assert (stream.usage.reasoning, stream.usage.output) == (3, 4)


def test_news_of_the_figures_may_come_before_the_end() -> None:
    early = event("message_delta", delta={"stop_reason": None}, usage={"output_tokens": 3})
    stream = new()
    assert early in play(stream, start() + early + ends() + STOP)
    assert (stream.usage.output, stream.ended) == (15, "complete")


def test_a_second_beginning_and_a_second_end_of_a_block_are_passed_over() -> None:
    stream = new()
    made = play(stream, start() + start() + opened(0) + closed(0) + closed(0) + ends() + STOP)
    assert names(made) == [
        "message_start",
        "content_block_start",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_kinds_that_are_newer_than_this_go_on() -> None:
    newer = event("message_news", any=1)
    assert newer in play(new(), start() + newer + ends() + STOP)


def test_pings_and_silence_before_the_beginning() -> None:
    raw = b": hello\n\nevent: ping\n\nevent: ping\ndata: \n\nevent: ping\ndata: x\n\nevent: ping\ndata: {}\n\n"
    stream = new()
    assert stream.feed(raw) == PING
    assert stream.heartbeat() == PING
    play(stream, GOOD)
    assert stream.heartbeat() == b""


@pytest.mark.parametrize(
    ("raw", "kind", "code"),
    [
        (event("error", error={"type": "overloaded_error", "message": "busy"}), "overloaded_error", "upstream_error"),
        (b'event: error\ndata: {"error":{"type":"rate_limit_error","message":"slow"}}\n\n', "rate_limit_error", None),
        (b'data: {"errors":[{"code":"10007","title":"t","detail":"d"}]}\n\n', "api_error", "upstream_error"),
        (b'data: {"detail":"The model stopped."}\n\n', "api_error", "upstream_error"),
        (b"event: error\ndata: {}\n\n", "api_error", "upstream_error"),
    ],
)
def test_an_error_is_the_end_in_anthropics_words(raw: bytes, kind: str, code: str | None) -> None:
    stream = new()
    made = events(play(stream, start() + opened(0) + said("x") + raw + GOOD))
    name, value = made[-1]
    assert (name, value["type"], value["error"]["type"]) == ("error", "error", kind)
    assert stream.ended == "upstream_error"
    assert stream.error is not None
    assert code is None or value["error"]["details"]["error_code"]
    assert stream.feed(GOOD) + stream.finish() + stream.fail(ShuttingDown("x"), "shutdown") == b""


@pytest.mark.parametrize(
    "raw",
    [
        b"data: this is not JSON\n\n",
        b"data: [1]\n\n",
        b'data: {"choices":[]}\n\n',
        b'data: {"type":"a b"}\n\n',
        b'data: {"type":1}\n\n',
        event("message_start"),
        event("content_block_start", index=0),
        event("content_block_start", index=-1, content_block={}),
        event("content_block_delta", index=0),
        event("content_block_delta", index="0", delta={}),
        event("content_block_delta", index=0, delta={"partial_json": "{"}),
        b"data: " + b"x" * 6000 + b"\n\n",
        b"".join(opened(number) for number in range(BLOCK_LIMIT + 1)),
    ],
    ids=lambda raw: raw[:40],
)
def test_what_is_no_event_is_the_end(raw: bytes) -> None:
    stream = new()
    made = events(play(stream, raw))
    assert made[-1][0] == "error"
    assert (stream.ended, made[-1][1]["error"]["type"]) == ("malformed", "api_error")


def test_an_event_that_is_too_large_after_the_end_is_nothing() -> None:
    stream = new()
    assert stream.feed(GOOD + b"x" * 6000) == GOOD
    assert stream.ended == "complete"


@pytest.mark.parametrize("torn", [b"", b'event: content_block_delta\ndata: {"type":"conte'])
def test_a_stream_that_stops_before_its_end_is_told(torn: bytes) -> None:
    stream = new()
    made = events(play(stream, start() + opened(0) + said("x") + torn))
    assert made[-1][0] == "error"
    assert stream.ended == "truncated"
    assert stream.usage.output == 1


def test_trouble_that_the_caller_saw() -> None:
    stream = new()
    stream.feed(start())
    made = events(stream.fail(UpstreamTimeout("slow"), "stalled"))
    assert [name for name, _ in made] == ["error"]
    assert (made[0][1]["error"]["type"], stream.ended) == ("timeout_error", "stalled")
    stream = new()
    stream.feed(start() + ends())
    assert names(stream.fail(UpstreamTimeout("slow"), "stalled")) == ["message_stop"]
    assert stream.ended == "complete"


def test_data_of_several_lines_stay_so() -> None:
    raw = b'event: message_start\ndata: {"type":"message_start",\ndata: "message":{}}\n\n' + ends() + STOP
    assert names(play(new(), raw)) == ["message_start", "message_delta", "message_stop"]
    whole = codec.encode_pretty({"type": "message_stop"}).replace("\n", "\ndata: ").encode()
    assert play(new(), start() + ends() + b"data: " + whole + b"\n\n").endswith(b"data: " + whole + b"\n\n")


@given(st.lists(st.sampled_from([start(), PING, opened(0), opened(1, "tool_use"), said("x"), thought("y", 1), closed(0),
                                 ends(), STOP, b"data: {}\n\n", event("error"), b"data: [DONE]\n\n"])))  # fmt: skip
def test_there_is_always_exactly_one_ending(pieces: list[bytes]) -> None:
    stream = new()
    found = names(play(stream, *pieces))
    assert found[-1] in {"message_stop", "error"}
    assert sum(name in {"message_stop", "error"} for name in found) == 1
    assert stream.ended in STREAM_ENDS
    assert (stream.ended == "complete") == (found[-1] == "message_stop")
