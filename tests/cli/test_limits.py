import pytest

from proxy.cli import limits
from tests.cli.places import Place


def test_every_option_is_a_bound_of_the_api(place: Place) -> None:
    place.done("tenants", "create", "acme")
    words = [word for at, option in enumerate(limits.OPTIONS, 1) for word in (f"--{option}", str(at))]
    made = place.json("limits", "set", "--tenant", "acme", "--model", "zai-org/*", *words)
    assert {name: made[name] for name, _ in limits.OPTIONS.values()} == {
        name: at for at, (name, _) in enumerate(limits.OPTIONS.values(), 1)
    }
    assert (made["tenant"], made["key"], made["model"]) == ("acme", None, "zai-org/*")


def test_a_second_limit_replaces_the_first(place: Place) -> None:
    key = place.key()["id"]
    place.done("limits", "set", "--key", key, "--rpm", "60")
    place.done("limits", "set", "--key", "acme/web", "--tpm", "1000")
    listed = [line.split() for line in place.done("limits", "list", "--tenant", "acme").splitlines()]
    assert listed[0] == ["ID", "TENANT", "KEY", "MODELS", "LIMITS"]
    assert [line[1:] for line in listed[1:]] == [["acme", key, "*", "tpm", "1000"]]
    identity = listed[1][0]
    assert place.done("limits", "delete", identity) == f"limit {identity} deleted\n"
    ended = place("limits", "list", "--tenant", "acme")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == "No limits. To make one:\n    telnyx-proxy limits set --tenant acme --rpm 60\n"


def test_declared_limits_say_so(place: Place) -> None:
    line = place.done("limits", "list").splitlines()[1].split()
    assert line[1:] == ["declared", "*", "rpm", "5", "configuration"]
    assert place("limits", "delete", line[0]).code == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--tenant", "acme"], 2, "say what to limit: --rpm, --tpm"),
        (["--rpm", "5"], 2, "one of the arguments --tenant --key is required"),
        (["--tenant", "acme", "--key", "k", "--rpm", "5"], 2, "not allowed with"),
        (["--tenant", "acme", "--rpm", "-5"], 1, "'requests_per_minute' must be at least 1"),
        (["--tenant", "acme", "--rpm", "99999999999999999999"], 1, "requests_per_minute"),
        (["--tenant", "acme", "--rpm", "many"], 2, "invalid int value"),
        (["--tenant", "nobody", "--rpm", "5"], 1, "There is no tenant 'nobody'."),
        (["--key", "acme/absent", "--rpm", "5"], 1, "has no key called absent"),
        (["--tenant", "acme", "--queue", "5"], 1, "'queue' needs concurrent"),
    ],
)
def test_bad_input_is_refused(near: Place, words: list[str], code: int, said: str) -> None:
    near.done("tenants", "create", "acme")
    ended = near("limits", "set", *words)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
