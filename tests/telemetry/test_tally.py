from hypothesis import given
from hypothesis import strategies as st

from proxy.telemetry.declarations import Declaration
from proxy.telemetry.series import Count, Distribution
from proxy.telemetry.tally import DURATION, INPUT, ONE, OUTPUT, OVERHEAD, PACE, Figures, Tally

TOKENS = Declaration("tokens_total", "counter", "Tokens.", ("type",))
SIZES = Declaration("sizes", "histogram", "Sizes.", ("type",), (10, 100))

FIGURES: Figures = (1, 20.0, 0.5, 50, 5, 20, 3, 2, 30.0, 100.0)


def test_each_number_gets_its_figure() -> None:
    tally = Tally(noted=True)
    requests, read, written = (Count(TOKENS, (name,)) for name in ("requests", "input", "output"))
    tally.counts += [(requests, ONE), (read, INPUT), (written, OUTPUT)]
    durations, overhead, paces = (Distribution(SIZES, (name,)) for name in ("durations", "overhead", "paces"))
    tally.observe(durations, DURATION)
    tally.observe(overhead, OVERHEAD)
    tally.observe(paces, PACE)
    tally.add([FIGURES])
    tally.add([FIGURES])
    assert [count.value for count in (requests, read, written)] == [2, 100, 10]
    assert (durations.counts, durations.sum) == ([0, 2, 0], 40)
    assert (overhead.counts, overhead.sum) == ([2, 0, 0], 1)
    assert (paces.counts, paces.sum) == ([0, 2, 0], 200)
    assert [*tally.cells()] == [requests, read, written, durations, overhead, paces]


def test_one_figure_may_go_to_several_numbers() -> None:
    tally = Tally(noted=False)
    ours, theirs = Distribution(SIZES, ("ours",)), Distribution(SIZES, ("theirs",))
    tally.observe(ours, DURATION)
    tally.observe(theirs, DURATION)
    tally.add([FIGURES])
    assert (ours.sum, theirs.sum) == (20, 20)


@given(st.lists(st.one_of(st.sampled_from((0.0, 9.9, 10.0, 10.1, 100.0, 101.0)), st.floats(0, 1e9)), min_size=1))
def test_a_distribution_would_count_the_same_by_itself(values: list[float]) -> None:
    tally, here, there = Tally(noted=True), Distribution(SIZES, ()), Distribution(SIZES, ())
    tally.observe(here, DURATION)
    tally.add([(1, value, 0, 0, 0, 0, 0, 0, 0, 0) for value in values])
    for value in values:
        there.add(value)
    assert here.values() == there.values()
