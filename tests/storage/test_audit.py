from typing import Any

import pytest

from proxy.storage.audit import Event, Wanted
from proxy.storage.store import Store
from tests.storage.databases import ACTOR, NOW, Hand

EVENTS = (
    Event("key.created", "k1", "acme", None, {"name": "web"}),
    Event("key.deleted", "k1", "acme", {"name": "web"}),
    Event("tenant.created", "beta", "beta"),
    Event("admin_token.created", "t1"),
    Event("key.created", "k2", "beta"),
)


@pytest.fixture
async def log(store: Store, hand: Hand) -> Store:
    for event in EVENTS:
        async with store.changing(ACTOR) as session:
            await session.note(event)
        hand.now += 10
    return store


async def read(store: Store, wanted: Wanted, limit: int = 100) -> list[int]:
    """Ids, which are numbers from 1 in the order of EVENTS."""
    async with store.reading() as session:
        return [row["id"] for row in (await session.audit_page(wanted, limit)).rows]


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"tenants": ("acme",)}, [2, 1]),
        ({"tenants": ("acme", "beta")}, [5, 3, 2, 1]),
        ({"actors": ("cli",)}, [5, 4, 3, 2, 1]),
        ({"actors": ("nobody",)}, []),
        ({"actions": ("key.created", "tenant.created")}, [5, 3, 1]),
        ({"objects": ("key",)}, [5, 2, 1]),
        ({"objects": ("key",), "object_ids": ("k1",)}, [2, 1]),
        ({"since": NOW + 10}, [5, 4, 3, 2]),
        ({"until": NOW + 10}, [1]),
        ({"since": NOW + 10, "until": NOW + 30}, [3, 2]),
        ({"after": 3}, [2, 1]),
        ({"before": 3}, [5, 4]),
        ({"after": 5, "before": 2}, [4, 3]),
    ],
)
async def test_filters(log: Store, filters: dict[str, Any], ids: list[int]) -> None:
    assert await read(log, Wanted(**filters)) == ids


async def test_pages_forth_and_back(log: Store) -> None:
    async with log.reading() as session:
        first = await session.audit_page(Wanted(), 2)
        second = await session.audit_page(Wanted(after=4), 2)
        last = await session.audit_page(Wanted(after=2), 2)
        back = await session.audit_page(Wanted(before=2), 2)
    pages = [([row["id"] for row in page.rows], page.more) for page in (first, second, last, back)]
    assert pages == [([5, 4], True), ([3, 2], True), ([1], False), ([4, 3], True)]


async def test_an_entry_comes_back_as_it_was_noted(log: Store) -> None:
    async with log.reading() as session:
        *_, deleted, created = (await session.audit_page(Wanted(), 100)).rows
    assert created == {
        "id": 1,
        "at": NOW,
        "actor_id": "cli",
        "actor_name": "command line",
        "actor_role": "owner",
        "address": "",
        "action": "key.created",
        "object": "key",
        "object_id": "k1",
        "tenant": "acme",
        "before": None,
        "after": {"name": "web"},
    }
    assert (deleted["before"], deleted["after"]) == ({"name": "web"}, None)
    assert all(type(name) is str for name in created)


async def test_a_note_moves_the_generation(log: Store) -> None:
    assert await log.generation() == len(EVENTS)
