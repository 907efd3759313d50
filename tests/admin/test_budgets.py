from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from proxy.accounts.limits import dollars
from proxy.admin.budgets import gate_id, to_micros
from proxy.errors import Conflict, InvalidRequest, NotFound, NotPermitted, Stale
from tests.admin.bureau import NOW, VIEWER, Bureau, bureau, tenant_admin
from tests.admin.listener import Listener

PATH = "/budgets"
DAY = 86_400
MIDNIGHT = NOW - NOW % DAY
MOST = 10**12


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bureau]:
    async with bureau(tmp_path) as opened:
        await opened.add_tenant("acme")
        await opened.add_tenant("beta")
        await opened.add_key("key_1", "acme")
        yield opened


def declare(desk: Bureau) -> None:
    desk.declared.rows["tenants"] = [{"id": "fixed", "archived_at": None}]
    desk.declared.rows["budgets"] = [
        {"id": "fixed/day", "tenant": "fixed", "key": "", "micros": 2_000_000, "per": "day", "soft": 50}
        | {"created_at": 0, "revision": 0}
    ]


@given(st.integers(min_value=1, max_value=MOST))
def test_money_survives_being_text(micros: int) -> None:
    text = dollars(micros)
    assert to_micros(text) == micros
    assert Decimal(text) * 1_000_000 == micros


@given(st.integers(min_value=1, max_value=MOST))
def test_money_survives_being_a_number(micros: int) -> None:
    assert to_micros(micros / 1_000_000) == micros


