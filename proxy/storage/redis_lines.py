"""Waiting for a place that is counted in Redis: in order within this process, by asking again across processes.

Only the first of a line asks. A place given back in this process wakes it at once; one given back elsewhere it finds
when it asks the next time, so processes take turns by chance and none waits for another's line.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from proxy.accounts.limits import Places
from proxy.accounts.refusals import places_taken

POLL = 0.1
"""Seconds after which the first of a line asks again: ten questions a second for each line."""


class Line:
    """Who waits for the places of one gate, in order."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: deque[asyncio.Event] = deque()

    def wake(self) -> None:
        """A place may be free: the first shall ask."""
        if self.waiting:
            self.waiting[0].set()

    async def turn(self, mine: asyncio.Event, seconds: float) -> bool:
        """Wait for the moment to ask, `seconds` at most. Returns whether one stands first."""
        try:
            async with asyncio.timeout(min(POLL, seconds) if self.waiting[0] is mine else seconds):
                await mine.wait()
        except TimeoutError:
            pass
        mine.clear()
        return self.waiting[0] is mine


class Lines:
    """Every line in which somebody stands."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}

    def __len__(self) -> int:
        """Lines in which somebody stands."""
        return len(self._lines)

    def waiting(self, identity: str) -> int:
        """How many wait for a place of a gate."""
        line = self._lines.get(identity)
        return 0 if line is None else len(line.waiting)

    def ahead(self, gates: Sequence[Places]) -> Places | None:
        """The first gate before which others wait already: who comes later stands behind them."""
        return next((gate for gate in gates if gate.id in self._lines), None) if self._lines else None

    def wake(self, gates: Sequence[Places]) -> None:
        """Places of these gates may be free."""
        if self._lines:
            for gate in gates:
                line = self._lines.get(gate.id)
                if line is not None:
                    line.wake()

    @contextmanager
    def standing(self, gate: Places) -> Iterator[tuple[Line, asyncio.Event]]:
        """Stand in the line of a gate. Raises LimitReached where it is as long as it may be."""
        waiting = self.waiting(gate.id)
        if waiting >= gate.queue:
            raise places_taken(gate, waiting)
        line, mine = self._lines.setdefault(gate.id, Line()), asyncio.Event()
        line.waiting.append(mine)
        try:
            yield line, mine
        finally:
            line.waiting.remove(mine)
            line.wake()  # whoever stands first now may find a place too
            if not line.waiting:
                del self._lines[gate.id]
