import hashlib

import pytest

from proxy.cli.cells import standing
from tests.cli.places import Place


def test_a_key_has_the_scopes_it_was_given(place: Place) -> None:
    place.done("tenants", "create", "acme")
    made = place(
        *("keys", "create", "--tenant", "acme", "--name", "web", "--owner", "Ann", "--expires", "2030-01-31"),
        *("--tag", "team=search", "--tag", "stage=", "--model", "zai-org/*", "--model", "nobody/*"),
        *("--endpoint", "chat.completions", "--cidr", "10.0.0.0/8", "--cidr", "::1/128", "--json"),
    )
    assert made.code == 0
    assert made.err == "warning: models: no known model matches 'nobody/*'.\n"
    key = made.json
    assert key["key"].startswith("sk-tp-")
    wanted = {
        "tenant": "acme",
        "name": "web",
        "owner": "Ann",
        "tags": {"team": "search", "stage": ""},
        "models": ["zai-org/*", "nobody/*"],
        "endpoints": ["chat.completions"],
        "networks": ["10.0.0.0/8", "::1/128"],
        "expires_at": 1_896_048_000,
    }
    assert {name: key[name] for name in wanted} == wanted
    shown = place.done("keys", "show", "acme/web")
    for line in (
        "owner      Ann",
        "tags       team=search, stage=",
        "endpoints  chat.completions",
        "state      active",
    ):
        assert line in shown.splitlines()
    assert "expires    2030-01-31T00:00:00Z" in shown
    assert key["key"] not in shown


def test_a_duration_ends_by_the_clock_of_the_proxy(place: Place) -> None:
    place.done("tenants", "create", "acme")
    made = place.json("keys", "create", "--tenant", "acme", "--name", "web", "--expires", "90m")
    assert made["expires_at"] - made["created_at"] == 5400


def test_declared_keys_are_listed_and_left_alone(place: Place) -> None:
    listed = place.done("keys", "list")
    assert [line.split() for line in listed.splitlines()] == [
        ["ID", "TENANT", "NAME", "KEY", "STATE", "EXPIRES", "LAST", "USED", "FROM"],
        ["declared/web", "declared", "web", "sk-tp-…0001", "active", "never", "never", "configuration"],
    ]
    assert place.json("keys", "show", "declared/web")["declared"] is True
    refused = place("keys", "revoke", "declared/web")
    assert refused.code == 1
    assert "declared in the configuration file" in refused.err


def test_an_empty_list_says_how_to_make_the_first(place: Place) -> None:
    place.done("tenants", "create", "acme")
    ended = place("keys", "list", "--tenant", "acme")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == "No keys of tenant acme. To make one:\n    telnyx-proxy keys create --tenant acme --name NAME\n"
    assert place.json("keys", "list", "--tenant", "acme")["data"] == []


def test_a_long_list_comes_whole(near: Place) -> None:
    near.done("tenants", "create", "acme")
    sums = "".join(f"{number:064x}  app-{number}\n" for number in range(130))
    file = near.config.with_name("sums")
    file.write_text(sums)
    assert near.done("keys", "import", "--tenant", "acme", str(file)) == "130 keys of tenant acme imported\n"
    listed = near.json("keys", "list", "--tenant", "acme")
    assert {row["name"] for row in listed["data"]} == {f"app-{number}" for number in range(130)}
    assert listed["has_more"] is False


def test_a_key_is_switched_revoked_and_forgotten(place: Place) -> None:
    key = place.key()["id"]
    for action, word in (("disable", "disabled"), ("enable", "enabled"), ("revoke", "revoked"), ("delete", "deleted")):
        assert place.done("keys", action, key) == f"key {key} {word}\n"
    assert place("keys", "show", key).code == 1


def test_a_key_is_rotated_at_once(place: Place) -> None:
    key = place.key()["id"]
    rotated = place("keys", "rotate", "acme/web", "--grace", "0s")
    assert rotated.code == 0
    assert f"replaces {key}, which no longer works" in rotated.err
    old = place.json("keys", "show", key)
    assert standing(old, 0) == "expired"
    new = place.json("keys", "rotate", "acme/web")
    assert new["name"] == "web"
    assert new["key"].startswith("sk-tp-")


def test_the_key_that_a_revoked_one_replaced_is_not_forgotten(place: Place) -> None:
    first = place.key()["id"]
    place.done("keys", "rotate", "acme/web", "--grace", "1h")
    note = f"web-rotated-1, which it replaced, works until its grace ends: telnyx-proxy keys revoke {first}\n"
    assert place("keys", "revoke", "acme/web").err == note
    assert place("keys", "revoke", first).err == ""
    assert place("keys", "revoke", "acme/web").err == ""


def test_a_slip_in_the_id_of_a_tenant_is_no_empty_list(place: Place) -> None:
    for what in ("keys", "limits", "budgets", "credentials"):
        ended = place(what, "list", "--tenant", "nobody")
        assert (ended.code, ended.err) == (1, f"telnyx-proxy {what}: There is no tenant 'nobody'.\n")


def test_digests_are_taken_over(place: Place) -> None:
    place.done("tenants", "create", "acme")
    place.type(hashlib.sha256(b"sk-an-old-key").hexdigest().encode() + b"  old-app\n")
    assert place.done("keys", "import", "--tenant", "acme", "-") == "1 key of tenant acme imported\n"
    place.type(b"[{name: old-app, sha256: " + b"0" * 64 + b"}]")
    refused = place("keys", "import", "--tenant", "acme", "-")
    assert refused.code == 1
    assert "keys[0].name" in refused.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["create", "--tenant", "nobody", "--name", "a"], 1, "There is no tenant 'nobody'."),
        (["create", "--tenant", "acme", "--name", "web"], 1, "has a key 'web' already"),
        (["create", "--tenant", "acme", "--name", "a b"], 1, "'name' must"),
        (["create", "--tenant", "acme", "--name", "a", "--expires", "2020-01-01"], 1, "is in the past"),
        (["create", "--tenant", "acme", "--name", "a", "--expires", "0d"], 1, "'expires_in_seconds' must"),
        (["create", "--tenant", "acme", "--name", "a", "--expires", "soon"], 2, "neither a duration such as 30d"),
        (["create", "--tenant", "acme", "--name", "a", "--cidr", "10.0.0.1/8"], 1, "'networks[0]' must be a network"),
        (["create", "--tenant", "acme", "--name", "a", "--endpoint", "chat"], 1, "endpoints[0]"),
        (["create", "--tenant", "acme", "--name", "a", "--tag", "team"], 2, "'team' is no tag: NAME=VALUE"),
        (["create", "--tenant", "acme"], 2, "--name"),
        (["show", "acme/absent"], 1, "tenant acme has no key called absent"),
        (["rotate", "key_absent"], 1, "There is no key 'key_absent'."),
        (["rotate", "acme/web", "--grace", "24"], 2, "is no duration"),
        (["import", "--tenant", "acme", "absent.txt"], 1, "absent.txt: No such file"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_made(near: Place, words: list[str], code: int, said: str) -> None:
    near.key()
    ended = near("keys", *words)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    assert len(near.json("keys", "list", "--tenant", "acme")["data"]) == 1
