"""Writing down lines of a batch that have ended, in groups: while one group is on its way, the next one gathers.

A line counts as ended once this is done, and not before: then no crash makes it run again. Where the output is on disk,
the lines go into a draft of the process's own, and the database learns where they are when they are safe; a crash in
between leaves bytes in the draft that nobody refers to.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from proxy.errors import StoreUnavailable
from proxy.storage.batching import Batches, Ended
from proxy.storage.contents import DISK, Contents, Draft
from proxy.storage.filing_terms import Row

PAUSE = 1.0
"""Seconds between attempts while the database or the disk cannot take anything."""
GROUP = 1000
"""Lines of one group at most."""


class Outcome(NamedTuple):
    """A line that has ended: its number, whether it is for the output file, and the line of the output."""

    number: int
    good: bool
    line: bytes


def draft_of(folder: Path, batch: str, epoch: int) -> Draft:
    """The draft of who has taken the batch up as the `epoch`-th."""
    return Draft(folder, f"{batch}.{epoch}")


class Recorder:
    """For one batch, as long as one process has it."""

    def __init__(self, batches: Batches, contents: Contents, batch: Row) -> None:
        self._batches, self._batch = batches, batch
        self._draft = draft_of(contents.folder, batch["id"], batch["epoch"]) if contents.place == DISK else None
        self._turn = asyncio.Lock()
        self._waiting: list[Outcome] = []

    @property
    def settled(self) -> bool:
        """Nothing waits."""
        return not self._waiting

    def add(self, outcome: Outcome) -> None:
        """A line has ended; `keep` writes it down."""
        self._waiting.append(outcome)

    async def keep(self) -> None:
        """Until everything is written down that has ended before. Tries again while it cannot be. Raises Lost."""
        last = self._waiting[-1] if self._waiting else None
        while last is not None:
            async with self._turn:
                if not any(each is last for each in self._waiting):
                    return  # somebody else has done it meanwhile
                try:
                    await self._write()
                    continue
                except (StoreUnavailable, OSError):
                    pass
            await asyncio.sleep(PAUSE)

    async def _write(self) -> None:
        group = self._waiting[:GROUP]
        await self._batches.record(self._batch, await self._placed(group))
        del self._waiting[: len(group)]  # not before: when it is cut off, it is done again, and nothing comes of it

    async def _placed(self, group: Sequence[Outcome]) -> list[Ended]:
        if self._draft is None:
            return [Ended(number, good, len(line), line) for number, good, line in group]
        at = await self._draft.add(b"".join(line for _, _, line in group))
        placed = []
        for number, good, line in group:
            placed.append(Ended(number, good, len(line), None, self._batch["epoch"], at))
            at += len(line)
        return placed

    def close(self) -> None:
        """Nothing more is written."""
        if self._draft is not None:
            self._draft.close()
