"""Output items under way: the order in which they are told, and what is held back."""

import json
from typing import Any

import pytest

from proxy.streaming.events import Malformed
from proxy.streaming.items import TRIES, Items
from proxy.streaming.script import Script
from tests.streaming import told


def made_items(**how: Any) -> Items:
    return Items(told.outline(**how), Script())


def call(index: int, arguments: str, name: str = "f") -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"index": index, "id": f"call_{index}", "type": "function", "function": function}


def piece(index: int, arguments: str) -> dict[str, Any]:
    return {"index": index, "function": {"arguments": arguments}}


def deltas(client: bytes) -> str:
    events = [json.loads(block.split(b"\ndata: ")[1]) for block in client.split(b"\n\n") if block]
    return "|".join(event["delta"] for event in events if event["type"].endswith(".delta"))


def test_a_call_that_is_whole_lets_the_next_one_begin() -> None:
    items = made_items()
    assert deltas(items.call(call(0, '{"x"'))) == '{"x"'
    assert items.call(call(1, '{"y"')) == b""
    assert items.call(piece(1, ":2}")) == b""
    assert deltas(items.call(piece(0, ':{"z":1}'))) == ':{"z":1}'
    assert deltas(items.call(piece(0, "}"))) == '}|{"y":2}'
    assert items.call(piece(0, "  ")) == b""
    assert items.call(piece(1, "")) == b""
    items.finish("completed")
    assert [item["arguments"] for item in items.done] == ['{"x":{"z":1}}', '{"y":2}']


def test_it_is_not_asked_forever_whether_a_call_is_whole() -> None:
    items = made_items()
    items.call(call(0, '{"x":"'))
    items.call(call(1, "{}"))
    for _ in range(TRIES):
        items.call(piece(0, "}"))
    assert deltas(items.call(piece(0, '"}'))) == '"}'
    assert items.done == []
    assert deltas(items.finish("completed")) == "{}"
    assert [item["status"] for item in items.done] == ["completed", "completed"]


def test_what_waits_is_not_part_of_an_answer_that_broke_off() -> None:
    items = made_items()
    items.call(call(0, "{"))
    items.text("Hi", [])
    assert [(item["type"], item["status"]) for item in items.so_far()] == [("function_call", "incomplete")]


def test_what_a_text_cites_waits_with_it() -> None:
    items = made_items()
    items.call(call(0, "{"))
    items.text("Hi", [])
    cited = {"type": "url_citation", "url": "https://example.com", "title": "A", "start_index": 0, "end_index": 2}
    assert items.cite([cited]) == b""
    assert b"response.output_text.annotation.added" in items.call(piece(0, "}")) + items.finish("completed")
    assert items.done[1]["content"][0]["annotations"] == [cited]


def test_thinking_that_is_not_told_is_no_item() -> None:
    items = made_items(reasoning="none")
    assert items.thought("Hm") + items.thought(".") == b""
    assert items.so_far() == []
    assert items.finish("completed") == b""
    assert items.done == []


def test_there_is_room_for_so_much() -> None:
    items = made_items()
    items.room = 3
    items.call(call(0, "{"))
    items.refusal("No")
    with pytest.raises(Malformed):
        items.text("x", [])
