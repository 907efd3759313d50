import pytest

from tests.cli.places import Place


def test_a_token_is_made_listed_and_revoked(place: Place) -> None:
    made = place("tokens", "create", "--name", "ci", "--role", "operator", "--expires", "30d")
    assert made.code == 0
    assert made.out.count("\n") == 1
    assert "(ci) with the role operator." in made.err
    listed = place.done("tokens", "list").splitlines()
    assert listed[0].split() == ["ID", "NAME", "ROLE", "TOKEN", "STATE", "EXPIRES", "LAST", "USED"]
    identity, *rest = listed[1].split()
    assert rest[:2] == ["ci", "operator"]
    assert rest[3:] == ["active", "in", "30", "days", "never"]
    assert made.out.strip() not in listed[1]
    assert place.done("tokens", "revoke", identity) == f"token {identity} revoked\n"
    assert place.json("tokens", "list")["data"][0]["status"] == "revoked"


def test_an_end_can_be_a_date(near: Place) -> None:
    made = near.json("tokens", "create", "--name", "ci", "--role", "viewer", "--expires", "2030-01-31")
    assert made["expires_at"] == 1_896_048_000
    assert near.json("tokens", "create", "--name", "other", "--role", "viewer")["expires_at"] is None


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--name", "ci", "--role", "king"], 2, "invalid choice: 'king'"),
        (["--name", "ci", "--role", "tenant_admin"], 1, "must have a tenant for the role tenant_admin"),
        (["--name", "ci", "--role", "viewer", "--tenant", "declared"], 1, "must have a tenant for the role"),
        (["--role", "viewer"], 2, "--name"),
    ],
)
def test_bad_input_is_refused(near: Place, words: list[str], code: int, said: str) -> None:
    ended = near("tokens", "create", *words)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    assert near("tokens", "list").err.startswith("No tokens. To make one:")
