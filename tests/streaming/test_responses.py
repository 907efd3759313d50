"""A chat stream from Telnyx becomes the events of a response: the dialogues, any slicing of them, what always holds."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.accounts.ledger import STREAM_ENDS
from proxy.errors import ShuttingDown, UpstreamTimeout
from proxy.streaming import items
from proxy.streaming.chat import ChatStream
from proxy.streaming.responses import LESSONS
from proxy.translation.responses.answer import Telling
from tests.streaming import told, transcripts
from tests.streaming.told import DONE, IDENTITY, MODEL, NOW, Dialogue
from tests.trying import examples

NAMES = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": MODEL}


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    body = {**NAMES, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}
    return b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n"


ROLE = chunk({"role": "assistant", "content": ""})
HI = chunk({"content": "Hi"})
STOP = chunk({}, "stop")


@pytest.mark.parametrize("dialogue", told.BRIDGED, ids=lambda dialogue: dialogue.name)
def test_the_client_gets_what_the_dialogue_says(dialogue: Dialogue) -> None:
    stream = dialogue.stream()
    assert told.play(stream, [dialogue.upstream]) == dialogue.client
    assert stream.ended == dialogue.about["ended"]
    assert stream.ended in STREAM_ENDS
    assert (stream.error is None) == (stream.ended == "complete")
    assert stream.violations == 0


@pytest.mark.parametrize("dialogue", told.BRIDGED, ids=lambda dialogue: dialogue.name)
def test_every_event_is_valid_and_they_add_up_to_the_response(dialogue: Dialogue) -> None:
    found = told.events(dialogue.client)
    told.expect_valid(found)
    final = told.added_up(found)
    told.expect_valid_response(final)
    stream = dialogue.stream()
    told.play(stream, [dialogue.upstream])
    assert stream.response == final
    if final["status"] != "failed":
        usage = stream.usage
        assert [final["usage"]["input_tokens"], final["usage"]["output_tokens"]] == [usage.input, usage.output]
        assert final["usage"]["total_tokens"] == usage.input + usage.output


@given(st.data())
@settings(max_examples=examples(60), deadline=None)
def test_any_slicing_gives_the_same_bytes(data: st.DataObject) -> None:
    dialogue = data.draw(st.sampled_from(told.BRIDGED))
    cuts = data.draw(transcripts.cuts_of(dialogue.upstream))
    assert told.play(dialogue.stream(), transcripts.sliced(dialogue.upstream, cuts)) == dialogue.client


@pytest.mark.parametrize("transcript", transcripts.ALL, ids=lambda transcript: transcript.name)
def test_whatever_a_chat_client_is_told_ends_properly(transcript: transcripts.Transcript) -> None:
    wishes = {name: value for name, value in transcript.about.get("expects", {}).items() if name != "legacy_functions"}
    stream = told.open_stream(wishes)
    found = told.events(told.play(stream, [transcript.upstream]))
    told.expect_valid(found)
    told.added_up(found)
    assert stream.ended == transcript.about["ended"]
    assert stream.model == transcript.about.get("model", MODEL)
    bytewise = [transcript.upstream[at : at + 1] for at in range(len(transcript.upstream))]
    assert told.events(told.play(told.open_stream(wishes), bytewise)) == found


texts = st.sampled_from(["Hi", " there", "é", "\n", '"', "\\", "{}", "🙂", "data: "])
pieces = st.lists(texts, min_size=1, max_size=4)
arguments = st.sampled_from(['{"x":1}', "{}", '{"a":{"b":[1,"}"]}}', '{"input":"ls }"}'])
functions = st.lists(st.tuples(st.sampled_from(["f", "ns__g"]), arguments), max_size=3)
customs = st.lists(st.tuples(st.just("shell"), arguments), max_size=2)
"""Not together: calls of custom tools come at the end of a chat stream, after those of functions."""
ends = st.sampled_from(["stop", "length", "content_filter"])
said = st.fixed_dictionaries({
    "thought": pieces | st.just([]), "text": pieces | st.just([]), "refusal": pieces | st.just([]),
    "calls": functions | customs, "end": ends, "in_turns": st.booleans(),
    "cited": st.lists(st.integers(0, 3), max_size=3), "early": st.booleans(),
})  # fmt: skip
tellings = st.fixed_dictionaries({
    "reasoning": st.sampled_from(["text", "summary", "none"]), "sealed": st.booleans(),
    "namespaces": st.sampled_from([{}, {"ns__g": ("ns", "g")}]),
})  # fmt: skip
WISHES = {"custom_tools": ["shell"]}
BLANKS = {"thought": [], "text": ["\n"], "refusal": [], "calls": [], "end": "stop", "in_turns": False,
          "cited": [], "early": False}  # fmt: skip
"""Thinking could follow these blanks; what follows instead comes behind them."""
TOLD = {"reasoning": "text", "sealed": False, "namespaces": {}}


def citation(number: int) -> dict[str, Any]:
    cited = {"start_index": 0, "end_index": number, "url": f"https://a.example/{number}", "title": "é"}
    return {"type": "url_citation", "url_citation": cited}


def as_stream(what: dict[str, Any]) -> bytes:
    deltas: list[dict[str, Any]] = [{"role": "assistant"}]
    cited = [{"annotations": [citation(each)]} for each in what["cited"]]
    if what["early"]:
        deltas += cited
    for name, key in (("thought", "reasoning_content"), ("text", "content"), ("refusal", "refusal")):
        deltas += [{key: piece} for piece in what[name]]
        if name == "text" and not what["early"]:
            deltas += cited
    calls = [
        [{"index": at, "id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": given[:3]}}]
        + [{"index": at, "function": {"arguments": letter}} for letter in given[3:]]
        for at, (name, given) in enumerate(what["calls"])
    ]
    if what["in_turns"]:
        longest = max(map(len, calls), default=0)
        entries = [call[at] for at in range(longest) for call in calls if at < len(call)]
    else:
        entries = [entry for call in calls for entry in call]
    deltas += [{"tool_calls": [entry]} for entry in entries]
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12}}\n\n'
    return b"".join(map(chunk, deltas)) + chunk({}, what["end"]) + usage + DONE


def as_answer(what: dict[str, Any]) -> bytes:
    message: dict[str, Any] = {
        "role": "assistant", "content": "".join(what["text"]), "refusal": "".join(what["refusal"]) or None,
        "reasoning_content": "".join(what["thought"]),
    }  # fmt: skip
    if what["cited"]:
        message["annotations"] = [citation(each) for each in what["cited"]]
    if what["calls"]:
        message["tool_calls"] = [
            {"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": given}}
            for at, (name, given) in enumerate(what["calls"])
        ]
    choice = {"index": 0, "message": message, "finish_reason": what["end"], "logprobs": None}
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    return json.dumps({**NAMES, "object": "chat.completion", "choices": [choice], "usage": usage}).encode()


@given(said, tellings, st.integers(1, 400))
@example(BLANKS | {"calls": [("f", "{}")]}, TOLD, 1)
@example(BLANKS | {"refusal": ["No."]}, TOLD, 400)
@settings(max_examples=examples(80), deadline=None)
def test_whole_and_streamed_the_same_is_told(what: dict[str, Any], how: dict[str, Any], size: int) -> None:
    stream, upstream = told.open_stream(WISHES, **how), as_stream(what)
    found = told.events(told.play(stream, [upstream[at : at + size] for at in range(0, len(upstream), size)]))
    told.expect_valid(found)
    final = told.added_up(found)
    telling = Telling(told.outline(**how), lambda: NOW)
    telling.answer(as_answer(what), told.expectation(**WISHES), IDENTITY, MODEL)
    assert telling.response == final


def test_what_a_text_cites_is_told_as_it_comes() -> None:
    upstream = ROLE + HI + chunk({"annotations": [citation(1), {"type": "odd"}, citation(2)]}) + HI + STOP + DONE
    found = told.events(told.play(told.open_stream(), [upstream]))
    told.expect_valid(found)
    flat = [{"type": "url_citation", **citation(number)["url_citation"]} for number in (1, 2)]
    cited = [event for event in found if event["type"] == "response.output_text.annotation.added"]
    assert [(each["annotation_index"], each["annotation"]) for each in cited] == list(enumerate(flat))
    assert {(each["item_id"], each["output_index"], each["content_index"]) for each in cited} == {
        (told.added_up(found)["output"][0]["id"], 0, 0)
    }
    (part,) = told.added_up(found)["output"][0]["content"]
    assert (part["text"], part["annotations"]) == ("HiHi", flat)


def test_what_a_call_has_followed_cites_nothing_more() -> None:
    entry = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    upstream = ROLE + HI + chunk({"tool_calls": [entry]}) + chunk({"annotations": [citation(1)]})
    found = told.events(told.play(told.open_stream(), [upstream + chunk({}, "tool_calls") + DONE]))
    told.expect_valid(found)
    assert told.added_up(found)["output"][0]["content"][0]["annotations"] == []


@given(st.lists(st.sampled_from([ROLE, HI, STOP, chunk({"reasoning_content": "Hm"}), b"data: oops\n\n", b": x\n\n"])))
@settings(max_examples=examples(30), deadline=None)
def test_whatever_comes_there_is_one_ending(sent: list[bytes]) -> None:
    found = told.events(told.play(told.open_stream(), sent))
    told.expect_valid(found)
    told.added_up(found)


def test_the_opening_comes_with_the_first_piece_and_once() -> None:
    stream, other = told.open_stream(), told.open_stream()
    assert stream.heartbeat() == b""
    opening = stream.opening()
    assert stream.opening() == b""
    assert opening == other.feed(b"") != b""
    assert other.feed(b"") == b""
    assert not stream.started


def test_a_heartbeat_says_that_it_is_in_progress() -> None:
    stream = told.open_stream()
    client = stream.feed(ROLE + HI) + stream.heartbeat() + stream.feed(HI + STOP + DONE) + stream.conclude(kept=True)
    found = told.events(client)
    assert [event["type"] for event in found].count("response.in_progress") == 2
    assert told.added_up(found)["output"][0]["content"][0]["text"] == "HiHi"
    assert stream.heartbeat() == b""
    assert stream.started


def test_the_last_word_is_for_conclude_alone() -> None:
    stream = told.open_stream()
    before = stream.feed(ROLE + HI + STOP + DONE)
    assert b"response.output_item.done" in before
    assert b"response.completed" not in before
    assert stream.response["store"] is True
    last = stream.conclude(kept=False)
    assert json.loads(last.split(b"\n")[1].removeprefix(b"data: "))["response"]["store"] is False
    assert last.endswith(DONE)


def test_one_that_was_cancelled_says_so_in_an_event_that_libraries_know() -> None:
    stream = told.open_stream()
    client = stream.feed(ROLE + HI + STOP + DONE)
    stream.cancel()
    last = told.events(client + stream.conclude(kept=True))[-1]
    told.expect_valid_response(last["response"])
    assert (last["type"], last["response"]["status"]) == ("response.failed", "cancelled")
    assert (last["response"]["error"], last["response"]["completed_at"]) == (None, None)
    assert last["response"]["output"][0]["content"][0]["text"] == "Hi"


def test_a_failure_from_outside_keeps_what_was_said() -> None:
    stream = told.open_stream()
    client = stream.feed(ROLE + HI) + stream.fail(UpstreamTimeout("Nothing came."), "stalled")
    assert stream.fail(ShuttingDown("Later."), "shutdown") == b""
    final = told.added_up(told.events(client + stream.conclude(kept=True)))
    assert (stream.ended, final["status"]) == ("stalled", "failed")
    assert final["error"] == {"code": "server_error", "message": "Nothing came."}
    assert final["output"][0]["status"] == "incomplete"
    assert final["output"][0]["content"][0]["text"] == "Hi"


def test_a_failure_before_anything_came_has_an_opening() -> None:
    stream = told.open_stream()
    client = stream.fail(ShuttingDown("Later."), "shutdown") + stream.conclude(kept=True)
    assert [event["type"] for event in told.events(client)] == [
        "response.created", "response.in_progress", "response.failed",
    ]  # fmt: skip


def test_a_failure_after_the_finish_reason_is_none() -> None:
    stream = told.open_stream()
    client = stream.feed(ROLE + HI + STOP) + stream.fail(UpstreamTimeout("Nothing came."), "stalled")
    assert told.events(client + stream.conclude(kept=True))[-1]["type"] == "response.completed"


def test_schemas_are_checked() -> None:
    stream = told.open_stream({"schema": {"type": "object"}})
    told.play(stream, [ROLE, HI, STOP, DONE])
    assert stream.violations == 1


@pytest.mark.parametrize("limit", [4, 5, 6, 7])
@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_too_large_to_be_held_fails(monkeypatch: pytest.MonkeyPatch, limit: int, *, at_once: bool) -> None:
    monkeypatch.setattr(items, "HELD_LIMIT", limit)
    stream = told.open_stream()
    sent = [ROLE, HI, HI, HI, HI, STOP, DONE]
    found = told.events(told.play(stream, [b"".join(sent)] if at_once else sent))
    final = told.added_up(found)
    assert stream.ended == "malformed"
    assert final["output"][0]["content"][0]["text"] == "Hi" * (limit // 2)


def test_chunks_that_are_all_different_are_decoded_every_time() -> None:
    stream = told.open_stream()
    sent = [chunk({"content": f"{number},"}, place=number) for number in range(LESSONS + 3)]
    final = told.added_up(told.events(told.play(stream, [ROLE, *sent, STOP, DONE])))
    assert final["output"][0]["content"][0]["text"] == "".join(f"{number}," for number in range(LESSONS + 3))


def test_text_that_stands_behind_another_field_of_the_name_is_decoded_every_time() -> None:
    sent = [b'data: {"x":{"content":"no"},' + chunk({"content": text}).removeprefix(b"data: {") for text in "abc"]
    final = told.added_up(told.events(told.play(told.open_stream(), [ROLE, *sent, STOP, DONE])))
    assert final["output"][0]["content"][0]["text"] == "abc"


def test_a_text_that_ends_where_another_field_begins_is_no_text() -> None:
    """What fits around the text of the chunk before, and has more in it."""
    odd = HI.replace(b'"content":"Hi"', b'"content":"Ho","refusal":"Hi"')
    stream = told.open_stream()
    parts = told.added_up(told.events(told.play(stream, [ROLE + HI + HI + odd + HI + STOP])))["output"][0]["content"]
    assert [part.get("text", part.get("refusal")) for part in parts] == ["HiHiHo", "Hi", "Hi"]


def test_a_chat_stream_is_told_the_same_usage() -> None:
    chat = ChatStream(told.expectation(), IDENTITY, MODEL)
    transcripts.play(chat, [ROLE, HI, STOP, DONE])
    stream = told.open_stream({"include_usage": True})
    told.play(stream, [ROLE, HI, STOP, DONE])
    assert stream.usage == chat.usage
    assert stream.usage.source == "estimated"
