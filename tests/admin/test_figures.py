import pytest

from proxy.admin.figures import seconds, sums, total, usd_or_none
from proxy.storage.ledger_schema import SUMS


@pytest.mark.parametrize(
    ("micros", "text"), [(0, "0.000000"), (1, "0.000001"), (25_000_000, "25.000000"), (-1, "-0.000001")]
)
def test_dollars_have_six_decimals(micros: int, text: str) -> None:
    assert usd_or_none(micros) == text


def test_what_is_not_known_is_not_zero() -> None:
    assert usd_or_none(None) is None
    assert seconds(None) is None
    assert seconds(1_500_000) == 1.5


def test_sums_and_what_follows_from_them() -> None:
    row = dict.fromkeys(SUMS, 0) | {"requests": 4, "input_tokens": 300, "cached_input_tokens": 100}
    row |= {"duration_us": 6_000_000, "overhead_us": 4_000, "audio_ms": 1_500, "cost_micros": 7, "charged_micros": 8}
    found = sums(row)
    assert (found["cost_usd"], found["charged_usd"]) == ("0.000007", "0.000008")
    assert (found["cached_share"], found["audio_seconds"]) == (0.3333, 1.5)
    assert (found["mean_seconds"], found["mean_overhead_seconds"]) == (1.5, 0.001)
    assert found["requests"] == 4


def test_there_is_no_share_of_nothing() -> None:
    found = sums(total([]))
    assert found["requests"] == 0
    assert [found[name] for name in ("cached_share", "mean_seconds", "mean_overhead_seconds")] == [None] * 3


def test_a_total_adds_every_sum() -> None:
    assert total([dict.fromkeys(SUMS, 2), dict.fromkeys(SUMS, 3)]) == dict.fromkeys(SUMS, 5)
