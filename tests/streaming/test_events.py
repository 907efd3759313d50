"""The splitter: every way of ending a line, every way of slicing, and no more work than bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.streaming.events import Event, EventSplitter
from tests.streaming import transcripts

LIMIT = 1 << 20


def split(*pieces: bytes, limit: int = LIMIT) -> list[Event]:
    splitter = EventSplitter(limit)
    return [event for piece in pieces for event in splitter.feed(piece)] + splitter.finish()


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\ndata: b\n\n", [(b"a", b""), (b"b", b"")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [(b"a", b""), (b"b", b"")]),
        (b"data: a\r\rdata: b\r\r", [(b"a", b""), (b"b", b"")]),
        (b"data: a\n\r\ndata: b\r\n\n", [(b"a", b""), (b"b", b"")]),
        (b"data: a\r\ndata: b\r\n\r\n", [(b"a\nb", b"")]),  # one CRLF is no blank line
        (b"data:a\ndata:  b\ndata\n\n", [(b"a\n b\n", b"")]),
        (b"\xef\xbb\xbfdata: a\n\n", [(b"a", b"")]),
        (b"\xef\xbb\xbf: x\n\xef\xbb\xbfdata: a\n\ndata: b\n\n", [(b"b", b"")]),  # a mark elsewhere is an unknown field
        (b"event: error\ndata: a\n\ndata: b\n\n", [(b"a", b"error"), (b"b", b"")]),
        (b"event:ping\n\ndata: b\n\n", [(b"b", b"")]),  # a name without data is no event, and goes
        (b"id: 1\nretry: 5\n: x\nfoo: bar\ndatas: x\n\ndata: b\n\n", [(b"b", b"")]),
        (b"data: a\x0bb\x0cc\x85d\xe2\x80\xa8e\n\n", [(b"a\x0bb\x0cc\x85d\xe2\x80\xa8e", b"")]),  # only three end lines
        (b"data:\n\n", [(b"", b"")]),
        (b"data: a", [(b"a", b"")]),
        (b"data: a\n", [(b"a", b"")]),
        (b"data: a\r", [(b"a", b"")]),
        (b"", []),
        (b"\n\n\r\r\n", []),
    ],
)
def test_events_whole_and_bytewise(stream: bytes, events: list[Event]) -> None:
    assert split(stream) == events
    assert split(*(stream[at : at + 1] for at in range(len(stream)))) == events


@given(st.data())
def test_any_slicing_gives_the_same_events(data: st.DataObject) -> None:
    parts = st.sampled_from(
        [b"data: a", b"data:b", b"event: x", b": c", b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b""]
    )
    stream = b"".join(data.draw(st.lists(parts, max_size=20)))
    cuts = data.draw(transcripts.cuts_of(stream))
    assert split(*transcripts.sliced(stream, cuts)) == split(stream)
    assert split(*transcripts.sliced(stream, cuts), limit=5) == split(stream, limit=5)


def test_a_carriage_return_ends_its_line_at_once() -> None:
    """It may be half of a CRLF, but waiting for the other half would keep the event from the client."""
    splitter = EventSplitter(LIMIT)
    assert splitter.feed(b"data: a\r\r") == [(b"a", b"")]
    assert splitter.feed(b"\ndata: b\n\n") == [(b"b", b"")]


def test_an_empty_piece_between_the_halves_of_a_line_ending() -> None:
    assert split(b"data: a\r", b"", b"\ndata: b\r", b"\n", b"\r", b"\n") == [(b"a\nb", b"")]


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_an_event_beyond_the_limit_stops_it_wherever_it_is_cut(size: int) -> None:
    stream = b"data: ok\n\n" + b"data: " + b"x" * 40 + b"\ndata: " + b"y" * 60 + b"\n\ndata: more\n\n"
    splitter = EventSplitter(100)
    events = [e for at in range(0, len(stream), size) for e in splitter.feed(stream[at : at + size])]
    assert events == [(b"ok", b"")]
    assert splitter.overflow
    assert splitter.feed(b"data: late\n\n") == []


def test_empty_data_lines_count_too() -> None:
    splitter = EventSplitter(100)
    splitter.feed(b"data\n" * 101)
    assert splitter.overflow


def test_comments_without_end_are_no_event() -> None:
    splitter = EventSplitter(100)
    for _ in range(1000):
        assert splitter.feed(b": keepalive\n") == []
    assert not splitter.overflow
    assert splitter.feed(b"data: a\n\n") == [(b"a", b"")]


def test_a_large_event_in_small_pieces_is_looked_at_once() -> None:
    """4 MiB in pieces of 16 bytes. Were what is held joined or searched anew with each of them, 500 GB would be."""
    event = b'data: "' + b"x" * (4 << 20) + b'"'
    splitter = EventSplitter(8 << 20)
    for at in range(0, len(event), 16):
        assert splitter.feed(event[at : at + 16]) == []
    assert splitter.feed(b"\n\n") == [(event[6:], b"")]


def test_between_events_nothing_is_under_way() -> None:
    splitter = EventSplitter(100)
    assert splitter.between
    for piece, between in (
        (b": x", False), (b"\n", True), (b"event: x\n", False), (b"\n", True), (b"data: a", False), (b"\n", False),
        (b"\n", True), (b"data: a\n\r", False), (b"\n", True), (b"data: " + b"x" * 200, False),
    ):  # fmt: skip
        splitter.feed(piece)
        assert splitter.between is between


def test_a_line_under_way_can_be_taken_back_and_fed_again() -> None:
    splitter = EventSplitter(100)
    assert splitter.take_back(9) == b""
    splitter.feed(b"event: x\ndata: abc")
    assert splitter.take_back(8) == b""
    assert splitter.take_back(9) == b"data: abc"
    assert splitter.take_back(9) == b""
    assert splitter.feed(b"data: abcd\n\n") == [(b"abcd", b"x")]


def test_a_mark_behind_events_that_went_past_the_splitter_is_none() -> None:
    splitter = EventSplitter(100)
    splitter.started = True
    assert splitter.feed(b"\xef\xbb\xbfdata: a\n\ndata: b\n\n") == [(b"b", b"")]
