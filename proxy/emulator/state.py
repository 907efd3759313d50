"""What the emulator knows while it runs: the scenario in force, what it received, and the brakes that tests hold."""

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from proxy.emulator import scenarios
from proxy.emulator.behaviour import Behaviour

_KEPT_REQUESTS = 1000
"""Requests that are remembered: enough for any test, and a day of practising stays small."""

_FAREWELLS = frozenset({"complete", "hung up", "broken off"})


@dataclass
class Received:
    """One request as it arrived, and how its answer ended.

    Attributes:
        number: counts from 1 since the start.
        headers: by lower-case name; values of equal names are joined by a comma.
        body: the decoded JSON; text where it is none; None where there was no body.
        connection: which connection it came on, counted from 1.
        nth: its place on that connection, from 1: above 1 the connection was reused.
        scenario: the one that decided about it.
        status: of the answer, None if none was started.
        outcome: `open`, `complete`, `hung up` (by the client), `broken off` (by the emulator).
    """

    number: int
    method: str
    path: str
    query: str
    headers: dict[str, str]
    connection: int
    nth: int
    body: Any = None
    scenario: str = ""
    status: int | None = None
    outcome: str = "open"

    @property
    def hung_up(self) -> bool:
        """Whether the client left before the answer was complete."""
        return self.outcome == "hung up"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.outcome in _FAREWELLS

    def described(self) -> dict[str, Any]:
        """The row of `GET /_requests`."""
        return {**asdict(self), "hung_up": self.hung_up}


@dataclass
class _Connection:
    number: int
    requests: int = 0


@dataclass
class State:
    """The living part of one emulator.

    Attributes:
        scenario, options: as chosen last.
        behaviour: what follows from them.
        now: the clock of `created`, in seconds since 1970.
        release: set it and every pause and stall goes on; a new choice of scenario starts with a new one.
        paused: how many answers wait in a pause or stall right now.
    """

    scenario: str = "default"
    options: Mapping[str, Any] = field(default_factory=dict)
    now: Callable[[], float] = time.time
    behaviour: Behaviour = field(default_factory=Behaviour)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    paused: int = 0

    def __post_init__(self) -> None:
        self._requests: deque[Received] = deque(maxlen=_KEPT_REQUESTS)
        self._count = 0
        self._connection_count = 0
        self._connections: WeakKeyDictionary[asyncio.BaseTransport, _Connection] = WeakKeyDictionary()
        self._spent: Counter[str] = Counter()
        self._change = asyncio.Event()
        self.choose(self.scenario, self.options)

    @property
    def requests(self) -> list[Received]:
        """What was received, oldest first."""
        return list(self._requests)

    def choose(self, name: str, options: Mapping[str, Any] | None = None) -> None:
        """Behaves otherwise from the next request on. Raises UnknownScenario or BadOption, changing nothing."""
        self.behaviour = scenarios.resolve(name, options)
        self.scenario, self.options = name, dict(options or {})
        self._spent.clear()
        self.release.set()
        self.release = asyncio.Event()

    def clear(self) -> None:
        """Forgets what was received."""
        self._requests.clear()

    def receive(self, method: str, path: str, query: str, headers: dict[str, str], transport: Any) -> Received:
        """Takes note of a request before its body is read."""
        connection = self._connection(transport)
        connection.requests += 1
        self._count += 1
        received = Received(self._count, method, path, query, headers, connection.number, connection.requests)
        self._requests.append(received)
        self.changed()
        return received

    def _connection(self, transport: Any) -> _Connection:
        if transport not in self._connections:
            self._connection_count += 1
            self._connections[transport] = _Connection(self._connection_count)
        return self._connections[transport]

    def end(self, received: Received, outcome: str) -> None:
        """Takes note of how an answer ended."""
        received.outcome = outcome
        self.changed()

    def spend(self, behaviour: Behaviour) -> bool:
        """Whether a scenario that goes wrong `times` times goes wrong this time, too; counts it."""
        if behaviour.times is None:
            return True
        self._spent[behaviour.scenario] += 1
        return self._spent[behaviour.scenario] <= behaviour.times

    def changed(self) -> None:
        """Wakes everybody who waits in `until`."""
        change, self._change = self._change, asyncio.Event()
        change.set()

    async def until(self, condition: Callable[["State"], Any]) -> None:
        """Waits until the condition holds; it is looked at whenever a request arrives, pauses, goes on or ends."""
        while not condition(self):
            await self._change.wait()

    async def pause(self, seconds: float | None) -> None:
        """Waits until it is released or, where seconds are given, for so long."""
        self.paused += 1
        self.changed()
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.release.wait(), seconds)
        finally:
            self.paused -= 1
            self.changed()
