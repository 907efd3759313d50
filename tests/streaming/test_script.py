"""The events of a response: how they are framed and numbered, and what the runs of deltas are made of."""

import json

import pytest

from proxy.streaming.script import ARGUMENTS, INPUT, REFUSAL, SUMMARY, TEXT, THOUGHT, Frame, Kind, Run, Script
from tests.streaming import told


def kinds(client: bytes) -> list[str]:
    return [json.loads(block.split(b"\ndata: ")[1])["type"] for block in client[:-2].split(b"\n\n")]


def test_events_are_numbered_and_of_one_line() -> None:
    script = Script()
    assert script.event("response.x", text="a\nb") == (
        b'event: response.x\ndata: {"type":"response.x","sequence_number":0,"text":"a\\nb"}\n\n'
    )
    assert b'"sequence_number":1' in script.event("response.x")


@pytest.mark.parametrize(
    ("kind", "around"),
    [
        (TEXT, "content_part"),
        (REFUSAL, "content_part"),
        (THOUGHT, "content_part"),
        (SUMMARY, "reasoning_summary_part"),
        (ARGUMENTS, ""),
        (INPUT, ""),
    ],
)
def test_a_run_is_announced_told_and_closed(kind: Kind, around: str) -> None:
    run, script = Run(kind), Script()
    run.pieces.append("what was held back")
    client = run.open(script, "item_1", 2, 3) + run.delta(b'" more"', []) + run.close()
    expected = [f"response.{kind.name}.delta"] * 2 + [f"response.{kind.name}.done"]
    if around:
        expected = [f"response.{around}.added", *expected, f"response.{around}.done"]
    assert kinds(client) == expected
    assert client.count(b'"item_id":"item_1","output_index":2') == len(expected)


def test_log_probabilities_go_with_their_piece() -> None:
    run, script = Run(TEXT), Script()
    run.open(script, "msg_1", 0, 0)
    assert b'"logprobs":[{"token":"a"}]' in run.delta(b'"a"', [{"token": "a"}])
    assert b'"logprobs":[]' in run.delta(b'"a"', [])


def test_a_response_in_the_background_was_queued() -> None:
    frame = Frame(told.MODEL, told.outline(echo={"background": True}))
    blocks = frame.opening()[:-2].split(b"\n\n")
    told_statuses = [json.loads(block.split(b"\ndata: ")[1])["response"]["status"] for block in blocks]
    assert told_statuses == ["queued", "queued", "in_progress"]
