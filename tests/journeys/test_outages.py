"""What happens to traffic while PostgreSQL or Redis is down, and when it is back."""

from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import openai
import pytest

from proxy import codec
from tests.conftest import Build
from tests.journeys.operating import CHAT, TOKEN, Operator, eventually, kept
from tests.storage.databases import Postgres, server
from tests.storage.redis_server import running_redis
from tests.world import KEY, World

SECRETS = {"pepper": {"value": "a-pepper-of-the-tests-0123456789"}, "encryption_keys": [{"value": "k" * 32}]}
UNKNOWN = "sk-a-key-that-nobody-has-made-0000"


async def ready(here: World) -> Any:
    async with here.session.get(here.proxy.addresses.admin + "/readyz") as answer:
        assert answer.status == 200, "whoever serves what is known is ready"
        return codec.decode(await answer.read())


async def told(here: World, event: str) -> bool:
    """Whether the log has it."""
    return event in [codec.decode(line)["event"] for line in here.log.read_bytes().splitlines()]


async def status(here: World, key: str) -> int:
    async with here.post(CHAT, key) as answer:
        await answer.read()
        return int(answer.status)


async def on_postgres(build: Build, folder: Path, postgres: Postgres) -> World:
    storage = {"url": await postgres.create(), **SECRETS}
    return await build(**kept(folder, storage=storage))


async def written(postgres: Postgres) -> None:
    """See to it that the server, which is fast and careless, has everything on disk."""
    connection = await asyncpg.connect(postgres.url())
    await connection.execute("CHECKPOINT")
    await connection.close()


async def test_known_keys_go_on_working_while_postgres_is_down(build: Build, tmp_path: Path) -> None:
    with server() as postgres:
        here = await on_postgres(build, tmp_path, postgres)
        operator = Operator(here)
        await operator.tenant()
        identity, key = await operator.key()
        assert [await status(here, each) for each in (key, KEY, UNKNOWN)] == [200, 200, 401]
        await written(postgres)
        await postgres.stop()

        async def degraded() -> bool:
            return bool((await ready(here))["status"] == "degraded")

        await eventually(degraded)
        assert (await ready(here))["reasons"] == ["the database does not answer"]
        assert [await status(here, each) for each in (key, KEY, UNKNOWN)] == [200, 200, 503]
        refused, said = await operator.call("GET", "keys")
        assert (refused, said["error"]["code"]) == (503, "store_unavailable")
        await eventually(lambda: told(here, "degraded"))
        await postgres.start()

        async def revoked() -> bool:
            return (await operator.call("POST", f"keys/{identity}/revoke"))[0] == 200

        await eventually(revoked)

        async def well() -> bool:
            return bool((await ready(here))["status"] == "ok")

        await eventually(well)
        assert [await status(here, each) for each in (key, KEY, UNKNOWN)] == [401, 200, 401]

        await eventually(lambda: told(here, "recovered"))
        async with here.session.get(
            here.proxy.addresses.admin + "/metrics", headers={"Authorization": f"Bearer {TOKEN}"}
        ) as answer:
            assert 'telnyx_proxy_store_failures_total{store="database"}' in await answer.text()


async def test_a_revocation_reaches_another_proxy_on_postgres(build: Build, tmp_path: Path, postgres: Postgres) -> None:
    storage = {"url": await postgres.create(), **SECRETS}
    here = await build(**kept(tmp_path, storage=storage))
    there = await build(**kept(tmp_path, storage=storage))
    operator = Operator(here)
    await operator.tenant()
    identity, key = await operator.key()

    async def answered(wanted: int) -> bool:
        return await status(there, key) == wanted

    await eventually(lambda: answered(200))
    await operator.do("POST", f"keys/{identity}/revoke")
    await eventually(lambda: answered(401))


TENANTS: list[dict[str, Any]] = [
    {
        "id": "acme",
        "upstream_api_key": {"value": "KEY_acme"},
        "limits": [{"requests_per_minute": 4}],
        "keys": [{"name": "web", "secret": {"value": KEY}}],
    }
]


@pytest.mark.parametrize(("fail", "alone"), [("open", [200, 200, 429]), ("closed", [503, 503, 503])])
async def test_without_redis_a_proxy_counts_its_part_or_refuses(build: Build, fail: str, alone: list[int]) -> None:
    with running_redis() as redis:
        storage = {"url": None, "redis": {"url": {"value": redis.url}, "fail": fail, "processes": 2}}
        here, there = [await build(tenants=TENANTS, storage=storage) for _ in range(2)]
        assert [await status(each, KEY) for each in (here, there, here, there, here)] == [200] * 4 + [429]
        redis.stop()
        assert [await status(here, KEY) for _ in alone] == alone
        assert (await ready(here))["reasons"] == ["Redis does not answer"]
        assert await here.metric("telnyx_proxy_store_failures_total", store="redis") >= 1
        redis.start()

        async def well() -> bool:
            return bool((await ready(here))["status"] == "ok")

        await eventually(well)
        assert await status(here, KEY) == 200, "this Redis is empty, so the minute begins anew"


async def test_several_proxies_with_one_redis_admit_no_more_than_one_would(build: Build) -> None:
    with running_redis() as redis:
        storage = {"url": None, "redis": {"url": {"value": redis.url}}}
        proxies = [await build(tenants=TENANTS, storage=storage) for _ in range(3)]
        found = [await status(proxies[turn % 3], KEY) for turn in range(12)]
        assert found == [200] * 4 + [429] * 8
        with pytest.raises(openai.RateLimitError) as caught:
            await (await proxies[0].openai()).chat.completions.create(**CHAT)
        assert caught.value.response.headers["x-ratelimit-remaining-requests"] == "0"
