"""How files and batches are asked for, and why what is asked is not done. Loads nothing of a database."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_FILES = 100_000
"""Files of one tenant: each takes some room of its own, also where it is empty."""
Row = Mapping[str, Any]
"""A file or a batch, by the columns of its table."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much and how long. `file`, `tenant`: bytes; `keep`: seconds."""

    file: int
    tenant: int
    keep: int


class Missing(OSError):
    """The contents of a file are not where they should be."""


class InUse(Exception):
    """A batch that has not ended needs the file."""


class NoRoom(Exception):
    """The tenant's files would be larger than they may be together."""


class Crowded(Exception):
    """As many batches of the tenant as may wait have not ended."""


class Lost(Exception):
    """Another process has the batch, or it is gone."""
