import argparse
from typing import Any

import pytest

from proxy.cli import ranges
from proxy.cli.desks import Misused
from proxy.cli.ranges import DAY, HOUR
from tests.cli.test_desks import Scripted

NOW = 1_763_000_000 + 1_234
"""2025-11-13 02:33:54 UTC and a bit."""


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.set_defaults(action="changes")
    for add in (ranges.add_range, ranges.add_groups, ranges.add_width):
        add(parser, None)
    return parser.parse_args(words)


def query(*words: str) -> Any:
    return ranges.range_of(parsed(*words), NOW)


def test_nothing_said_is_nothing_asked() -> None:
    assert query() == {}
    assert not ranges.filtered(parsed())


@pytest.mark.parametrize(
    ("words", "start"),
    [
        (("--since", "7d"), (NOW - 7 * DAY) // HOUR * HOUR),
        (("--since", "7d", "--per", "day"), (NOW - 7 * DAY) // DAY * DAY),
        (("--since", "3h"), (NOW - 3 * HOUR) // 60 * 60),
        (("--since", "3h", "--per", "hour"), (NOW - 3 * HOUR) // HOUR * HOUR),
        (("--since", "2025-11-01"), 1_761_955_200),
        (("--since", "2025-11-01T00:00:07Z"), 1_761_955_207),
        (("--since", "100w"), (NOW - 700 * DAY) // HOUR * HOUR),
    ],
)
def test_a_beginning_so_long_ago_is_a_whole_one(words: tuple[str, ...], start: int) -> None:
    assert query(*words) == {"start": str(start)}


def test_an_end_is_as_it_is_said() -> None:
    assert query("--until", "2025-11-01") == {"end": "1761955200"}
    assert query("--until", "1h") == {"end": str(NOW - HOUR)}


@pytest.mark.parametrize("words", [("--since", "2026-01-01"), ("--since", "1d", "--until", "2d")])
def test_a_range_has_a_length(words: tuple[str, ...]) -> None:
    with pytest.raises(Misused, match="is not before"):
        query(*words)


def test_filters_and_groups_may_be_repeated() -> None:
    words = ("--tenant", "a", "--tenant", "b", "--status", "429", "--by", "model, tenant", "--by", "model,status")
    assert query(*words) == {"tenant": ["a", "b"], "status": ["429"]}
    assert ranges.filtered(parsed(*words))
    assert ranges.groups_of(parsed(*words), ("key",)) == ["model", "tenant", "status"]
    assert ranges.groups_of(parsed(), ("key",)) == ["key"]


@pytest.mark.parametrize("words", [("--status", "4xx"), ("--by", "colour"), ("--by", ""), ("--since", "soon")])
def test_what_cannot_be_meant_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(argparse.ArgumentError):
        parsed(*words)


async def test_keys_are_looked_up_by_name_and_other_filters_refused() -> None:
    desk = Scripted({"data": [{"id": "key_7"}], "has_more": False})
    assert await ranges.asked(desk, parsed("--key", "acme/web", "--key", "key_8")) == {"key": ["key_7", "key_8"]}
    assert [query for _, _, query, _ in desk.asked] == [{"tenant": "acme", "name": "web", "limit": "100"}]
    with pytest.raises(Misused, match="--endpoint"):
        await ranges.asked(desk, parsed("--endpoint", "x"), ("tenant",))


def test_a_range_is_told_as_briefly_as_it_is_exact() -> None:
    assert ranges.described(1_761_955_200, 1_761_955_200 + DAY + 3661) == "2025-11-01 to 2025-11-02 01:01 (UTC)"
