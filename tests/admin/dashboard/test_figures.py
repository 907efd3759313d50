from collections.abc import Callable
from typing import Any

import pytest

from proxy.admin.dashboard import figures
from tests.admin.bureau import NOW


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        (figures.number, None, "\N{EN DASH}"),
        (figures.number, 1234567, "1,234,567"),
        (figures.compact, None, "\N{EN DASH}"),
        (figures.compact, 0, "0"),
        (figures.compact, 987, "987"),
        (figures.compact, 9_876, "9,876"),
        (figures.compact, 12_345, "12.3k"),
        (figures.compact, 123_456, "123k"),
        (figures.compact, 1_234_567, "1.23M"),
        (figures.compact, 4_560_000_000, "4.56B"),
        (figures.compact, 7_000_000_000_000, "7.00T"),
        (figures.money, None, "\N{EN DASH}"),
        (figures.money, 0, "$0.00"),
        (figures.money, 1_234_567_890, "$1,234.57"),
        (figures.money, 736_643, "$0.737"),
        (figures.money, 123, "$0.000123"),
        (figures.money, 1, "$0.000001"),
        (figures.money, 999_999, "$1.00"),
        (figures.money, -2_500_000, "-$2.50"),
        (figures.exact_money, None, "\N{EN DASH}"),
        (figures.exact_money, 736_643, "$0.736643"),
        (figures.seconds, None, "\N{EN DASH}"),
        (figures.seconds, 0, "0 ms"),
        (figures.seconds, 0.00042, "0.42 ms"),
        (figures.seconds, 0.84, "840 ms"),
        (figures.seconds, 1.4236, "1.42 s"),
        (figures.seconds, 75, "75.0 s"),
        (figures.seconds, 600, "10 min"),
        (figures.seconds, 9000, "2.5 h"),
        (figures.percent, None, "\N{EN DASH}"),
        (figures.percent, 0, "0 %"),
        (figures.percent, 0.0004, "< 0.1 %"),
        (figures.percent, 0.042, "4.2 %"),
        (figures.percent, 0.42, "42 %"),
        (figures.percent, 1.02, "102 %"),
        (figures.moment, None, "\N{EN DASH}"),
        (figures.moment, NOW, "2027-01-15 08:00:00"),
        (figures.iso, NOW, "2027-01-15T08:00:00+00:00"),
    ],
)
def test_figures_as_text(text: Callable[[Any], str], value: Any, expected: str) -> None:
    assert text(value) == expected


@pytest.mark.parametrize(
    ("since", "expected"),
    [(None, "never"), (5, "just now"), (-3, "just now"), (300, "5 min ago"), (7300, "2 h ago"), (864_000, "10 d ago")],
)
def test_how_long_since(since: int | None, expected: str) -> None:
    assert figures.ago(None if since is None else NOW - since, NOW) == expected
