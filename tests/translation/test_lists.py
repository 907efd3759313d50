"""Pages of lists as the client libraries walk through them."""

from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.translation.lists import Span, cut, is_id, page, span, unknown_after

ITEMS: list[dict[str, Any]] = [{"id": f"msg_{number}"} for number in range(5)]


def test_the_query_says_which_part() -> None:
    assert span({}) == Span(None, 20, newest=True)
    assert span({"limit": "3", "order": "asc", "after": "msg_1", "include[]": "x"}) == ("msg_1", 3, False)
    assert span({"after": ""}).after is None
    assert span({}, 50, 50).limit == 50
    assert span({"order": "asc"}, ordered=False).newest


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "x", "", "1" * 10_000, "٣"])
def test_a_limit_that_is_none_is_refused(limit: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        span({"limit": limit})
    assert caught.value.param == "limit"


@pytest.mark.parametrize(
    ("limit", "code"),
    [("0", "integer_below_min_value"), ("-1", "integer_below_min_value"), ("9" * 26, "integer_above_max_value")],
)
def test_a_limit_out_of_bounds_is_told_as_that(limit: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        span({"limit": limit})
    assert caught.value.code == code


def test_an_order_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        span({"order": "up"})
    assert caught.value.param == "order"


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_the_pages_together_are_the_list(order: str) -> None:
    seen: list[str] = []
    query = {"limit": "2", "order": order}
    while True:
        part = cut(ITEMS, span(query), unknown_after)
        seen += [item["id"] for item in part["data"]]
        assert (part["first_id"], part["last_id"]) == (seen[-len(part["data"])], seen[-1])
        if not part["has_more"]:
            break
        query["after"] = part["last_id"]
    assert seen == [item["id"] for item in (ITEMS if order == "asc" else ITEMS[::-1])]


def test_a_list_may_be_empty_and_an_item_unknown() -> None:
    empty: dict[str, Any] = {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
    assert cut([], span({}), unknown_after) == page([], more=False) == empty
    with pytest.raises(InvalidRequest, match="the list has no object with the id 'msg_9'") as caught:
        cut(ITEMS, span({"after": "msg_9"}), unknown_after)
    assert caught.value.param == "after"


@pytest.mark.parametrize(
    "text", ["", "x" * 129, "a b", "a/b", "a\x00", "a\n", "é", 5, None], ids=lambda text: repr(text)[:10]
)
def test_what_can_be_no_id(text: object) -> None:
    assert not is_id(text)
    assert is_id("resp_0a-Z")
    assert is_id("x" * 128)
