import pytest

from proxy.cli.figures import compact, micros_of, money, share, took


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (9_999, "9999"),
        (10_000, "10.0k"),
        (123_456, "123k"),
        (1_234_567, "1.2M"),
        (10**9, "1.0G"),
        (5 * 10**14, "500T"),
        (-12_345, "-12.3k"),
    ],
)
def test_counts_are_short(value: int, text: str) -> None:
    assert compact(value) == text


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (None, "?"),
        (0, "$0.00"),
        (7, "$0.000007"),
        (300, "$0.0003"),
        (999_999, "$1.0000"),
        (12_340_000, "$12.34"),
        (1_234_567_890, "$1,234.57"),
        (-2_500_000, "-$2.50"),
    ],
)
def test_money_has_as_many_decimals_as_tell_something(micros: int | None, text: str) -> None:
    assert money(micros) == text


def test_dollars_become_whole_micros() -> None:
    assert [micros_of(text) for text in ("0.000001", "1.5", "0")] == [1, 1_500_000, 0]


@pytest.mark.parametrize(("part", "text"), [(0, "0 %"), (0.4, "0.4 %"), (1, "1 %"), (34.4, "34 %"), (100, "100 %")])
def test_shares_are_rounded(part: float, text: str) -> None:
    assert share(part, 100) == text
    assert share(part, 0) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.0, "0 ms"), (0.85, "850 ms"), (1.2, "1.20 s"), (42.0, "42.0 s"), (125.4, "2m 05s")],
)
def test_durations_are_told_in_their_unit(seconds: float | None, text: str) -> None:
    assert took(seconds) == text
