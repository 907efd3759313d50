"""Where Telnyx keys are found."""

from pathlib import Path
from typing import Any

from proxy.app.credentials import Credentials
from proxy.settings import Settings, Tenant
from proxy.storage.sealing import sealing

SECRETS = sealing("a-pepper-of-the-tests", ["an-encryption-key-of-the-tests"])
TENANT = Tenant(id="shop")


def row(name: str, kind: str, **more: Any) -> dict[str, Any]:
    given = {"name": name, "tenant": "shop", "kind": kind, "reference": "", "sealed": None, "weight": 1}
    return {**given, "disabled": False, **more}


class Finder:
    """Finds with a shared key and an environment."""

    def __init__(self, **environ: str) -> None:
        settings = Settings.model_validate({"upstream": {"api_key": {"value": "KEY_shared"}}})
        self.told: list[tuple[str, Any]] = []
        self.credentials = Credentials(settings, environ, SECRETS, self.tell)

    def tell(self, event: str, **details: Any) -> None:
        self.told.append((event, details["credential"]))

    def found(self, *rows: dict[str, Any], tenant: Tenant = TENANT) -> list[str]:
        first, rota = self.credentials.of(tenant, rows)
        return [first] if rota is None else list(rota.secrets())


def test_a_key_is_found_in_the_environment_in_a_file_or_under_its_seal(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("KEY_file\n")
    finder = Finder(SHOP="KEY_env")
    rows = (
        row("one", "env", reference="SHOP"),
        row("two", "file", reference=str(tmp_path / "key")),
        row("three", "sealed", sealed=SECRETS.seal(b"KEY_sealed")),
        row("four", "env", reference="SHOP", disabled=True),
    )
    assert finder.found(*rows) == ["KEY_env", "KEY_file", "KEY_sealed"]
    assert finder.found(rows[1]) == ["KEY_file"]
    assert finder.told == []


def test_one_that_is_not_there_is_told_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "odd").write_text("KEY_\x00")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    foreign = sealing("a-pepper-of-the-tests", ["another-encryption-key"]).seal(b"KEY_sealed")
    finder = Finder()
    rows = (
        row("a", "env", reference="NOBODY_SET_IT"),
        row("b", "file", reference=str(tmp_path / "missing")),
        row("c", "file", reference=str(tmp_path / "odd")),
        row("d", "file", reference=str(tmp_path / "binary")),
        row("e", "sealed", sealed=foreign),
    )
    assert finder.found(*rows) == [""], "not somebody else's account"
    assert finder.told == [("telnyx_key_not_found", name) for name in "abcde"]


def test_a_tenant_without_keys_of_its_own_uses_the_shared_one() -> None:
    assert Finder().found() == ["KEY_shared"]
    assert Finder(ONE="KEY_1").found(row("one", "env", reference="ONE", disabled=True)) == [""]


def test_declared_keys_come_first() -> None:
    several = Tenant.model_validate(
        {
            "id": "shop",
            "upstream_api_key": {"value": "KEY_own"},
            "credentials": [{"name": "second", "api_key": {"value": "KEY_second"}, "weight": 5}],
        }
    )
    finder = Finder(SHOP="KEY_env")
    assert finder.found(row("one", "env", reference="SHOP"), tenant=several) == ["KEY_own", "KEY_second", "KEY_env"]


def test_one_that_was_set_aside_stays_so_when_something_else_changes() -> None:
    finder = Finder(ONE="KEY_1", TWO="KEY_2")
    rows = (row("one", "env", reference="ONE"), row("two", "env", reference="TWO"))
    rota = finder.credentials.of(TENANT, rows)[1]
    assert rota is not None
    rota.set_aside(rota.turns[0], until=100.0)
    again = finder.credentials.of(TENANT, rows)[1]
    assert again is not None
    turns = {turn.name for _ in range(4) if (turn := again.pick(50.0)) is not None}
    assert turns == {"two"}


def test_of_a_tenant_that_is_no_more_or_has_one_key_nothing_is_remembered() -> None:
    finder = Finder(ONE="KEY_1", TWO="KEY_2")
    rows = (row("one", "env", reference="ONE"), row("two", "env", reference="TWO"))

    def aside() -> float:
        rota = finder.credentials.of(TENANT, rows)[1]
        assert rota is not None
        before, rota.turns[0].aside = rota.turns[0].aside, 100.0
        return before

    assert aside() < 100.0
    finder.credentials.forget_others(["shop", "else"])
    assert aside() == 100.0
    finder.credentials.forget_others(["else"])
    assert aside() < 100.0
    assert finder.found(rows[0]) == ["KEY_1"]
    assert aside() < 100.0
