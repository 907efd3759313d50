from typing import Any

import pytest

from proxy.accounts.keys import damaged, digest
from tests.admin.listener import Listener

KEYS = "/admin/v1/keys"
FILED: dict[str, Any] = {
    "id": "filed/app",
    "tenant": "acme",
    "name": "app",
    "last4": "",
    "owner": "",
    "tags": {},
    "endpoints": [],
    "models": [],
    "networks": [],
    "expires_at": None,
    "disabled": False,
    "revoked_at": None,
    "last_used_at": None,
    "rotated_from": None,
    "service_account": None,
    "created_at": 0,
    "revision": 0,
}


async def test_a_key_is_shown_once_and_kept_as_a_digest(admin: Listener) -> None:
    made = await admin.send(
        "POST",
        KEYS,
        {
            "tenant": "acme",
            "name": "web",
            "owner": "ops",
            "tags": {"team": "search"},
            "expires_in_seconds": 60,
            "endpoints": ["chat.completions"],
            "models": ["a/*"],
            "networks": ["10.0.0.0/8", "::1"],
        },
    )
    assert made.status == 201
    secret = made.value.pop("key")
    assert secret.startswith("sk-tp-")
    assert not damaged(secret)
    assert made.value == {
        "object": "key",
        "id": made.value["id"],
        "tenant": "acme",
        "name": "web",
        "redacted": f"sk-tp-…{secret[-4:]}",
        "owner": "ops",
        "tags": {"team": "search"},
        "endpoints": ["chat.completions"],
        "models": ["a/*"],
        "networks": ["10.0.0.0/8", "::1/128"],
        "created_at": admin.bureau.now,
        "expires_at": admin.bureau.now + 60,
        "last_used_at": None,
        "disabled": False,
        "revoked_at": None,
        "rotated_from": None,
        "service_account": None,
        "declared": False,
        "status": "active",
        "revision": 1,
    }
    shown = await admin.send("GET", f"{KEYS}/{made.value['id']}")
    assert shown.value == made.value
    assert shown.headers["etag"] == '"1"'
    snapshot = await admin.bureau.store.snapshot()
    (row,) = snapshot.rows["key"]
    assert row["digest"] == admin.bureau.api.office.sealing.digest(digest(secret))
    assert secret.encode() not in admin.bureau.path.read_bytes()


NEW: dict[str, Any] = {"tenant": "acme", "name": "web"}


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"name": "web"}, 400, "tenant"),
        ({"tenant": "acme"}, 400, "name"),
        ({**NEW, "tenant": "nobody"}, 404, "tenant"),
        ({**NEW, "name": "a b"}, 400, "name"),
        ({**NEW, "expires_at": 1_700_000_000}, 400, "expires_at"),
        ({**NEW, "expires_at": 1_900_000_000_000}, 400, "expires_at"),
        ({**NEW, "expires_at": True}, 400, "expires_at"),
        ({**NEW, "expires_at": "1900000000"}, 400, "expires_at"),
        ({**NEW, "expires_in_seconds": 0}, 400, "expires_in_seconds"),
        ({**NEW, "expires_in_seconds": 10, "expires_at": 1_900_000_000}, 400, None),
        ({**NEW, "endpoints": ["chat"]}, 400, "endpoints[0]"),
        ({**NEW, "networks": ["10.0.0.1/8"]}, 400, "networks[0]"),
        ({**NEW, "models": [""]}, 400, "models[0]"),
        ({**NEW, "models": ["m"] * 101}, 400, "models"),
        ({**NEW, "tags": {f"t{number}": "" for number in range(17)}}, 400, "tags"),
        ({**NEW, "tags": {"t": "\x00"}}, 400, "tags.t"),
        ({**NEW, "owner": "o" * 257}, 400, "owner"),
        ({**NEW, "key": "sk-mine"}, 400, "key"),
    ],
    ids=str,
)
async def test_what_is_wrong_is_said_with_its_place(admin: Listener, body: Any, status: int, param: str | None) -> None:
    answer = await admin.send("POST", KEYS, body)
    assert (answer.status, answer.error["param"]) == (status, param)
    assert (await admin.done("GET", KEYS))["data"] == []


