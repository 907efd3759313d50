"""`telnyx-proxy secrets`: a provider's key goes to Telnyx once, and nowhere else."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from proxy.accounts.roles import COMMAND_LINE
from proxy.cli.main import main
from proxy.cli.storing import opened
from proxy.emulator.server import Emulator, running
from proxy.storage.store import API_KEY_REF, CREDENTIAL, TENANT
from tests.cli.commands import PROGRAM, finished
from tests.upstream.origin import Line, origin

KEY = "KEY_of-everybody"
OWN = "KEY_of-fixed"
TOKEN = "sk-proj-0123456789abcdefghij"
NEWER = "sk-proj-jihgfedcba9876543210"
CONFIG = """
upstream: {{base_url: "{url}", api_key: {{value: {key}}}}}
{storage}
tenants:
  - id: fixed
    upstream_api_key: {{value: {own}}}
    api_key_refs: {{openai: fixed-openai}}
"""
STORAGE = """
storage:
  url: "sqlite:///proxy.db"
  pepper: {value: a-pepper-of-the-tests}
  encryption_keys: [{value: an-encryption-key-of-the-tests}]
"""
STORAGE_FLOW = """
"storage": {"url": "sqlite:///proxy.db", "pepper": {"value": "a-pepper-of-the-tests"},
            "encryption_keys": [{"value": "an-encryption-key-of-the-tests"}]}
"""
EMPTY: list[bytes] = []
"""A database with the tenant acme, once there is one: copying it is ten times as fast as making it."""
SYNC = ("sync", "--tenant", "acme", "--provider", "openai", "--identifier", "openai-key")


class Desk:
    """Runs the command; remembers what it printed."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = folder / "proxy.yaml"
        self.capsys = capsys
        self.out = self.err = ""

    def configure(self, url: str, key: str = KEY) -> None:
        self.config.write_text(CONFIG.format(url=url, key=key, own=OWN, storage=STORAGE))

    async def run(self, action: str, *options: str) -> int:
        code = await asyncio.to_thread(main, ["secrets", action, "--config", str(self.config), *options])
        self.out, self.err = self.capsys.readouterr()
        assert TOKEN not in self.out + self.err
        assert KEY not in self.out + self.err
        return code

    async def json(self, action: str, *options: str) -> Any:
        code = await self.run(action, *options, "--json")
        return code, json.loads(self.out)

    async def add_tenant(self, name: str, **values: Any) -> None:
        async with opened(self.config) as (_, store, _), store.changing(COMMAND_LINE) as session:
            row = {"id": name, "name": name, "rules": {}, "disabled": False, "archived_at": None}
            await session.add(TENANT, {**row, **values})

    async def add_key(self, tenant: str, secret: str, *, disabled: bool = False) -> None:
        async with opened(self.config) as (_, store, sealing), store.changing(COMMAND_LINE) as session:
            row = {"id": f"cred_{tenant}", "tenant": tenant, "name": "main", "kind": "sealed", "weight": 1}
            await session.add(CREDENTIAL, {**row, "sealed": sealing.seal(secret.encode()), "disabled": disabled})

    async def refs(self) -> dict[str, str]:
        async with opened(self.config) as (_, store, _), store.reading() as session:
            return {row["id"]: row["identifier"] for row in await session.find(API_KEY_REF)}

    async def add_ref(self, tenant: str, provider: str, identifier: str) -> None:
        async with opened(self.config) as (_, store, _), store.changing(COMMAND_LINE) as session:
            row = {"id": f"{tenant}/{provider}", "tenant": tenant, "provider": provider, "identifier": identifier}
            await session.add(API_KEY_REF, row)


@pytest.fixture
async def telnyx() -> AsyncIterator[Emulator]:
    async with running() as emulator:
        yield emulator


