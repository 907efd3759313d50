"""What all tellings of one response have in common."""

from typing import Any

from proxy.translation.responses.outline import Outline, no_seal


def outline(**more: Any) -> Outline:
    return Outline(id="resp_1", created_at=7, model="m", echo={"store": True}, suffix="abc", **more)


def test_items_are_named_by_their_place() -> None:
    assert outline().item_id("msg", 0) == "msg_abc0000"
    assert outline().item_id("fc", 26) == "fc_abc001a"


def test_the_response_object_repeats_the_request_and_ends_with_what_is_given() -> None:
    told = outline().response("completed", [{"id": "msg_abc0000"}], completed_at=9)
    assert told == {
        "id": "resp_1",
        "object": "response",
        "created_at": 7,
        "status": "completed",
        "completed_at": 9,
        "error": None,
        "incomplete_details": None,
        "model": "m",
        "output": [{"id": "msg_abc0000"}],
        "usage": None,
        "store": True,
    }


def test_nothing_is_sealed_where_there_is_nothing_to_seal_with() -> None:
    assert no_seal("hm") == outline().seal("hm") == ""


def test_the_seal_is_not_shown() -> None:
    assert "lambda" not in repr(outline(seal=lambda text: text))
