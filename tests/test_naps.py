"""When the event loop sleeps for a moment, so that pieces of streams meet: and when it must not."""

from proxy.naps import BUSY, CLOSE, FEW, LATE, LONGEST, NAP, REST, WINDOW, WINDOWS, Naps

BRIEFLY = 0.001


class Bed:
    """Naps by clocks that move only when something comes and while it sleeps; `late`: how much longer than asked."""

    def __init__(self) -> None:
        self.time, self.worked, self.late = 1000.0, 50.0, 0.0
        self.slept: list[float] = []
        self.naps = Naps(lambda: self.time, self._sleep, lambda: self.worked)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds + self.late

    def pieces(self, number: int, rate: float, busy: float = 0.5) -> None:
        """So many come one after the other, at so many a second; the loop works for a part of that time."""
        for _ in range(number):
            self.time += 1 / rate
            self.worked += busy / rate
            self.naps.count(1)

    def come_closely(self) -> None:
        """As many as it takes to tell come, within BRIEFLY, and the loop may nap."""
        self.pieces(WINDOW, WINDOW / BRIEFLY)
        if not self.naps.near:  # that was one without
            self.pieces(WINDOW, WINDOW / BRIEFLY)

    def tried(self, posted: int = 1) -> bool:
        """Whether the loop slept behind a turn that wrote so much."""
        before = len(self.slept)
        self.naps.take(posted)
        return len(self.slept) > before


def test_from_so_many_pieces_a_second_on_the_loop_naps() -> None:
    bed = Bed()
    assert not bed.naps.near
    bed.pieces(WINDOW - 1, 2 * CLOSE)
    assert not bed.naps.near
    bed.pieces(1, 2 * CLOSE)
    assert bed.naps.near
    assert bed.tried()
    assert bed.slept == [NAP]


def test_it_does_not_where_they_are_fewer() -> None:
    bed = Bed()
    bed.pieces(3 * WINDOW, 0.9 * CLOSE)
    assert not bed.naps.near


def test_it_stops_when_they_have_become_fewer() -> None:
    bed = Bed()
    bed.pieces(WINDOW, 2 * CLOSE)
    bed.pieces(WINDOW, 0.9 * CLOSE)
    assert not bed.naps.near


def test_it_stops_at_once_when_no_more_come_though_nobody_counted_on() -> None:
    bed = Bed()
    bed.pieces(WINDOW, 2 * CLOSE)
    bed.time += 1.1 * WINDOW / CLOSE
    assert not bed.tried()
    assert not bed.naps.near
    bed.pieces(WINDOW, 2 * CLOSE)
    assert bed.tried()


def test_whoever_begins_to_count_again_has_forgotten_what_came_before() -> None:
    bed = Bed()
    bed.pieces(WINDOW, 2 * CLOSE)
    bed.pieces(WINDOW - 1, 100 * CLOSE)
    bed.time += 1.1 * WINDOW / CLOSE
    assert not bed.tried()
    bed.pieces(WINDOW - 1, 2 * CLOSE)
    assert not bed.naps.near
    bed.pieces(1, 2 * CLOSE)
    assert bed.naps.near


def test_a_loop_that_has_no_time_to_spare_does_not_nap() -> None:
    bed = Bed()
    bed.pieces(5 * WINDOW, 2 * CLOSE, busy=BUSY + 0.05)
    assert not bed.naps.near
    bed.pieces(WINDOW, 2 * CLOSE, busy=BUSY - 0.05)
    assert bed.naps.near


def test_whether_it_has_is_tried_again_and_again_by_a_window_without_naps() -> None:
    bed = Bed()
    bed.pieces(WINDOW, 2 * CLOSE)
    for _ in range(3):
        for _ in range(WINDOWS):
            assert bed.naps.near
            bed.pieces(WINDOW, 2 * CLOSE, busy=0.99)  # naps hide that it is full of work
        assert not bed.naps.near
        bed.pieces(WINDOW, 2 * CLOSE)
    bed.pieces(WINDOWS * WINDOW, 2 * CLOSE)
    bed.pieces(3 * WINDOW, 2 * CLOSE, busy=0.99)
    assert not bed.naps.near


def test_pieces_that_did_not_wait_count_with_those_that_did() -> None:
    bed = Bed()
    bed.time += 0.5 * WINDOW / CLOSE
    bed.naps.count(WINDOW)
    assert bed.naps.near


def test_behind_a_full_turn_the_loop_does_not_nap() -> None:
    bed = Bed()
    bed.come_closely()
    assert not bed.tried(FEW + 1)
    assert bed.tried(FEW)


def test_a_nap_may_take_twice_as_long_as_it_should() -> None:
    bed = Bed()
    bed.late = NAP
    bed.come_closely()
    assert bed.tried()
    assert bed.tried()


def test_after_a_nap_that_took_too_long_there_is_none_for_a_while_and_for_twice_as_long_if_the_next_does_too() -> None:
    bed, rest = Bed(), REST
    for _ in range(15):
        bed.late = LATE
        bed.come_closely()
        assert bed.tried()
        awake = bed.time + rest
        bed.time = awake - 3 * BRIEFLY
        bed.come_closely()
        assert not bed.tried()
        bed.time = awake
        rest = min(2 * rest, LONGEST)
    assert rest == LONGEST
    bed.late = 0.0
    bed.come_closely()
    assert bed.tried()
    bed.late = LATE
    assert bed.tried()
    bed.time += REST
    bed.come_closely()
    assert bed.tried()