@pytest.fixture
async def desk(
    tmp_path: Path, telnyx: Emulator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Desk:
    monkeypatch.setenv("OPENAI_KEY_FOR_TELNYX", TOKEN)
    made = Desk(tmp_path, capsys)
    made.configure(telnyx.base_url)
    if EMPTY:
        (tmp_path / "proxy.db").write_bytes(EMPTY[0])
    else:
        await made.add_tenant("acme")
        EMPTY.append((tmp_path / "proxy.db").read_bytes())
    return made


FROM_ENV = ("--from-env", "OPENAI_KEY_FOR_TELNYX")


def sent(telnyx: Emulator) -> list[tuple[str, str]]:
    """The tokens that Telnyx was given, by identifier."""
    bodies = [request.body for request in telnyx.state.requests if request.method == "POST"]
    return [(body["identifier"], body["token"]) for body in bodies]


async def test_a_key_goes_to_telnyx_once_and_the_tenant_refers_to_it(desk: Desk, telnyx: Emulator) -> None:
    assert await desk.run(*SYNC, *FROM_ENV) == 0
    assert desk.out == "integration secret openai-key: created\n"
    assert desk.err == "Tenant acme refers to it for openai/ models now.\n"
    assert sent(telnyx) == [("openai-key", TOKEN)]
    assert {request.headers["authorization"] for request in telnyx.state.requests} == {f"Bearer {KEY}"}
    assert await desk.refs() == {"acme/openai": "openai-key"}
    assert await desk.run("check", "--tenant", "acme") == 0
    for path in desk.config.parent.iterdir():
        assert TOKEN.encode() not in path.read_bytes()


async def test_a_key_can_come_from_standard_input(
    desk: Desk, telnyx: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped = SimpleNamespace(buffer=io.BytesIO(f"{TOKEN}\n".encode()), isatty=lambda: False)
    monkeypatch.setattr("sys.stdin", piped)
    code, value = await desk.json(*SYNC, "--from-stdin")
    assert (code, sent(telnyx)) == (0, [("openai-key", TOKEN)])
    assert value == {
        "tenant": "acme",
        "provider": "openai",
        "identifier": "openai-key",
        "id": value["id"],
        "secret": "created",
    }


async def test_at_a_terminal_a_key_is_asked_for_without_showing_it(
    desk: Desk, telnyx: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("getpass.getpass", lambda prompt: TOKEN)
    assert await desk.run(*SYNC, "--from-stdin") == 0
    assert sent(telnyx) == [("openai-key", TOKEN)]


async def test_a_tenant_s_own_key_that_is_not_found_is_not_replaced_by_the_shared_one(
    desk: Desk, telnyx: Emulator
) -> None:
    await desk.add_key("acme", "\N{SNOWMAN}")  # no header can carry it
    await desk.add_ref("acme", "openai", "openai-key")
    code, value = await desk.json("check", "--tenant", "acme")
    assert (code, [row["state"] for row in value["data"]]) == (
        1,
        ["unknown: no Telnyx key of the tenant is found here"],
    )
    assert telnyx.state.requests == []


async def test_keys_are_looked_up_where_the_configuration_says_they_are(
    desk: Desk, telnyx: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "second").write_text("KEY_second\n")
    tenants: list[dict[str, Any]] = [
        {"id": "fixed", "upstream_api_key": {"env": "FIXED_KEY"}},
        {"id": "lost", "upstream_api_key": {"env": "A_VARIABLE_THAT_IS_NOT_SET"}},
        {"id": "several", "credentials": [{"name": "a", "api_key": {"file": "second"}}]},
        {"id": "shares"},
    ]
    for tenant in tenants:
        tenant["api_key_refs"] = {"openai": "openai-key"}
    upstream = {"base_url": telnyx.base_url, "api_key": {"env": "SHARED_KEY"}}
    desk.config.write_text(f"{json.dumps({'upstream': upstream, 'tenants': tenants})[:-1]}, {STORAGE_FLOW}}}")
    monkeypatch.setenv("FIXED_KEY", OWN)
    monkeypatch.setenv("SHARED_KEY", KEY)
    code, value = await desk.json("check")
    states = {row["tenant"]: row["state"] for row in value["data"]}
    assert code == 1
    assert states.pop("lost") == "unknown: no Telnyx key of the tenant is found here", "not the shared one's account"
    assert set(states) >= {"fixed", "several", "shares"}
    asked = {request.headers["authorization"] for request in telnyx.state.requests}
    assert asked == {f"Bearer {key}" for key in (OWN, KEY, "KEY_second")}


async def test_a_tenant_whose_own_keys_are_disabled_has_none(desk: Desk, telnyx: Emulator) -> None:
    await desk.add_key("acme", "KEY_of-acme", disabled=True)
    await desk.add_ref("acme", "openai", "openai-key")
    _, value = await desk.json("check", "--tenant", "acme")
    assert [row["state"] for row in value["data"]] == ["unknown: no Telnyx key of the tenant is found here"]
    assert telnyx.state.requests == []


async def test_a_secret_that_is_there_is_not_replaced_unasked(
    desk: Desk, telnyx: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.run(*SYNC, *FROM_ENV)
    monkeypatch.setenv("OPENAI_KEY_FOR_TELNYX", NEWER)
    assert await desk.run(*SYNC, *FROM_ENV) == 1
    assert "already" in desk.err
    assert "--replace" in desk.err
    assert sent(telnyx) == [("openai-key", TOKEN)]
    assert await desk.run(*SYNC, *FROM_ENV, "--replace") == 0
    assert desk.out == "integration secret openai-key: replaced\n"
    assert "as before" in desk.err
    assert sent(telnyx) == [("openai-key", TOKEN), ("openai-key", NEWER)]
    _, listed = await desk.json("list", "--tenant", "acme")
    assert [row["identifier"] for row in listed["data"]] == ["openai-key"]


async def test_a_secret_that_is_there_can_be_referred_to_without_its_key(desk: Desk, telnyx: Emulator) -> None:
    await desk.add_tenant("beta")
    assert await desk.run(*SYNC) == 1
    assert "Telnyx has no integration secret 'openai-key'" in desk.err
    await desk.run(*SYNC, *FROM_ENV)
    assert await desk.run("sync", "--tenant", "beta", *SYNC[3:]) == 0
    assert desk.out == "integration secret openai-key: used as it is\n"
    assert len(sent(telnyx)) == 1
    assert await desk.refs() == {"acme/openai": "openai-key", "beta/openai": "openai-key"}


async def test_a_declared_tenant_is_told_what_to_write(desk: Desk, telnyx: Emulator) -> None:
    options = ("sync", "--tenant", "fixed", "--provider", "Groq", "--identifier", "groq-key", *FROM_ENV)
    assert await desk.run(*options) == 0
    assert "    api_key_refs: {Groq: groq-key}\n" in desk.err
    assert telnyx.state.requests[-1].headers["authorization"] == f"Bearer {OWN}"
    assert await desk.refs() == {}


async def test_check_finds_what_is_missing(desk: Desk) -> None:
    await desk.add_ref("acme", "openai", "openai-key")
    assert await desk.run("check") == 1
    assert [line.split() for line in desk.out.splitlines()] == [
        ["TENANT", "PROVIDER", "IDENTIFIER", "AT", "TELNYX"],
        ["fixed", "openai", "fixed-openai", "missing"],
        ["acme", "openai", "openai-key", "missing"],
    ]
    await desk.run(*SYNC, *FROM_ENV)
    assert await desk.run("check") == 1
    assert await desk.run("check", "--tenant", "acme") == 0
    await desk.run("sync", "--tenant", "fixed", "--provider", "openai", "--identifier", "fixed-openai", *FROM_ENV)
    assert "as before" in desk.err
    code, value = await desk.json("check")
    assert (code, {row["tenant"]: row["state"] for row in value["data"]}) == (0, {"fixed": "there", "acme": "there"})


async def test_check_tells_apart_what_cannot_be_known(desk: Desk, telnyx: Emulator) -> None:
    desk.configure(telnyx.base_url, "KEY_invalid")
    await desk.add_ref("acme", "openai", "openai-key")
    await desk.add_tenant("beta")
    await desk.add_key("beta", "KEY_of-beta")
    await desk.add_ref("beta", "openai", "openai-key")
    code, value = await desk.json("check")
    states = {row["tenant"]: row["state"] for row in value["data"]}
    assert code == 1
    assert states["acme"].startswith("unknown: Telnyx refused")
    assert states["beta"] == "missing"


async def test_without_any_telnyx_key_nobody_is_asked(desk: Desk, telnyx: Emulator) -> None:
    await desk.add_ref("acme", "openai", "openai-key")
    desk.config.write_text(f"upstream: {{base_url: '{telnyx.base_url}', api_key: null}}\n{STORAGE}")
    code, value = await desk.json("check")
    assert (code, [row["state"] for row in value["data"]]) == (
        1,
        ["unknown: no Telnyx key of the tenant is found here"],
    )
    assert await desk.run("list") == 0
    assert await desk.run(*SYNC, *FROM_ENV) == 1
    assert "no Telnyx key of tenant acme is found here" in desk.err
    assert telnyx.state.requests == []


async def test_where_nobody_refers_to_anything_there_is_nothing_to_check(desk: Desk) -> None:
    assert await desk.run("check", "--tenant", "acme") == 0
    assert (desk.out, desk.err) == ("", "No tenant refers to an integration secret.\n")


async def test_accounts_are_listed_once_with_who_uses_what(desk: Desk, telnyx: Emulator) -> None:
    assert await desk.run("list") == 0
    assert (desk.out, desk.err) == ("", "No integration secrets at Telnyx.\n")
    await desk.add_tenant("beta")
    await desk.add_tenant("gone", archived_at=1)
    await desk.run(*SYNC, *FROM_ENV)
    await desk.add_ref("beta", "Groq", "openai-key")
    asked = len(telnyx.state.requests)
    _, listed = await desk.json("list")
    (row,) = listed["data"]
    assert (row["tenants"], row["used_for"]) == (["acme", "beta"], ["acme/openai", "beta/Groq"])
    assert len(telnyx.state.requests) == asked + 2, "one request for each of two accounts"
    assert await desk.run("list") == 0
    assert "acme, beta" in desk.out


async def test_a_secret_is_deleted_and_who_still_uses_it_is_told(desk: Desk) -> None:
    await desk.run(*SYNC, *FROM_ENV)
    assert await desk.run("delete", "openai-key", "--tenant", "acme") == 0
    assert desk.out == "integration secret openai-key deleted\n"
    assert desk.err == "Still referred to by acme/openai: such requests fail now.\n"
    assert await desk.run("delete", "openai-key", "--tenant", "acme") == 1
    assert "Telnyx has no integration secret 'openai-key' of tenant acme" in desk.err


async def test_a_secret_that_nobody_uses_is_deleted_without_a_word(desk: Desk) -> None:
    await desk.run("sync", "--tenant", "fixed", "--provider", "Groq", "--identifier", "groq-key", *FROM_ENV)
    assert await desk.run("delete", "groq-key", "--tenant", "fixed") == 0
    assert desk.err == ""


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("check", "--tenant", "nobody"), "there is no tenant nobody; there are: acme, fixed"),
        ((*SYNC, "--from-env", "A_VARIABLE_THAT_IS_NOT_SET"), "holds nothing"),
        ((*SYNC, "--from-env", TOKEN), "holds nothing"),
        ((*SYNC, "--replace"), "--replace needs the new key"),
        ((*SYNC[:4], "a/b", *SYNC[5:], *FROM_ENV), "'provider'"),
        ((*SYNC[:6], "a b", *FROM_ENV), "'identifier'"),
        (("sync", "--provider", "openai", "--identifier", "x"), "--tenant"),
        ((*SYNC, *FROM_ENV, "--from-stdin"), "not allowed with"),
    ],
)
async def test_bad_usage_sends_nothing(desk: Desk, telnyx: Emulator, options: tuple[str, ...], told: str) -> None:
    assert await desk.run(*options) == 2
    assert told in desk.err
    assert telnyx.state.requests == []


@pytest.mark.parametrize("value", ["two words", "caf\u00e9-0123456789", "line\nbreak", "a" * 70_000])
async def test_what_cannot_be_a_key_is_not_sent(
    desk: Desk, telnyx: Emulator, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("OPENAI_KEY_FOR_TELNYX", value)
    assert await desk.run(*SYNC, *FROM_ENV) == 2
    assert "holds no key" in desk.err
    assert value not in desk.err
    assert telnyx.state.requests == []


def answer(status: int, body: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


async def scripted(listing: str, line: Line) -> None:
    """A Telnyx that lists a secret, deletes it, and takes no other."""
    answers = {"GET": answer(200, listing), "DELETE": answer(204), "POST": answer(500)}
    while True:
        request = await line.request()
        await line.say(answers[request.method])


async def test_a_replacement_that_fails_half_way_says_so(desk: Desk) -> None:
    listing = json.dumps({"data": [{"id": "1", "identifier": "openai-key"}]})
    async with origin(partial(scripted, listing)) as server:
        desk.configure(f"http://127.0.0.1:{server.port}/v2")
        assert await desk.run(*SYNC, *FROM_ENV, "--replace") == 1
    assert "the old secret 'openai-key' is deleted, the new one was not made" in desk.err
    assert await desk.refs() == {}


async def test_the_program_does_it_too(desk: Desk, telnyx: Emulator) -> None:
    options = ("--config", str(desk.config), *FROM_ENV)
    ended = await finished(*PROGRAM, "secrets", *SYNC, *options, environ={"OPENAI_KEY_FOR_TELNYX": TOKEN})
    assert (ended.code, ended.out) == (0, "integration secret openai-key: created\n")
    assert sent(telnyx) == [("openai-key", TOKEN)]
