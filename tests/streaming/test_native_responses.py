"""Telnyx's own Responses stream becomes the one client libraries rely on."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import ShuttingDown
from proxy.streaming import native_responses
from proxy.streaming.native_responses import NativeResponsesStream
from proxy.translation.responses.native import NativeTelling
from tests.streaming import told, transcripts
from tests.streaming.told import DONE, IDENTITY, MODEL, NOW, Dialogue
from tests.trying import examples


def event(kind: str, **fields: Any) -> bytes:
    return b"data: " + json.dumps({"type": kind, **fields}).encode() + b"\n\n"


MESSAGE = {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
ADDED = event("response.output_item.added", output_index=0, item={**MESSAGE, "content": []})
HI = event("response.output_text.delta", output_index=0, delta="Hi")
ITEM = event("response.output_item.done", output_index=0, item=MESSAGE)
END = event("response.completed", response={"status": "completed", "output": [MESSAGE]})


def open_stream(**more: Any) -> NativeResponsesStream:
    stream = told.open_stream(native=True, **more)
    assert isinstance(stream, NativeResponsesStream)
    return stream


def played(*sent: bytes, **more: Any) -> list[dict[str, Any]]:
    return told.events(told.play(open_stream(**more), sent))


@pytest.mark.parametrize("dialogue", told.NATIVE, ids=lambda dialogue: dialogue.name)
def test_the_client_gets_what_the_dialogue_says(dialogue: Dialogue) -> None:
    stream = dialogue.stream()
    assert told.play(stream, [dialogue.upstream]) == dialogue.client
    assert stream.ended == dialogue.about["ended"]
    assert (stream.error is None) == (stream.ended == "complete")
    bytewise = [dialogue.upstream[at : at + 1] for at in range(len(dialogue.upstream))]
    assert told.play(dialogue.stream(), bytewise) == dialogue.client


@pytest.mark.parametrize("dialogue", told.NATIVE, ids=lambda dialogue: dialogue.name)
def test_every_event_is_valid_and_they_add_up_to_the_response(dialogue: Dialogue) -> None:
    found = told.events(dialogue.client)
    told.expect_valid(found)
    told.expect_valid_response(found[-1]["response"])
    if "reasoning-none" not in dialogue.name and "namespace" not in dialogue.name:
        told.added_up(found)


@pytest.mark.parametrize("dialogue", told.NATIVE, ids=lambda dialogue: dialogue.name)
def test_whole_and_streamed_the_same_is_told(dialogue: Dialogue) -> None:
    """The response of upstream's last event, as the body of a whole answer."""
    data = [line.removeprefix(b"data: ") for line in dialogue.upstream.split(b"\n") if line.startswith(b"data: {")]
    last = json.loads(data[-1])
    final = told.events(dialogue.client)[-1]["response"]
    if final["status"] == "failed" or not last["response"]["output"]:
        return
    telling = NativeTelling(told.outline(**dialogue.about.get("outline", {})), lambda: NOW)
    telling.answer(json.dumps(last["response"]).encode(), told.expectation(), IDENTITY, MODEL)
    assert telling.response == final


@given(st.data())
@settings(max_examples=examples(50), deadline=None)
def test_any_slicing_gives_the_same_bytes(data: st.DataObject) -> None:
    dialogue = data.draw(st.sampled_from(told.NATIVE))
    cuts = data.draw(transcripts.cuts_of(dialogue.upstream))
    assert told.play(dialogue.stream(), transcripts.sliced(dialogue.upstream, cuts)) == dialogue.client


odd: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(["", "m", "Hi"]) | st.just([1]) | st.just({})
)
items = st.fixed_dictionaries({}, optional={
    "type": st.sampled_from(["message", "function_call", "custom_tool_call", "reasoning", "web_search_call"]) | odd,
    "id": odd, "content": st.just([{"type": "output_text", "text": "Hi"}, {"type": "x"}, 1]) | odd, "status": odd,
    "summary": st.just([{"type": "summary_text", "text": "Hm"}]) | odd, "arguments": odd, "input": odd, "name": odd,
    "call_id": odd, "encrypted_content": odd,
})  # fmt: skip
kinds = st.sampled_from([
    "created", "output_item.added", "output_item.done", "content_part.added", "output_text.delta", "refusal.delta",
    "reasoning_text.delta", "reasoning_summary_text.delta", "function_call_arguments.delta",
    "function_call_arguments.done", "custom_tool_call_input.delta", "completed", "incomplete", "failed",
])  # fmt: skip
responses = st.fixed_dictionaries({}, optional={
    "output": st.lists(items | odd, max_size=2) | odd, "usage": odd, "model": odd, "error": odd, "status": odd,
    "incomplete_details": odd | st.just({"reason": "content_filter"}),
})  # fmt: skip
sent = st.fixed_dictionaries({"type": kinds.map("response.".__add__) | odd}, optional={
    "output_index": st.integers(0, 1) | odd, "item_id": odd, "item": items | odd, "delta": st.just("Hi") | odd,
    "content_index": odd, "part": items | odd, "arguments": odd, "response": responses | odd, "message": odd,
})  # fmt: skip


@given(st.lists(sent, max_size=8), st.sampled_from(["text", "none"]))
@settings(max_examples=examples(80), deadline=None)
def test_whatever_comes_there_is_one_ending(values: list[dict[str, Any]], reasoning: str) -> None:
    upstream = b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)
    found = played(upstream, reasoning=reasoning, custom_tools=["m"])
    final = found[-1]["response"]
    assert [item["id"] for item in final["output"]] == list(dict.fromkeys(item["id"] for item in final["output"]))


