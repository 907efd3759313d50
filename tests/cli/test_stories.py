"""Single requests: the newest first, those that failed, and one with all that is known of it."""

import pytest

from proxy.cli.stories import BROKEN
from tests.cli.ledgers import HOUR, MONDAY, a_request, fill
from tests.cli.places import Place

RANGE = ("--since", "2025-06-09", "--until", "2025-06-10")


def test_the_newest_comes_first_up_to_the_limit(place: Place) -> None:
    made = [a_request(MONDAY + number) for number in range(130)]
    fill(place.config, *made)
    newest = [each.id for each in reversed(made)]
    assert [row["id"] for row in place.json("usage", "requests", "--limit", "3")["data"]] == newest[:3]
    assert [row["id"] for row in place.json("usage", "requests", "--limit", "500")["data"]] == newest
    assert len(place.done("usage", "requests").splitlines()) == 21


def test_a_line_tells_what_came_of_a_request(near: Place) -> None:
    fill(
        near.config,
        a_request(MONDAY, id="req_1", seconds=1.2, first_token=0.3, stream=1, stream_end="truncated", cost_micros=None),
        a_request(MONDAY + 1, id="req_2", status=0, model="", source="estimated", stream_end="aborted"),
        a_request(MONDAY + 2, id="req_3", status=502, error_code="upstream_error", source="none", input_tokens=0),
    )
    lines = [line.split() for line in near.done("usage", "requests", *RANGE).splitlines()]
    assert " ".join(lines[0]) == "WHEN ID TENANT KEY MODEL STATUS FAULT INPUT OUTPUT COST TOOK FIRST"
    kimi = "moonshotai/Kimi-K2.6"
    assert lines[1][1:8] == ["req_3", "acme", "web", kimi, "502", "upstream_error", "20"]
    assert lines[2][1:9] == ["req_2", "acme", "web", "kimi", "-", "aborted", "~100", "~20"]
    assert lines[3][4:] == [kimi, "200", "truncated", "100", "20", "?", "1.20", "s", "300", "ms"]


def test_failures_are_statuses_and_broken_streams(place: Place) -> None:
    fill(
        place.config,
        a_request(MONDAY, id="req_good", stream=1, stream_end="complete"),
        a_request(MONDAY + 1, id="req_429", status=429, error_code="rate_limit_exceeded"),
        a_request(MONDAY + 2, id="req_left", status=499),
        a_request(MONDAY + 3, id="req_none", status=0, stream_end="aborted"),
        *(a_request(MONDAY + HOUR + n, id=f"req_{end}", stream_end=end) for n, end in enumerate(BROKEN)),
    )
    failed = [row["id"] for row in place.json("usage", "requests", "--failed", "--limit", "50", *RANGE)["data"]]
    assert failed[-3:] == ["req_none", "req_left", "req_429"]
    assert len(failed) == 3 + len(BROKEN)
    two = place.json("usage", "requests", "--failed", "--limit", "2", *RANGE)["data"]
    assert [row["id"] for row in two] == failed[:2]


def test_nothing_is_told_in_a_sentence(near: Place) -> None:
    assert near("usage", "requests").err == "No requests so far.\n"
    assert near("usage", "requests", "--model", "x").err == "No requests like that.\n"
    assert near("usage", "requests", "--failed", *RANGE).err == "No request failed, 2025-06-09 to 2025-06-10 (UTC).\n"
    ended = near("usage", "requests", "--limit", "0")
    assert (ended.code, ended.err) == (2, "telnyx-proxy usage: --limit must be at least 1\n")


def test_a_whole_story(place: Place) -> None:
    fill(
        place.config,
        a_request(
            MONDAY,
            id="req_story",
            seconds=61.0,
            first_token=0.4,
            stream=1,
            stream_end="complete",
            end_user="ab12",
            tags={"team": "red"},
            cached_input_tokens=40,
            cache_write_tokens=10,
            reasoning_tokens=5,
            retries=1,
            repairs=("n-refused",),
            changes=(("store", "ignored"),),
            violations=2,
            upstream_request_id="up-1",
            client_request_id="client-1",
            trace_id="trace-1",
        ),
    )
    said = place.done("usage", "request", "req_story")
    for line in (
        "key            web (key_1)",
        "end user       ab12",
        "tags           team=red",
        "model          moonshotai/Kimi-K2.6 (asked for kimi)",
        "status         200",
        "stream         complete",
        "took           1m 01s",
        "first token    400 ms",
        "try            the client's 2.",
        "input          100 tokens, of them 40 cached, 10 written to the cache",
        "output         20 tokens, of them 5 reasoning",
        "figures        from Telnyx",
        "cost           $0.000300",
        "charged        $0.000330",
        "price          p1",
        "changes        store ignored",
        "repairs        n-refused",
        "violations     2 of the schema asked for",
        "at Telnyx      up-1",
        "at the client  client-1",
        "trace          trace-1",
    ):
        assert f"{line}\n" in said
    assert place.json("usage", "request", "req_story")["id"] == "req_story"


def test_a_story_says_what_is_not_known(near: Place) -> None:
    fill(
        near.config,
        a_request(
            MONDAY, id="req_a", cost_micros=None, charged_micros=None, price="", source="estimated", model="kimi"
        ),
        a_request(MONDAY, id="req_b", status=0, source="none", key_id="declared/web", stream=1, cost_micros=0),
    )
    unpriced = near.done("usage", "request", "req_a")
    assert "cost          unknown: the model has no price\n" in unpriced
    assert "estimated: Telnyx told none" in unpriced
    assert "model         kimi\n" in unpriced
    refused = near.done("usage", "request", "req_b")
    assert "nothing was used" in refused
    assert "tokens" not in refused
    assert "none was sent" in refused
    assert "stream        yes\n" in refused


@pytest.mark.parametrize("identity", ["req_nobody", "x/y"])
def test_a_request_that_is_not_there_is_told(near: Place, identity: str) -> None:
    ended = near("usage", "request", identity)
    assert ended.code == 1
    assert "no request" in ended.err


def test_of_one_whose_process_was_killed_nothing_is_invented(near: Place) -> None:
    fill(near.config, a_request(MONDAY, id="req_a", status=0, stream_end="aborted", source="estimated"))
    said = near.done("usage", "request", "req_a")
    assert "its process was killed: what the client got of the answer, and when, is not known\n" in said
    assert "took" not in said
