"""One batch, from its first look at the input to its output, as far as this process has it.

    validating   every line is looked at; one fault, and the batch has failed
    in_progress  lines run side by side; each one that has ended is written down before the next one is taken
    finalizing   the output is put together
    completed, expired, cancelled

Whatever happens in between, another process (or this one, started again) goes on from what was written down. Lines that
were under way then run again: what they had done so far nobody knows.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Any

from proxy import codec
from proxy.app.fairness import Places
from proxy.app.output import Output, lines_of
from proxy.app.recording import Outcome, Recorder
from proxy.edge.inner import Errand, perform
from proxy.edge.services import Services
from proxy.errors import InvalidApiKey, ProxyError, ShuttingDown, StoreUnavailable, UpstreamTimeout
from proxy.storage.batching import Batches
from proxy.storage.filing import Files
from proxy.storage.filing_terms import Lost, Missing, Row
from proxy.telemetry.clients import BATCH
from proxy.translation import retrying
from proxy.translation.batch_lines import (
    Checker,
    Line,
    LineFault,
    Request,
    answered,
    envelope,
    line_id,
    parse,
    unanswered,
)

REFUSED: dict[str, str] = {
    "stream": "Requests of a batch cannot be streamed.",
    "background": "Requests of a batch cannot be made in the background.",
}
"""Fields of a body that must not be true in a batch -> why."""
AS_BATCH = {"user-agent": BATCH}
"""The headers of a line."""
BAD_REQUEST, ERROR = 400, 400
SLIP = {"code": "internal_error", "line": None, "message": "An internal error occurred.", "param": None}
FULL = ("storage_full", "The files of this tenant have no room for more answers (HINT: delete some files).")
EXPIRED = "The batch expired before Telnyx had answered."
LATER = "The proxy lets go of the batch. Whoever takes it up runs the line again."
GONE = {"code": "input_file_unavailable", "line": None, "message": "The input file is gone.", "param": "input_file_id"}


@dataclass(frozen=True, slots=True)
class Around:
    """What every batch of a process works with."""

    services: Services
    files: Files
    batches: Batches
    places: Places


class Run:
    """One batch.

    Attributes:
        batch: its row, as it was when it was taken up.
    """

    def __init__(self, around: Around, batch: Row) -> None:
        self._around, self.batch = around, batch
        self._recorder = Recorder(around.batches, around.files.contents, batch)
        self._reason = "cancelled" if batch["status"] == "cancelling" else ""
        self._scope: asyncio.Timeout | None = None
        self._waits_until = 0.0
        self._room = self._written = 0

    @property
    def settled(self) -> bool:
        """Everything that has ended is written down."""
        return self._recorder.settled

    def stop(self, reason: str) -> None:
        """It ends early: `cancelled`, `expired` or `lost`. Lines under way are broken off."""
        if not self._reason:
            self._reason = reason
            if self._scope is not None:
                self._scope.reschedule(asyncio.get_running_loop().time())

    async def run(self) -> str:
        """Until it has ended: how. Raises Lost, StoreUnavailable, OSError; then somebody takes it up again."""
        try:
            return await self._run()
        except Missing:
            return await self._fail([GONE])
        except (Lost, StoreUnavailable, OSError):
            raise
        except Exception:
            await self._conclude("failed")  # with what it has: a slip of ours shall not be paid for again and again
            raise
        finally:
            self._write(-self._written)
            self._recorder.close()

    def _write(self, size: int) -> int:
        """So many bytes more of its answers are kept: those of all batches of its tenant that this process has."""
        self._written += size
        return self._around.files.overdraw(self.batch["tenant"], size)

    async def _run(self) -> str:
        if not self._reason and self.batch["status"] != "finalizing":
            faults = await self._work()
            if faults:
                return await self._fail(faults)
        await self._recorder.keep()
        if self._reason == "lost":
            raise Lost
        done = self.batch["status"] == "finalizing"
        return await self._conclude("completed" if done else self._reason or "completed")

    async def _work(self) -> list[dict[str, Any]]:
        """Look at the lines and run them, unless it is stopped. What is wrong with the input."""
        try:
            async with asyncio.timeout(None) as self._scope:
                if self.batch["status"] == "validating":
                    faults = await self._validate()
                    if faults or self._reason:
                        return faults
                await self._run_lines()
        except TimeoutError:
            if not self._reason:
                raise
        finally:
            self._scope = None
        return []

    async def _source(self) -> Row:
        row = await self._around.files.input(self.batch["input_file"])
        if row is None:
            raise Missing("the input file is gone")
        return row

    async def _lines(self) -> AsyncGenerator[Line, None]:
        limit = self._around.services.settings.limits.body
        async with aclosing(lines_of(self._around.files, await self._source(), limit)) as lines:
            async for line in lines:
                yield line

    async def _validate(self) -> list[dict[str, Any]]:
        settings = self._around.services.settings
        checker = Checker(self.batch["endpoint"], settings.batches.requests, settings.limits.body)
        async with aclosing(self._lines()) as lines:
            async for line in lines:
                checker.check(line)
                if checker.full:
                    break
        checker.finish()
        if checker.faults:
            return checker.faults
        begun = {"status": "in_progress", "total": checker.total, "in_progress_at": self._now()}
        if not await self._around.batches.move(self.batch, begun, "validating"):
            self._reason = "cancelled"
        return []

    def _now(self) -> int:
        return int(self._around.services.clock.wall())

    async def _run_lines(self) -> None:
        done = await self._around.batches.numbers(self.batch["id"])
        self._room = await self._around.files.room(self.batch["tenant"])
        self._write(await self._around.batches.written(self.batch["id"]))
        turn, concurrent = asyncio.Lock(), self._around.services.settings.batches.concurrent
        async with AsyncExitStack() as stack:
            lines = await stack.enter_async_context(aclosing(self._lines()))

            async def serve() -> None:
                while True:
                    async with turn:
                        line = await anext(lines, None)
                    if line is None:
                        return
                    if line.number not in done:
                        outcome = await self._serve(line)
                        self._write(len(outcome.line))
                        self._recorder.add(outcome)
                        await self._recorder.keep()

            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(concurrent):
                        group.create_task(serve())
            except BaseExceptionGroup as faults:
                raise faults.exceptions[0] from None  # the others were cancelled

    async def _serve(self, line: Line) -> Outcome:
        """Run a line until its answer stands."""
        identity, endpoint = line_id(self.batch["id"], line.number), self.batch["endpoint"]
        try:
            request = parse(line.data or b"", endpoint)
        except LineFault as fault:  # the file was another one when it was looked at
            return Outcome(line.number, good=False, line=unanswered(identity, "", fault.code, fault.message))
        refusal = _refusal(request)
        if refusal is not None:
            return Outcome(
                line.number, good=False, line=answered(identity, request.custom_id, BAD_REQUEST, "", refusal)
            )
        if self._write(0) > self._room:  # vectors of a few cents would fill every disk
            return Outcome(line.number, good=False, line=unanswered(identity, request.custom_id, *FULL))
        return await self._ask(line.number, identity, request)

    async def _ask(self, number: int, identity: str, request: Request) -> Outcome:
        body, tries = codec.encode(request.body), 0
        batch, services = self.batch, self._around.services
        while True:
            await self._pause()
            await self._around.places.take(batch["tenant"], batch["id"])
            try:
                grant = services.keys.named(batch["tenant"], batch["key_id"], batch["key"], services.clock.wall())
                errand = Errand(grant, "POST", batch["endpoint"], body, AS_BATCH, ending=self._ending)
                outcome = await perform(services, errand)
            except InvalidApiKey as gone:
                line = unanswered(identity, request.custom_id, gone.code, gone.message)
                return Outcome(number, good=False, line=line)
            finally:
                self._around.places.give()
            answer = retrying.Answer(outcome.status, outcome.body, retrying.headers_of(outcome.lines))
            tries += 1
            again = retrying.judge(answer, tries)
            if again is None:
                good = outcome.status < ERROR
                line = answered(identity, request.custom_id, outcome.status, outcome.request_id, outcome.body)
                return Outcome(number, good=good, line=line)
            tries -= not again.counts
            await self._wait(again)

    def _ending(self) -> ProxyError | None:
        """Why a line under way is broken off; None where the client has cancelled the batch."""
        if self._reason == "cancelled":
            return None
        return UpstreamTimeout(EXPIRED) if self._reason == "expired" else ShuttingDown(LATER)

    async def _wait(self, again: retrying.Again) -> None:
        if again.all:
            self._waits_until = max(self._waits_until, self._around.services.clock.steady() + again.wait)
        else:
            await asyncio.sleep(again.wait)

    async def _pause(self) -> None:
        """While the whole batch has to wait."""
        steady = self._around.services.clock.steady
        while (left := self._waits_until - steady()) > 0:  # it may be put off while it is waited for  # noqa: ASYNC110
            await asyncio.sleep(left)

    async def _fail(self, faults: list[dict[str, Any]]) -> str:
        await self._around.batches.end(self.batch, "failed", {"errors": faults})
        return "failed"

    async def _conclude(self, reason: str) -> str:
        batches = self._around.batches
        if reason == "completed":
            moved = {"status": "finalizing", "finalizing_at": self._now()}
            if not await batches.move(self.batch, moved, "in_progress", "finalizing"):
                reason = "cancelled"  # in this very moment
        output = Output(self._around.files, batches, self.batch)
        values = await output.make(reason, self._around.services.settings.limits.body)
        if reason == "failed":
            values["errors"] = [SLIP]
        await batches.end(self.batch, reason, values)
        await output.clear()
        return reason


def _refusal(request: Request) -> bytes | None:
    """The answer to a request that has no place in a batch."""
    for name, why in REFUSED.items():
        if request.body.get(name) is True:
            return envelope(f"Invalid '{name}'. {why}", param=name, code="unsupported_parameter")
    return None