def test_signs_of_life_words_and_torn_events() -> None:
    assert [e["type"] for e in played(b"event: ping\ndata: .\n\n", b"data: \n\n", ADDED, HI, ITEM, END)][-1] == (
        "response.completed"
    )
    stream = open_stream()
    told.play(stream, [ADDED, b'data: {"type":"respon'])
    assert stream.ended == "truncated"


@pytest.mark.parametrize(
    ("upstream", "end"),
    [
        (b"data: 1\n\n", "malformed"),
        (b"data: oops\n\n", "malformed"),
        (b"event: error\ndata: {}\n\n", "upstream_error"),
        (b"event: error\ndata: oops\n\n", "upstream_error"),
        (b'data: {"type":"error","message":"Oh no."}\n\n', "upstream_error"),
        (event("response.cancelled", response={}), "upstream_error"),
        (event("response.failed"), "upstream_error"),
        (DONE, "truncated"),
        (b"", "truncated"),
    ],
)
def test_what_is_no_response_fails(upstream: bytes, end: str) -> None:
    stream = open_stream()
    found = told.events(told.play(stream, [upstream]))
    assert (stream.ended, found[-1]["type"]) == (end, "response.failed")


def test_an_event_that_is_too_large_fails() -> None:
    stream = told.open_stream(native=True, limit=200)
    client = stream.feed(ADDED) + stream.feed(b"data: " + b"x" * 300) + stream.conclude(kept=True)
    assert stream.ended == "malformed"
    told.events(client)


def test_an_answer_that_is_too_large_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_responses, "HELD_LIMIT", 3)
    stream = open_stream()
    final = told.events(told.play(stream, [ADDED, HI, HI, ITEM, END]))[-1]["response"]
    assert stream.ended == "malformed"
    assert final["output"][0]["content"][0]["text"] == "Hi"


def test_a_failure_from_outside_keeps_what_was_said() -> None:
    stream = open_stream()
    client = stream.feed(ADDED + HI) + stream.heartbeat() + stream.fail(ShuttingDown("Later."), "shutdown")
    assert stream.fail(ShuttingDown("Later."), "shutdown") == b""
    final = told.added_up(told.events(client + stream.conclude(kept=True)))
    assert final["output"][0]["content"][0]["text"] == "Hi"
    assert stream.started


def test_the_usage_is_estimated_where_there_is_none() -> None:
    stream = told.open_stream({"schema": {"type": "object"}, "input_bytes": 8}, native=True)
    told.play(stream, [ADDED + HI + ITEM + END])
    assert (stream.usage.input, stream.usage.output, stream.usage.source) == (2, 1, "estimated")
    assert stream.violations == 1


def test_the_last_event_counts_without_its_blank_line() -> None:
    assert played(ADDED, HI, ITEM, END[:-2])[-1]["type"] == "response.completed"


def test_thinking_is_told_as_a_summary_where_clients_are_shown_those() -> None:
    item = {"type": "reasoning", "id": "r"}
    whole = {**item, "content": [{"type": "reasoning_text", "text": "Hm"}]}
    found = played(
        event("response.output_item.added", output_index=0, item=item),
        event("response.reasoning_text.delta", output_index=0, content_index=0, delta="Hm"),
        event("response.reasoning_text.done", output_index=0, content_index=0, text="Hm"),
        event("response.output_item.done", output_index=0, item=whole),
        event("response.completed", response={"status": "completed", "output": [whole]}),
        reasoning="summary",
    )
    told.expect_valid(found)
    kinds = [each["type"] for each in found]
    assert "response.reasoning_summary_text.delta" in kinds
    assert "response.reasoning_text.delta" not in kinds
    assert told.added_up(found)["output"][0]["summary"] == [{"type": "summary_text", "text": "Hm"}]


def test_thinking_that_breaks_off_is_kept() -> None:
    added = event("response.output_item.added", output_index=0, item={"type": "reasoning", "id": "r"})
    found = played(added, event("response.reasoning.delta", output_index=0, delta="Hm"))
    told.expect_valid(found)
    assert told.added_up(found)["output"][0]["content"] == [{"type": "reasoning_text", "text": "Hm"}]


def test_a_custom_call_that_breaks_off_keeps_its_input() -> None:
    call = {"type": "custom_tool_call", "id": "c", "call_id": "call_a", "name": "shell"}
    added = event("response.output_item.added", output_index=0, item=call)
    delta = event("response.custom_tool_call_input.delta", output_index=0, delta="ls")
    assert told.added_up(played(added, delta))["output"][0]["input"] == "ls"


def test_what_is_odd_about_items_is_left_out() -> None:
    again = event("response.output_item.added", output_index=0, item=MESSAGE)
    no_text = event("response.output_text.delta", output_index=0, delta=None)
    annotation = {"type": "url_citation", "url": "x", "title": "x", "start_index": 0, "end_index": 1}
    noted = event("response.output_text.annotation.added", output_index=0, annotation_index=0, annotation=annotation)
    found = played(ADDED, again, no_text, HI, noted, ITEM, HI, END)
    told.expect_valid(found)
    assert told.added_up(found)["output"][0]["content"][0]["text"] == "Hi"


def test_an_item_without_any_name_is_told() -> None:
    added = event("response.output_item.added", item={"type": "message"})
    done = event("response.output_item.done", item={"type": "message", "content": []})
    assert [item["id"] for item in played(added, done, done)[-1]["response"]["output"]]


def test_a_part_is_announced_once() -> None:
    summary = event("response.reasoning_summary_text.delta", output_index=0, delta="Hm")
    added = event("response.output_item.added", output_index=0, item={"type": "reasoning", "id": "r"})
    kinds = [e["type"] for e in played(added, summary, summary)]
    assert kinds.count("response.reasoning_summary_part.added") == 1
