from typing import Any

import pytest

from proxy.accounts.roles import COMMAND_LINE
from proxy.admin.operations import Call
from proxy.admin.organization.paging import choice, part
from proxy.errors import InvalidRequest, NotFound

ROWS = [{"id": str(number)} for number in range(5)]


def asked(**query: str) -> Call:
    return Call(COMMAND_LINE, query={name: (value,) for name, value in query.items()})


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ({}, "01", True),
        ({"after": "1"}, "23", True),
        ({"after": "2"}, "34", False),
        ({"after": "4"}, "", False),
        ({"before": "4"}, "23", True),
        ({"before": "2"}, "01", False),
        ({"before": "1"}, "0", False),
        ({"before": "0"}, "", False),
    ],
)
def test_parts_of_a_list(query: dict[str, str], ids: str, more: bool) -> None:  # noqa: FBT001 - a column of the table
    value: dict[str, Any] = part(asked(**query), ROWS, 2).value
    assert ("".join(each["id"] for each in value["data"]), value["has_more"]) == (ids, more)
    assert (value["first_id"], value["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))


@pytest.mark.parametrize("name", ["after", "before"])
def test_a_cursor_is_of_the_list(name: str) -> None:
    with pytest.raises(NotFound) as caught:
        part(asked(**{name: "9"}), ROWS, 2)
    assert caught.value.param == name


def test_choices() -> None:
    assert [choice(asked(), "order", ("a", "b")), choice(asked(order="b"), "order", ("a", "b"))] == [None, "b"]
    with pytest.raises(InvalidRequest):
        choice(asked(order="c"), "order", ("a", "b"))
