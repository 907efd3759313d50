import os
import pty
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.cli import credentials
from proxy.cli.desks import Misused
from tests.cli.places import Place

SECRET = b"KEY0123456789abcdef"


def test_credentials_are_references_or_encrypted_and_never_shown(place: Place) -> None:
    place.done("tenants", "create", "acme")
    place.type(SECRET + b"\n")
    told = place.done("credentials", "set", "--tenant", "acme", "--from-stdin", "--name", "main", "--weight", "3")
    assert told.endswith("(main) of tenant acme: encrypted, ...cdef\n")
    place.monkeypatch.setenv("ACME_KEY", "x")
    told = place.done("credentials", "set", "--tenant", "acme", "--from-env", "ACME_KEY", "--name", "second")
    assert told.endswith("(second) of tenant acme: env ACME_KEY\n")
    file = place.config.with_name("secret")
    file.write_bytes(SECRET)
    place.done("credentials", "set", "--tenant", "acme", "--from-file", str(file), "--name", "third")
    listed = place("credentials", "list", "--tenant", "acme")
    title, *lines = (line.split()[1:] for line in listed.out.splitlines())
    assert title == ["TENANT", "NAME", "SECRET", "WEIGHT", "STATE"]
    assert sorted(lines) == [  # those of one second come in any order
        ["acme", "main", "encrypted,", "...cdef", "3", "active"],
        ["acme", "second", "env", "ACME_KEY", "1", "active"],
        ["acme", "third", "file", str(file), "1", "active"],
    ]
    identity = listed.out.splitlines()[1].split()[0]
    assert place.done("credentials", "delete", identity) == f"credential {identity} deleted\n"
    everything = place.done("credentials", "list", "--json") + place.done("audit", "--json")
    assert SECRET.decode() not in everything
    assert SECRET not in b"".join(path.read_bytes() for path in place.config.parent.glob("proxy.db*"))


def test_a_credential_without_a_name_is_told_once(near: Place) -> None:
    near.done("tenants", "create", "acme")
    told = near.done("credentials", "set", "--tenant", "acme", "--from-env", "HOME")
    identity = near.json("credentials", "list", "--tenant", "acme")["data"][0]["id"]
    assert told == f"credential {identity} of tenant acme: env HOME\n"


def test_a_reference_that_leads_nowhere_is_a_warning(near: Place) -> None:
    near.done("tenants", "create", "acme")
    ended = near("credentials", "set", "--tenant", "acme", "--from-env", "AN_ABSENT_VARIABLE")
    assert ended.code == 0
    assert ended.err.startswith("warning: The environment variable AN_ABSENT_VARIABLE is not set")


def test_a_relative_path_starts_where_the_command_is_given(near: Place) -> None:
    near.done("tenants", "create", "acme")
    near.monkeypatch.chdir(near.config.parent)
    made = near.json("credentials", "set", "--tenant", "acme", "--from-file", "secret")
    assert made["reference"] == str(near.config.with_name("secret"))
    far = Place(("--url", "http://127.0.0.1:1"), near.config, near.capsys, near.monkeypatch)
    refused = far("credentials", "set", "--tenant", "acme", "--from-file", "secret")
    assert refused.code == 2
    assert "give its whole path" in refused.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "one of the arguments --from-env --from-file --from-stdin is required"),
        (["--from-env", "A", "--from-stdin"], 2, "not allowed with"),
        (["--from-env", "sk-a-secret-pasted-here!"], 1, "is not the name of an environment variable"),
        (["--from-env", "A", "--weight", "0"], 1, "'weight' must"),
    ],
)
def test_bad_input_is_refused_and_not_repeated(near: Place, words: list[str], code: int, said: str) -> None:
    near.done("tenants", "create", "acme")
    ended = near("credentials", "set", "--tenant", "acme", *words)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    assert "pasted" not in ended.err


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\xfe", b"x" * 65_537])
def test_standard_input_holds_one_key(near: Place, data: bytes) -> None:
    near.type(data)
    ended = near("credentials", "set", "--tenant", "declared", "--from-stdin")
    assert (ended.code, ended.out) == (2, "")
    assert "standard input" in ended.err


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal for standard input; the end that a person would hold."""
    person, computer = pty.openpty()
    with os.fdopen(computer, encoding="utf-8") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        yield person
    os.close(person)


def test_at_a_terminal_the_key_is_asked_for(terminal: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: f"{prompt}KEY")
    assert credentials.typed_secret() == "Telnyx API key: KEY"
    monkeypatch.setattr("getpass.getpass", lambda prompt: "")
    with pytest.raises(Misused):
        credentials.typed_secret()


def test_a_place_is_told_by_its_kind() -> None:
    assert credentials.place({"kind": "sealed", "last4": ""}) == "encrypted"
    assert credentials.place({"kind": "env", "reference": "A"}) == "env A"
    assert credentials.place({"kind": "declared"}) == "declared"


def test_declared_credentials_are_listed(place: Place) -> None:
    assert place.done("credentials", "list").splitlines()[1].split()[0] == "declared/upstream_api_key"
    assert Path(place.config).read_text(encoding="utf-8").count("KEY_of-the-file") == 1
