from typing import Any

import pytest

from tests.admin.listener import Listener

TENANTS = "/admin/v1/tenants"
DECLARED: dict[str, Any] = {
    "id": "filed",
    "name": "filed",
    "rules": {"models": ["a/*"]},
    "disabled": False,
    "archived_at": None,
    "created_at": 0,
    "revision": 0,
}


async def test_a_tenant_is_made_read_and_changed(admin: Listener) -> None:
    made = await admin.send("POST", TENANTS, {"id": "gamma", "name": "Gamma Ltd.", "rules": {"models": ["a/*"]}})
    assert made.status == 201
    assert made.headers["etag"] == '"1"'
    assert made.value == {
        "object": "tenant",
        "id": "gamma",
        "name": "Gamma Ltd.",
        "rules": {"models": ["a/*"]},
        "disabled": False,
        "archived_at": None,
        "created_at": admin.bureau.now,
        "declared": False,
        "revision": 1,
    }
    assert await admin.done("GET", f"{TENANTS}/gamma") == made.value
    changed = await admin.done("PATCH", f"{TENANTS}/gamma", {"rules": {"weight": 3}, "disabled": True})
    assert changed == {**made.value, "rules": {"weight": 3}, "disabled": True, "revision": 2}


async def test_a_tenant_is_called_as_its_id_where_nothing_is_said(admin: Listener) -> None:
    assert (await admin.done("POST", TENANTS, {"id": "gamma"}))["name"] == "gamma"


async def test_a_change_that_changes_nothing_is_none(admin: Listener) -> None:
    assert (await admin.done("PATCH", f"{TENANTS}/acme", {"name": "acme"}))["revision"] == 1
    assert (await admin.send("PATCH", f"{TENANTS}/acme", {}, If_Match='"2"')).status == 412
    assert len(await admin.bureau.audit("tenant")) == 2  # only that they were made


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "id"),
        ({"id": "Gamma"}, "id"),
        ({"id": "other"}, "id"),
        ({"id": "a" * 64}, "id"),
        ({"id": "gamma", "name": "a\nb"}, "name"),
        ({"id": "gamma", "name": "n" * 257}, "name"),
        ({"id": "gamma", "disabled": "yes"}, "disabled"),
        ({"id": "gamma", "rules": {"models": [1]}}, "rules.models[0]"),
        ({"id": "gamma", "rules": {"keys": []}}, "rules.keys"),
        ({"id": "gamma", "rules": {"defaults": {"temperature": 9}}}, "rules.defaults.temperature"),
        ({"id": "gamma", "rules": {"no such": 1}}, 'rules["no such"]'),
        ({"id": "gamma", "rules": []}, "rules"),
        ({"id": "gamma", "colour": "red"}, "colour"),
    ],
    ids=str,
)
async def test_what_is_wrong_is_said_with_its_place(admin: Listener, body: Any, param: str) -> None:
    answer = await admin.send("POST", TENANTS, body)
    assert (answer.status, answer.error["param"]) == (400, param)


async def test_an_id_is_used_once(admin: Listener) -> None:
    admin.bureau.declared.rows["tenants"] = [DECLARED]
    again = await admin.send("POST", TENANTS, {"id": "acme"})
    assert (again.status, again.error["param"], again.error["code"]) == (409, "id", "conflict")
    filed = await admin.send("POST", TENANTS, {"id": "filed"})
    assert (filed.status, filed.error["code"]) == (409, "declared")
    await admin.done("DELETE", f"{TENANTS}/acme")
    assert (await admin.send("POST", TENANTS, {"id": "acme"})).status == 409


async def test_declared_tenants_are_shown_and_not_changed(admin: Listener) -> None:
    admin.bureau.declared.rows["tenants"] = [DECLARED]
    found = await admin.done("GET", TENANTS)
    assert [(row["id"], row["declared"]) for row in found["data"]] == [
        ("filed", True),
        ("acme", False),
        ("beta", False),
    ]
    assert (await admin.done("GET", f"{TENANTS}/filed"))["rules"] == {"models": ["a/*"]}
    for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
        answer = await admin.send(method, f"{TENANTS}/filed", body)
        assert (answer.status, answer.error["code"]) == (409, "declared")
        assert "declared in the configuration file; change it there" in answer.error["message"]


async def test_an_archived_tenant_is_kept_and_closed(admin: Listener) -> None:
    gone = await admin.done("DELETE", f"{TENANTS}/acme")
    assert gone["archived_at"] == admin.bureau.now
    assert await admin.done("DELETE", f"{TENANTS}/acme") == gone
    assert (await admin.send("PATCH", f"{TENANTS}/acme", {"name": "x"})).status == 409
    assert [row["id"] for row in (await admin.done("GET", f"{TENANTS}?archived=true"))["data"]] == ["acme"]
    assert [row["id"] for row in (await admin.done("GET", f"{TENANTS}?archived=false"))["data"]] == ["beta"]
    refused = await admin.send("POST", "/admin/v1/keys", {"tenant": "acme", "name": "web"})
    assert (refused.status, refused.error["param"], refused.error["code"]) == (409, "tenant", "archived")


async def test_a_tenant_with_working_keys_is_archived_on_demand_only(admin: Listener) -> None:
    key = await admin.key()
    lapsed = await admin.key(name="old", expires_in_seconds=1)
    admin.bureau.now += 2
    for path in ("", "?force=false"):
        refused = await admin.send("DELETE", f"{TENANTS}/acme{path}")
        assert (refused.status, refused.error["code"]) == (409, "in_use")
    assert (await admin.done("DELETE", f"{TENANTS}/acme?force=true"))["archived_at"]
    assert (await admin.done("GET", f"/admin/v1/keys/{key['id']}"))["status"] == "revoked"
    assert (await admin.done("GET", f"/admin/v1/keys/{lapsed['id']}"))["status"] == "expired"


async def test_a_tenant_admin_sees_its_tenant_alone(admin: Listener) -> None:
    token = await admin.token("tenant_admin", "acme")
    assert [row["id"] for row in (await admin.done("GET", TENANTS, token=token))["data"]] == ["acme"]
    assert (await admin.send("GET", f"{TENANTS}/acme", token=token)).status == 200
    other = await admin.send("GET", f"{TENANTS}/beta", token=token)
    missing = await admin.send("GET", f"{TENANTS}/nono", token=token)
    assert other.status == missing.status == 404
    assert other.error["message"].replace("beta", "nono") == missing.error["message"]
