import argparse
import io
import sys
from pathlib import Path
from typing import Any

import pytest

from proxy import codec
from proxy.cli import desks
from proxy.cli.desks import Query, Refused, Told
from proxy.cli.main import main
from proxy.cli.tables import Screen

SCREEN = Screen(None, 0)


class Scripted:
    """A desk that answers from a list, and remembers what was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, dict[str, Any], Any]] = []

    async def call(self, method: str, path: str, *, query: Query | None = None, body: Any = None) -> Any:
        self.asked.append((method, path, dict(query or {}), body))
        return self.answers.pop(0)


@pytest.fixture(autouse=True)
def environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in (desks.URL, desks.TOKEN):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def page(*ids: str, more: bool) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": each} for each in ids], "has_more": more, "last_id": ids[-1:] and ids[-1]}


async def test_a_list_is_followed_to_its_end() -> None:
    desk = Scripted(page("a", "b", more=True), page("c", more=False))
    assert [row["id"] for row in await desks.listed(desk, "keys", tenant="acme", name=None)] == ["a", "b", "c"]
    assert [query for _, _, query, _ in desk.asked] == [
        {"tenant": "acme", "limit": "100"},
        {"tenant": "acme", "limit": "100", "after": "b"},
    ]


@pytest.mark.parametrize("second", [page("b", more=True), {"object": "list", "data": [], "has_more": True}])
async def test_a_list_that_goes_in_circles_ends(second: dict[str, Any]) -> None:
    desk = Scripted(page("a", "b", more=True), second)
    assert (await desks.listed(desk, "keys"))[:2] == [{"id": "a"}, {"id": "b"}]
    assert desk.answers == []


async def test_a_whole_list_looks_like_a_page() -> None:
    assert desks.enlisted([{"id": "a"}, {"id": "b"}]) == {
        "object": "list",
        "data": [{"id": "a"}, {"id": "b"}],
        "first_id": "a",
        "last_id": "b",
        "has_more": False,
    }
    assert desks.enlisted([])["first_id"] is None


async def test_a_key_can_be_named_by_tenant_and_name() -> None:
    desk = Scripted(page("key_1", more=False))
    assert await desks.key_id(desk, "acme/web") == "key_1"
    assert desk.asked == [("GET", "/admin/v1/keys", {"tenant": "acme", "name": "web", "limit": "100"}, None)]
    assert await desks.key_id(desk, "key_2") == "key_2"


async def test_a_name_that_nothing_has_is_told() -> None:
    with pytest.raises(Refused, match="tenant acme has no key called web"):
        await desks.key_id(Scripted(page(more=False)), "acme/web")


def test_every_part_of_a_path_is_encoded() -> None:
    assert desks.path("keys", "acme/../web?x", "rotate") == "/admin/v1/keys/acme%2F..%2Fweb%3Fx/rotate"


def test_a_place_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "list"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("telnyx-proxy keys: say where to work: --config FILE")


def test_two_places_are_one_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "list", "--config", "x.yaml", "--url", "http://localhost"]) == 2
    assert "name one of them" in capsys.readouterr().err


def test_the_place_can_stand_before_the_action(unused_tcp_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "--url", f"http://127.0.0.1:{unused_tcp_port}", "list"]) == 1
    assert f"http://127.0.0.1:{unused_tcp_port} cannot be reached: Connection refused" in capsys.readouterr().err


def test_the_address_can_stand_in_the_environment(
    unused_tcp_port: int, environ: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environ.setenv(desks.URL, f"http://127.0.0.1:{unused_tcp_port}")
    assert main(["audit"]) == 1
    assert capsys.readouterr().err.startswith("telnyx-proxy audit: http://127.0.0.1:")


def test_a_configuration_on_the_command_line_wins_over_the_environment(
    tmp_path: Path, environ: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environ.setenv(desks.URL, "http://127.0.0.1:1")
    assert main(["audit", "--config", str(tmp_path / "absent.yaml")]) == 2
    assert "absent.yaml: cannot be read" in capsys.readouterr().err


def test_arguments_that_are_no_text_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", "--tenant", "a", "--name", "b", "--model", "\udcff", "--url", "http://[::1]:1"]) == 2
    assert capsys.readouterr().err == "telnyx-proxy keys: model is not UTF-8 text\n"


@pytest.mark.parametrize("words", [["keys"], ["keys", "create"], ["limits", "set"], ["audit", "--limit", "x"]])
def test_bad_usage_is_explained(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert f"usage: telnyx-proxy {words[0]}" in capsys.readouterr().err


VALUE = {"id": "key_1", "warnings": ["models: 'x*' matches nothing\x1b[2J"]}


def test_for_people_the_outcome_stands_alone_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    desks.tell(Told(VALUE, lambda screen: f"done {screen.width}\n", ("note",)), json=False)
    assert capsys.readouterr() == ("done None\n", "warning: models: 'x*' matches nothing?[2J\nnote\n")


def test_for_scripts_there_is_one_json_value(capsys: pytest.CaptureFixture[str]) -> None:
    desks.tell(Told(VALUE, lambda screen: "done\n", ("note",)), json=True)
    said = capsys.readouterr()
    assert codec.decode(said.out) == VALUE
    assert said.err == "warning: models: 'x*' matches nothing?[2J\n"


def test_a_terminal_has_a_width(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "72")
    desks.tell(Told({}, lambda screen: f"{screen.width}\n"), json=False)
    assert capsys.readouterr().out == "72\n"


def test_a_character_that_a_terminal_lacks_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    desks.tell(Told({}, lambda screen: "é…\n"), json=False)
    assert raw.getvalue() == b"\\xe9\\u2026\n"


def test_a_new_secret_stands_alone_on_its_line() -> None:
    told = desks.minted({"key": "sk-tp-x", "id": "key_1"}, "key", "Key key_1.")
    assert told.text(SCREEN) == "sk-tp-x\n"
    assert told.notes == ("Key key_1.", desks.SHOWN_ONCE)


def test_an_empty_list_says_how_to_make_the_first() -> None:
    told = desks.rows_told((), [], "keys create --tenant ID --name NAME", "keys")
    assert told.text(SCREEN) == ""
    assert told.notes == ("No keys. To make one:\n    telnyx-proxy keys create --tenant ID --name NAME",)
    assert told.value["data"] == []


def test_a_refusal_is_told_in_full_and_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    async def act(desk: object, args: argparse.Namespace) -> Told:
        raise Refused("no\x1b[2J\n    second line")

    args = argparse.Namespace(command="keys", config=None, url="http://[::1]:1", insecure=False, json=True, act=act)
    assert desks.run(args) == 1
    assert capsys.readouterr() == ("", "telnyx-proxy keys: no?[2J\n    second line\n")
