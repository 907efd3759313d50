"""Items become turns. Most of it stands in the golden files; here is what they do not show."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.errors import InvalidRequest
from proxy.translation.responses.conversation import assemble, thoughts
from proxy.translation.responses.draft import ResponseDraft
from proxy.translation.responses.items import input_items
from proxy.translation.rules import Policy
from tests.translation.responses import response_requests
from tests.trying import examples

Items = list[dict[str, Any]]


def drafted(items: Items) -> ResponseDraft:
    return ResponseDraft({}, Policy(), input_items(items))


def messages(items: Items) -> Items:
    return assemble(drafted(items), None)


def call(name: str) -> dict[str, Any]:
    return {"type": "function_call", "call_id": name, "name": "f", "arguments": "{}"}


def result(name: str) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": name, "output": name}


def thought(text: str) -> dict[str, Any]:
    return {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": text}]}


def said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def test_thinking_goes_to_what_is_said_or_called_next() -> None:
    told = messages(
        [thought("a"), thought("b"), said("1"), thought("c"), call("x"), result("x"), thought("d"), said("2")]
    )
    assert [message.get("reasoning_content") for message in told] == ["a\nb\nc", None, "d"]


def test_thinking_between_a_call_and_its_result_belongs_to_the_same_turn() -> None:
    told = messages([call("x"), thought("a"), said("1"), result("x")])
    assert [message["role"] for message in told] == ["assistant", "tool"]
    assert told[0]["reasoning_content"] == "a"


def test_thinking_that_led_to_nothing_is_left_out() -> None:
    told = messages([thought("a"), {"role": "user", "content": "b"}, said("c")])
    assert not any("reasoning_content" in message for message in told)


def test_answers_that_follow_one_another_stay_apart() -> None:
    assert [message["content"] for message in messages([said("1"), said("2")])] == ["1", "2"]


def test_a_call_after_all_results_begins_a_new_turn() -> None:
    told = messages([call("x"), result("x"), call("y"), result("y")])
    assert [message["role"] for message in told] == ["assistant", "tool", "assistant", "tool"]


def test_a_call_that_comes_late_joins_those_that_wait() -> None:
    told = messages([call("x"), call("y"), result("x"), call("z"), result("y"), result("z")])
    assert [message["role"] for message in told] == ["assistant", "tool", "tool", "tool"]
    assert [one["id"] for one in told[0]["tool_calls"]] == ["x", "y", "z"]


def test_every_part_knows_where_it_came_from() -> None:
    draft = drafted([call("x"), said("1"), {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}])
    assemble(draft, "Be brief.")
    assert draft.places.origin("messages[0].content") == "instructions.content"
    assert draft.places.origin("messages[1].tool_calls[0].function.name") == "input[0].name"
    assert draft.places.origin("messages[1].content[1]") == "input[2].content[0]"


def test_the_clients_items_are_not_written_to() -> None:
    items = input_items([said("1"), call("x"), result("x")])
    before = repr(items)
    assemble(ResponseDraft({}, Policy(), items), None)
    assert repr(items) == before


def test_thoughts_are_read_from_the_seal_then_the_text_then_the_summary() -> None:
    draft = drafted([])
    draft.open = {"ours": "opened"}.get
    whole = {**thought("text"), "summary": [{"type": "summary_text", "text": "summary"}]}
    assert thoughts(draft, {**whole, "encrypted_content": "ours"}) == "opened"
    assert thoughts(draft, {**whole, "encrypted_content": "theirs"}) == "text"
    assert thoughts(draft, {**whole, "content": None}) == "summary"
    assert thoughts(draft, {"type": "reasoning", "content": [{"type": "refusal", "refusal": "a"}]}) == ""


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(response_requests.item, max_size=8))
def test_every_result_comes_after_its_call_and_no_call_is_lost(items: Items) -> None:
    try:
        told = messages(items)
    except InvalidRequest:
        return
    called: list[str] = []
    for message in told:
        called += [one["id"] for one in message.get("tool_calls", ())]
        assert message["role"] != "tool" or message["tool_call_id"] in called
    kinds = {"function_call", "custom_tool_call"}
    assert sum(item.get("type") in kinds for item in items) == len(called)
