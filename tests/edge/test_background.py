"""What becomes of responses in the background whose process or client does not say so. See tests/journeys, too."""

from pathlib import Path
from typing import Any

import openai
import pytest

from proxy.edge import background
from proxy.errors import StoreUnavailable
from proxy.storage import state_saving
from proxy.storage.state_records import Stored
from tests.conftest import Build
from tests.journeys.operating import eventually
from tests.journeys.test_responses import keeping
from tests.journeys.test_responses_background import begun, ended, idle
from tests.world import MODEL


async def test_what_was_left_undone_has_failed_after_a_start_or_after_its_time(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is killed cannot say so itself."""
    here = await keeping(build, tmp_path)
    client = await here.openai()
    services = here.proxy.services
    assert services.state is not None
    done = await ended(client, (await client.responses.create(model=MODEL, input="Hi", background=True)).id)
    cases = (("resp_mine", services.worker, 20), ("resp_young", "another/1", 20), ("resp_old", "another/2", 0))
    for identity, worker, lease in cases:
        monkeypatch.setattr(state_saving, "LEASE", lease)
        await services.state.save(undone(identity, worker, done.to_dict()))
    await background.recover(services)
    mine = await client.responses.retrieve("resp_mine")
    assert mine.status == "failed"
    assert mine.error is not None
    assert "has ended before" in mine.error.message
    assert (await client.responses.retrieve("resp_young")).status == "in_progress"
    assert (await client.responses.retrieve("resp_old")).status == "failed"
    assert (await services.state.get("acme", "resp_old")).status == "failed"  # type: ignore[union-attr]


def undone(identity: str, worker: str, of: dict[str, Any]) -> Stored:
    """A response in the background that another process makes."""
    response = {**of, "id": identity, "status": "in_progress", "output": []}
    return Stored(identity, "acme", of["created_at"], "in_progress", response, background=True, worker=worker)


async def test_what_nobody_says_to_make_fails_without_being_asked_for(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after an outage; and what is made here is prolonged meanwhile."""
    monkeypatch.setattr(background, "SAID_EVERY", 0.01)
    monkeypatch.setattr(state_saving, "LEASE", 0)
    here = await keeping(build, tmp_path, "slow-headers", {"seconds": 60})
    client = await here.openai()
    state = here.proxy.services.state
    assert state is not None
    said: list[Any] = []
    prolong = state.prolong

    async def prolonged(*given: Any) -> None:
        said.append(given)
        if len(said) == 1:
            raise StoreUnavailable("away")
        await prolong(*given)

    monkeypatch.setattr(state, "prolong", prolonged)
    made = await client.responses.create(model=MODEL, input="Hello", background=True)
    await state.save(undone("resp_lost", "another/1", made.to_dict()))

    async def failed() -> bool:
        return await state.status("acme", "resp_lost") == "failed"

    await eventually(failed)
    assert said[-1] == (here.proxy.services.worker, [made.id])
    assert await state.status("acme", made.id) in {"queued", "in_progress"}


async def test_whoever_makes_it_sees_that_another_process_cancelled_or_deleted_it(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "LOOKED_EVERY", 0.01)
    here = await keeping(build, tmp_path, "slow-headers", {"seconds": 60})
    client = await here.openai()
    state = here.proxy.services.state
    assert state is not None
    one, other = [await client.responses.create(model=MODEL, input="Hello", background=True) for _ in range(2)]
    await begun(here, 2)
    await state.cancel("acme", one.id)
    await state.delete("acme", other.id)
    await eventually(lambda: idle(here))
    await here.telnyx.state.until(lambda state: all(each.ended for each in state.requests))
    assert (await client.responses.retrieve(one.id)).status == "cancelled"
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(other.id)


async def test_what_was_cancelled_before_it_began_is_not_begun(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await keeping(build, tmp_path)
    client, state = await here.openai(), here.proxy.services.state
    assert state is not None
    save = state.save

    async def saved(given: Stored) -> Stored:
        kept = await save(given)
        await state.cancel("acme", given.id)
        return kept

    monkeypatch.setattr(state, "save", saved)
    made = await client.responses.create(model=MODEL, input="Hello", background=True)
    await eventually(lambda: idle(here))
    assert (await client.responses.retrieve(made.id)).status == "cancelled"
    assert here.sent() == []


async def test_none_are_made_where_the_operator_wants_none(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path, responses={"background": 0})
    client = await here.openai()
    with pytest.raises(openai.BadRequestError, match=r"responses\.background: 0"):
        await client.responses.create(model=MODEL, input="x", background=True)


async def test_a_database_that_goes_away_meanwhile_is_told_to_the_operator(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "LOOKED_EVERY", 0.01)
    here = await keeping(build, tmp_path, "slow-headers", {"seconds": 60})
    client = await here.openai()
    services = here.proxy.services
    looked: list[str] = []

    async def away(*given: Any) -> Any:
        looked.append(str(given[-1]))
        raise StoreUnavailable("The database is away.")

    await client.responses.create(model=MODEL, input="x", background=True)
    await begun(here)
    for name in ("status", "save", "unfinished"):
        monkeypatch.setattr(services.state, name, away)
    await background.recover(services)

    async def seen() -> bool:
        return len(looked) > 2

    await eventually(seen)
    for making in list(services.making.values()):
        making.task.cancel()  # type: ignore[union-attr]  # it has one
    await eventually(lambda: idle(here))
    assert await here.metric("telnyx_proxy_state_failures_total", tenant="acme") == 1
    assert '"responses_not_recovered"' in here.log.read_text()


async def test_a_bug_is_not_left_undone(build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = await keeping(build, tmp_path)

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("secret detail of the inside")

    monkeypatch.setattr("proxy.translation.responses.answer.items", broken)
    client = await here.openai()
    failed = await ended(client, (await client.responses.create(model=MODEL, input="x", background=True)).id)
    assert failed.error is not None
    assert "internal error" in failed.error.message
    assert "secret" not in failed.error.message


async def test_its_time_is_that_of_every_request(build: Build, tmp_path: Path) -> None:
    """Also of a stream whose client has gone."""
    here = await keeping(build, tmp_path, "stall-mid-stream+stall-mid-body", upstream={"timeouts": {"total": 1}})
    client = await here.openai()
    options: dict[str, Any] = {"model": MODEL, "input": "Hello", "background": True}
    queued = await client.responses.create(**options)
    stream = await client.responses.create(**options, stream=True)
    first: Any = await anext(aiter(stream))
    await stream.close()
    for identity in (queued.id, first.response.id):
        failed = await ended(client, identity)
        assert failed.status == "failed"
        assert failed.error is not None
        assert "timeouts.total" in failed.error.message
