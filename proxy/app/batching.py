"""Batches while a process runs: found, taken up, watched, and let go of at its end.

The runner sleeps until a batch is made here, and looks every ten seconds whether one was made or left behind elsewhere.
While it works it looks twice a second whether a batch was cancelled, wherever that was. Live requests come first: for
each of them that is under way a batch has one less, down to a quarter of `batches.concurrent`.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proxy.app.keeping import Condition
from proxy.clock import Clock
from proxy.edge.services import Services
from proxy.errors import StoreUnavailable
from proxy.settings import Settings

if TYPE_CHECKING:
    from proxy.app.batch_run import Around, Run
    from proxy.app.membership import Kept
    from proxy.storage.batching import Batches
    from proxy.storage.filing import Files
    from proxy.storage.filing_terms import Row

DAY = 86_400
LOOK_EVERY = 10.0
"""Seconds between two looks for work."""
WATCH_EVERY = 0.5
"""Seconds between two looks at whether what is under way is still wanted."""
PROLONG_EVERY = 5.0
"""Seconds after which the leases are prolonged: a fraction of what they last."""
PRUNE_EVERY = 3600.0
"""Seconds between two times that what is too old is removed."""
AT_ONCE = 32
"""Batches of a process under way at once; the others wait for their turn in the database."""
LAST_LINES = 5.0
"""Seconds that lines under way have to end when the process ends."""
OWNER_BYTES = 12


def open_files(
    settings: Settings, kept: "Kept | None", clock: Clock, random: Callable[[int], bytes]
) -> "tuple[Files | None, Batches | None]":
    """Files and batches in the store; None where nothing is kept."""
    if kept is None:
        return None, None
    from proxy.storage.batching import Batches
    from proxy.storage.contents import Contents
    from proxy.storage.filing import Files
    from proxy.storage.filing_terms import Bounds

    given, database = settings.batches, kept.store.database
    keep = int(given.keep * DAY)
    contents = Contents(database, Path(given.folder), given.store)
    files = Files(database, contents, clock, Bounds(given.file_size, given.tenant_size, keep), random)
    return files, Batches(database, clock, files.identity, keep, given.queued)


class Runner:
    """The batches of one process."""

    def __init__(self, services: Services, condition: Condition, workers: int = 1) -> None:
        """`workers`: processes of this machine that serve together, and share what may be under way."""
        self._services, self._condition = services, condition
        self._owner = services.random(OWNER_BYTES).hex()
        self._most = max(1, services.settings.batches.concurrent // workers)
        self._runs: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._around: Around | None = None
        self._prolonged = self._pruned = float("-inf")

    async def run(self) -> None:
        """Until cancelled."""
        await self._condition.started.wait()
        batches = self._services.batches
        if batches is None:
            return
        while True:
            batches.changed.clear()
            if not self._condition.stopping:
                if self._around is not None:
                    self._around.places.look()  # requests of clients, which come first, may have ended
                # a task of its own: should it fail, its owner tells, and the next round comes all the same
                await asyncio.wait({self._services.start(self._round(batches))})
            with suppress(TimeoutError):
                async with asyncio.timeout(WATCH_EVERY if self._runs else LOOK_EVERY):
                    await batches.changed.wait()

    async def _round(self, batches: "Batches") -> None:
        await self._try(self._look(batches))
        await self._try(self._prune(batches))

    async def _try(self, work: Coroutine[Any, Any, None]) -> None:
        """While the database does not answer, everything stays as it is; readiness tells of it."""
        try:
            await work
        except StoreUnavailable:
            pass
        except OSError as fault:
            self._services.log.alert("files_not_removed", fault=fault.strerror or "an error of the disk")

    async def _look(self, batches: "Batches") -> None:
        now = self._services.clock.steady()
        if self._runs:
            if now >= self._prolonged + PROLONG_EVERY:
                await batches.prolong(self._owner, list(self._runs))
                self._prolonged = now
            self._watch(await batches.states(self._owner))
        await self._take_up(batches)

    def _watch(self, states: dict[str, tuple[str, int]]) -> None:
        now = self._services.clock.wall()
        for identity, run in self._runs.items():
            status, epoch = states.get(identity, ("", 0))
            if epoch != run.batch["epoch"]:
                run.stop("lost")
            elif status == "cancelling":
                run.stop("cancelled")
            elif now >= run.batch["expires_at"]:
                run.stop("expired")

    async def _take_up(self, batches: "Batches") -> None:
        """Batches that nobody works at; first those of tenants that have the fewest under way here.

        A tenant without any is not made to wait for the many batches of others, which may take a day.
        """
        free = [row for row in await batches.candidates() if row["id"] not in self._runs]
        busy = Counter(run.batch["tenant"] for run in self._runs.values())
        while free:
            row = min(free, key=lambda each: (busy[each["tenant"]], each["id"]))
            if len(self._runs) >= AT_ONCE and busy[row["tenant"]]:
                return
            free.remove(row)
            batch = await batches.claim(row["id"], self._owner)
            if batch is not None:
                busy[batch["tenant"]] += 1
                self._begin(batch)

    def _begin(self, batch: "Row") -> None:
        from proxy.app.batch_run import Around, Run  # who never has a batch need not have it in memory
        from proxy.app.fairness import Places

        services = self._services
        if services.files is None or services.batches is None:
            return
        if self._around is None:
            places = Places(self._allowed)
            self._around = Around(services, services.files, services.batches, places)
        run = self._runs[batch["id"]] = Run(self._around, batch)
        task = services.start(self._run(run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _allowed(self) -> int:
        """Requests of batches under way at once, for now."""
        if self._condition.stopping:
            return 0
        taken = self._around.places.taken if self._around is not None else 0
        live = max(0, int(self._services.metrics.requests_under_way.value) - taken)
        return max(1, self._most // 4, self._most - live)

    async def _run(self, run: "Run") -> None:
        from proxy.storage.filing_terms import Lost

        log, batch = self._services.log, run.batch
        told = {"tenant": batch["tenant"], "batch": batch["id"]}
        log.say("batch_taken_up", **told, status=batch["status"])
        try:
            log.say("batch_ended", **told, status=await run.run())
        except Lost:
            log.say("batch_lost", **told)
        except (StoreUnavailable, OSError) as fault:
            log.alert("batch_interrupted", **told, fault=type(fault).__name__)
        except asyncio.CancelledError:
            await self._release(batch)
            raise
        finally:
            del self._runs[batch["id"]]
            if self._services.batches is not None and not self._condition.stopping:
                self._services.batches.changed.set()  # there may be room for another one

    async def _release(self, batch: "Row") -> None:
        if self._services.batches is not None:
            with suppress(StoreUnavailable):
                await self._services.batches.release(batch)

    async def _prune(self, batches: "Batches") -> None:
        """Remove what is too old: a portion now, the next one at the next look."""
        now = self._services.clock.steady()
        if now < self._pruned + PRUNE_EVERY or self._services.files is None:
            return
        if not await self._services.files.prune() and not await batches.prune():
            self._pruned = now

    async def close(self) -> None:
        """Nothing new begins. What is under way has some seconds, then it is left to whoever starts next."""
        if self._tasks and self._around is not None:
            end = asyncio.get_running_loop().time() + LAST_LINES
            while not self._settled(self._around) and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110 - for seconds at most
                await asyncio.sleep(WATCH_EVERY / 10)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _settled(self, around: "Around") -> bool:
        """Nothing is under way, and what has ended is written down."""
        return not around.places.taken and all(run.settled for run in self._runs.values())


@asynccontextmanager
async def batching(services: Services, condition: Condition, workers: int) -> AsyncIterator[None]:
    """Batches are worked at while the body runs, once the process serves."""
    if services.batches is None:
        yield
        return
    runner = Runner(services, condition, workers)
    task = services.start(runner.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await runner.close()
