"""Services made from settings, with a real log file, a real upstream, and everything closed at the end."""

import asyncio
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from proxy import __version__, codec
from proxy.accounts.ledger import Record
from proxy.app.keeping import Condition
from proxy.app.services import known_field, running_services
from proxy.emulator.server import running as emulator_running
from proxy.errors import UpstreamUnavailable
from proxy.settings import Settings
from tests.upstream import authority
from tests.upstream.authority import Authority
from tests.upstream.origin import answering, origin
from tests.world import CREDENTIAL, KEY, MODEL, OTHER_CREDENTIAL, TENANTS, settings

SHARED = "KEY_shared-by-all"
NOWHERE = "http://127.0.0.1:1/v2"
LIST = b'{"data": [{"id": "a/b"}]}'


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


@pytest.mark.parametrize(
    "path",
    [
        "temperature",
        "messages[].role",
        "tools[].function.strict",
        "stream_options.include_usage",
        "previous_response_id",
        "timestamp_granularities[]",
        "voice",
        "hyperparameters.batch_size",
        "usage",
    ],
)
def test_paths_that_begin_with_a_field_may_be_labels(path: str) -> None:
    assert known_field(path)


@pytest.mark.parametrize("path", ["", "invented", "invented.temperature", "[].role", "temperature2"])
def test_other_paths_may_not(path: str) -> None:
    assert not known_field(path)


async def test_services_work_as_soon_as_they_are_there(log: Path) -> None:
    async with asyncio.timeout(30), emulator_running() as telnyx:
        given = settings(telnyx.base_url, log, upstream={"chat_path": "/ai/chat/completions"})
        async with running_services(given, Condition()) as services:
            assert services.urls["chat"] == f"{telnyx.base_url}/ai/chat/completions"
            assert services.urls["root"] == telnyx.base_url
            assert services.keys.admit(f"Bearer {KEY}").tenant.id == "acme"
            assert services.terms.allows("acme", MODEL)
            assert len(services.random(16)) == 16
            assert services.settings is given
            assert MODEL in await services.catalogue.rows(CREDENTIAL)
        request = telnyx.state.requests[0]
        assert request.headers["user-agent"] == f"telnyx-openai-proxy/{__version__}"


async def test_the_list_of_every_account_is_fetched_beforehand_once(log: Path) -> None:
    async with asyncio.timeout(30), emulator_running() as telnyx:
        twins = [{**TENANTS[0], "id": f"twin-{number}", "keys": []} for number in range(3)]
        async with running_services(
            settings(telnyx.base_url, log, tenants=[*TENANTS, *twins]), Condition()
        ) as services:
            await telnyx.state.until(lambda state: sum(request.ended for request in state.requests) == 4)
            assert await services.catalogue.rows(CREDENTIAL)
            assert await services.catalogue.rows(OTHER_CREDENTIAL)
        asked = [
            request.headers["authorization"]
            for request in telnyx.state.requests
            if request.path.endswith("/ai/openai/models")
        ]
        assert sorted(asked) == sorted([f"Bearer {CREDENTIAL}", f"Bearer {OTHER_CREDENTIAL}"])


async def test_a_telnyx_that_is_down_keeps_nobody_from_starting(log: Path) -> None:
    async with running_services(settings(NOWHERE, log), Condition()) as services:
        assert services.catalogue.known(CREDENTIAL) == {}
        with pytest.raises(UpstreamUnavailable):
            await services.catalogue.rows(CREDENTIAL)


async def test_the_end_cuts_what_is_under_way(log: Path) -> None:
    async with asyncio.timeout(30), emulator_running(scenario="slow-headers", options={"where": "models"}) as telnyx:
        async with running_services(settings(telnyx.base_url, log), Condition()):
            await telnyx.state.until(lambda state: state.paused == 2)
        await telnyx.state.until(lambda state: all(request.hung_up for request in state.requests))
    assert [line["event"] for line in written(log)] == []


def written(log: Path) -> list[dict[str, Any]]:
    return [codec.decode(line) for line in log.read_bytes().splitlines()]


async def test_a_request_is_counted_and_logged(log: Path) -> None:
    async with running_services(settings(NOWHERE, log), Condition()) as services:
        changes = (("messages[].role", "converted"), ("invented", "dropped"))
        services.record(
            Record("req_1", 0.0, tenant="acme", endpoint="chat.completions", model="zai-org/GLM-5.2", status=200)
        )
        services.record(
            Record("req_2", 0.0, tenant="acme", endpoint="chat.completions", model="made/up", changes=changes)
        )
        text = services.metrics.render()[0].decode()
    assert 'model="zai-org/GLM-5.2"' in text, "a target of the shipped aliases"
    assert "made/up" not in text
    assert 'field="messages[].role"' in text
    assert "invented" not in text
    assert [line["request_id"] for line in written(log)] == ["req_1", "req_2"]


async def test_libraries_log_into_the_same_file_until_the_end(log: Path) -> None:
    before = logging.getLogger().handlers
    async with running_services(settings(NOWHERE, log), Condition()):
        logging.getLogger("library").warning("careful")
    assert [line["event"] for line in written(log)] == ["careful"]
    assert logging.getLogger().handlers is before


async def test_a_log_that_cannot_be_opened_is_an_error_of_the_start(tmp_path: Path) -> None:
    services = running_services(settings(NOWHERE, tmp_path / "missing" / "log.jsonl"), Condition())
    with pytest.raises(FileNotFoundError):
        await services.__aenter__()


async def test_without_a_file_lines_go_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    async with running_services(settings(NOWHERE), Condition()) as services:
        services.log.say("hello")
    captured = capfd.readouterr()
    assert codec.decode(captured.err)["event"] == "hello"
    assert captured.out == ""
    os.fstat(2)  # and it stays open


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority.make(tmp_path_factory.mktemp("authority"))


async def test_an_authority_of_the_operator_s_own_is_trusted(log: Path, ours: Authority) -> None:
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(LIST), LIST)
    async with origin(lambda line: answering(line, wire), ours.server()) as server:
        async with running_services(trusting(log, server.url, ours.certificate), Condition()) as services:
            assert "a/b" in await services.catalogue.rows(CREDENTIAL)
        async with running_services(trusting(log, server.url, None), Condition()) as services:
            with pytest.raises(UpstreamUnavailable):
                await services.catalogue.rows(CREDENTIAL)


def trusting(log: Path, url: str, ca_file: Path | None) -> Settings:
    upstream = {"base_url": url.removesuffix("/chat"), "ca_file": ca_file and str(ca_file)}
    return settings(url, log, upstream=upstream)


async def test_a_file_without_an_authority_is_an_error_of_the_start(log: Path) -> None:
    no_certificate = Path(__file__)
    with pytest.raises(OSError, match="ca_file"):
        await running_services(trusting(log, NOWHERE, no_certificate), Condition()).__aenter__()


def test_readiness_says_what_is_missing_and_when_the_end_has_begun() -> None:
    condition = Condition()
    assert condition.readiness() == ("ok", [])
    condition.lacks["database"] = "the database does not answer"
    assert condition.readiness() == ("degraded", ["the database does not answer"])
    condition.stopping = True
    assert condition.readiness() == ("stopping", ["shutting down"])
