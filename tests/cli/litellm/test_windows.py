import pytest

from proxy.cli.litellm.windows import period


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (None, "total"),
        ("", "total"),
        ("1d", "day"),
        ("24h", "day"),
        ("86400s", "day"),
        ("7d", "week"),
        ("1w", "week"),
        ("28d", "month"),
        ("30d", "month"),
        ("31d", "month"),
        ("1mo", "month"),
        ("daily", "day"),
        ("monthly", "month"),
        ("2mo", None),
        ("1h", None),
        ("90d", None),
        ("soon", None),
        (30, None),
    ],
)
def test_durations(duration: object, expected: str | None) -> None:
    found, told = period(duration)
    assert found == expected
    assert told
