from typing import Any

import pytest
from sqlalchemy import insert, select

from proxy.accounts.keys import RANDOM_BYTES
from proxy.storage import schema
from tests.admin.listener import Listener

KEYS = "/admin/v1/keys"
DAY = 86_400


async def rotate(admin: Listener, identity: str, **body: Any) -> Any:
    return await admin.done("POST", f"{KEYS}/{identity}/rotate", body)


async def test_both_keys_work_until_the_grace_has_passed(admin: Listener) -> None:
    old = await admin.key(owner="ops", tags={"a": "b"}, models=["a/*"], networks=["10.0.0.0/8"])
    new = await rotate(admin, old["id"], grace_seconds=60)
    assert new["key"] not in {"", old["key"]}
    taken_over = ("tenant", "name", "owner", "tags", "models", "networks", "endpoints", "expires_at")
    assert {name: new[name] for name in taken_over} == {name: old[name] for name in taken_over}
    assert (new["rotated_from"], new["status"]) == (old["id"], "active")
    now = await admin.done("GET", f"{KEYS}/{old['id']}")
    assert (now["name"], now["status"], now["expires_at"]) == ("web-rotated-1", "rotating", admin.bureau.now + 60)
    admin.bureau.now += 60
    assert (await admin.done("GET", f"{KEYS}/{old['id']}"))["status"] == "expired"
    actions = [(row["action"], row["object_id"]) for row in await admin.bureau.audit("key")]
    assert actions == [("key.created", old["id"]), ("key.rotated", old["id"]), ("key.created", new["id"])]


async def test_a_day_of_grace_where_nothing_is_said(admin: Listener) -> None:
    old = await admin.key()
    await admin.send("POST", f"{KEYS}/{old['id']}/rotate")
    assert (await admin.done("GET", f"{KEYS}/{old['id']}"))["expires_at"] == admin.bureau.now + DAY


async def test_the_grace_never_lengthens_a_life(admin: Listener) -> None:
    old = await admin.key(expires_in_seconds=30)
    new = await rotate(admin, old["id"], expires_in_seconds=1000)
    assert new["expires_at"] == admin.bureau.now + 1000
    assert (await admin.done("GET", f"{KEYS}/{old['id']}"))["expires_at"] == old["expires_at"]


async def test_the_new_key_may_be_given_no_end(admin: Listener) -> None:
    old = await admin.key(expires_in_seconds=30)
    assert (await rotate(admin, old["id"], expires_at=None))["expires_at"] is None


async def test_names_stay_apart_however_often(admin: Listener) -> None:
    name = "n" * 63
    key = await admin.key(name=name)
    await admin.key(name="n" * 53 + "-rotated-2")
    for _ in range(2):
        key = await rotate(admin, key["id"])
        assert key["name"] == name
    names = {row["name"] for row in (await admin.done("GET", KEYS))["data"]}
    assert names == {name, *("n" * 53 + f"-rotated-{number}" for number in (1, 2, 3))}


async def test_a_key_is_not_rotated_out_of_its_bounds(admin: Listener) -> None:
    old = await admin.key()
    other = await admin.key(name="job")
    await admin.done("PUT", "/admin/v1/limits", {"key": old["id"], "requests_per_minute": 5})
    await admin.done("PUT", "/admin/v1/budgets", {"key": old["id"], "usd": 5, "per": "total"})
    async with admin.bureau.store.database.begin() as connection:
        rows = [{"budget": f"key:{key['id']}:total", "period": 0, "micros": 7} for key in (old, other)]
        await connection.execute(insert(schema.SPENT), rows)
    new = await rotate(admin, old["id"])
    snapshot = await admin.bureau.store.snapshot()
    for name, bound in (("limit", "requests_per_minute"), ("budget", "micros")):
        assert {(row["key"], row[bound]) for row in snapshot.rows[name]} == {
            (old["id"], snapshot.rows[name][0][bound]),
            (new["id"], snapshot.rows[name][0][bound]),
        }
        assert len({row["id"] for row in snapshot.rows[name]}) == 2
    assert snapshot.spent[f"key:{new['id']}:total", 0] == 7


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"grace_seconds": -1}, "grace_seconds"),
        ({"grace_seconds": 31 * DAY}, "grace_seconds"),
        ({"grace_seconds": "60"}, "grace_seconds"),
        ({"expires_at": 1_700_000_000}, "expires_at"),
        ({"name": "x"}, "name"),
    ],
    ids=str,
)
async def test_a_wrong_wish_changes_nothing(admin: Listener, body: Any, param: str) -> None:
    old = await admin.key()
    answer = await admin.send("POST", f"{KEYS}/{old['id']}/rotate", body)
    assert (answer.status, answer.error["param"]) == (400, param)
    assert (await admin.done("GET", KEYS))["data"][0]["revision"] == 1


async def test_what_does_not_work_is_not_replaced(admin: Listener) -> None:
    revoked = await admin.key()
    await admin.done("POST", f"{KEYS}/{revoked['id']}/revoke")
    lapsed = await admin.key(name="job", expires_in_seconds=1)
    admin.bureau.now += 1
    for key in (revoked, lapsed):
        assert (await admin.send("POST", f"{KEYS}/{key['id']}/rotate")).status == 409


async def test_a_stale_reader_does_not_rotate(admin: Listener) -> None:
    key = await admin.key()
    assert (await admin.send("POST", f"{KEYS}/{key['id']}/rotate", If_Match='"2"')).status == 412
    assert (await admin.send("POST", f"{KEYS}/{key['id']}/rotate", If_Match='W/"1"')).status == 201


async def test_nothing_is_kept_where_it_fails_half_way(admin: Listener) -> None:
    """The same secret as the old one's: its digest is known, after the old key has been renamed already."""
    old = await admin.key()
    office = admin.bureau.api.office
    object.__setattr__(office, "random", lambda size: (1 if size == RANDOM_BYTES else 9).to_bytes(size, "big"))
    again = await admin.send("POST", f"{KEYS}/{old['id']}/rotate")
    assert again.status == 201
    assert (await admin.send("POST", f"{KEYS}/{again.value['id']}/rotate")).status == 409
    async with admin.bureau.store.reading() as session:
        names = (await session.connection.execute(select(schema.KEYS.c.name))).scalars()
        assert set(names) == {"web", "web-rotated-1"}
