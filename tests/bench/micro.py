"""What each hot function costs, as a multiple of a fixed piece of work in the same run: `python -m tests.bench.micro`.

A microsecond means little on another machine or beside other work; the ratio to decoding and encoding a fixed document
ten times means more. With the ratios of an earlier state (`micro.json`, written by `--write`) it marks what has become
slower by more than 30 %. It never fails for that: a figure is a hint, a person decides.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import uvloop

from proxy import codec
from proxy.accounts.ledger import Record
from proxy.app.keeping import Condition
from proxy.app.services import running_services
from proxy.clock import SYSTEM
from proxy.edge import models
from proxy.edge.services import Services
from proxy.endpoints import CHAT
from proxy.settings import Settings
from proxy.translation.answers import Identity
from proxy.translation.chat import Translated
from proxy.translation.quirk_memory import QuirkMemory
from proxy.upstream.repair import Repairing, UpstreamCall
from proxy.upstream.transport import Outgoing
from proxy.usage import Usage
from tests.bench import answers, mock, report
from tests.bench.processes import pinned, processors
from tests.bench.targets import OUR_KEY, configuration

STORED = Path(__file__).with_name("micro.json")
SLOWER = 1.3
ROUNDS = 9
LIMIT, IDLE = 1 << 20, 30.0  # bytes of an answer, and seconds between its pieces
BURST = 0.004  # seconds that one function runs before the next has its turn
REFERENCE = "reference"
DOCUMENT = {"id": "doc-1", "rows": [{"name": f"row {number}", "value": number / 7, "on": True} for number in range(20)]}

Ratios = Mapping[str, float]


@dataclass(frozen=True)
class Case:
    """One function with everything it needs. `units` of work are done by one call; `awaited` calls give awaitables."""

    name: str
    call: Callable[[], Any]
    units: int = 1
    awaited: bool = False


@dataclass(frozen=True)
class Cost:
    """Of one unit of a case: the least CPU time in microseconds, and its ratio to the reference."""

    microseconds: float
    ratio: float


def reference() -> None:
    """The fixed piece of work."""
    for _ in range(10):
        codec.decode(codec.encode(DOCUMENT))


class Silent:
    """A transport that has answered before it was asked."""

    status = 200
    headers: Mapping[str, str] = {}

    async def send(self, outgoing: Outgoing) -> Any:
        return self

    async def close(self) -> None:
        """There is nothing to close."""


class Hot:
    """The functions on the way of a request, in the services of a proxy as it is composed."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tenant = services.keys.admit(f"Bearer {OUR_KEY}").tenant
        self._model = answers.PREFIX + answers.AT_ONCE
        self._terms = services.terms.look_up(self._tenant.id, self._model)
        self._repairing = Repairing(Silent(), QuirkMemory(), services.clock.steady, LIMIT, IDLE)
        self._identity = Identity("chatcmpl-0123456789abcdef", 1767225600)
        self._plain = self._translated(stream=False)
        self._streamed = self._translated(stream=True)

    def cases(self) -> list[Case]:
        body = answers.question(answers.AT_ONCE, stream=False)
        asked, many = codec.decode_object(body), answers.question(answers.AT_ONCE, stream=False, functions=64)
        large = answers.question(answers.AT_ONCE, stream=False, size=1_000_000)
        many_asked, large_asked = codec.decode_object(many), codec.decode_object(large)
        raw, events = answers.whole(), answers.events(usage=False)
        services, record = self._services, self._record()
        return [
            Case("admit a key", lambda: services.keys.admit(f"Bearer {OUR_KEY}")),
            Case("decode a request", lambda: codec.decode_object(body)),
            Case("resolve a model", self._resolve),
            Case("translate a request", lambda: CHAT.request(asked, self._model, self._terms.policy)),
            Case("write the changes", self._plain.changes.header),
            Case("encode a request", lambda: codec.encode(self._plain.body)),
            Case("send, without a transport", self._send, awaited=True),
            Case("round trip to the mock, mock included", self._round_trip, awaited=True),
            Case("read an answer", lambda: CHAT.answer(raw, self._plain.expects, self._identity, self._model)),
            Case("a chunk of 100 at once", lambda: self._feed([b"".join(events)]), units=answers.CHUNKS),
            Case("a chunk that comes alone", lambda: self._feed(events), units=answers.CHUNKS),
            Case("make a record", self._record),
            Case("count a record", lambda: services.metrics.record(record)),
            Case("log a record", partial(self._log, record)),
            Case("decode a prompt of 1 MB", lambda: codec.decode_object(large)),
            Case("translate a prompt of 1 MB", lambda: CHAT.request(large_asked, self._model, self._terms.policy)),
            Case("decode 64 functions", lambda: codec.decode_object(many)),
            Case("translate 64 functions", lambda: CHAT.request(many_asked, self._model, self._terms.policy)),
        ]

    def _log(self, record: Record) -> None:
        self._services.log.request(record)
        self._services.log.flush()

    def _translated(self, *, stream: bool) -> Translated:
        asked = codec.decode_object(answers.question(answers.AT_ONCE, stream=stream))
        made = CHAT.request(asked, self._model, self._terms.policy)
        _, alias = models.resolve(self._services, self._tenant, answers.AT_ONCE)
        if alias is not None:
            made.changes.insert(0, alias)
        return made

    def _resolve(self) -> None:
        model, _ = models.resolve(self._services, self._tenant, answers.AT_ONCE)
        self._services.terms.look_up(self._tenant.id, model)

    def _call(self) -> UpstreamCall:
        return UpstreamCall(
            endpoint="chat.completions",
            model=self._model,
            outgoing=Outgoing("POST", self._services.urls["chat"], self._tenant.credential),
            body=self._plain.body,
            manner=self._terms.manner,
            policy=self._terms.policy,
        )

    async def _send(self) -> None:
        await self._repairing.send(self._call())

    async def _round_trip(self) -> None:
        call = self._call()
        sent = await self._services.upstream.send(call)
        answer = await sent.answer.read(LIMIT, IDLE)
        sent.answer.close()
        if fault := answers.fault_of(answer, stream=False):
            raise ValueError(fault)

    def _feed(self, pieces: Sequence[bytes]) -> None:
        stream = CHAT.stream(self._streamed.expects, self._identity, self._model, event_limit=1 << 22)
        for piece in pieces:
            stream.feed(piece)
        if stream.ended != "complete":
            raise ValueError(f"the stream ended {stream.ended}")

    def _record(self) -> Record:
        record = Record("req_0123456789abcdef0123456789abcdef", 1767225600.0, "chat.completions", "POST")
        record.tenant, record.key, record.model_asked, record.model = "bench", "bench-0", answers.AT_ONCE, self._model
        record.status, record.usage = 200, Usage(12, 100)
        record.changes, record.changes_header = (("model", "aliased"),), "aliased model"
        record.duration, record.waited, record.bytes_in, record.bytes_out = 0.8, 0.7, 310, 402
        return record


