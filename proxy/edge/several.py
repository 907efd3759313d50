"""Several calls to Telnyx for one request of a client: a prompt each, or a batch of texts each.

To everybody else they are one request: reserved for in one go, begun in the ledger once, one record with what all of
them consumed. At most AT_ONCE are under way; their results stand in the order of the calls, whichever comes first. The
first that fails breaks off all others, and its error is the client's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from proxy.accounts.tenants import Grant
from proxy.edge import completing, sending, unstreamed
from proxy.edge.admission import Prompt
from proxy.edge.exchange import NAME_LIMIT, Exchange
from proxy.edge.reply import Reply
from proxy.edge.reserving import admit, reserve
from proxy.edge.terms import Terms
from proxy.streaming import unpieced
from proxy.streaming.stream import Stream
from proxy.translation.answers import Answer as Made
from proxy.translation.changes import Change
from proxy.translation.chat import Translated
from proxy.translation.dialects import Body
from proxy.translation.quirks import Manner
from proxy.upstream.repair import SUCCESS, Sent, UpstreamCall
from proxy.upstream.transport import Answer, Sink
from proxy.usage import NOTHING, Usage, estimate, total

AT_ONCE = 4
"""Calls of one request under way at the same time: enough to hide most of their waiting, and no storm."""

T = TypeVar("T")


class Streams(Stream, Protocol):
    """Several streamed answers as one."""

    def begin(self, place: int) -> None:
        """The call of this place has been answered."""
        ...

    def turn_to(self, place: int) -> None:
        """What is fed from now on answers the call of this place."""
        ...

    def over(self, place: int) -> bool:
        """Whether nothing more is to come for a call."""
        ...

    def close(self, place: int) -> None:
        """Telnyx has closed the stream of a call in good order."""
        ...


@dataclass(slots=True)
class Calls:
    """The calls of one request.

    Attributes:
        exchange, grant: what they are made for, and who asked.
        translated, terms: the request as `completing.prepare` gave it.
        url: the name of the upstream URL.
        manner: how the model is spoken to.
        silent: they put out no tokens.
        times: how often what is reserved for one of them is reserved.
        used: what each consumed, as far as is known, in the order in which they were sent.
    """

    exchange: Exchange
    grant: Grant
    translated: Translated
    terms: Terms
    url: str
    manner: Manner
    silent: bool = False
    times: int = 1
    used: list[Usage] = field(default_factory=list)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def enter(self, times: int) -> None:
        """Reserve for all of them, `times` the choices of the first, and tell the ledger. Raises ProxyError."""
        exchange, expects, self.times = self.exchange, self.translated.expects, times
        if self.grant.holder is not None:
            body, _ = exchange.services.upstream.foresee(self._call(self.translated.body))
            prompt = Prompt(expects.input_bytes, expects.images, self.silent)
            await reserve(exchange, self.grant, self._together(body), prompt)
        exchange.services.ledger.begin(exchange.record, estimate(expects.input_bytes, 0))

    def _together(self, body: Body) -> Body:
        """What all of them may put out, if each is like this one."""
        return {**body, "n": body.get("n", 1) * self.times}

    async def _again(self, body: Body) -> None:
        """One of them is repaired, and may put out more: reserve for all of them anew, once. Raises ProxyError."""
        exchange, holder = self.exchange, self.grant.holder
        async with self._turn:
            if exchange.admitted is not None and holder is not None:
                again = exchange.services.admission.enter_again(exchange.admitted, holder, self._together(body))
                admit(exchange, await again)

    def _call(self, body: Body) -> UpstreamCall:
        exchange = self.exchange
        record = exchange.record
        to = completing.outgoing(exchange, self.grant, self.url, stream=self.translated.expects.stream)
        again = None if self.silent else self._again
        return UpstreamCall(record.endpoint, record.model, to, body, self.manner, self.terms.policy, again)

    async def send(self, body: Body, size: int) -> tuple[Sent, int]:
        """An answer whose status is 200, and its place in `used`. `size`: bytes of the text. Raises ProxyError."""
        exchange, grant, place = self.exchange, self.grant, len(self.used)
        self.used.append(estimate(size, 0))
        try:
            sent = await sending.deliver(exchange, grant.tenant, self._call(body))
        except sending.IN_VAIN:
            raise  # it has read the text all the same
        except BaseException:
            self.used[place] = NOTHING
            raise
        self._note(sent)
        if sent.answer.status != SUCCESS:
            self.used[place] = NOTHING
            raise completing.refusal(exchange, self.translated.changes, grant, sent)
        if self.translated.expects.stream and not unstreamed.is_stream(sent.answer):
            sent.answer = await unstreamed.as_stream(exchange, sent.answer, unpieced.events, sending.take)
        return sent, place

    async def read(self, sent: Sent) -> bytes:
        """The whole of an answer. Raises UpstreamFault."""
        return await sending.take(self.exchange, sent.answer)

    async def gather(self, works: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
        """What all of them give, in order. The time, and what was consumed, go into the record. Raises ProxyError."""
        record, steady = self.exchange.record, self.exchange.services.clock.steady
        before = steady()
        try:
            return await in_order(works, [])
        finally:
            record.waited += steady() - before
            record.usage = total(self.used)

    def answer(self, made: Made) -> Reply:
        """The whole answer, accounted for."""
        exchange, changes = self.exchange, self.translated.changes
        record = exchange.record
        record.usage, record.schema_violations = made.usage, made.violations
        record.model = made.model[:NAME_LIMIT]
        if made.estimated:
            changes.append(Change("estimated", "usage", reason="Telnyx reported no usage"))
        record.changes_header, record.changes = changes.told()
        return exchange.answer(made.body)

    def _note(self, sent: Sent) -> None:
        """What was done to a request on its way is told once, however many calls it was done to."""
        record, changes = self.exchange.record, self.translated.changes
        changes.extend(change for change in sent.changes if change not in changes)
        record.changes_header, record.changes = changes.told()
        record.repairs = tuple(dict.fromkeys((*record.repairs, *sent.repairs)))
        if sent.repaired:
            record.repaired += tuple(at - self.exchange.started for at in sent.repaired)
        sending.note_id(self.exchange, self.grant.tenant, sent.answer)


async def in_order(works: Iterable[Callable[[], Awaitable[T]]], tasks: "list[asyncio.Task[None]]") -> list[T]:
    """What all works give, in their order, AT_ONCE under way. Raises what the first one raised that failed.

    Works that have not begun when one fails never do. `tasks` is filled with those who work: who cancels them ends it
    without an error, and without the results that are missing.
    """
    waiting = list(enumerate(works))[::-1]
    results: dict[int, T] = {}

    async def work() -> None:
        while waiting:
            place, begin = waiting.pop()
            results[place] = await begin()

    try:
        async with asyncio.TaskGroup() as group:
            tasks.extend(group.create_task(work()) for _ in range(min(AT_ONCE, len(waiting))))
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [results[place] for place in sorted(results)]


class Poured:
    """The streamed answers of several calls, poured into one stream as they come.

    To whoever carries it, it is one answer. The first has begun, so that a refusal of it is still a refusal; the others
    are asked for as those before them end.
    """

    status = SUCCESS
    headers: Mapping[str, str] = {}
    whole: bytes | None = None

    def __init__(self, calls: Calls, first: Answer, bodies: Sequence[tuple[Body, int]], stream: Streams) -> None:
        """`bodies`: what is sent, with the bytes of its text; the first has been."""
        self._calls = calls
        self._bodies = bodies
        self._stream = stream
        self._open: dict[int, Answer] = {0: first}
        self._tasks: list[asyncio.Task[None]] = []
        self._paused = False

    async def read(self, limit: int, idle: float) -> bytes:  # noqa: ARG002 - the names are the port's
        """Nobody reads it as a whole."""
        raise RuntimeError("several streams are poured, not read")

    async def pour(self, sink: Sink) -> None:
        """Pour all of them. Raises UpstreamFault, and what Telnyx refused."""

        def one(place: int) -> Callable[[], Awaitable[None]]:
            return lambda: self._pour(place, sink)

        await in_order([one(place) for place in range(len(self._bodies))], self._tasks)

    async def _pour(self, place: int, sink: Sink) -> None:
        stream = self._stream
        if place not in self._open:
            sent, _ = await self._calls.send(*self._bodies[place])
            self._open[place] = sent.answer
            stream.begin(place)
        answer = self._open[place]
        if self._paused:
            answer.pause()

        def take(piece: bytes) -> None:
            stream.turn_to(place)
            sink(piece)
            if stream.over(place):
                answer.leave()

        try:
            await answer.pour(take)
            stream.close(place)
            if stream.ended is not None and stream.error is not None:
                raise stream.error
        finally:
            answer.close()
            del self._open[place]

    def pause(self) -> None:
        """Pour nothing until `resume`."""
        self._paused = True
        for answer in self._open.values():
            answer.pause()

    def resume(self) -> None:
        """Go on."""
        self._paused = False
        for answer in list(self._open.values()):  # what is poured now may end it
            answer.resume()

    def leave(self) -> None:
        """Nothing: each was left when it was over."""

    def close(self) -> None:
        """Cut what is under way, and ask for nothing more."""
        for answer in list(self._open.values()):
            answer.close()
        for task in self._tasks:
            task.cancel()
