from collections.abc import Sequence
from typing import Any

import pytest

from proxy.accounts.roles import Actor
from proxy.admin import asking
from proxy.admin.operations import Call
from proxy.errors import InvalidRequest, NotFound
from proxy.storage.ranges import DAY, HOUR
from tests.admin.bureau import NOW, OWNER, tenant_admin

NAMES = tuple(asking.COLUMNS)
MIDNIGHT = NOW - 8 * HOUR


def call(actor: Actor = OWNER, **query: Any) -> Call:
    return Call(actor, query={name: [value] if isinstance(value, str) else value for name, value in query.items()})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("1800000000", NOW),
        ("0", 0),
        ("2027-01-15", MIDNIGHT),
        ("2027-01-15T08:00:00Z", NOW),
        ("2027-01-15t08:00:00z", NOW),
        ("2027-01-15 08:00:00", NOW),
        ("2027-01-15T10:00:00+02:00", NOW),
        ("2027-01-15T10:00:00 02:00", NOW),  # a plus sign that was not percent-encoded
        ("2027-01-15T08:00", NOW),
    ],
)
def test_moments_are_seconds_or_iso_8601(given: str, expected: int) -> None:
    assert asking.moment(call(start=given), "start") == expected


@pytest.mark.parametrize("given", ["-1", "yesterday", "", "99999999999", "1e9", "2027-02-30", "0001-01-01", "²"])
def test_other_moments_are_refused(given: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        asking.moment(call(start=given), "start")
    assert refused.value.param == "start"


def test_without_a_range_it_is_the_last_seven_days() -> None:
    asked = asking.question(call(), NOW, NAMES)
    assert (asked.start, asked.end, asked.width) == (MIDNIGHT - 6 * DAY, NOW, "all")
    assert asking.expect_range(call(end=str(MIDNIGHT)), NOW) == (MIDNIGHT - 7 * DAY, MIDNIGHT)
    assert asking.expect_range(call(end="5"), NOW) == (0, 5)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"start": "5", "end": "5"}, "start"),
        ({"width": "week"}, "width"),
        ({"width": "minute", "start": "0"}, "width"),
        ({"group_by": "colour"}, "group_by"),
        ({"model": ["m"] * 101}, "model"),
        ({"model": "m" * 257}, "model"),
        ({"status": "teapot"}, "status"),
        ({"status": "1000"}, "status"),
        ({"start": ["1", "2"]}, "start"),
    ],
)
def test_what_is_asked_wrongly_is_told_by_name(query: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        asking.question(call(**query), NOW, NAMES)
    assert refused.value.param == param


def test_groups_and_filters_are_columns_of_the_ledger() -> None:
    asked = asking.question(
        call(group_by=["key", "model", "key"], status=["200", "429"], key="key_1", width="day"), NOW, NAMES
    )
    assert asked.group_by == ("key_id", "model")
    assert asked.only == {"status": [200, 429], "key_id": ("key_1",)}
    assert asked.width == "day"


@pytest.mark.parametrize(
    ("actor", "given", "seen"),
    [
        (OWNER, [], None),
        (OWNER, ["acme", "beta"], ["acme", "beta"]),
        (tenant_admin("acme"), [], ["acme"]),
        (tenant_admin("acme"), ["acme"], ["acme"]),
        (tenant_admin("acme"), ["beta", "acme"], ["acme"]),
        (tenant_admin("acme"), ["beta", "gamma"], []),
    ],
)
def test_a_tenant_admin_is_held_to_its_tenant(actor: Actor, given: list[str], seen: Sequence[str] | None) -> None:
    found = asking.only(call(actor, tenant=given) if given else call(actor), NAMES)
    assert (list(found["tenant"]) if "tenant" in found else None) == seen


def test_another_tenant_is_not_there_for_it() -> None:
    with pytest.raises(NotFound):
        asking.only(call(tenant_admin("acme"), tenant="beta"), NAMES)


def test_an_end_that_is_now_is_rounded_because_nothing_comes_after_it() -> None:
    assert asking.rounded(NOW + 1, NOW + 1) == NOW + HOUR
    assert asking.rounded(NOW, NOW) == NOW
    assert asking.rounded(NOW - 1, NOW) == NOW - 1
