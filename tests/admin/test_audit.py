from typing import Any

import pytest

from tests.admin.bureau import NOW
from tests.admin.listener import TOKEN, Listener

AUDIT = "/admin/v1/audit"


async def some_history(admin: Listener) -> Any:
    """Three changes at three moments: a key of acme, one of beta by somebody else, the first revoked."""
    token = await admin.token("operator", name="olga")
    key = await admin.key()
    admin.bureau.now += 10
    await admin.done("POST", "/admin/v1/keys", {"tenant": "beta", "name": "app"}, token)
    admin.bureau.now += 10
    await admin.done("POST", f"/admin/v1/keys/{key['id']}/revoke")
    return key


async def actions(admin: Listener, query: str, token: str = TOKEN) -> list[tuple[str, str]]:
    return [
        (row["action"], row["tenant"]) for row in (await admin.done("GET", f"{AUDIT}?{query}", token=token))["data"]
    ]


async def test_who_did_what_when_before_and_after(admin: Listener) -> None:
    key = await some_history(admin)
    (entry,) = (await admin.done("GET", f"{AUDIT}?action=key.revoked"))["data"]
    before, after = entry.pop("before"), entry.pop("after")
    assert entry == {
        "object": "audit_entry",
        "id": entry["id"],
        "at": NOW + 20,
        "actor": {
            "id": "bootstrap",
            "name": "admin.token of the configuration",
            "role": "owner",
            "address": "127.0.0.1",
        },
        "action": "key.revoked",
        "object_type": "key",
        "object_id": key["id"],
        "tenant": "acme",
    }
    assert {name for name in before if before[name] != after[name]} == {"revoked_at", "revision"}
    assert "digest" not in before


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("object=key", [("key.revoked", "acme"), ("key.created", "beta"), ("key.created", "acme")]),
        ("object=key&tenant=acme", [("key.revoked", "acme"), ("key.created", "acme")]),
        ("object=key&since=1800000010&until=1800000020", [("key.created", "beta")]),
        ("action=key.created&limit=1", [("key.created", "beta")]),
        ("object_id=acme", [("tenant.created", "acme")]),
        ("actor=nobody", []),
    ],
)
async def test_filters(admin: Listener, query: str, found: list[tuple[str, str]]) -> None:
    await some_history(admin)
    assert await actions(admin, query) == found


async def test_changes_of_one_actor(admin: Listener) -> None:
    await some_history(admin)
    (token,) = (await admin.done("GET", "/admin/v1/tokens"))["data"]
    assert await actions(admin, f"actor={token['id']}") == [("key.created", "beta")]


async def test_pages_go_back_in_time(admin: Listener) -> None:
    await some_history(admin)
    whole = (await admin.done("GET", AUDIT))["data"]
    seen: list[Any] = []
    after, more = "", True
    while more:
        page = await admin.done("GET", f"{AUDIT}?limit=2{after}")
        seen += page["data"]
        after, more = f"&after={page['last_id']}", page["has_more"]
    assert seen == whole
    assert [int(row["id"]) for row in seen] == sorted((int(row["id"]) for row in seen), reverse=True)


async def test_a_tenant_admin_sees_changes_of_its_tenant_alone(admin: Listener) -> None:
    await some_history(admin)
    token = await admin.token("tenant_admin", "beta")
    assert {tenant for _, tenant in await actions(admin, "", token)} == {"beta"}
    assert (await admin.send("GET", f"{AUDIT}?tenant=acme", token=token)).status == 404
    assert {tenant for _, tenant in await actions(admin, "tenant=beta", token)} == {"beta"}


@pytest.mark.parametrize("query", ["since=yesterday", "until=-1", "after=x", "limit=0", "since=1&since=2"])
async def test_a_wrong_filter_is_refused(admin: Listener, query: str) -> None:
    answer = await admin.send("GET", f"{AUDIT}?{query}")
    assert (answer.status, answer.error["param"]) == (400, query.split("=", maxsplit=1)[0])


async def test_no_secret_is_ever_in_it(admin: Listener) -> None:
    key = await admin.key()
    token = await admin.token("viewer")
    new = await admin.done("POST", f"/admin/v1/keys/{key['id']}/rotate")
    canary = "KEY-canary-of-the-tests"
    await admin.done("POST", "/admin/v1/credentials", {"tenant": "acme", "secret": canary})
    text = (await admin.send("GET", f"{AUDIT}?limit=100")).text
    for secret in (key["key"], new["key"], token, canary):
        assert secret[9:-4] not in text
