"""The walk through a conversation."""

from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.translation.chat import translate
from proxy.translation.checks import MESSAGE_LIMIT
from proxy.translation.messages import convert_messages
from proxy.translation.rules import Draft, Policy

Messages = list[dict[str, Any]]


def converted(messages: Messages, policy: Policy | None = None) -> Draft:
    draft = Draft({"messages": messages}, policy or Policy())
    convert_messages(draft, "messages", messages)
    return draft


def sent(messages: Messages) -> Messages:
    result: Messages = converted(messages).body["messages"]
    return result


def call(name: str) -> dict[str, Any]:
    return {"id": name, "type": "function", "function": {"name": "f", "arguments": "{}"}}


UNCHANGED: Messages = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Grüße"},
    {"role": "user", "content": [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": "u"}}]},
    {"role": "assistant", "content": "", "tool_calls": [call("a"), call("b")]},
    {"role": "tool", "tool_call_id": "b", "content": "4"},
    {"tool_call_id": "a", "role": "tool", "content": "5"},
    {"role": "assistant", "content": "Fine."},
]


def test_messages_that_need_no_change_are_handed_on_as_the_same_objects() -> None:
    draft = converted(UNCHANGED)
    assert all(new is old for new, old in zip(draft.body["messages"], UNCHANGED, strict=True))
    assert draft.changes == []


def test_the_clients_list_is_not_handed_on() -> None:
    """What comes after may put a message in front."""
    assert sent(UNCHANGED) is not UNCHANGED


def test_a_converted_message_keeps_the_parts_that_need_no_change() -> None:
    messages = [{**UNCHANGED[3], "content": None}]
    new = sent(messages)[0]
    assert new["content"] == ""
    assert new["tool_calls"] is messages[0]["tool_calls"]


def test_text_is_counted_in_every_role_and_arguments_too() -> None:
    size = converted(UNCHANGED).expects.input_bytes
    assert size == len("Be brief.") + 7 + len("Look") + 2 * len("{}") + len("4") + len("5") + len("Fine.")


def test_results_may_come_in_any_order_and_late() -> None:
    messages: Messages = [
        {"role": "assistant", "content": "", "tool_calls": [call("a"), call("b")]},
        {"role": "user", "content": "Well?"},
        {"role": "tool", "tool_call_id": "b", "content": "4"},
        {"role": "tool", "tool_call_id": "a", "content": "5"},
    ]
    assert sent(messages) == messages


def test_a_result_must_not_come_before_its_call() -> None:
    messages: Messages = [
        {"role": "assistant", "content": "", "tool_calls": [call("a")]},
        {"role": "tool", "tool_call_id": "b", "content": "4"},
        {"role": "assistant", "content": "", "tool_calls": [call("b")]},
    ]
    with pytest.raises(InvalidRequest, match="'tool_call_id' of 'b' not found"):
        converted(messages)


def test_a_function_message_answers_the_last_function_call() -> None:
    asked: dict[str, Any] = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": ""}}
    answer: dict[str, Any] = {"role": "function", "name": "f", "content": [{"type": "text", "text": "4"}]}
    new = sent([asked, answer, asked, answer, answer])
    assert [message.get("tool_call_id") for message in new] == [None, "call_fc_0", None, "call_fc_1", "call_fc_1"]
    assert new[0]["tool_calls"] == [
        {"id": "call_fc_0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    ]
    assert new[1] == {"role": "tool", "tool_call_id": "call_fc_0", "content": "4"}


def test_tool_calls_come_before_a_function_call_in_the_same_message() -> None:
    message = {"role": "assistant", "content": "", "tool_calls": [call("a")], "function_call": {"name": "f"}}
    assert sent([message]) == [{"role": "assistant", "content": "", "tool_calls": [call("a")]}]


def test_every_field_left_out_is_told_once() -> None:
    message = {"role": "user", "content": "Hi.", "name": "Ann", "mood": "good", "weather": "bad", "id": "m", "x": None}
    draft = converted([message] * 50)
    assert draft.body["messages"] == [{"role": "user", "content": "Hi."}] * 50
    assert [(change.kind, change.field) for change in draft.changes] == [
        ("dropped", "messages[].name"),
        ("lossy", "messages[].*"),
    ]


@pytest.mark.parametrize("policy", [Policy(unsupported="refuse"), Policy(fields={"messages": "refuse"})])
def test_a_strict_policy_refuses_an_unknown_field_at_its_place(policy: Policy) -> None:
    messages = [{"role": "user", "content": "Hi."}, {"role": "user", "content": "Hi.", "mood": "good"}]
    with pytest.raises(InvalidRequest) as caught:
        converted(messages, policy)
    assert (caught.value.param, caught.value.code) == ("messages[1].mood", "unsupported_parameter")


def test_the_number_of_messages_is_bounded() -> None:
    message = {"role": "user", "content": "Hi."}
    converted([message] * MESSAGE_LIMIT)
    with pytest.raises(InvalidRequest, match="array too long"):
        converted([message] * (MESSAGE_LIMIT + 1))


USUAL = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Wie sp\u00e4t?"},
    {"role": "assistant", "content": "Noon."},
]


def test_a_conversation_that_needs_no_change_is_handed_on_as_it_is() -> None:
    request = {"messages": USUAL}
    translated = translate(request, "m", Policy())
    assert translated.body["messages"] is USUAL
    assert translated.expects.input_bytes == len("Be brief.Wie sp\u00e4t?Noon.".encode())


def test_messages_of_a_usual_form_are_the_same_objects_beside_others() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    asked = {"role": "assistant", "content": "", "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "c1", "content": "4"}
    odd = {"role": "tool", "tool_call_id": "c1", "content": "5", "name": "f"}
    translated = translate({"messages": [USUAL[1], asked, result, odd, *USUAL]}, "m", Policy())
    sent = translated.body["messages"]
    assert [new is old for new, old in zip(sent, [USUAL[1], asked, result, odd, *USUAL], strict=True)] == [
        True, True, True, False, True, True, True,
    ]  # fmt: skip
    assert sent[1]["tool_calls"][0] is call
    text = 'Wie sp\u00e4t?{"a":1}45Be brief.Wie sp\u00e4t?Noon.'
    assert translated.expects.input_bytes == len(text.encode())
