"""Who may call, from start to end; what a running proxy does about changes is seen in the journeys."""

from pathlib import Path

import pytest

from proxy.accounts import keys
from proxy.app import membership
from proxy.app.membership import APART, Kept, digest_of, key_digest
from proxy.app.running import running
from proxy.edge.admission import Prompt
from proxy.errors import LimitReached
from proxy.storage.sealing import sealing
from tests.conftest import Build
from tests.journeys.operating import TOKEN, eventually, kept, operated
from tests.world import KEY, MODEL, settings

SECRETS = sealing("a-pepper-of-the-tests", ["an-encryption-key-of-the-tests"])


def test_with_a_pepper_nothing_is_known_without_it() -> None:
    store: object = None
    there = Kept(store, SECRETS)  # type: ignore[arg-type]
    sha256 = keys.digest(KEY)
    assert digest_of(None)(sha256) == key_digest(None)(KEY) == sha256
    assert digest_of(there)(sha256) == key_digest(there)(KEY) == SECRETS.digest(sha256) != sha256


async def test_how_much_of_a_budget_is_used_is_shown(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "SHOWN_EVERY", 0.05)
    prices = {"models": {"profiles": {MODEL: {"price": {"input": 1, "output": 10}}}}}
    here, operator = await operated(build, tmp_path, **prices)
    await operator.tenant()
    _, key = await operator.key()
    await operator.do("PUT", "budgets", {"tenant": "shop", "usd": "0.01", "per": "day"})
    async with here.post({"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 50}, key):
        pass

    async def shown() -> bool:
        url = here.proxy.addresses.admin + "/metrics"
        async with here.session.get(url, headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
            return 'telnyx_proxy_budget_used_ratio{budget="tenant:shop:day",tenant="shop"}' in await answer.text()

    await eventually(shown)


async def test_a_store_that_was_changed_beside_the_proxy_is_taken_over(build: Build, tmp_path: Path) -> None:
    here, operator = await operated(build, tmp_path)
    await operator.tenant()
    _, key = await operator.key()
    await here.stack.aclose()
    again = await build(**kept(tmp_path))
    async with again.post({"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}, key) as answer:
        assert answer.status == 200


async def test_workers_that_count_for_themselves_admit_their_part_and_say_so(build: Build, tmp_path: Path) -> None:
    _, operator = await operated(build, tmp_path)
    await operator.tenant()
    _, key = await operator.key()
    given = settings("http://127.0.0.1:1/v2", tmp_path / "other.jsonl", **kept(tmp_path))
    async with running(given, workers=3) as worker:
        assert worker.services.readiness() == ("ok", [])
        await operator.do("PUT", "limits", {"tenant": "shop", "requests_per_minute": 7})

        async def degraded() -> bool:
            return worker.services.readiness() == ("degraded", [APART])

        await eventually(degraded)
        holder = worker.services.keys.admit(f"Bearer {key}").holder
        assert holder is not None
        for _ in range(2):
            await worker.services.admission.enter("req", holder, MODEL, {}, Prompt(1))
        with pytest.raises(LimitReached):
            await worker.services.admission.enter("req", holder, MODEL, {}, Prompt(1))
