"""What a client may give as input. What is refused, and in which words, stands in the golden files."""

import re
from typing import Any

import pytest
from openai.types.responses import response_input_item_param as openai_items

from proxy.errors import InvalidRequest
from proxy.translation.checks import MESSAGE_LIMIT
from proxy.translation.responses.items import HOSTED, KINDS, check_item, input_items

KINDS_OF_OPENAI = 32


def kinds(sdk: Any) -> set[str]:
    """The values of `type` of every item of the official client library."""
    found = set()
    for one in sdk.__args__:
        hint = str(one.__annotations__.get("type", ""))
        found |= set(re.findall(r"""["'](\w+)["']""", hint.partition("Literal")[2]))
    return found


def test_every_kind_of_item_that_openai_knows_is_known() -> None:
    known = kinds(openai_items.ResponseInputItemParam)
    assert known - KINDS.keys() - HOSTED.keys() == set()
    assert len(known) >= KINDS_OF_OPENAI - 2  # two of the types are messages in other words


def test_a_text_is_a_message_of_the_user() -> None:
    assert input_items("Hi.") == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}
    ]


def test_messages_get_a_type_and_parts() -> None:
    said = [{"role": "developer", "content": "A"}, {"role": "assistant", "content": "B", "id": "msg_1"}]
    assert input_items(said) == [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "A"}]},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "B", "annotations": [], "logprobs": []}],
        },
    ]
    assert said[0] == {"role": "developer", "content": "A"}


def test_an_item_that_is_nothing_but_an_id_is_a_reference() -> None:
    assert input_items([{"id": "msg_1"}, {"id": "msg_2", "type": None}]) == [
        {"type": "item_reference", "id": "msg_1"},
        {"type": "item_reference", "id": "msg_2"},
    ]


WHOLE = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "A"}]},
    {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""},
    {"type": "function_call_output", "call_id": "c", "output": "4"},
    {"type": "custom_tool_call", "call_id": "d", "name": "f", "input": ""},
    {"type": "custom_tool_call_output", "call_id": "d", "output": []},
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}], "content": None},
    {"type": "compaction", "encrypted_content": "x"},
    {"type": "web_search_call", "id": "ws_1", "anything": {"goes": 1}},
]


@pytest.mark.parametrize("item", WHOLE, ids=lambda item: item["type"])
def test_an_item_in_its_full_form_is_handed_on_as_the_same_object(item: dict[str, Any]) -> None:
    assert check_item("input[0]", item) is item
    assert input_items([item])[0] is item


def test_the_number_of_items_is_bounded() -> None:
    with pytest.raises(InvalidRequest, match="array too long"):
        input_items([{}] * (MESSAGE_LIMIT + 1))
