import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from proxy.telemetry.declarations import Declaration
from proxy.telemetry.series import Series

HITS = Declaration("hits_total", "counter", "Hits.", ("tenant", "status"))
WAITS = Declaration("waits", "histogram", "Waits.", ("model",), (1, 2))


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def dropped() -> list[str]:
    return []


@pytest.fixture
def hits(registry: CollectorRegistry, dropped: list[str]) -> Series:
    """At most two label sets; `tenant` is free, `status` is not."""
    return Series(HITS, Counter("hits", "Hits.", HITS.labels, registry=registry), 2, dropped.append)


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def test_a_counter_counts_by_its_labels(hits: Series, registry: CollectorRegistry) -> None:
    hits.add(("a", "200"))
    hits.add(("a", "200"), 3)
    hits.add(("b", "404"))
    assert value(registry, "hits_total", tenant="a", status="200") == 4
    assert value(registry, "hits_total", tenant="b", status="404") == 1


def test_a_histogram_observes(registry: CollectorRegistry, dropped: list[str]) -> None:
    waits = Series(
        WAITS, Histogram("waits", "", WAITS.labels, registry=registry, buckets=WAITS.buckets), 9, dropped.append
    )
    waits.add(("m",), 1.5)
    assert value(registry, "waits_bucket", model="m", le="1.0") == 0
    assert value(registry, "waits_bucket", model="m", le="2.0") == 1
    assert value(registry, "waits_sum", model="m") == 1.5


def test_a_metric_without_labels_counts(registry: CollectorRegistry, dropped: list[str]) -> None:
    plain = Declaration("lost_total", "counter", "Lost.")
    lost = Series(plain, Counter("lost", "Lost.", registry=registry), 1, dropped.append)
    lost.add()
    lost.add()
    assert value(registry, "lost_total") == 2


def test_beyond_the_limit_free_labels_become_other(
    hits: Series, registry: CollectorRegistry, dropped: list[str]
) -> None:
    hits.add(("a", "200"))
    hits.add(("b", "200"))
    for tenant in ("c", "d", "c"):
        hits.add((tenant, "500"))
    hits.add(("e", "200"), 5)
    assert value(registry, "hits_total", tenant="other", status="500") == 3
    assert value(registry, "hits_total", tenant="other", status="200") == 5
    assert value(registry, "hits_total", tenant="c", status="500") is None
    assert dropped == ["hits_total"] * 4


def test_a_set_that_was_there_before_the_limit_goes_on(hits: Series, registry: CollectorRegistry) -> None:
    for tenant in ("a", "b", "c", "a"):
        hits.add((tenant, "200"))
    assert value(registry, "hits_total", tenant="a", status="200") == 2


def test_nothing_is_dropped_where_nothing_is_lost(
    hits: Series, registry: CollectorRegistry, dropped: list[str]
) -> None:
    """`other` beyond the limit is counted where it belongs anyway."""
    for tenant in ("a", "b", "other"):
        hits.add((tenant, "200"))
    assert value(registry, "hits_total", tenant="other", status="200") == 1
    assert dropped == []


def test_any_number_of_names_makes_few_series(hits: Series, registry: CollectorRegistry) -> None:
    for number in range(5000):
        hits.add((f"invented-{number}", "200"))
    (family,) = registry.collect()
    assert len([sample for sample in family.samples if sample.name == "hits_total"]) == 3
    assert sum(sample.value for sample in family.samples if sample.name == "hits_total") == 5000
