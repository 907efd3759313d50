from typing import Any

import pytest

from proxy.cli import audit
from tests.cli.places import Place


def test_the_newest_change_comes_first(place: Place) -> None:
    place.done("tenants", "create", "acme")
    place.done("tenants", "create", "beta")
    place.done("tenants", "disable", "acme")
    lines = [line.split() for line in place.done("audit").splitlines()]
    assert lines[0] == ["WHEN", "WHO", "WHAT", "ON", "TENANT", "CHANGE"]
    assert [line[-6:] for line in lines[1:2]] == [["acme", "acme", "disabled:", "no", "->", "yes"]]
    assert [row["action"] for row in place.json("audit", "--tenant", "acme")["data"]] == [
        "tenant.updated",
        "tenant.created",
    ]
    assert len(place.json("audit", "--limit", "2")["data"]) == 2


def test_without_a_change_there_is_a_sentence(near: Place) -> None:
    ended = near("audit")
    assert (ended.code, ended.out, ended.err) == (0, "", "No changes so far.\n")
    assert near.json("audit")["data"] == []


def test_pages_are_followed_up_to_the_limit(near: Place) -> None:
    near.done("tenants", "create", "acme")
    file = near.config.with_name("sums")
    file.write_text("".join(f"{number:064x}  app-{number}\n" for number in range(130)))
    near.done("keys", "import", "--tenant", "acme", str(file))
    assert len(near.json("audit", "--limit", "120")["data"]) == 120
    whole = near.json("audit", "--limit", "1000")
    assert len({row["id"] for row in whole["data"]}) == len(whole["data"]) == 131
    assert whole["has_more"] is False


def test_a_limit_is_at_least_one(near: Place) -> None:
    assert near("audit", "--limit", "0").code == 2


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, {"id": "a", "name": "web", "tags": {}, "micros": 25_000_000}, "name: web, usd: 25.00"),
        ({"disabled": False, "revision": 1}, {"disabled": True, "revision": 2}, "disabled: no -> yes"),
        ({"expires_at": None}, {"expires_at": 1_896_048_000}, "expires_at: none -> 2030-01-31T00:00:00Z"),
        ({"models": ["a"]}, {"models": []}, "models: a -> none"),
        ({"owner": ""}, {"owner": "x" * 50}, f"owner: none -> {'x' * 39}…"),
        ({"name": "web"}, None, ""),
        (None, None, ""),
    ],
)
def test_a_change_is_told_as_what_is_different(before: Any, after: Any, told: str) -> None:
    assert audit.difference(before, after) == told


def test_who_it_was_is_told_with_an_address() -> None:
    assert audit.who({"actor": {"id": "tok_1", "name": "ci", "address": "10.0.0.1"}}) == "ci (10.0.0.1)"
    assert audit.who({"actor": {"id": "cli", "name": "", "address": ""}}) == "cli"
    assert audit.who({}) == ""
