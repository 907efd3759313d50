"""Keys of the store, from the admin API to a request of the official client."""

import ipaddress
import time
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.conftest import Build
from tests.journeys.operating import CHAT, Operator, eventually, kept, operated
from tests.world import CREDENTIAL, KEY, OTHER_CREDENTIAL, World


async def status(here: World, key: str, **more: Any) -> int:
    async with here.post(CHAT, key, **more) as answer:
        await answer.read()
        return int(answer.status)


async def test_a_key_works_at_once_with_its_tenants_telnyx_key_and_rules(build: Build, tmp_path: Path) -> None:
    here, operator = await operated(build, tmp_path)
    await operator.tenant(defaults={"enable_thinking": False})
    identity, key = await operator.key()
    client = await here.openai(key)
    answer = await client.chat.completions.create(**CHAT)
    assert answer.choices[0].message.content == "You said: Hello there"
    sent = here.telnyx.state.requests[-1]
    assert sent.headers["authorization"] == f"Bearer {CREDENTIAL}"
    assert sent.body["enable_thinking"] is False
    assert [(line["tenant"], line["key"]) for line in here.lines()] == [("shop", "web")]
    assert key not in (tmp_path / "proxy.db").read_bytes().decode("latin-1")
    assert CREDENTIAL not in (tmp_path / "proxy.db").read_bytes().decode("latin-1")
    assert await status(here, KEY) == 200, "a key of the configuration works beside it"
    assert (await operator.do("GET", f"keys/{identity}"))["status"] == "active"


async def test_a_revoked_key_is_refused_with_the_next_request(build: Build, tmp_path: Path) -> None:
    here, operator = await operated(build, tmp_path)
    await operator.tenant()
    identity, key = await operator.key()
    assert await status(here, key) == 200
    await operator.do("POST", f"keys/{identity}/revoke")
    with pytest.raises(openai.AuthenticationError, match="revoked") as caught:
        await (await here.openai(key)).chat.completions.create(**CHAT)
    assert caught.value.code == "invalid_api_key"
    assert key not in str(caught.value)


async def test_both_keys_work_while_one_is_rotated_into_the_other(build: Build, tmp_path: Path) -> None:
    here, operator = await operated(build, tmp_path)
    await operator.tenant()
    identity, old = await operator.key()
    rotated = await operator.do("POST", f"keys/{identity}/rotate", {"grace_seconds": 3600})
    assert [await status(here, key) for key in (old, rotated["key"])] == [200, 200]
    cut = await operator.do("POST", f"keys/{rotated['id']}/rotate", {"grace_seconds": 0})
    assert [await status(here, key) for key in (rotated["key"], cut["key"])] == [401, 200]


async def test_a_disabled_tenant_and_a_disabled_key_are_refused_and_come_back(build: Build, tmp_path: Path) -> None:
    here, operator = await operated(build, tmp_path)
    await operator.tenant()
    identity, key = await operator.key()
    for path in ("tenants/shop", f"keys/{identity}"):
        await operator.do("PATCH", path, {"disabled": True})
        assert await status(here, key) == 401
        await operator.do("PATCH", path, {"disabled": False})
        assert await status(here, key) == 200


async def test_a_key_is_held_to_its_endpoints_models_and_networks(build: Build, tmp_path: Path) -> None:
    here, operator = await operated(build, tmp_path, listen={"trusted_proxies": ["127.0.0.0/8"]})
    await operator.tenant()
    _, lister = await operator.key(name="lister", endpoints=["models.list"])
    _, glm = await operator.key(name="glm", models=["zai-org/*"])
    _, inside = await operator.key(name="inside", networks=["10.0.0.0/8"])
    with pytest.raises(openai.PermissionDeniedError, match=r"chat\.completions"):
        await (await here.openai(lister)).chat.completions.create(**CHAT)
    assert [model.id async for model in (await here.openai(lister)).models.list()]
    with pytest.raises(openai.PermissionDeniedError, match="may not use the model"):
        await (await here.openai(glm)).chat.completions.create(**CHAT)
    served = await (await here.openai(glm)).chat.completions.create(**{**CHAT, "model": "zai-org/GLM-5.2"})
    assert served.model == "zai-org/GLM-5.2"
    named = [model.id async for model in (await here.openai(glm)).models.list()]
    assert named
    assert all(name.startswith("zai-org/") or "/" not in name for name in named)
    assert await status(here, inside) == 403
    for address in ("10.1.2.3", "192.168.0.1"):
        expected = 200 if ipaddress.ip_address(address) in ipaddress.ip_network("10.0.0.0/8") else 403
        assert await status(here, inside, headers={"X-Forwarded-For": address}) == expected


async def test_a_telnyx_key_that_is_refused_is_set_aside_and_the_next_one_serves(build: Build, tmp_path: Path) -> None:
    here, operator = await operated(build, tmp_path)
    await operator.do("POST", "tenants", {"id": "shop"})
    for name, secret in (("old", "KEY_invalid"), ("new", OTHER_CREDENTIAL)):
        await operator.do("POST", "credentials", {"tenant": "shop", "name": name, "secret": secret})
    _, key = await operator.key()
    before = len(here.sent())
    for _ in range(6):
        assert await status(here, key) == 200
    used = [request.headers["authorization"] for request in here.telnyx.state.requests if request.method == "POST"]
    assert used[before:].count("Bearer KEY_invalid") == 1, "once, and then it is left alone"
    assert [model.id async for model in (await here.openai(key)).models.list()]
    count = "telnyx_proxy_credential_refusals_total"
    async with here.session.get(
        here.proxy.addresses.admin + "/metrics", headers={"Authorization": "Bearer an-admin-token-of-the-tests"}
    ) as answer:
        assert f'{count}{{credential="old",tenant="shop"}} 1.0' in await answer.text()
    assert "KEY_invalid" not in here.log.read_text()


async def test_a_tenant_whose_only_telnyx_key_is_refused_hears_so(build: Build, tmp_path: Path) -> None:
    here, operator = await operated(build, tmp_path)
    await operator.tenant(credential="KEY_invalid")
    _, key = await operator.key()
    for _ in range(2):
        assert await status(here, key) == 502
    assert await status(here, KEY) == 200, "no other tenant suffers"


async def test_when_a_key_was_last_used_is_written_down_at_the_end(build: Build, tmp_path: Path) -> None:
    here, operator = await operated(build, tmp_path)
    await operator.tenant()
    identity, key = await operator.key()
    began = int(time.time())
    assert await status(here, key) == 200
    await here.stack.aclose()
    again = await build(**kept(tmp_path))
    assert (await Operator(again).do("GET", f"keys/{identity}"))["last_used_at"] >= began
    assert await status(again, key) == 200


async def test_two_proxies_on_one_database_hear_of_each_others_changes(build: Build, tmp_path: Path) -> None:
    _, operator = await operated(build, tmp_path)
    there = await build(**kept(tmp_path))
    await operator.tenant()
    identity, key = await operator.key()

    async def answered(wanted: int) -> bool:
        return await status(there, key) == wanted

    await eventually(lambda: answered(200))
    await operator.do("POST", f"keys/{identity}/revoke")
    await eventually(lambda: answered(401))