@asynccontextmanager
async def hot(folder: Path) -> AsyncIterator[Hot]:
    """The functions, with the mock in the same process and the log in a file."""
    server = await asyncio.get_running_loop().create_server(mock.upstream(), answers.HOST, 0)
    given = configuration(0, server.sockets[0].getsockname()[1])
    given["logging"] = {"file": str(folder / "log"), "format": "json"}
    async with server, running_services(Settings.model_validate(given), Condition(), SYSTEM) as services:
        yield Hot(services)


async def measured(cases: Sequence[Case], rounds: int = ROUNDS, burst: float = BURST) -> dict[str, Cost]:
    """The cost of every case. All take turns with the reference in every round; of each the least time counts."""
    everything = [Case(REFERENCE, reference), *cases]
    calls = {case.name: await calls_in(case, burst) for case in everything}
    least: dict[str, float] = {}
    for _ in range(rounds):
        for case in everything:
            spent = await timed(case, calls[case.name]) / (calls[case.name] * case.units)
            least[case.name] = min(spent, least.get(case.name, spent))
    return {name: Cost(1e6 * seconds, seconds / least[REFERENCE]) for name, seconds in least.items()}


async def calls_in(case: Case, burst: float) -> int:
    """How many calls fill a burst, roughly."""
    calls = 1
    while (spent := await timed(case, calls)) < burst and calls < 1_000_000:
        calls = max(calls + 1, int(calls * min(10.0, 1.1 * burst / max(spent, 1e-9))))
    return calls


async def timed(case: Case, calls: int) -> float:
    """Seconds of CPU time."""
    call = case.call
    before = process_time()
    if case.awaited:
        for _ in range(calls):
            await call()
    else:
        for _ in range(calls):
            call()
    return process_time() - before


def table(costs: Mapping[str, Cost], stored: Ratios) -> str:
    """Functions down; against the stored ratio where there is one."""
    rows = [["CPU of one", "µs", "ratio to the reference", "stored", "now over stored"]]
    for name, cost in costs.items():
        before = stored.get(name)
        change = "" if before is None else f"{report.TIMES}{cost.ratio / before:.2f}"
        mark = " SLOWER" if name in slower(costs, stored) else ""
        told = report.TO if before is None else f"{before:.4f}"
        rows.append([name, f"{cost.microseconds:,.2f}", f"{cost.ratio:.4f}", told, change + mark])
    return "\n".join(report.aligned(rows))


def slower(costs: Mapping[str, Cost], stored: Ratios) -> list[str]:
    """What costs more than 30 % more than it did."""
    return [name for name, cost in costs.items() if name in stored and cost.ratio > SLOWER * stored[name]]


def stored_ratios(file: Path) -> Ratios:
    """What an earlier run wrote; empty where there is nothing of use, which is no reason to fail."""
    try:
        value = codec.decode(file.read_bytes())
        return {str(name): float(ratio) for name, ratio in value["ratios"].items()}
    except (OSError, codec.NotJson, KeyError, TypeError, ValueError, AttributeError):
        return {}


def store(costs: Mapping[str, Cost], file: Path) -> None:
    """Writes the ratios for later runs."""
    ratios = {name: float(f"{cost.ratio:.4g}") for name, cost in costs.items()}
    file.write_text(
        codec.encode_pretty({"python": report.machine()["python"], "ratios": ratios}) + "\n", encoding="utf-8"
    )


async def run(rounds: int, burst: float) -> dict[str, Cost]:
    """The cost of every hot function."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with hot(Path(folder)) as functions:
            return await measured(functions.cases(), rounds, burst)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.micro", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of every function (%(default)s)")
    parser.add_argument("--burst", type=float, default=BURST, help="seconds of each in a round (%(default)s)")
    parser.add_argument("--baseline", type=Path, default=STORED, metavar="FILE", help="ratios of an earlier state")
    parser.add_argument("--write", action="store_true", help="make the baseline of this run")
    options = parser.parse_args(arguments)
    with pinned(processors()[0]):
        costs = uvloop.run(run(options.rounds, options.burst))
    stored = stored_ratios(options.baseline)
    conditions = ", ".join(f"{name} {value}" for name, value in report.machine().items())
    sys.stdout.write("\n".join([conditions, "", table(costs, stored), ""]))
    if options.write:
        store(costs, options.baseline)


if __name__ == "__main__":
    main(sys.argv[1:])