async def test_a_name_is_used_once_in_a_tenant(admin: Listener) -> None:
    admin.bureau.declared.rows["keys"] = [FILED]
    await admin.key()
    await admin.key("beta")
    for name in ("web", "app"):
        again = await admin.send("POST", KEYS, {"tenant": "acme", "name": name})
        assert (again.status, again.error["param"]) == (409, "name")
    other = await admin.key(name="mobile")
    renamed = await admin.send("PATCH", f"{KEYS}/{other['id']}", {"name": "web"})
    assert (renamed.status, renamed.error["param"]) == (409, "name")


async def test_no_key_for_a_disabled_tenant(admin: Listener) -> None:
    await admin.done("PATCH", "/admin/v1/tenants/acme", {"disabled": True})
    answer = await admin.send("POST", KEYS, NEW)
    assert (answer.status, answer.error["param"], answer.error["code"]) == (409, "tenant", "disabled")


async def test_a_pattern_that_matches_nothing_is_a_warning(admin: Listener) -> None:
    assert "warnings" not in await admin.key(name="early", models=["zzz*"])  # nothing is known of models yet
    admin.bureau.models.update({"moonshotai/Kimi-K2.6", "gpt-4o"})
    answer = await admin.send("POST", KEYS, {**NEW, "models": ["moonshotai/*", "gpt-4o", "zür*"]})
    assert answer.status == 201
    assert answer.value["warnings"] == ["models: no known model matches 'zür*'."]
    assert answer.headers["x-telnyx-proxy-warnings"] == "models: no known model matches 'z%C3%BCr*'."
    changed = await admin.done("PATCH", f"{KEYS}/{answer.value['id']}", {"models": ["nope"]})
    assert changed["warnings"] == ["models: no known model matches 'nope'."]


async def test_a_key_is_changed(admin: Listener) -> None:
    key = await admin.key(expires_in_seconds=60)
    path = f"{KEYS}/{key['id']}"
    changed = await admin.send("PATCH", path, {"name": "site", "expires_at": None, "tags": {"a": "b"}}, If_Match='"1"')
    assert changed.headers["etag"] == '"2"'
    assert {name: changed.value[name] for name in ("name", "expires_at", "tags", "revision")} == {
        "name": "site",
        "expires_at": None,
        "tags": {"a": "b"},
        "revision": 2,
    }
    assert (await admin.done("PATCH", path, {"disabled": True}))["status"] == "disabled"
    assert (await admin.done("PATCH", path, {"disabled": False}))["status"] == "active"
    assert (await admin.done("PATCH", path, {}))["revision"] == 4
    assert (await admin.send("PATCH", path, {}, If_Match='"3"')).status == 412
    past = await admin.send("PATCH", path, {"expires_at": 1_700_000_000})
    assert (past.status, past.error["param"]) == (400, "expires_at")
    assert (await admin.send("PATCH", path, {"name": None})).error["param"] == "name"


async def test_a_revoked_key_stays_revoked(admin: Listener) -> None:
    key = await admin.key()
    path = f"{KEYS}/{key['id']}"
    gone = await admin.done("POST", f"{path}/revoke")
    assert (gone["status"], gone["revoked_at"], gone["revision"]) == ("revoked", admin.bureau.now, 2)
    admin.bureau.now += 5
    assert await admin.done("POST", f"{path}/revoke", {}) == gone
    assert [row["action"] for row in await admin.bureau.audit("key")] == ["key.created", "key.revoked"]
    refused = await admin.send("PATCH", path, {"disabled": False})
    assert (refused.status, refused.error["code"]) == (409, "revoked")


