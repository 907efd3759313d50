import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from proxy.accounts.roles import Actor
from proxy.errors import Conflict, InvalidRequest, NotFound, NotPermitted, Stale
from proxy.storage.store import CREDENTIAL
from tests.admin.bureau import OPERATOR, VIEWER, Bureau, bureau, tenant_admin
from tests.admin.listener import Listener

SECRET = "KEY0123456789ABCDEF_abcdefghijkl"
PATH = "/credentials"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bureau]:
    async with bureau(tmp_path) as opened:
        await opened.add_tenant("acme")
        yield opened


def declare(desk: Bureau) -> None:
    desk.declared.rows["tenants"] = [{"id": "fixed", "archived_at": None}]
    desk.declared.rows["credentials"] = [
        {
            "id": "fixed/upstream_api_key",
            "tenant": "fixed",
            "name": "upstream_api_key",
            "kind": "env",
            "reference": "TELNYX_FIXED",
            "last4": "",
            "weight": 1,
            "disabled": False,
            "created_at": 0,
            "revision": 0,
        }
    ]


async def test_a_secret_is_sealed_and_never_shown(desk: Bureau) -> None:
    made = await desk.call("POST", PATH, {"tenant": "acme", "name": "main", "secret": SECRET, "weight": 3})
    assert (made.status, made.revision) == (201, 1)
    expected = {"kind": "sealed", "last4": "ijkl", "weight": 3, "reference": "", "disabled": False, "declared": False}
    assert made.value.items() >= {**expected, "tenant": "acme", "name": "main", "object": "credential"}.items()
    shown = [made.value, (await desk.call("GET", f"{PATH}/{made.value['id']}")).value, await desk.audit("credential")]
    assert SECRET not in repr(shown)
    async with desk.store.reading() as session:
        row = await session.get(CREDENTIAL, made.value["id"])
    assert desk.api.office.sealing.open(row["sealed"]) == SECRET.encode()


