from pathlib import Path

import pytest

from proxy.cli.main import main

CONFIG = Path(__file__).parents[2] / "config" / "proxy.yaml"
KEY = "an-app-that-kept-its-key"


@pytest.fixture(autouse=True)
def environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("TELNYX_API_KEY", "TELNYX_PROXY_ADMIN_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_a_good_configuration_is_summed_up(capsys: pytest.CaptureFixture[str], environ: pytest.MonkeyPatch) -> None:
    environ.setenv("TELNYX_API_KEY", KEY)
    environ.setenv("TELNYX_PROXY_STORAGE__URL", "sqlite:///absent/proxy.db")  # whoever has served it has one
    assert main(["check", "--config", str(CONFIG)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.startswith(f"{CONFIG}: OK\n")
    for words in (
        "127.0.0.1:8080",
        "without a token",
        "api_key set",
        "tenants       none: serve makes one",
        "aliases 25",
    ):
        assert words in said.out


def test_secrets_are_counted_and_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], environ: pytest.MonkeyPatch
) -> None:
    for name in ("TELNYX_API_KEY", "TELNYX_PROXY_ADMIN_TOKEN", "WEB"):
        environ.setenv(name, KEY)
    path = tmp_path / "proxy.yaml"
    path.write_text("tenants: [{id: a, keys: [{name: web, secret: {env: WEB}}]}, {id: b}]")
    assert main(["check", "--config", str(path)]) == 0
    said = capsys.readouterr().out
    for words in ("with a token", "api_key set", "tenants       2, keys 1; without a key, so that nobody can call: b"):
        assert words in said
    assert KEY not in said


def test_what_serve_would_refuse_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody configured a tenant, one is made, and its requests need a Telnyx key."""
    path = tmp_path / "proxy.yaml"
    path.touch()
    assert main(["check", "--config", str(path)]) == 2
    said = capsys.readouterr().out
    assert said.startswith("upstream.api_key: is not set\n    set the environment variable TELNYX_API_KEY")
    assert said.endswith("\n1 fault\n")


def test_what_an_existing_database_holds_is_not_claimed_to_be_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its tenants may have Telnyx keys of their own, and the declared ones keys that were made later."""
    path = tmp_path / "proxy.yaml"
    path.write_text('storage: {url: "sqlite:///proxy.db"}')
    (tmp_path / "proxy.db").touch()
    assert main(["check", "--config", str(path)]) == 0
    assert "tenants       none here; those of the database are not looked at\n" in capsys.readouterr().out
    path.write_text('storage: {url: "sqlite:///proxy.db"}\ntenants: [{id: a, upstream_api_key: {value: KEY_of-a}}]')
    assert main(["check", "--config", str(path)]) == 0
    assert "tenants       1, keys 0; without a key here: a\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("server: {workers: 2}\ntenants: [{id: a, limits: [{concurrent: 5}]}]", ["server.workers"]),
        ("storage: {url: postgresql://a@b/c}", ["storage.pepper", "storage.encryption_keys"]),
        ("storage: {url: postgresql://a@b/c, pepper: {value: sixteen-or-more-of-it}}", ["storage.encryption_keys"]),
    ],
)
def test_what_serve_would_refuse_later_is_refused_here(
    text: str, places: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], environ: pytest.MonkeyPatch
) -> None:
    environ.setenv("TELNYX_API_KEY", KEY)
    environ.delenv("TELNYX_PROXY_REDIS_URL", raising=False)
    path = tmp_path / "proxy.yaml"
    path.write_text(text)
    assert main(["check", "--config", str(path)]) == 2
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in said if not line.startswith(" ")][:-1] == places


def test_a_tenant_with_a_key_of_its_own_needs_no_common_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], environ: pytest.MonkeyPatch
) -> None:
    environ.setenv("OWN", KEY)
    path = tmp_path / "proxy.yaml"
    path.write_text("tenants: [{id: a, upstream_api_key: {env: OWN}, keys: [{name: web, secret: {env: OWN}}]}]")
    assert main(["check", "--config", str(path)]) == 0
    said = capsys.readouterr().out
    assert "api_key not set" in said
    assert "tenants       1, keys 1\n" in said


def test_every_fault_is_told_with_place_and_hint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "proxy.yaml"
    path.write_text("listen: {prot: 1}\ntenants:\n  - id: a\n    keys: [{name: web, secret: {env: ABSENT}}]\n")
    assert main(["check", "--config", str(path)]) == 2
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.splitlines() == [
        f"{path}: upstream.api_key: is not set, and tenants[0] has no upstream_api_key",
        "    set the variable that upstream.api_key names, TELNYX_API_KEY by default",
        f"{path}:1: listen.prot: is not a setting",
        "    did you mean 'port'?",
        f"{path}:4: tenants[0].keys[0].secret: the environment variable ABSENT is not set",
        "    export ABSENT=...",
        "3 faults",
    ]


def test_names_are_checked_against_the_tables_of_other_rooms(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "proxy.yaml"
    path.write_text("translation: {fields: {logit_bais: refuse}}\nmodels: {profiles: {a: {quirks: {dialekt: on}}}}\n")
    assert main(["check", "--config", str(path)]) == 2
    said = capsys.readouterr().out
    assert "proxy.yaml:1: translation.fields.logit_bais: " in said
    assert "did you mean 'logit_bias'?" in said
    assert "proxy.yaml:2: models.profiles.a.quirks.dialekt: " in said
    assert said.endswith("2 faults\n")


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(tmp_path / "absent.yaml")]) == 2
    assert capsys.readouterr().out.endswith("absent.yaml: cannot be read: No such file or directory\n1 fault\n")
