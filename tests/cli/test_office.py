from pathlib import Path

import pytest

from proxy.accounts.roles import COMMAND_LINE
from proxy.cli.desks import Refused
from proxy.cli.office import office
from proxy.settings.faults import ConfigurationError
from tests.cli.places import configuration, without_variables


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    without_variables(monkeypatch)
    return configuration(tmp_path)


async def test_a_call_is_made_in_this_process_as_the_command_line(config: Path) -> None:
    async with office(config) as desk:
        made = await desk.call("POST", "/admin/v1/tenants", body={"id": "acme"})
        assert made["id"] == "acme"
        page = await desk.call("GET", "/admin/v1/tenants", query={"limit": "1", "after": "declared"})
        assert [row["id"] for row in page["data"]] == ["acme"]
        entries = (await desk.call("GET", "/admin/v1/audit"))["data"]
        assert [entry["actor"]["id"] for entry in entries] == [COMMAND_LINE.id]


async def test_a_refusal_keeps_words_and_status(config: Path) -> None:
    async with office(config) as desk:
        with pytest.raises(Refused, match="There is no tenant 'absent'") as caught:
            await desk.call("GET", "/admin/v1/tenants/absent")
    assert caught.value.status == 404


async def test_a_configuration_without_a_database_has_no_desk(config: Path) -> None:
    absent = configuration(config.parent, "storage: {url: null}")
    with pytest.raises(ConfigurationError, match=r"storage\.url"):
        async with office(absent):
            pass


async def test_a_database_that_cannot_be_opened_is_told(config: Path) -> None:
    config.with_name("proxy.db").write_bytes(b"this is no database, but something else altogether" * 100)
    with pytest.raises(OSError, match="is no SQLite database"):
        async with office(config):
            pass
