"""The figures of a stream."""

from proxy.streaming.meter import HELD_LIMIT, Meter


def test_texts_count_in_bytes_and_anything_else_not_at_all() -> None:
    meter = Meter()
    for text in ("ab", "é", "", None, 5, ["abc"]):
        meter.count(text)
    assert (meter.output_bytes, meter.reasoning_bytes) == (4, 0)


def test_reasoning_counts_apart() -> None:
    meter = Meter()
    for text in ("ab", "é", None):
        meter.count_reasoning(text)
    assert (meter.output_bytes, meter.reasoning_bytes) == (0, 4)


def test_there_is_room_for_so_much_and_no_more() -> None:
    meter = Meter()
    assert meter.hold("é" * (HELD_LIMIT // 2))
    assert meter.hold("")
    assert not meter.hold("x")
