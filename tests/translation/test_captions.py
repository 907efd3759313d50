"""Captions: cues from what Telnyx gives, in two formats."""

from typing import Any

import pytest

from proxy.translation.captions import LINE, cues, srt, vtt

SEGMENTS = [{"start": 0, "end": 1.5, "text": " Hello  there "}, {"start": 3661.0005, "end": 3662.9996, "text": "Bye"}]


def word(start: float, text: str, length: float = 0.5) -> dict[str, Any]:
    return {"word": text, "start": start, "end": start + length}


def test_srt() -> None:
    assert srt(cues(SEGMENTS, None)) == (
        "1\n00:00:00,000 --> 00:00:01,500\nHello there\n\n2\n01:01:01,000 --> 01:01:03,000\nBye\n\n"
    )


def test_vtt() -> None:
    assert vtt(cues(SEGMENTS, None)) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello there\n\n01:01:01.000 --> 01:01:03.000\nBye\n\n"
    )


def test_nothing_was_said() -> None:
    assert (srt([]), vtt([])) == ("\n", "WEBVTT\n\n")


def test_what_is_said_cannot_end_a_cue() -> None:
    made = vtt([(0, 1, "a\n\n<b> & c --> d")])
    assert made == "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\na &lt;b> &amp; c -> d\n\n"


def test_words_become_lines() -> None:
    spoken = [word(0, "One."), word(0.5, "Two"), word(1, "three"), word(9, "four")]
    assert [text for _, _, text in cues(None, spoken)] == ["One.", "Two three", "four"]
    assert cues([], spoken)[1] == (0.5, 1.5, "Two three")
    long = [word(place, "abcdefghi", 1) for place in range(10)]
    assert max(len(text) for _, _, text in cues(None, long)) <= LINE


@pytest.mark.parametrize(
    "rows",
    [
        None,
        "text",
        ["text"],
        [{}],
        [{"start": "0", "end": 1, "text": "a"}],
        [{"start": -1, "end": 1, "text": "a"}],
        [{"start": 0, "end": float("inf"), "text": "a"}],
        [{"start": True, "end": 1, "text": "a"}],
        [{"start": 0, "end": 1, "text": None}],
    ],
)
def test_what_tells_no_times_is_no_cue(rows: Any) -> None:
    assert cues(rows, None) == []


def test_time_does_not_run_backwards() -> None:
    assert cues([{"start": 2, "end": 1, "text": "a"}], None) == [(2, 2, "a")]