@given(st.integers(min_value=1, max_value=MOST // 10**6))
def test_whole_dollars_are_whole(dollars: int) -> None:
    assert to_micros(dollars) == to_micros(str(dollars)) == to_micros(float(dollars)) == dollars * 1_000_000


@given(st.text(max_size=12) | st.floats() | st.integers() | st.booleans() | st.none())
def test_whatever_is_taken_is_money_within_bounds(value: Any) -> None:
    try:
        micros = to_micros(value)
    except PydanticCustomError:
        return
    assert 0 < micros <= MOST
    assert Decimal(str(value)) * 1_000_000 == micros


@pytest.mark.parametrize(("key", "identity"), [("", "tenant:acme:week"), ("key_1", "key:key_1:week")])
def test_money_is_counted_under_the_name_of_the_gate(key: str, identity: str) -> None:
    assert gate_id({"tenant": "acme", "key": key, "micros": 1, "per": "week", "soft": 80}) == identity


async def test_a_budget_is_shown_with_what_is_left_of_it(desk: Bureau) -> None:
    made = await desk.call("PUT", PATH, {"tenant": "acme", "usd": 25, "per": "day"})
    assert made.value == {
        "id": made.value["id"],
        "object": "budget",
        "tenant": "acme",
        "key": None,
        "usd": "25.00",
        "per": "day",
        "soft": 80,
        "spent_usd": "0.00",
        "remaining_usd": "25.00",
        "percent": 0.0,
        "resets_at": MIDNIGHT + DAY,
        "declared": False,
        "created_at": NOW,
        "revision": 1,
    }
    assert (await desk.call("GET", f"{PATH}/{made.value['id']}")).value == made.value


@pytest.mark.parametrize("usd", [0.1, "0.1", "0.10", "0.100000"])
async def test_a_tenth_is_a_tenth(desk: Bureau, usd: Any) -> None:
    made = await desk.call("PUT", PATH, {"tenant": "acme", "usd": usd, "per": "day"})
    assert made.value["usd"] == "0.10"


BAD: tuple[tuple[Any, str | None], ...] = (
    ({}, "usd"),
    ({"usd": 1, "per": "year"}, "per"),
    ({"usd": 1, "per": None}, "per"),
    ({"usd": 1, "soft": 0}, "soft"),
    ({"usd": 1, "soft": 101}, "soft"),
    ({"usd": 1, "soft": 50.5}, "soft"),
    ({"usd": 1, "soft": True}, "soft"),
    ({"usd": 1, "micros": 5}, "micros"),
    ({"usd": 1, "key": "key_1"}, "key"),
    ({"usd": 1, "tenant": None}, "tenant"),
    ({"usd": 1, "tenant": "Ä"}, "tenant"),
)


async def test_bad_input_is_refused_by_name_and_nothing_kept(desk: Bureau) -> None:
    for body, param in BAD:
        fault = await desk.fails("PUT", PATH, {"tenant": "acme", "per": "day", **body})
        assert (type(fault), fault.param, fault.status, body) == (InvalidRequest, param, 400, body)
    assert await desk.ids(PATH) == []


NO_MONEY: tuple[Any, ...] = (
    0,
    "0",
    "0.000000",
    -1,
    "-1",
    -0.5,
    0.0000001,
    "0.0000001",
    1.2345678,
    1_000_000.01,
    "1000000.000001",
    "9999999",
    10**30,
    1e300,
    float("inf"),
    float("nan"),
    "NaN",
    "1e3",
    "1,000",
    " 5",
    "5 ",
    "+5",
    "5.",
    ".5",
    "٥",  # noqa: RUF001 - a digit to Python's Decimal, and to nobody who bills
    "",
    "$5",
    True,
    None,
    [5],
    {"usd": 5},
)


async def test_what_is_no_money_is_refused(desk: Bureau) -> None:
    for usd in NO_MONEY:
        fault = await desk.fails("PUT", PATH, {"tenant": "acme", "per": "day", "usd": usd})
        assert (type(fault), fault.param, fault.status, usd) == (InvalidRequest, "usd", 400, usd)
    assert await desk.ids(PATH) == []


async def test_the_period_has_to_be_named(desk: Bureau) -> None:
    fault = await desk.fails("PUT", PATH, {"tenant": "acme", "usd": 1})
    assert (type(fault), fault.param) == (InvalidRequest, "per")


async def test_a_second_budget_for_the_same_period_replaces_the_first(desk: Bureau) -> None:
    first = await desk.call("PUT", PATH, {"tenant": "acme", "usd": 25, "per": "month", "soft": 50})
    second = await desk.call("PUT", PATH, {"tenant": "acme", "usd": "30.5", "per": "month"})
    assert second.value["id"] == first.value["id"]
    assert (second.value["usd"], second.value["soft"], second.revision) == ("30.50", 80, 2)
    third = await desk.call("PUT", PATH, {"tenant": "acme", "usd": 1, "per": "week"})
    fourth = await desk.call("PUT", PATH, {"key": "key_1", "usd": 1, "per": "month"})
    assert (fourth.value["tenant"], fourth.value["key"]) == ("acme", "key_1")
    assert set(await desk.ids(PATH, tenant="acme")) == {row.value["id"] for row in (first, third, fourth)}
    assert await desk.ids(PATH, key="key_1") == [fourth.value["id"]]


PERIODS = {
    "day": (MIDNIGHT, MIDNIGHT + DAY),
    "week": (MIDNIGHT - 4 * DAY, MIDNIGHT + 3 * DAY),
    "month": (MIDNIGHT - 14 * DAY, MIDNIGHT + 17 * DAY),
    "total": (0, None),
}


@pytest.mark.parametrize("per", PERIODS)
async def test_what_is_spent_is_that_of_the_present_period(desk: Bureau, per: str) -> None:
    start, end = PERIODS[per]
    name = f"tenant:acme:{per}"
    others = {(name, start - DAY): 99, (f"tenant:beta:{per}", start): 99, (f"key:acme:{per}", start): 99}
    await desk.store.add_spent({(name, start): 2_000_000, **others})
    desk.spent.update(others)
    made = await desk.call("PUT", PATH, {"tenant": "acme", "usd": 8, "per": per})
    shown = {"spent_usd": "2.00", "remaining_usd": "6.00", "percent": 25.0, "resets_at": end}
    assert made.value.items() >= shown.items()
    (listed,) = (await desk.call("GET", PATH)).value["data"]
    assert listed == made.value


async def test_what_is_spent_is_the_larger_of_store_and_limiter(desk: Bureau) -> None:
    made = (await desk.call("PUT", PATH, {"tenant": "acme", "usd": 8, "per": "day"})).value
    place = ("tenant:acme:day", MIDNIGHT)
    for more, here, shown in (
        (0, 0, ("0.00", "8.00", 0.0)),
        (0, 3_000_000, ("3.00", "5.00", 37.5)),
        (4_000_000, 3_000_000, ("4.00", "4.00", 50.0)),
        (0, 8_000_000, ("8.00", "0.00", 100.0)),
        (4_400_001, 1, ("8.400001", "0.00", 105.0)),
    ):
        await desk.store.add_spent({place: more})
        desk.spent[place] = here
        found = (await desk.call("GET", f"{PATH}/{made['id']}")).value
        assert (found["spent_usd"], found["remaining_usd"], found["percent"]) == shown


async def test_a_new_period_starts_at_nothing(desk: Bureau) -> None:
    await desk.store.add_spent({("key:key_1:day", MIDNIGHT): 5_000_000})
    made = await desk.call("PUT", PATH, {"key": "key_1", "usd": 10, "per": "day"})
    assert made.value["percent"] == 50.0
    desk.now = MIDNIGHT + DAY
    later = (await desk.call("GET", f"{PATH}/{made.value['id']}")).value
    assert (later["spent_usd"], later["resets_at"]) == ("0.00", MIDNIGHT + 2 * DAY)


@pytest.mark.parametrize("subject", [{"tenant": "nobody"}, {"key": "key_9"}])
async def test_an_unknown_subject_is_not_found(desk: Bureau, subject: dict[str, str]) -> None:
    fault = await desk.fails("PUT", PATH, {**subject, "usd": 1, "per": "day"})
    assert (type(fault), fault.param) == (NotFound, next(iter(subject)))


async def test_what_the_configuration_declares_is_shown_first_and_not_changed(desk: Bureau) -> None:
    declare(desk)
    await desk.store.add_spent({("tenant:fixed:day", MIDNIGHT): 500_000})
    made = (await desk.call("PUT", PATH, {"tenant": "acme", "usd": 1, "per": "day"})).value
    listed = (await desk.call("GET", PATH)).value["data"]
    assert [(row["id"], row["declared"], row["percent"]) for row in listed] == [
        ("fixed/day", True, 25.0),
        (made["id"], False, 0.0),
    ]
    assert (await desk.call("GET", f"{PATH}/fixed%2Fday")).value == listed[0]
    for fault in (
        await desk.fails("PUT", PATH, {"tenant": "fixed", "usd": 1, "per": "day"}),
        await desk.fails("DELETE", f"{PATH}/fixed%2Fday"),
    ):
        assert (type(fault), fault.code) == (Conflict, "declared")


async def test_a_revision_holds_for_replacing_and_deleting(desk: Bureau) -> None:
    body = {"tenant": "acme", "usd": 1, "per": "day"}
    made = await desk.call("PUT", PATH, body)
    single = f"{PATH}/{made.value['id']}"
    assert (await desk.call("PUT", PATH, body, revision=1)).revision == 1, "nothing is different"
    assert (await desk.call("PUT", PATH, {**body, "soft": 50}, revision=1)).revision == 2
    assert isinstance(await desk.fails("PUT", PATH, body, revision=1), Stale)
    assert isinstance(await desk.fails("DELETE", single, revision=1), Stale)
    deleted = await desk.call("DELETE", single)
    assert deleted.value == {"id": made.value["id"], "object": "budget", "deleted": True}
    assert isinstance(await desk.fails("DELETE", single), NotFound)
    assert [entry["action"] for entry in await desk.audit("budget")] == [
        "budget.created",
        "budget.updated",
        "budget.deleted",
    ]


async def test_who_may_what(desk: Bureau) -> None:
    mine = (await desk.call("PUT", PATH, {"key": "key_1", "usd": 1, "per": "day"})).value["id"]
    theirs = (await desk.call("PUT", PATH, {"tenant": "beta", "usd": 1, "per": "day"})).value["id"]
    tom = tenant_admin("acme")
    assert await desk.ids(PATH, actor=VIEWER) == [mine, theirs]
    assert await desk.ids(PATH, actor=tom) == [mine]
    assert isinstance(await desk.fails("GET", f"{PATH}/{theirs}", actor=tom), NotFound)
    for actor in (VIEWER, tom):
        fault = await desk.fails("PUT", PATH, {"key": "key_1", "usd": 1, "per": "day"}, actor)
        assert isinstance(fault, NotPermitted)


async def test_over_http_the_decimal_that_is_written_is_meant(admin: Listener) -> None:
    for written, usd in ((b"0.1", "0.10"), (b"1e-6", "0.000001"), (b"999999.999999", "999999.999999")):
        body = b'{"tenant": "acme", "per": "month", "usd": %b}' % written
        answer = await admin.send("PUT", "/admin/v1/budgets", body, content_type="application/json")
        assert (answer.status, answer.value["usd"]) == (200, usd)
