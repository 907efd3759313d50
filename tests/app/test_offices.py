"""The admin API on a store, of a server or of a program beside one."""

from pathlib import Path

from proxy.accounts.roles import COMMAND_LINE
from proxy.app.offices import ConfiguredModels, ServedModels, api_for, api_on
from proxy.app.storing import opened
from proxy.errors import StoreUnavailable
from proxy.settings import Settings
from tests.conftest import Build
from tests.journeys.operating import operated
from tests.world import MODEL


async def test_without_a_store_there_is_no_api(build: Build) -> None:
    here = await build()
    assert api_for(here.proxy.services, None) is None


async def test_a_change_without_a_server_tells_whoever_follows(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"upstream": {"api_key": None}, "storage": {"url": f"sqlite:///{tmp_path}/proxy.db"}}
    )
    heard: list[int] = []
    async with opened(settings) as kept:
        assert kept is not None
        store = kept.store

        async def follow() -> None:
            heard.append(await store.generation())

        kept.refresh = follow
        made = await api_on(kept, settings).call("POST", "/admin/v1/tenants", COMMAND_LINE, body={"id": "shop"})
        assert made.status == 201
    assert heard == [1]


def test_a_configuration_names_aliases_and_what_they_stand_for() -> None:
    settings = Settings.model_validate({"upstream": {"api_key": None}, "models": {"aliases": {"fast": "a/b"}}})
    assert ConfiguredModels(settings).known() == {"fast", "a/b"}
    assert ServedModels(settings, frozenset).known() == frozenset(), "nobody knows yet what there is"
    assert ServedModels(settings, lambda: frozenset({"c/d"})).known() == {"fast", "a/b", "c/d"}


async def test_a_pattern_that_no_model_of_telnyx_has_is_warned_of(build: Build, tmp_path: Path) -> None:
    here, operator = await operated(build, tmp_path)
    await operator.tenant()
    client = await here.openai()
    assert [model.id async for model in client.models.list()]
    made = await operator.do("POST", "keys", {"tenant": "shop", "name": "odd", "models": ["no-such/*", MODEL]})
    assert len(made["warnings"]) == 1
    assert "no-such/*" in made["warnings"][0]


async def test_a_change_that_is_kept_is_answered_even_if_the_database_goes_right_after_it(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"upstream": {"api_key": None}, "storage": {"url": f"sqlite:///{tmp_path}/proxy.db"}}
    )
    async with opened(settings) as kept:
        assert kept is not None

        async def gone() -> None:
            raise StoreUnavailable("The database does not answer.")

        kept.refresh = gone
        api = api_on(kept, settings)
        await api.call("POST", "/admin/v1/tenants", COMMAND_LINE, body={"id": "shop"})
        made = await api.call("POST", "/admin/v1/keys", COMMAND_LINE, body={"tenant": "shop", "name": "web"})
        assert made.value["key"].startswith("sk-tp-"), "it could not be shown again"
