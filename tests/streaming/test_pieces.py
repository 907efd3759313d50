"""From pieces to events, where that is more than `test_chat` and `test_silent` tell."""

import pytest

from tests.streaming.events_of_chunks import DONE, HI, ROLE, chunk, event, open_stream, told

LAST = event(chunk({}, "stop"))


def test_a_piece_that_ends_in_an_event_waits_for_its_rest() -> None:
    stream = open_stream()
    assert stream.feed(ROLE + HI[:20]) == ROLE
    assert stream.feed(HI[20:-1]) == b""
    assert stream.feed(HI[-1:] + HI) == HI + HI


def test_what_goes_on_as_it_came_is_not_copied_and_what_is_left_out_is() -> None:
    whole = ROLE + HI + HI + LAST + DONE
    assert open_stream().feed(whole) is whole
    usage = event(
        {**chunk({}), "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}
    )
    assert open_stream().feed(ROLE + HI + LAST + usage + DONE) == ROLE + HI + LAST + DONE


@pytest.mark.parametrize("size", [1, 7, 64, 4096])
def test_pieces_of_any_size_say_the_same(size: int) -> None:
    whole = ROLE + b": ping\n\n" + HI * 5 + LAST + DONE
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert told(open_stream(), pieces) == told(open_stream(), [whole])


def test_nothing_comes_after_the_end() -> None:
    stream = open_stream()
    stream.feed(ROLE + HI + LAST + DONE)
    assert stream.feed(HI) == b""
