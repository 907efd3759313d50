"""The files that a batch ends with: what went well in one, everything else in the other.

Lines stand in the order of the input. Requests that were not made, because the batch was cancelled or its time was
over, stand at the end of the second file, so that every request of the input is in exactly one of the two.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from proxy.app.recording import draft_of
from proxy.storage.batching import Batches, Ended
from proxy.storage.filing import Deposit, Files
from proxy.storage.filing_terms import Row
from proxy.translation.batch_lines import Line, LineFault, LineSplitter, line_id, parse, unanswered
from proxy.translation.batches import OUTPUT_PURPOSE

if TYPE_CHECKING:
    from proxy.storage.contents import Draft

REASONS: Mapping[str, tuple[str, str]] = {
    "cancelled": ("batch_cancelled", "The batch was cancelled before this request was executed."),
    "failed": ("internal_error", "An internal error occurred before this request was executed."),
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
}
"""How a batch ended before all of it was done -> code and message of a line that was not run."""


async def lines_of(files: Files, row: Row, limit: int) -> AsyncGenerator[Line, None]:
    """The lines of an input file; `limit`: bytes of one. Raises Missing."""
    splitter = LineSplitter(limit)
    async with aclosing(files.pieces(row)) as pieces:
        async for piece in pieces:
            for line in splitter.feed(piece):
                yield line
    for line in splitter.finish():
        yield line


class Output:
    """The files of one batch, while they are written."""

    def __init__(self, files: Files, batches: Batches, batch: Row) -> None:
        self._files, self._batches, self._batch = files, batches, batch
        self._drafts: dict[int, Draft] = {}
        self._open: dict[bool, Deposit] = {}
        self._counts = {True: 0, False: 0}

    async def make(self, reason: str, limit: int) -> dict[str, Any]:
        """Write both, as far as there is something for them: what the batch then says of them.

        `reason`: how the batch ends; `limit`: bytes of a line of the input.
        """
        try:
            await self._copy()
            if reason in REASONS:
                await self._add_rest(*REASONS[reason], limit)
            return await self._close()
        except BaseException:
            for deposit in self._open.values():
                await self._files.drop(deposit)
            raise
        finally:
            for draft in self._drafts.values():
                draft.close()

    async def _copy(self) -> None:
        after = 0
        while page := await self._batches.lines(self._batch["id"], after):
            for ended, line in zip(page, await self._read(page), strict=True):
                await self._write(line, good=ended.good)
            after = page[-1].number

    async def _read(self, page: list[Ended]) -> list[bytes]:
        found = {ended.number: ended.line or b"" for ended in page}
        for epoch in {ended.epoch for ended in page if ended.line is None}:
            if epoch not in self._drafts:
                self._drafts[epoch] = draft_of(self._files.contents.folder, self._batch["id"], epoch)
            those = [ended for ended in page if ended.line is None and ended.epoch == epoch]
            data = await self._drafts[epoch].read([(ended.start, ended.size) for ended in those])
            found |= {ended.number: line for ended, line in zip(those, data, strict=True)}
        return [found[ended.number] for ended in page]

    async def _add_rest(self, code: str, message: str, limit: int) -> None:
        """What has not been run."""
        source = await self._files.input(self._batch["input_file"])
        if source is None:
            return
        done = await self._batches.numbers(self._batch["id"])
        async with aclosing(lines_of(self._files, source, limit)) as lines:
            async for line in lines:
                if line.number in done or line.data is None:
                    continue
                try:
                    custom_id = parse(line.data, self._batch["endpoint"]).custom_id
                except LineFault:
                    continue  # it was ended before all of it had been looked at
                rest = unanswered(line_id(self._batch["id"], line.number), custom_id, code, message)
                await self._write(rest, good=False)

    async def _write(self, line: bytes, *, good: bool) -> None:
        if good not in self._open:
            self._open[good] = await self._files.open(self._batch["tenant"], OUTPUT_PURPOSE, bounded=False)
        self._counts[good] += 1
        await self._open[good].writer.write(line)

    async def _close(self) -> dict[str, Any]:
        made: dict[bool, str] = {}
        for good, kind in ((True, "output"), (False, "error")):
            deposit = self._open.get(good)
            if deposit is not None:
                name, seconds = f"{self._batch['id']}_{kind}.jsonl", self._batch["output_seconds"]
                made[good] = (await self._files.close(deposit, OUTPUT_PURPOSE, name, seconds))["id"]
        self._open = {}
        completed, failed = self._counts[True], self._counts[False]
        counts = {"completed": completed, "failed": failed, "total": completed + failed}
        return {"output_file": made.get(True), "error_file": made.get(False), **counts}

    async def clear(self) -> None:
        """Remove what was written on the way, by whoever had the batch."""
        for epoch in range(1, self._batch["epoch"] + 1):
            await draft_of(self._files.contents.folder, self._batch["id"], epoch).remove()
