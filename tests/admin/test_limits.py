from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from proxy.accounts.gates import BOUNDS
from proxy.errors import Conflict, InvalidRequest, NotFound, NotPermitted, Stale
from tests.admin.bureau import NOW, VIEWER, Bureau, bureau, tenant_admin

PATH = "/limits"
MODEL = "moonshotai/Kimi-K2.6"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bureau]:
    async with bureau(tmp_path) as opened:
        await opened.add_tenant("acme")
        await opened.add_tenant("beta")
        await opened.add_key("key_1", "acme")
        yield opened


def declare(desk: Bureau) -> None:
    """A declared tenant with a key and a limit of its own."""
    bounds = dict.fromkeys(BOUNDS)
    desk.declared.rows["tenants"] = [{"id": "fixed", "archived_at": None}]
    desk.declared.rows["keys"] = [{"id": "fixed/web", "tenant": "fixed", "name": "web"}]
    desk.declared.rows["limits"] = [
        {"id": "fixed/0", "tenant": "fixed", "key": "", "model": "*", **bounds, "queue": 0, "concurrent": 3}
        | {"created_at": 0, "revision": 0}
    ]


async def test_a_limit_has_every_bound_and_null_where_there_is_none(desk: Bureau) -> None:
    made = await desk.call("PUT", PATH, {"tenant": "acme", "requests_per_minute": 60})
    assert made.value == {
        "id": made.value["id"],
        "object": "limit",
        "tenant": "acme",
        "key": None,
        "model": "*",
        **dict.fromkeys(BOUNDS),
        "requests_per_minute": 60,
        "queue": 0,
        "declared": False,
        "created_at": NOW,
        "revision": 1,
    }
    assert (made.status, made.revision, made.warnings) == (200, 1, ())
    assert (await desk.call("GET", f"{PATH}/{made.value['id']}")).value == made.value


async def test_every_bound_is_kept_up_to_the_largest(desk: Bureau) -> None:
    for name in BOUNDS:
        most = 1_000_000 if name == "concurrent" else 10**12
        made = await desk.call("PUT", PATH, {"tenant": "acme", name: most})
        assert made.value[name] == most
        fault = await desk.fails("PUT", PATH, {"tenant": "acme", name: most + 1})
        assert (type(fault), fault.param) == (InvalidRequest, name)
        assert (await desk.call("GET", f"{PATH}/{made.value['id']}")).value[name] == most


async def test_a_bound_that_makes_no_sense_is_refused_by_name(desk: Bureau) -> None:
    for name, value in product(BOUNDS, (0, -1, -(10**30), 10**30, 1.5, 60.0, "60", True, [], {}, 1e12)):
        fault = await desk.fails("PUT", PATH, {"tenant": "acme", name: value})
        assert (type(fault), fault.param, fault.status, value) == (InvalidRequest, name, 400, value)
    assert await desk.ids(PATH) == []


BAD: tuple[tuple[Any, str | None], ...] = (
    ({"tenant": "acme"}, None),
    ({"tenant": "acme", "concurrent": None}, None),
    ({"tenant": "acme", "queue": 5, "requests_per_day": 1}, "queue"),
    ({"tenant": "acme", "queue": 5}, "queue"),
    ({"tenant": "acme", "queue": -1, "concurrent": 1}, "queue"),
    ({"tenant": "acme", "queue": 10_001, "concurrent": 1}, "queue"),
    ({"tenant": "acme", "queue": 1.5, "concurrent": 1}, "queue"),
    ({"tenant": "acme", "queue": 5, "concurrent": 0}, "concurrent"),
    ({"concurrent": 1}, "tenant"),
    ({"tenant": "acme", "key": "key_1", "concurrent": 1}, "key"),
    ({"tenant": "acme", "concurrent": 1, "model": ""}, "model"),
    ({"tenant": "acme", "concurrent": 1, "model": "a" * 257}, "model"),
    ({"tenant": "acme", "concurrent": 1, "model": "a\x00"}, "model"),
    ({"tenant": "acme", "concurrent": 1, "model": None}, "model"),
    ({"tenant": "acme", "rpm": 1}, "rpm"),
    ({"tenant": "ACME", "concurrent": 1}, "tenant"),
    ({"key": "a b", "concurrent": 1}, "key"),
)


