"""Percentiles out of bins: how long requests took, from how many fell into which bin of durations."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import ceil, sqrt

from proxy.accounts.entries import MICROSECONDS, bounds_of


def percentiles(bins: Mapping[int, int], parts: Sequence[float]) -> list[float]:
    """The durations in seconds that so many of the requests are not above: 0.5 = the median.

    `bins`: number of a bin (`accounts.entries.bin_of`) -> requests, at least one in all. The nearest rank says which
    bin it is; the answer is the geometric middle of that bin, from which nothing in it is further than 9 %.
    """
    numbers = sorted(bins)
    below = list(accumulate(bins[number] for number in numbers))
    ranks = (min(max(ceil(part * below[-1]), 1), below[-1]) for part in parts)
    return [middle(numbers[bisect_left(below, rank)]) for rank in ranks]


def middle(number: int) -> float:
    """The geometric middle of a bin, in seconds."""
    low, high = bounds_of(number)
    return sqrt(low * high) / MICROSECONDS
