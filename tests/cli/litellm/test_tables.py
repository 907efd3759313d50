import json

import pytest

from proxy.cli.litellm.tables import Unreadable, read_rows, shown

ROW = {
    "token": "ab" * 32,
    "key_alias": "web",
    "models": ["a", "b,c"],
    "max_budget": 2.5,
    "blocked": True,
    "team_id": None,
}
CSV = f"""token,key_alias,models,max_budget,blocked,team_id,rpm_limit,metadata,aliases
{ROW["token"]},web,"{{a,""b,c""}}",2.5,t,,7,"{{""env"": ""x""}}",not json
{"cd" * 32},,{{}},,f,\\N,many,,
"""


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"keys": rows}, lambda rows: {"data": rows, "n": 1}])
def test_json_as_apis_give_it(wrap: object) -> None:
    assert callable(wrap)
    assert read_rows(json.dumps(wrap([ROW])).encode()) == [ROW]


def test_json_within_json_is_opened() -> None:
    (row,) = read_rows(json.dumps({"token": "x", "metadata": '{"a": 1}', "models": "{a}", "key_alias": "{b}"}).encode())
    assert row == {"token": "x", "metadata": {"a": 1}, "models": ["a"], "key_alias": "{b}"}


def test_csv_as_postgres_writes_it() -> None:
    first, second = read_rows(CSV.encode("utf-8-sig"))
    assert first == {**ROW, "rpm_limit": 7, "metadata": {"env": "x"}, "aliases": "not json"}
    assert (second["models"], second["blocked"], second["rpm_limit"], second["metadata"]) == ([], False, "many", None)


@pytest.mark.parametrize(
    "data",
    [b"\xff", b"[1]", b"[{]", b"{\x00", b"a,b\n1,2\n", b"token,b\n1\n", b"token\n1,2\n", b'token\n"1', b'["sk"]'],
)
def test_anything_else_is_refused_without_repeating_it(data: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        read_rows(data)
    assert "sk" not in str(caught.value)


def test_an_empty_file_has_no_keys() -> None:
    assert read_rows(b"") == []


def test_what_people_are_told() -> None:
    told = [shown(ROW), shown({"token": "0123456789", "key_name": "sk-...1234"}), shown({"token": "0123456789"})]
    assert told == ["web", "sk-...1234", "digest 01234567"]
