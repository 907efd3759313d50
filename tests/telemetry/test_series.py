import pytest

from proxy.telemetry.declarations import Declaration
from proxy.telemetry.series import Count, Distribution, Series

HITS = Declaration("hits_total", "counter", "Hits.", ("tenant", "status"))
WAITS = Declaration("waits", "histogram", "Waits.", ("model",), (1, 2))
DROPPED = Declaration("dropped_total", "counter", "Dropped.", ("metric",))


@pytest.fixture
def dropped() -> Count:
    """The counter of observations that went to `other`."""
    return Count(DROPPED, ("hits_total",))


@pytest.fixture
def hits(dropped: Count) -> Series[Count]:
    """At most two label sets; `tenant` is free, `status` is not."""
    return Series(HITS, Count, 2, {"hits_total": dropped}.__getitem__)


def count(series: Series[Count], labels: tuple[str, ...], amount: float = 1) -> None:
    """One observation, as those who keep the cells make it."""
    also: list[Count] = []
    series.cell(labels, also).value += amount
    for counter in also:
        counter.value += 1


def values(series: Series[Count]) -> dict[tuple[str, ...], float]:
    return {labels: cell.value for labels, cell in series.cells.items()}


def test_a_counter_counts_by_its_labels(hits: Series[Count]) -> None:
    count(hits, ("a", "200"))
    count(hits, ("a", "200"), 3)
    count(hits, ("b", "404"))
    assert values(hits) == {("a", "200"): 4, ("b", "404"): 1}
    assert hits.cells["a", "200"].values() == [4]


@pytest.mark.parametrize(
    ("amount", "counts"), [(0, [1, 0, 0]), (1, [1, 0, 0]), (1.5, [0, 1, 0]), (2, [0, 1, 0]), (2.1, [0, 0, 1])]
)
def test_an_observation_falls_into_the_first_bucket_that_holds_it(amount: float, counts: list[int]) -> None:
    waits = Distribution(WAITS, ("m",))
    waits.add(amount)
    assert (waits.counts, waits.sum) == (counts, amount)
    assert waits.values() == [*counts, amount]


def test_a_histogram_has_distributions(dropped: Count) -> None:
    waits = Series(WAITS, Distribution, 9, lambda name: dropped)
    waits.cell(("m",), []).add(1.5)
    waits.cell(("m",), []).add(0.5)
    assert waits.cells["m",].sum == 2


def test_a_cell_knows_what_it_belongs_to(hits: Series[Count]) -> None:
    cell = hits.cell(("a", "200"), [])
    assert (cell.row, cell.labels) == (HITS, ("a", "200"))


def test_a_metric_without_labels_counts(dropped: Count) -> None:
    lost = Series(Declaration("lost_total", "counter", "Lost."), Count, 1, lambda name: dropped)
    count(lost, ())
    count(lost, ())
    assert values(lost) == {(): 2}


def test_beyond_the_limit_free_labels_become_other(hits: Series[Count], dropped: Count) -> None:
    count(hits, ("a", "200"))
    count(hits, ("b", "200"))
    for tenant in ("c", "d", "c"):
        count(hits, (tenant, "500"))
    count(hits, ("e", "200"), 5)
    assert values(hits) == {("a", "200"): 1, ("b", "200"): 1, ("other", "500"): 3, ("other", "200"): 5}
    assert dropped.value == 4


def test_a_set_that_was_there_before_the_limit_goes_on(hits: Series[Count]) -> None:
    for tenant in ("a", "b", "c", "a"):
        count(hits, (tenant, "200"))
    assert values(hits)["a", "200"] == 2


def test_nothing_is_dropped_where_nothing_is_lost(hits: Series[Count], dropped: Count) -> None:
    """`other` beyond the limit is counted where it belongs anyway."""
    for tenant in ("a", "b", "other", "other"):
        count(hits, (tenant, "200"))
    assert values(hits)["other", "200"] == 2
    assert dropped.value == 0


def test_other_from_before_the_limit_takes_the_rest(hits: Series[Count], dropped: Count) -> None:
    for tenant in ("other", "a", "b"):
        count(hits, (tenant, "200"))
    assert values(hits) == {("other", "200"): 2, ("a", "200"): 1}
    assert dropped.value == 1


def test_any_number_of_names_makes_few_series(hits: Series[Count]) -> None:
    for number in range(5000):
        count(hits, (f"invented-{number}", "200"))
    assert len(hits.cells) == 3
    assert sum(values(hits).values()) == 5000
