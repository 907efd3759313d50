"""The way to Redis: scripts, sent in batches over one connection, each batch within its time.

Whatever is asked for in the same turn of the event loop, or while Redis is busy with what was asked before, goes out
together: under load that is what makes a call cheap. One batch is under way at a time, so that scripts run in the order
in which they were asked for.

Scripts go by their digest (EVALSHA), and are loaded with every new connection. One that Redis does not know all the
same (its scripts were flushed) is loaded, and what needed it is sent again: a script that is unknown has not run. Only
then the order is another.

Whatever is no answer of a script is an `Outage`: no connection, no answer in time, a replica that takes no writes, no
memory left (OOM), a password that is wrong. What was under way then may or may not have happened.
"""

import asyncio
from collections.abc import Callable, Sequence
from hashlib import sha1
from types import TracebackType
from typing import Any

BATCH = 100
"""Calls that go out together. With more the first would wait for the last: one takes Redis some 50 microseconds."""
STEPS = 5
"""Parts of the time in which Redis has to answer."""
REFUSALS = ("OOM", "READONLY", "MISCONF", "NOREPLICAS", "LOADING", "BUSY", "MOVED", "CLUSTERDOWN", "NOPERM", "NOAUTH")
"""Words by which Redis says that it cannot; within a script they stand in the middle of the text."""
MISSING = 'storage.redis needs the package redis: pip install "telnyx-openai-proxy[redis]"'


class Outage(Exception):
    """Redis does not answer, or answers that it cannot. Names what it was, without addresses and passwords."""