async def test_bad_input_is_refused_and_nothing_kept(desk: Bureau) -> None:
    for body, param in BAD:
        fault = await desk.fails("PUT", PATH, body)
        assert (type(fault), fault.param, body) == (InvalidRequest, param, body)
    assert await desk.ids(PATH) == []
    assert desk.changes == 0


async def test_a_second_limit_for_the_same_replaces_the_first_as_a_whole(desk: Bureau) -> None:
    first = await desk.call("PUT", PATH, {"tenant": "acme", "requests_per_minute": 60, "concurrent": 5, "queue": 2})
    desk.now += 60
    second = await desk.call("PUT", PATH, {"tenant": "acme", "tokens_per_minute": 1000})
    assert second.value["id"] == first.value["id"]
    assert second.value.items() >= {"requests_per_minute": None, "concurrent": None, "queue": 0, "revision": 2}.items()
    assert second.value["created_at"] == NOW
    assert [entry["action"] for entry in await desk.audit("limit")] == ["limit.created", "limit.updated"]


async def test_patterns_and_keys_have_limits_of_their_own(desk: Bureau) -> None:
    bodies: list[dict[str, Any]] = [
        {"tenant": "acme"},
        {"tenant": "acme", "model": "moonshotai/*"},
        {"key": "key_1"},
        {"key": "key_1", "model": "moonshotai/*"},
        {"tenant": "beta"},
    ]
    made = []
    for body in bodies:
        desk.now += 1
        made.append((await desk.call("PUT", PATH, {**body, "concurrent": 1})).value)
    assert [(row["tenant"], row["key"]) for row in made[2:]] == [("acme", "key_1"), ("acme", "key_1"), ("beta", None)]
    ids = [row["id"] for row in made]
    assert await desk.ids(PATH) == ids
    assert await desk.ids(PATH, tenant="acme") == ids[:4]
    assert await desk.ids(PATH, key="key_1") == ids[2:4]
    assert await desk.ids(PATH, tenant="beta", key="key_1") == []
    assert await desk.ids(PATH, tenant="acme", limit="1", after=ids[0]) == [ids[1]]


async def test_a_daily_limit_below_that_of_a_minute_is_a_warning(desk: Bureau) -> None:
    made = await desk.call("PUT", PATH, {"tenant": "acme", "requests_per_minute": 60, "requests_per_day": 59})
    assert ["requests_per_day is lower" in each for each in made.warnings] == [True]
    made = await desk.call("PUT", PATH, {"tenant": "acme", "requests_per_minute": 60, "requests_per_day": 60})
    assert made.warnings == ()


@pytest.mark.parametrize(
    ("pattern", "warned"), [("*", False), (MODEL, False), ("moonshotai/*", False), ("moonshot/*", True), ("kimi", True)]
)
async def test_a_pattern_that_matches_no_known_model_is_a_warning(desk: Bureau, pattern: str, *, warned: bool) -> None:
    desk.models.add(MODEL)
    made = await desk.call("PUT", PATH, {"tenant": "acme", "model": pattern, "concurrent": 1})
    assert [pattern in each for each in made.warnings] == ([True] if warned else [])


async def test_where_no_model_is_known_no_pattern_is_doubted(desk: Bureau) -> None:
    assert (await desk.call("PUT", PATH, {"tenant": "acme", "model": "nothing/*", "concurrent": 1})).warnings == ()


