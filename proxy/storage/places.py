"""Places for requests under way, and short queues for them, in this process.

A place that is given back goes directly to the first in the queue: nobody who comes later can take it in between. Who
has to pass several takes them in the order given and keeps them while waiting for the next; all callers pass in the
same order (`accounts.gates`: the key's before the tenant's), so they cannot wait for each other in a circle.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

from proxy.accounts.limits import Places
from proxy.accounts.refusals import places_taken

PATIENCE = 10.0
"""Seconds a request waits for its places, all together. Longer, and clients and proxies before us give up first, and
would send the request again while its place in the queue is still held; retrying is cheaper than waiting so long."""


class Room:
    """The places of one gate: how many are taken, and who waits."""

    __slots__ = ("limit", "taken", "waiting")

    def __init__(self) -> None:
        self.limit = 0
        self.taken = 0
        self.waiting: deque[asyncio.Future[bool]] = deque()

    def give_back(self) -> None:
        """One place is free: the first who waits has it, unless the limit has been lowered."""
        self.taken -= 1
        self.hand_on()

    def hand_on(self) -> None:
        """Give every free place to the first who waits."""
        while self.waiting and self.taken < self.limit:
            first = self.waiting.popleft()
            if not first.done():
                first.set_result(True)
                self.taken += 1


class Rooms:
    """Every room in which somebody is; empty ones are forgotten."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._rooms: dict[str, Room] = {}

    def __len__(self) -> int:
        """Rooms in use."""
        return len(self._rooms)

    def waiting(self, identity: str) -> int:
        """How many wait for a place of a gate."""
        room = self._rooms.get(identity)
        return 0 if room is None else len(room.waiting)

    def enter(self, gates: Sequence[Places]) -> Sequence[Places]:
        """Take places while there are free ones. Returns the gates that are left, whose first one has none."""
        for number, gate in enumerate(gates):
            room = self._rooms.get(gate.id)
            if room is None:
                room = self._rooms[gate.id] = Room()
            if room.limit != gate.limit:
                room.limit = gate.limit
                room.hand_on()
            if room.taken >= gate.limit or room.waiting:
                return gates[number:]
            room.taken += 1
        return ()

    def leave(self, gates: Sequence[Places]) -> None:
        """Give places back."""
        for gate in gates:
            room = self._rooms[gate.id]
            room.give_back()
            self._forget(gate.id, room)

    async def wait(self, gates: Sequence[Places], left: Sequence[Places]) -> None:
        """Wait for what `enter` left. Afterwards all places are taken, or an error is raised and none is.

        Raises LimitReached where a queue is full or the wait was too long.
        """
        deadline = asyncio.get_running_loop().time() + self._patience
        try:
            while left:
                await self._wait(left[0], deadline)
                left = left[1:]
                left = self.enter(left)
        except BaseException:
            self.leave(gates[: len(gates) - len(left)])
            raise

    async def _wait(self, gate: Places, deadline: float) -> None:
        room, loop = self._rooms[gate.id], asyncio.get_running_loop()
        if len(room.waiting) >= gate.queue:
            self._forget(gate.id, room)
            raise places_taken(gate, len(room.waiting))
        place: asyncio.Future[bool] = loop.create_future()
        room.waiting.append(place)
        timer = loop.call_at(deadline, _expire, place)
        try:
            served = await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.result():  # handed over, and then cancelled
                room.give_back()
            raise
        finally:
            timer.cancel()
            if place in room.waiting:
                room.waiting.remove(place)
            self._forget(gate.id, room)
        if not served:
            raise places_taken(gate, len(room.waiting))

    def _forget(self, identity: str, room: Room) -> None:
        if not room.taken and not room.waiting and self._rooms.get(identity) is room:
            del self._rooms[identity]


def _expire(place: "asyncio.Future[bool]") -> None:
    if not place.done():
        place.set_result(False)
