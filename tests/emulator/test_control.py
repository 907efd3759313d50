"""The endpoints that Telnyx does not have."""

from typing import Any

import pytest

from proxy.emulator.scenarios import SCENARIOS


async def test_requests_are_listed_and_forgotten(caller: Any) -> None:
    await caller.chat("first", key="KEY_a")
    await caller.chat("second", key="KEY_b", stream=True)
    first, second = (await caller.send("GET", "/_requests", key=None)).json["data"]
    assert first["body"]["messages"][0]["content"] == "first"
    assert first["connection"] == second["connection"] == 1
    assert (first["nth"], second["nth"]) == (1, 2)
    assert (second["outcome"], second["hung_up"], second["headers"]["authorization"]) == (
        "complete",
        False,
        "Bearer KEY_b",
    )
    assert (await caller.send("DELETE", "/_requests", key=None)).status == 204
    assert (await caller.send("GET", "/_requests", key=None)).json == {"data": []}


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_the_scenario_can_be_switched_at_run_time(caller: Any, method: str) -> None:
    choice = {"name": "rate-limited", "options": {"retry_after": 2}}
    answer = await caller.send(method, "/_scenario", key=None, json=choice)
    assert answer.json == choice
    assert (await caller.send("GET", "/_scenario", key=None)).json == choice
    assert (await caller.chat()).headers["retry-after"] == "2"
    await caller.send(method, "/_scenario", key=None, json={"name": "default"})
    assert (await caller.chat()).status == 200


@pytest.mark.parametrize(
    ("choice", "complaint"),
    [
        ({"name": "ratelimited"}, "rate-limited"),
        ({"name": "zzzzzzzzz"}, "no scenario 'zzzzzzzzz'"),
        ({"name": "default", "options": {"seconds": 1}}, "has no option 'seconds'"),
        ({"name": "slow-stream", "options": {"seconds": True}}, "has to be a number"),
        ({"name": "default", "options": []}, "options is an object"),
        ({"scenario": "default"}, "expected"),
        (["default"], "expected"),
    ],
)
async def test_a_bad_choice_is_explained(caller: Any, choice: Any, complaint: str) -> None:
    answer = await caller.send("PUT", "/_scenario", key=None, json=choice)
    assert answer.status == 400
    assert complaint in answer.json["error"]


async def test_a_choice_that_is_no_json_is_refused(caller: Any) -> None:
    assert (await caller.send("PUT", "/_scenario", key=None, data=b"default")).status == 400


async def test_every_scenario_is_listed_with_its_options(caller: Any) -> None:
    rows = (await caller.send("GET", "/_scenarios", key=None)).json["data"]
    assert [row["name"] for row in rows] == list(SCENARIOS)
    slow = next(row for row in rows if row["name"] == "slow-stream")
    assert slow["options"] == {"answer": "", "cached_tokens": 0, "seconds": 1.0, "words": 0}
    assert all(row["description"] for row in rows)