@pytest.mark.parametrize("subject", [{"tenant": "nobody"}, {"key": "key_9"}])
async def test_an_unknown_subject_is_not_found(desk: Bureau, subject: dict[str, str]) -> None:
    fault = await desk.fails("PUT", PATH, {**subject, "concurrent": 1})
    assert (type(fault), fault.param) == (NotFound, next(iter(subject)))


async def test_what_is_archived_or_revoked_gets_no_limit(desk: Bureau) -> None:
    await desk.add_tenant("gone", archived_at=1)
    await desk.add_key("key_2", "acme", revoked_at=1)
    fault = await desk.fails("PUT", PATH, {"tenant": "gone", "concurrent": 1})
    assert (type(fault), fault.code) == (Conflict, "archived")
    fault = await desk.fails("PUT", PATH, {"key": "key_2", "concurrent": 1})
    assert (type(fault), fault.code) == (Conflict, "revoked")


async def test_what_the_configuration_declares_is_shown_first_and_not_changed(desk: Bureau) -> None:
    declare(desk)
    made = (await desk.call("PUT", PATH, {"tenant": "acme", "concurrent": 1})).value
    listed = (await desk.call("GET", PATH)).value["data"]
    assert [(row["id"], row["declared"]) for row in listed] == [("fixed/0", True), (made["id"], False)]
    assert (await desk.call("GET", f"{PATH}/fixed%2F0")).value == listed[0]
    for fault in (
        await desk.fails("PUT", PATH, {"tenant": "fixed", "concurrent": 1}),
        await desk.fails("PUT", PATH, {"key": "fixed/web", "concurrent": 1}),
        await desk.fails("DELETE", f"{PATH}/fixed%2F0"),
    ):
        assert (type(fault), fault.code) == (Conflict, "declared")


async def test_a_key_of_the_store_may_be_bounded_although_its_tenant_is_declared(desk: Bureau) -> None:
    declare(desk)
    await desk.add_key("key_2", "fixed")
    made = (await desk.call("PUT", PATH, {"key": "key_2", "concurrent": 1})).value
    assert (made["tenant"], made["key"], made["declared"]) == ("fixed", "key_2", False)
    assert await desk.ids(PATH, tenant="fixed") == ["fixed/0", made["id"]]


async def test_a_revision_holds_for_replacing_and_deleting(desk: Bureau) -> None:
    body = {"tenant": "acme", "concurrent": 1}
    assert isinstance(await desk.fails("PUT", PATH, body, revision=1), Stale)
    made = await desk.call("PUT", PATH, body)
    assert (await desk.call("PUT", PATH, body, revision=1)).revision == 1, "nothing is different"
    assert (await desk.call("PUT", PATH, {**body, "concurrent": 2}, revision=1)).revision == 2
    assert isinstance(await desk.fails("PUT", PATH, body, revision=1), Stale)
    single = f"{PATH}/{made.value['id']}"
    assert isinstance(await desk.fails("DELETE", single, revision=1), Stale)
    deleted = await desk.call("DELETE", single, revision=2)
    assert deleted.value == {"id": made.value["id"], "object": "limit", "deleted": True}
    assert isinstance(await desk.fails("DELETE", single), NotFound)
    assert isinstance(await desk.fails("GET", single), NotFound)


async def test_who_may_what(desk: Bureau) -> None:
    mine = (await desk.call("PUT", PATH, {"key": "key_1", "concurrent": 1})).value["id"]
    theirs = (await desk.call("PUT", PATH, {"tenant": "beta", "concurrent": 1})).value["id"]
    tom = tenant_admin("acme")
    assert await desk.ids(PATH, actor=VIEWER) == [mine, theirs]
    assert await desk.ids(PATH, actor=tom) == [mine]
    assert isinstance(await desk.fails("GET", f"{PATH}/{theirs}", actor=tom), NotFound)
    for actor in (VIEWER, tom):
        assert isinstance(await desk.fails("PUT", PATH, {"key": "key_1", "concurrent": 1}, actor), NotPermitted)
