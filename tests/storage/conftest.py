"""Fixtures of the storage tests: databases of both kinds."""

from tests.storage.databases import hand, opening, second, store, url

__all__ = ["hand", "opening", "second", "store", "url"]