class Script:
    """A Lua script and the digest that Redis knows it by."""

    __slots__ = ("digest", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = sha1(text.encode(), usedforsecurity=False).hexdigest()  # a name, and the one Redis gives it


class Call:
    """A script to be run. `heard` is told what came of it, once: the answer, or an Outage."""

    __slots__ = ("arguments", "heard", "keys", "script")

    def __init__(
        self, script: Script, keys: Sequence[str], arguments: Sequence[str | int], heard: Callable[[Any], None]
    ) -> None:
        self.script = script
        self.keys = keys
        self.arguments = arguments
        self.heard = heard

    def command(self) -> tuple[str | int, ...]:
        """As Redis reads it."""
        return ("EVALSHA", self.script.digest, len(self.keys), *self.keys, *self.arguments)


class Wire:
    """One connection of the package `redis`, without retries of its own: a retry could reserve twice."""

    def __init__(self, url: str) -> None:
        """Raises OSError where the package is missing, ValueError for an address that is none."""
        try:
            from redis.asyncio import ConnectionPool
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
            from redis.exceptions import NoScriptError, RedisError, ResponseError
        except ImportError:
            raise OSError(MISSING) from None
        self.fault, self._refusal, self._unknown = RedisError, ResponseError, NoScriptError
        pool: Any = ConnectionPool.from_url(
            url, decode_responses=True, protocol=2, socket_timeout=None, retry=Retry(NoBackoff(), 0)
        )
        self._connection = pool.make_connection()

    async def send(self, commands: Sequence[Sequence[str | int]]) -> list[Any]:
        """The answers, in order: values, or exceptions for what Redis refused. Raises RedisError, OSError."""
        connection = self._connection
        await connection.connect()
        await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
        answers: list[Any] = []
        for _ in commands:
            try:
                answers.append(await connection.read_response())
            except self._refusal as refusal:
                answers.append(refusal)
        return answers

    def unknown(self, answer: Any) -> bool:
        """Whether Redis does not know the script."""
        return isinstance(answer, self._unknown)

    async def drop(self) -> None:
        """Close the connection; `send` opens another."""
        await self._connection.disconnect(nowait=True)


class Patience:
    """A timeout in steps, each of which the event loop has to see: while it is busy, answers come and are not read."""

    __slots__ = ("_left", "_limit", "_step", "_timer")

    def __init__(self, seconds: float) -> None:
        self._limit = asyncio.timeout(None)
        self._step = seconds / STEPS
        self._left = STEPS

    async def __aenter__(self) -> None:
        await self._limit.__aenter__()
        self._timer = asyncio.get_running_loop().call_later(self._step, self._pass)

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        await self._limit.__aexit__(kind, raised, trace)

    def _pass(self) -> None:
        self._left -= 1
        if self._left:
            self._timer = asyncio.get_running_loop().call_later(self._step, self._pass)
        else:
            self._limit.reschedule(0.0)


class Link:
    """Calls to Redis, batch by batch. Somebody has to `run` it."""

    def __init__(
        self, wire: Wire, scripts: Sequence[Script], *, timeout: float, failed: Callable[[Outage], None]
    ) -> None:
        """`timeout`: seconds for a batch, connecting included; `failed` hears of every outage, once per batch."""
        self._wire = wire
        self._scripts = scripts
        self._loaded = False
        self._timeout = timeout
        self._failed = failed
        self._queue: list[Call] = []  # bounded by the requests under way, which `limits.connections` bounds
        self._wake = asyncio.Event()
        self._ended = False

    def post(
        self, script: Script, keys: Sequence[str], arguments: Sequence[str | int], heard: Callable[[Any], None]
    ) -> None:
        """Ask for a script to be run with the next batch."""
        if self._ended:
            heard(Outage("closed"))
        else:
            self._queue.append(Call(script, keys, arguments, heard))
            self._wake.set()

    async def ask(
        self,
        script: Script,
        keys: Sequence[str],
        arguments: Sequence[str | int],
        late: Callable[[Any], None] | None = None,
    ) -> Any:
        """Run a script and wait for its answer. Raises Outage.

        `late` is told what came of it where whoever waits is cancelled in the meantime: it is run nevertheless.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def heard(outcome: Any) -> None:
            if future.cancelled():
                if late is not None:
                    late(outcome)
            elif isinstance(outcome, Outage):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

        self.post(script, keys, arguments, heard)
        try:
            return await future
        except asyncio.CancelledError:
            if late is not None and future.done() and not future.cancelled():  # both in one turn of the event loop
                late(future.exception() or future.result())
            raise

    async def run(self) -> None:
        """Send what is asked for, until cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._queue:
                    batch, self._queue = self._queue[:BATCH], self._queue[BATCH:]
                    await self._exchange(batch)
        finally:
            self._ended = True
            self._give_up(self._queue, Outage("closed"))
            await self._wire.drop()

    async def _exchange(self, batch: list[Call]) -> None:
        try:
            async with Patience(self._timeout):
                answers = await self._answers(batch)
        except (self._wire.fault, OSError, EOFError, ValueError) as fault:  # TimeoutError is an OSError
            outage = Outage(type(fault).__name__)
        except asyncio.CancelledError:
            self._give_up(batch, Outage("closed"))
            raise
        else:
            refusal = _hand_over(batch, answers)
            if refusal is None:
                return
            outage, batch = refusal, []
        await self._wire.drop()
        self._loaded = False
        batch += self._queue
        self._queue = []
        self._give_up(batch, outage)
        self._failed(outage)

    async def _answers(self, batch: list[Call]) -> list[Any]:
        if not self._loaded:
            await self._load({script.text for script in self._scripts})
            self._loaded = True
        answers = await self._wire.send([call.command() for call in batch])
        again = [number for number, answer in enumerate(answers) if self._wire.unknown(answer)]
        if again:
            await self._load({batch[number].script.text for number in again})
            repeated = await self._wire.send([batch[number].command() for number in again])
            for number, answer in zip(again, repeated, strict=True):
                answers[number] = answer
        return answers

    async def _load(self, texts: set[str]) -> None:
        if texts:
            await self._wire.send([("SCRIPT", "LOAD", text) for text in texts])

    @staticmethod
    def _give_up(calls: list[Call], outage: Outage) -> None:
        for call in calls:
            call.heard(outage)


def _hand_over(batch: list[Call], answers: list[Any]) -> Outage | None:
    """Give everybody the answer; an outage if Redis refused any."""
    outage = None
    for call, answer in zip(batch, answers, strict=True):
        if isinstance(answer, Exception):
            text = str(answer)
            outage = Outage(next((word for word in REFUSALS if word in text), type(answer).__name__))
            call.heard(outage)
        else:
            call.heard(answer)
    return outage
