import dataclasses
from typing import Any

import pytest

from proxy.accounts.keys import TOKEN_PREFIX, damaged
from proxy.accounts.roles import COMMAND_LINE
from tests.admin.bureau import NOW
from tests.admin.listener import Listener

TOKENS = "/admin/v1/tokens"


async def test_a_token_is_shown_once(admin: Listener) -> None:
    made = await admin.send("POST", TOKENS, {"name": "ci", "role": "viewer", "expires_at": NOW + 60})
    assert made.status == 201
    value = made.value.pop("token")
    assert value.startswith("sk-admin-")
    assert not damaged(value, TOKEN_PREFIX)
    assert made.value == {
        "object": "admin_token",
        "id": made.value["id"],
        "name": "ci",
        "role": "viewer",
        "tenant": None,
        "redacted": f"sk-admin-…{value[-4:]}",
        "created_at": NOW,
        "expires_at": NOW + 60,
        "last_used_at": None,
        "revoked_at": None,
        "status": "active",
        "revision": 1,
    }
    assert await admin.done("GET", f"{TOKENS}/{made.value['id']}") == made.value
    admin.bureau.now += 60
    assert (await admin.done("GET", f"{TOKENS}/{made.value['id']}"))["status"] == "expired"


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"role": "owner"}, 400, "name"),
        ({"name": "ci"}, 400, "role"),
        ({"name": "ci", "role": "king"}, 400, "role"),
        ({"name": "ci", "role": "tenant_admin"}, 400, None),
        ({"name": "ci", "role": "viewer", "tenant": "acme"}, 400, None),
        ({"name": "ci", "role": "tenant_admin", "tenant": "nobody"}, 404, "tenant"),
        ({"name": "ci", "role": "viewer", "expires_at": NOW}, 400, "expires_at"),
    ],
    ids=str,
)
async def test_what_is_wrong_is_said(admin: Listener, body: Any, status: int, param: str | None) -> None:
    answer = await admin.send("POST", TOKENS, body)
    assert (answer.status, answer.error["param"]) == (status, param)


async def test_a_revoked_token_is_refused_at_once(admin: Listener) -> None:
    token = await admin.token("owner")
    (row,) = (await admin.done("GET", TOKENS, token=token))["data"]
    gone = await admin.done("POST", f"{TOKENS}/{row['id']}/revoke")
    assert (gone["status"], gone["revoked_at"]) == ("revoked", NOW)
    assert (await admin.send("GET", TOKENS, token=token)).status == 401
    assert await admin.done("POST", f"{TOKENS}/{row['id']}/revoke") == gone


async def test_the_last_owner_does_not_lock_everybody_out(admin: Listener) -> None:
    api = admin.bureau.api
    api.office = dataclasses.replace(api.office, bootstrap=False)
    first, second = [await admin.token("owner", name=name) for name in ("first", "second")]
    ids = [row["id"] for row in (await admin.done("GET", TOKENS))["data"]]
    await admin.done("POST", f"{TOKENS}/{ids[1]}/revoke", token=second)  # the other owner is left
    refused = await admin.send("POST", f"{TOKENS}/{ids[0]}/revoke", token=first)
    assert (refused.status, refused.error["code"]) == (409, "last_owner")
    await admin.token("viewer", name="viewer")
    assert (await admin.send("POST", f"{TOKENS}/{ids[0]}/revoke", token=first)).status == 409
    await admin.bureau.call("POST", f"/tokens/{ids[0]}/revoke", actor=COMMAND_LINE)  # it can make another one
    assert (await admin.send("GET", TOKENS, token=first)).status == 401


async def test_with_a_bootstrap_owners_come_and_go(admin: Listener) -> None:
    token = await admin.token("owner")
    (row,) = (await admin.done("GET", TOKENS))["data"]
    await admin.done("POST", f"{TOKENS}/{row['id']}/revoke", token=token)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("role=viewer", ["b"]),
        ("tenant=acme", ["c"]),
        ("revoked=true", ["a"]),
        ("revoked=false", ["b", "c"]),
        ("limit=2", ["a", "b"]),
    ],
)
async def test_filters(admin: Listener, query: str, names: list[str]) -> None:
    await admin.token("owner", name="a")
    await admin.token("viewer", name="b")
    await admin.token("tenant_admin", "acme", name="c")
    first = (await admin.done("GET", TOKENS))["data"][0]
    await admin.done("POST", f"{TOKENS}/{first['id']}/revoke")
    assert [row["name"] for row in (await admin.done("GET", f"{TOKENS}?{query}"))["data"]] == names
