from typing import Any

import pytest

from proxy.admin.operations import Call
from proxy.admin.organization.buckets import OF_COSTS, OF_USAGE, Part, paged, part
from proxy.errors import InvalidRequest
from proxy.storage.ranges import DAY, HOUR, MINUTE
from tests.admin.bureau import NOW, OWNER

MIDNIGHT = NOW - 8 * HOUR


def call(**query: Any) -> Call:
    return Call(OWNER, query={name: [str(value)] for name, value in query.items()})


def borders(found: Part) -> list[tuple[int, int]]:
    return list(found.buckets())


def test_borders_are_those_of_utc_and_the_ends_are_as_asked() -> None:
    """As in the answers that OpenAI publishes: from 17:31 to midnight, whole days, from midnight until now."""
    asked = part(call(start_time=1_736_616_660), 1_736_726_400 + 70, OF_USAGE)
    assert borders(asked) == [
        (1_736_616_660, 1_736_640_000),
        (1_736_640_000, 1_736_726_400),
        (1_736_726_400, 1_736_726_470),
    ]


def test_costs_are_of_whole_days() -> None:
    asked = part(call(start_time=MIDNIGHT + 5), NOW, OF_COSTS, whole_days=True)
    assert borders(asked) == [(MIDNIGHT, MIDNIGHT + DAY)]


@pytest.mark.parametrize(
    ("query", "count", "length"),
    [
        ({}, 7, DAY),
        ({"limit": 31}, 31, DAY),
        ({"bucket_width": "1h"}, 24, HOUR),
        ({"bucket_width": "1h", "limit": 168}, 168, HOUR),
        ({"bucket_width": "1m"}, 60, MINUTE),
        ({"bucket_width": "1m", "limit": 1440}, 1440, MINUTE),
        ({"limit": 1}, 1, DAY),
    ],
)
def test_a_page_has_so_many_buckets(query: dict[str, Any], count: int, length: int) -> None:
    found = borders(part(call(start_time=0, **query), NOW, OF_USAGE))
    assert len(found) == count
    assert found[0] == (0, length)


def test_a_range_that_begins_later_is_one_empty_bucket() -> None:
    assert borders(part(call(start_time=NOW + 5), NOW, OF_USAGE)) == [(NOW + 5, NOW + 6)]


def test_pages_follow_one_another_to_the_end_that_was_asked_for() -> None:
    found: list[tuple[int, int]] = []
    query: dict[str, Any] = {"start_time": MIDNIGHT + 30, "bucket_width": "1h", "limit": 3}
    for later in range(5):
        asked = part(call(**query), NOW - 30 + later, OF_USAGE)
        page = paged(asked, {MIDNIGHT: [{"object": "x"}]}).value
        assert page["object"] == "page"
        found += [(each["start_time"], each["end_time"]) for each in page["data"]]
        assert [bool(each["results"]) for each in page["data"]] == [later == 0, *[False] * (len(page["data"]) - 1)]
        assert page["has_more"] == (page["next_page"] is not None)
        if not page["has_more"]:
            break
        query["page"] = page["next_page"]
    assert found == borders(Part(MIDNIGHT + 30, NOW - 30, NOW - 30, "hour"))


def cursor(**query: Any) -> str:
    return str(paged(part(call(start_time=0, **query), NOW, OF_USAGE), {}).value["next_page"])


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({}, "start_time"),
        ({"start_time": "x"}, "start_time"),
        ({"start_time": 10**12}, "start_time"),
        ({"start_time": 5, "end_time": 5}, "end_time"),
        ({"start_time": 0, "bucket_width": "1w"}, "bucket_width"),
        ({"start_time": 0, "limit": 32}, "limit"),
        ({"start_time": 0, "limit": 0}, "limit"),
        ({"start_time": 0, "page": "x"}, "page"),
        ({"start_time": 0, "page": "page_é"}, "page"),
        ({"start_time": 0, "page": "page_AAAA"}, "page"),
        ({"start_time": 0, "page": "page_A"}, "page"),
        ({"start_time": 0, "page": cursor().removeprefix("page_")}, "page"),
        ({"start_time": 8 * DAY, "page": cursor()}, "page"),
        ({"start_time": 0, "end_time": 100 * DAY, "page": cursor()}, "page"),
        ({"start_time": 0, "page": cursor(bucket_width="1m", limit=7)}, "page"),
    ],
)
def test_what_is_asked_wrongly_is_told_by_name(query: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        part(call(**query), NOW, OF_USAGE)
    assert refused.value.param == param
    assert refused.value.code == ("missing_required_parameter" if not query else "invalid_value")


def test_costs_have_days_only_and_more_of_them() -> None:
    assert len(borders(part(call(start_time=0, limit=180), NOW, OF_COSTS))) == 180
    with pytest.raises(InvalidRequest):
        part(call(start_time=0, bucket_width="1h"), NOW, OF_COSTS)