async def test_the_secret_is_nowhere_in_the_database_file(desk: Bureau) -> None:
    made = await desk.call("POST", PATH, {"tenant": "acme", "secret": SECRET})
    await desk.call("PATCH", f"{PATH}/{made.value['id']}", {"secret": SECRET[::-1]})
    with sqlite3.connect(desk.path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        dumped = "\n".join(connection.iterdump())
    connection.close()
    content = desk.path.read_bytes()
    for secret in (SECRET, SECRET[::-1]):
        assert secret not in dumped
        assert secret.encode() not in content


async def test_a_short_secret_shows_none_of_itself(desk: Bureau) -> None:
    made = await desk.call("POST", PATH, {"tenant": "acme", "secret": "KEY01234567"})
    assert made.value["last4"] == ""


@pytest.mark.parametrize("present", [True, False])
async def test_a_variable_is_kept_by_its_name(desk: Bureau, monkeypatch: pytest.MonkeyPatch, *, present: bool) -> None:
    monkeypatch.delenv("TELNYX_OF_ACME", raising=False)
    if present:
        monkeypatch.setenv("TELNYX_OF_ACME", SECRET)
    made = await desk.call("POST", PATH, {"tenant": "acme", "env": "TELNYX_OF_ACME"})
    assert made.value.items() >= {"kind": "env", "reference": "TELNYX_OF_ACME", "last4": ""}.items()
    assert [("TELNYX_OF_ACME is not set" in each) for each in made.warnings] == ([] if present else [True])
    assert SECRET not in repr(made)


@pytest.mark.parametrize("present", [True, False])
async def test_a_file_is_kept_by_its_path(desk: Bureau, tmp_path: Path, *, present: bool) -> None:
    path = tmp_path / "secret"
    if present:
        path.write_text(SECRET)
    made = await desk.call("POST", PATH, {"tenant": "acme", "file": str(path)})
    assert made.value.items() >= {"kind": "file", "reference": str(path), "last4": ""}.items()
    assert bool(made.warnings) is not present
    assert SECRET not in repr(made)


BAD: tuple[tuple[Any, str | None], ...] = (
    ({}, None),
    ({"env": "A", "secret": SECRET}, None),
    ({"env": "A", "file": "/a"}, None),
    ({"env": None}, None),
    ({"env": "$TELNYX"}, "env"),
    ({"env": ""}, "env"),
    ({"env": "A B"}, "env"),
    ({"env": SECRET}, "env"),
    ({"env": "A" * 300}, "env"),
    ({"file": "secrets/telnyx"}, "file"),
    ({"file": "/a\nb"}, "file"),
    ({"file": ""}, "file"),
    ({"secret": ""}, "secret"),
    ({"secret": f"{SECRET} "}, "secret"),
    ({"secret": f"{SECRET[:9]} {SECRET[9:]}"}, "secret"),
    ({"secret": f"{SECRET}\n"}, "secret"),
    ({"secret": f"{SECRET}\x00"}, "secret"),
    ({"secret": f"{SECRET}é"}, "secret"),
    ({"secret": SECRET * 200}, "secret"),
    ({"secret": 5}, "secret"),
    ({"secret": SECRET, "weight": 0}, "weight"),
    ({"secret": SECRET, "weight": -1}, "weight"),
    ({"secret": SECRET, "weight": 1001}, "weight"),
    ({"secret": SECRET, "weight": 1.5}, "weight"),
    ({"secret": SECRET, "weight": True}, "weight"),
    ({"secret": SECRET, "weight": "2"}, "weight"),
    ({"secret": SECRET, "name": "a b"}, "name"),
    ({"secret": SECRET, "name": ""}, "name"),
    ({"secret": SECRET, "nmae": "x"}, "nmae"),
    ({"secret": SECRET, "tenant": "Acme!"}, "tenant"),
)


async def test_bad_input_is_refused_by_name_and_not_repeated(desk: Bureau) -> None:
    for body, param in BAD:
        fault = await desk.fails("POST", PATH, {"tenant": "acme", **body})
        assert (type(fault), fault.param, body) == (InvalidRequest, param, body)
        assert SECRET[:9] not in fault.message
    assert await desk.ids(PATH) == []
    assert desk.changes == 0


async def test_an_unknown_tenant_is_not_found(desk: Bureau) -> None:
    fault = await desk.fails("POST", PATH, {"tenant": "nobody", "secret": SECRET})
    assert (type(fault), fault.param) == (NotFound, "tenant")


async def test_an_archived_tenant_gets_no_credential(desk: Bureau) -> None:
    await desk.add_tenant("gone", archived_at=1)
    fault = await desk.fails("POST", PATH, {"tenant": "gone", "secret": SECRET})
    assert (type(fault), fault.param, fault.code) == (Conflict, "tenant", "archived")


async def test_a_name_is_used_once_within_a_tenant(desk: Bureau) -> None:
    await desk.add_tenant("beta")
    await desk.call("POST", PATH, {"tenant": "acme", "name": "main", "secret": SECRET})
    fault = await desk.fails("POST", PATH, {"tenant": "acme", "name": "main", "env": "A"})
    assert (type(fault), fault.param) == (Conflict, "name")
    assert (await desk.call("POST", PATH, {"tenant": "beta", "name": "main", "secret": SECRET})).status == 201


async def test_without_a_name_one_is_made_up(desk: Bureau) -> None:
    made = [await desk.call("POST", PATH, {"tenant": "acme", "secret": SECRET}) for _ in range(2)]
    assert made[0].value["name"] != made[1].value["name"]


async def test_what_the_configuration_declares_is_shown_and_not_changed(desk: Bureau) -> None:
    declare(desk)
    listed = (await desk.call("GET", PATH)).value["data"]
    assert [(row["id"], row["declared"], row["kind"]) for row in listed] == [("fixed/upstream_api_key", True, "env")]
    single = f"{PATH}/fixed%2Fupstream_api_key"
    assert (await desk.call("GET", single)).value == listed[0]
    for fault in (
        await desk.fails("POST", PATH, {"tenant": "fixed", "secret": SECRET}),
        await desk.fails("PATCH", single, {"weight": 2}),
        await desk.fails("DELETE", single),
    ):
        assert (type(fault), fault.code) == (Conflict, "declared")


async def test_weight_and_state_can_be_changed(desk: Bureau) -> None:
    made = await desk.call("POST", PATH, {"tenant": "acme", "secret": SECRET})
    single = f"{PATH}/{made.value['id']}"
    changed = await desk.call("PATCH", single, {"weight": 1000, "disabled": True}, revision=1)
    assert changed.value == {**made.value, "weight": 1000, "disabled": True, "revision": 2}
    assert changed.revision == 2
    assert (await desk.call("PATCH", single, {"disabled": False})).value["weight"] == 1000
    same = [await desk.call("PATCH", single, body, revision=3) for body in ({}, {"weight": 1000, "disabled": False})]
    assert [reply.revision for reply in same] == [3, 3]
    assert isinstance(await desk.fails("PATCH", single, {}, revision=2), Stale)


async def test_a_new_secret_replaces_a_reference(desk: Bureau) -> None:
    made = await desk.call("POST", PATH, {"tenant": "acme", "file": "/secret"})
    changed = await desk.call("PATCH", f"{PATH}/{made.value['id']}", {"secret": SECRET})
    assert changed.value.items() >= {"kind": "sealed", "reference": "", "last4": "ijkl"}.items()


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"weight": None}, "weight"),
        ({"weight": 0}, "weight"),
        ({"disabled": "yes"}, "disabled"),
        ({"secret": "a b"}, "secret"),
        ({"secret": ""}, "secret"),
        ({"secret": None}, "secret"),
        ({"tenant": "beta"}, "tenant"),
        ({"env": "A"}, "env"),
    ],
)
async def test_a_bad_change_changes_nothing(desk: Bureau, body: Any, param: str | None) -> None:
    made = await desk.call("POST", PATH, {"tenant": "acme", "secret": SECRET})
    single = f"{PATH}/{made.value['id']}"
    fault = await desk.fails("PATCH", single, body)
    assert (type(fault), fault.param) == (InvalidRequest, param)
    assert (await desk.call("GET", single)).value == made.value


