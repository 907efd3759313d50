"""The life of a key as an operator types it, at both desks with the same outcome, and once as real processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from proxy import codec
from tests.cli.commands import clean
from tests.cli.places import TOKEN, Place, configuration, listening

ROOT = Path(__file__).parents[2]


def test_the_life_of_a_key(place: Place) -> None:
    assert place.done("tenants", "create", "acme", "--name", "Acme Inc.") == "tenant acme made\n"

    made = place("keys", "create", "--tenant", "acme", "--name", "web", "--expires", "30d", "--tag", "team=search")
    secret = made.out.removesuffix("\n")
    assert made.code == 0
    assert secret.startswith("sk-tp-")
    assert made.err.splitlines()[-1].startswith("This is the only time it is shown")
    assert secret not in made.err
    key = place.json("keys", "show", "acme/web")["id"]
    assert key in made.err

    told = place.done("limits", "set", "--key", "acme/web", "--rpm", "60", "--tpm", "100000", "--concurrent", "4")
    assert told.endswith(" set: rpm 60, tpm 100000, concurrent 4\n")
    told = place.done("budgets", "set", "--tenant", "acme", "--usd", "25", "--per", "month")
    assert told.endswith(" set: 25.00 USD per month, with a warning at 80 %\n")

    rotated = place("keys", "rotate", key, "--grace", "24h")
    assert rotated.code == 0
    assert rotated.out not in {made.out, ""}
    assert f"replaces {key}, which ends in 1 day" in rotated.err
    listed = place.done("keys", "list", "--tenant", "acme").splitlines()[1:]
    old, new = sorted((line.split() for line in listed), key=lambda cells: cells[0] != key)
    assert (old[0], old[2], old[4:8]) == (key, "web-rotated-1", ["rotating", "in", "1", "day"])
    assert (new[2], new[4:8]) == ("web", ["active", "in", "30", "days"])

    assert place.done("keys", "revoke", "acme/web") == f"key {new[0]} revoked\n"
    assert place.json("keys", "show", new[0])["status"] == "revoked"

    actions = [entry["action"] for entry in reversed(place.json("audit", "--tenant", "acme")["data"])]
    assert actions == [
        "tenant.created",
        "key.created",
        "limit.created",
        "budget.created",
        "key.rotated",
        "key.created",
        "limit.created",  # the new key's, a copy
        "key.revoked",
    ]
    everything = place.done("audit") + place.done("audit", "--json") + place.done("keys", "list", "--json")
    assert secret not in everything
    assert rotated.out.strip() not in everything


def test_what_is_changed_at_one_desk_is_there_at_the_other(near: Place) -> None:
    with listening(near.config) as url:
        near.monkeypatch.setenv("TELNYX_PROXY_ADMIN_TOKEN", TOKEN)
        far = Place(("--url", url), near.config, near.capsys, near.monkeypatch)
        key = near.key()
        assert far.json("keys", "show", "acme/web")["id"] == key["id"]
        far.done("keys", "disable", key["id"])
        assert near.json("keys", "show", key["id"])["status"] == "disabled"
        who = [entry["actor"]["id"] for entry in near.json("audit")["data"]]
        assert who == ["bootstrap", "cli", "cli"]


def test_with_another_token_nothing_is_done(near: Place) -> None:
    with listening(near.config) as url:
        far = Place(("--url", url), near.config, near.capsys, near.monkeypatch)
        for token in ("", "a-wrong-token-0123456789"):
            near.monkeypatch.setenv("TELNYX_PROXY_ADMIN_TOKEN", token)
            refused = far("tenants", "create", "acme")
            assert (refused.code, refused.out) == (1, "")
            assert "TELNYX_PROXY_ADMIN_TOKEN" in refused.err
    assert [row["id"] for row in near.json("tenants", "list")["data"]] == ["declared"]


def test_a_token_made_here_opens_the_api_and_holds_its_bearer_to_one_tenant(near: Place) -> None:
    near.key()
    near.key(tenant="beta")
    token = near.done("tokens", "create", "--name", "ci", "--role", "tenant-admin", "--tenant", "acme").strip()
    with listening(near.config) as url:
        near.monkeypatch.setenv("TELNYX_PROXY_ADMIN_TOKEN", token)
        far = Place(("--url", url), near.config, near.capsys, near.monkeypatch)
        assert {row["tenant"] for row in far.json("keys", "list")["data"]} == {"acme"}
        assert far("keys", "revoke", "beta/web").code == 1
        assert far("tenants", "create", "mine").code == 1
        assert far("keys", "revoke", "acme/web").code == 0


@pytest.fixture
def shell(tmp_path: Path) -> Path:
    return configuration(tmp_path)


def typed(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "proxy", *words, "--config", str(config)]
    return subprocess.run(command, cwd=ROOT, env=clean(), capture_output=True, text=True, check=False)


def test_as_processes(shell: Path) -> None:
    made = typed(shell, "keys", "create", "--tenant", "declared", "--name", "app", "--expires", "30d", "--json")
    assert (made.returncode, made.stderr) == (0, "")
    key = codec.decode(made.stdout)
    assert {"id", "key", "tenant", "name", "expires_at"} <= key.keys()
    assert (key["tenant"], key["name"]) == ("declared", "app")
    again = typed(shell, "keys", "create", "--tenant", "declared", "--name", "web")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "telnyx-proxy keys: The tenant 'declared' has a key 'web' already.\n"
    shown = typed(shell, "keys", "list")
    assert key["id"] in shown.stdout
    assert key["key"] not in shown.stdout
    assert (shell.parent / "proxy.db").stat().st_mode & 0o077 == 0
