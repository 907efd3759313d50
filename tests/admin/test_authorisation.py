import asyncio
from pathlib import Path

import pytest

from proxy.accounts.roles import Actor
from proxy.admin.authorisation import TOUCHED
from proxy.errors import InvalidApiKey, StoreUnavailable
from tests.admin.listener import TOKEN, Listener, listener

TENANTS = "/admin/v1/tenants"
TOKENS = "/admin/v1/tokens"


async def test_every_refusal_is_in_the_same_words(admin: Listener) -> None:
    """Nobody learns from an answer which tokens there are, or were."""
    revoked = await admin.token("viewer", name="a")
    (first,) = (await admin.done("GET", "/admin/v1/tokens"))["data"]
    await admin.done("POST", f"/admin/v1/tokens/{first['id']}/revoke")
    body = {"name": "c", "role": "viewer", "expires_at": int(admin.bureau.now) + 5}
    lapsing = (await admin.done("POST", "/admin/v1/tokens", body))["token"]
    admin.bureau.now += 5
    texts = {
        (await admin.send("GET", TENANTS, token=token)).text
        for token in (None, "", "wrong", TOKEN + "x", revoked, lapsing, "sk-admin-" + "0" * 49, "ü")
    }
    assert len(texts) == 1
    answer = await admin.send("GET", TENANTS, token=revoked)
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", TOKEN, f"Bearer{TOKEN}", f"Token {TOKEN}"])
async def test_only_bearer_tokens_count(admin: Listener, header: str) -> None:
    assert (await admin.send("GET", TENANTS, token=None, Authorization=header)).status == 401


async def test_without_a_token_in_the_configuration_one_is_made_on_the_command_line(tmp_path: Path) -> None:
    async with listener(tmp_path, None) as opened:
        answer = await opened.send("GET", TENANTS, token=TOKEN)
        assert answer.status == 401
        assert "telnyx-proxy tokens create" in answer.error["message"]
        assert "admin.token" in answer.error["message"]
        reply = await opened.bureau.call("POST", "/tokens", {"name": "first", "role": "owner"})
        assert (await opened.send("GET", TENANTS, token=reply.value["token"])).status == 200


async def test_the_last_use_is_noted_once_a_minute(admin: Listener) -> None:
    token = await admin.token("viewer")
    (row,) = (await admin.done("GET", "/admin/v1/tokens"))["data"]
    path = f"/admin/v1/tokens/{row['id']}"
    assert row["last_used_at"] is None
    start = int(admin.bureau.now)
    seen = []
    for step in (0, TOUCHED - 1, 1):
        admin.bureau.now += step
        await admin.done("GET", TENANTS, token=token)
        seen.append((await admin.done("GET", path))["last_used_at"])
    assert seen == [start, start, start + TOUCHED]
    assert (await admin.done("GET", path))["revision"] == 1


async def test_a_note_that_cannot_be_made_refuses_nobody(admin: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    token = await admin.token("viewer")

    async def fails(used: object) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(admin.bureau.store, "touch_tokens", fails)
    assert (await admin.send("GET", TENANTS, token=token)).status == 200


async def test_a_store_that_does_not_answer_is_no_wrong_token(admin: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise StoreUnavailable("the database does not answer")

    monkeypatch.setattr(admin.bureau.store, "reading", fails)
    for token in (TOKEN, "sk-admin-unknown"):
        answer = await admin.send("GET", TENANTS, token=token)
        assert (answer.status, answer.error["code"]) == (503, "store_unavailable")


@pytest.mark.parametrize(
    ("role", "status"), [("owner", 200), ("operator", 200), ("viewer", 200), ("tenant_admin", 403)]
)
async def test_metrics_are_for_those_who_see_all_tenants(admin: Listener, role: str, status: int) -> None:
    token = await admin.token(role, "acme" if role == "tenant_admin" else None)  # type: ignore[arg-type]
    assert (await admin.send("GET", "/metrics", token=token)).status == status
    assert (await admin.send("GET", "/metrics", token=TOKEN)).status == 200
    assert (await admin.send("GET", "/metrics", token="wrong")).status == 401


async def test_the_log_of_changes_has_the_address_of_who_asked(admin: Listener) -> None:
    await admin.key()
    assert [row["address"] for row in await admin.bureau.audit("key")] == ["127.0.0.1"]


async def test_a_token_that_is_revoked_while_its_body_is_on_its_way_changes_nothing(admin: Listener) -> None:
    """Otherwise who holds a stolen one keeps a request open, and makes another token with it afterwards."""
    made = await admin.done("POST", TOKENS, {"name": "stolen", "role": "owner"})
    body = b'{"name": "another", "role": "owner"}'
    host, port = admin.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        head = f"POST {TOKENS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {made['token']}\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode())
        async with asyncio.timeout(10):
            assert (await reader.readline()).startswith(b"HTTP/1.1 100")
            while (await admin.done("GET", f"{TOKENS}/{made['id']}"))["last_used_at"] is None:
                pass  # its head is still on its way
            await admin.done("POST", f"{TOKENS}/{made['id']}/revoke")
            writer.write(body)
            assert (await reader.readline()) == b"\r\n"
            assert (await reader.readline()).startswith(b"HTTP/1.1 401")
    finally:
        writer.close()
        await writer.wait_closed()
    assert [row["name"] for row in (await admin.done("GET", TOKENS))["data"]] == ["stolen"]


async def test_of_two_owners_who_revoke_each_other_one_is_left(admin: Listener) -> None:
    one, other = [await admin.done("POST", TOKENS, {"name": name, "role": "owner"}) for name in ("one", "other")]
    asked = [(one, other), (other, one)]
    both = [admin.send("POST", f"{TOKENS}/{whose['id']}/revoke", token=who["token"]) for who, whose in asked]
    assert sorted([answer.status for answer in await asyncio.gather(*both)]) == [200, 401]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_actor_whose_token_has_ended_is_refused_in_the_transaction(admin: Listener, method: str) -> None:
    made = await admin.done("POST", TOKENS, {"name": "ci", "role": "owner", "expires_at": int(admin.bureau.now) + 5})
    actor = Actor(made["id"], "ci", "owner")
    path, body = ("/tenants", None) if method == "GET" else ("/tokens", {"name": "x", "role": "owner"})
    await admin.bureau.call(method, path, body, actor)
    admin.bureau.now += 5
    assert isinstance(await admin.bureau.fails(method, path, body, actor), InvalidApiKey)
