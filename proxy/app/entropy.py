"""Random bytes for ids, fetched from the system by the page: a system call for every request would be one too many."""

import os
from collections.abc import Callable

PAGE = 4096
"""Bytes fetched at once."""


class Entropy:
    """Hands out random bytes, each of them once. Made after a fork, never before: two processes must not share a page.

    Args:
        fetch: where they come from, `os.urandom`.
    """

    __slots__ = ("_at", "_fetch", "_page")

    def __init__(self, fetch: Callable[[int], bytes] = os.urandom) -> None:
        self._fetch = fetch
        self._page = b""
        self._at = 0

    def __call__(self, count: int) -> bytes:
        """So many random bytes."""
        end = self._at + count
        if end > len(self._page):
            self._page = self._fetch(max(PAGE, count))
            self._at, end = 0, count
        given = self._page[self._at : end]
        self._at = end
        return given