async def test_an_older_revision_is_refused(desk: Bureau) -> None:
    made = await desk.call("POST", PATH, {"tenant": "acme", "secret": SECRET})
    single = f"{PATH}/{made.value['id']}"
    await desk.call("PATCH", single, {"weight": 2})
    assert isinstance(await desk.fails("PATCH", single, {"weight": 3}, revision=1), Stale)
    assert isinstance(await desk.fails("DELETE", single, revision=1), Stale)
    assert (await desk.call("GET", single)).value["weight"] == 2


async def test_the_last_one_is_deleted_with_a_warning(desk: Bureau) -> None:
    first, second = [await desk.call("POST", PATH, {"tenant": "acme", "secret": SECRET}) for _ in range(2)]
    deleted = await desk.call("DELETE", f"{PATH}/{first.value['id']}")
    assert deleted.value == {"id": first.value["id"], "object": "credential", "deleted": True}
    assert (await desk.call("DELETE", f"{PATH}/{second.value['id']}", revision=1)).warnings
    assert await desk.ids(PATH) == []
    assert isinstance(await desk.fails("GET", f"{PATH}/{first.value['id']}"), NotFound)


async def test_lists_are_of_one_tenant_and_in_pages(desk: Bureau) -> None:
    await desk.add_tenant("beta")
    made = []
    for tenant in ("acme", "beta", "acme", "acme"):
        desk.now += 1
        made.append((await desk.call("POST", PATH, {"tenant": tenant, "secret": SECRET})).value["id"])
    assert await desk.ids(PATH) == made
    assert await desk.ids(PATH, tenant="beta") == [made[1]]
    assert await desk.ids(PATH, tenant="acme", limit="2") == [made[0], made[2]]
    assert await desk.ids(PATH, tenant="acme", limit="2", after=made[2]) == [made[3]]


async def test_a_tenant_admin_sees_its_own_and_changes_nothing(desk: Bureau) -> None:
    await desk.add_tenant("beta")
    mine = (await desk.call("POST", PATH, {"tenant": "acme", "secret": SECRET})).value["id"]
    theirs = (await desk.call("POST", PATH, {"tenant": "beta", "secret": SECRET})).value["id"]
    tom = tenant_admin("acme")
    assert await desk.ids(PATH, actor=tom) == [mine]
    assert await desk.ids(PATH, actor=tom, tenant="acme") == [mine]
    fault = await desk.fails("GET", PATH, actor=tom, query={"tenant": ["beta"]})
    assert (type(fault), fault.param) == (NotFound, "tenant")
    assert (await desk.call("GET", f"{PATH}/{mine}", actor=tom)).value["id"] == mine
    assert isinstance(await desk.fails("GET", f"{PATH}/{theirs}", actor=tom), NotFound)
    assert isinstance(await desk.fails("DELETE", f"{PATH}/{mine}", actor=tom), NotPermitted)


@pytest.mark.parametrize(("actor", "allowed"), [(OPERATOR, True), (VIEWER, False)])
async def test_operators_make_credentials_and_viewers_do_not(desk: Bureau, actor: Actor, *, allowed: bool) -> None:
    body = {"tenant": "acme", "secret": SECRET}
    if allowed:
        assert (await desk.call("POST", PATH, body, actor)).status == 201
        (entry,) = await desk.audit("credential")
        assert (entry["actor_id"], entry["action"], entry["tenant"]) == ("tok_o", "credential.created", "acme")
    else:
        assert isinstance(await desk.fails("POST", PATH, body, actor), NotPermitted)


async def test_over_http_a_secret_comes_in_and_never_out(admin: Listener) -> None:
    made = await admin.send("POST", "/admin/v1/credentials", {"tenant": "acme", "secret": SECRET}, Idempotency_Key="1")
    again = await admin.send("POST", "/admin/v1/credentials", {"tenant": "acme", "secret": SECRET}, Idempotency_Key="1")
    assert (made.status, made.headers["etag"], again.value) == (201, '"1"', made.value)
    path = f"/admin/v1/credentials/{made.value['id']}"
    changed = await admin.send("PATCH", path, {"secret": SECRET[::-1]}, If_Match='"1"')
    stale = await admin.send("PATCH", path, {"weight": 2}, If_Match='"1"')
    refused = await admin.send("POST", "/admin/v1/credentials", {"tenant": "acme", "secret": f"{SECRET} x"})
    assert [answer.status for answer in (changed, stale, refused)] == [200, 412, 400]
    shown = [made.text, again.text, changed.text, stale.text, refused.text, (await admin.send("GET", path)).text]
    assert not any(secret in text for secret in (SECRET, SECRET[::-1]) for text in shown)


async def test_over_http_a_variable_that_is_not_there_is_a_warning(admin: Listener) -> None:
    made = await admin.send("POST", "/admin/v1/credentials", {"tenant": "acme", "env": "NO_SUCH_VARIABLE_HERE"})
    assert made.status == 201
    assert ["NO_SUCH_VARIABLE_HERE is not set" in each for each in made.value["warnings"]] == [True]
