"""The databases of the storage tests, for journeys."""

from tests.storage.databases import postgres

__all__ = ["postgres"]