async def test_only_a_dead_key_is_deleted_and_its_bounds_with_it(admin: Listener) -> None:
    key = await admin.key()
    path = f"{KEYS}/{key['id']}"
    await admin.done("PUT", "/admin/v1/limits", {"key": key["id"], "requests_per_minute": 5})
    await admin.done("PUT", "/admin/v1/budgets", {"key": key["id"], "usd": 5, "per": "day"})
    refused = await admin.send("DELETE", path)
    assert (refused.status, refused.error["code"]) == (409, "in_use")
    await admin.done("POST", f"{path}/revoke")
    assert (await admin.send("DELETE", path, If_Match='"1"')).status == 412
    assert await admin.done("DELETE", path) == {"object": "key.deleted", "id": key["id"], "deleted": True}
    assert (await admin.send("GET", path)).status == 404
    snapshot = await admin.bureau.store.snapshot()
    assert [snapshot.rows[name] for name in ("key", "limit", "budget")] == [[], [], []]
    lapsed = await admin.key(expires_in_seconds=1)
    admin.bureau.now += 1
    await admin.done("DELETE", f"{KEYS}/{lapsed['id']}")


async def test_declared_keys_are_shown_and_not_changed(admin: Listener) -> None:
    admin.bureau.declared.rows["keys"] = [FILED]
    path = f"{KEYS}/filed%2Fapp"
    shown = await admin.done("GET", path)
    assert (shown["declared"], shown["redacted"], shown["status"]) == (True, "…", "active")
    for method, where, body in (
        ("PATCH", path, {"owner": "x"}),
        ("DELETE", path, None),
        ("POST", f"{path}/revoke", None),
        ("POST", f"{path}/rotate", None),
    ):
        answer = await admin.send(method, where, body)
        assert (answer.status, answer.error["code"]) == (409, "declared")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["app", "web", "job", "old", "out"]),
        ("tenant=beta", ["out"]),
        ("tenant=nobody", []),
        ("name=web", ["web"]),
        ("owner=ops", ["job"]),
        ("disabled=true", ["job"]),
        ("revoked=true", ["old"]),
        ("revoked=false&tenant=acme", ["app", "web", "job"]),
        ("service_account=sa_1", []),
    ],
)
async def test_filters(admin: Listener, query: str, names: list[str]) -> None:
    admin.bureau.declared.rows["keys"] = [FILED]
    await admin.key()
    job = await admin.key(name="job", owner="ops")
    old = await admin.key(name="old")
    await admin.key("beta", "out")
    await admin.done("PATCH", f"{KEYS}/{job['id']}", {"disabled": True})
    await admin.done("POST", f"{KEYS}/{old['id']}/revoke")
    assert [row["name"] for row in (await admin.done("GET", f"{KEYS}?{query}"))["data"]] == names


async def test_a_tenant_admin_has_the_keys_of_its_tenant(admin: Listener) -> None:
    token = await admin.token("tenant_admin", "acme")
    theirs = await admin.key("beta", "theirs")
    mine = await admin.done("POST", KEYS, NEW, token)
    assert [row["id"] for row in (await admin.done("GET", KEYS, token=token))["data"]] == [mine["id"]]
    assert (await admin.send("GET", f"{KEYS}?tenant=beta", token=token)).status == 404
    path = f"{KEYS}/{theirs['id']}"
    for method, where, body in (
        ("GET", path, None),
        ("PATCH", path, {"owner": "me"}),
        ("POST", f"{path}/revoke", None),
        ("POST", f"{path}/rotate", None),
        ("POST", KEYS, {"tenant": "beta", "name": "mine"}),
    ):
        assert (await admin.send(method, where, body, token)).status == 404
    assert (await admin.send("GET", f"{KEYS}?after={theirs['id']}", token=token)).status == 404
    assert (await admin.done("PATCH", f"{KEYS}/{mine['id']}", {"owner": "me"}, token))["owner"] == "me"
    assert (await admin.send("DELETE", f"{KEYS}/{mine['id']}", token=token)).status == 403
