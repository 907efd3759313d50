"""Sending a translated request, and sending it again, repaired, where Telnyx refuses it for a known quirk.

Only 400 and 422 lead to a repair, only before anything reached the client, and each quirk at most once per request.
What was repaired is remembered only if the repaired request succeeded.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from proxy import codec
from proxy.translation import failures, quirks
from proxy.translation.changes import Changes
from proxy.translation.dialects import Body
from proxy.translation.quirk_memory import QuirkMemory
from proxy.translation.quirks import Manner
from proxy.translation.rules import Policy
from proxy.upstream.transport import Answer, Outgoing, Transport

REPAIRS = 3
"""Repairs of one request at most: an endpoint with more quirks than that at once has another problem."""
REPAIRABLE = frozenset({400, 422})
SUCCESS = 200


@dataclass(slots=True)
class UpstreamCall:
    """A translated request on its way.

    Attributes:
        endpoint, model: what quirks are remembered under.
        outgoing: everything but the bytes of the body, which are put in for as long as they are being sent.
        body: the canonical body that translation wrote.
        manner, policy: how this model is spoken to, and what the tenant allows to be lost.
        again: is asked before a repaired body is sent, which may cost more than the first; None = nobody minds.
        giants: strings that need not be written once more, see `codec.encode_large`.
    """

    endpoint: str
    model: str
    outgoing: Outgoing
    body: Body
    manner: Manner
    policy: Policy
    again: Callable[[Body], Awaitable[None]] | None = None
    giants: codec.Giants | None = None


@dataclass(slots=True)
class Sent:
    """What came back.

    Attributes:
        answer: open if its status is 200, else already read and closed.
        refusal: the body of an answer that is not 200.
        changes: what was adapted or repaired on the way; repairs: names of quirks repaired by trying again.
        repaired: steady times of these repairs.
    """

    answer: Answer
    refusal: bytes = b""
    changes: Changes = field(default_factory=Changes)
    repairs: tuple[str, ...] = ()
    repaired: tuple[float, ...] = ()


class Repairing:
    """A transport for chat requests that heals known quirks.

    Attributes:
        measured_until: steady time up to which Telnyx is known to refuse uploads whose length is not told.
    """

    measured_until = 0.0

    def __init__(
        self, transport: Transport, memory: QuirkMemory, clock: Callable[[], float], limit: int, idle: float
    ) -> None:
        """`limit`, `idle`: bounds for reading a refusal, in bytes and seconds."""
        self._bounds = limit, idle
        self._transport = transport
        self._memory = memory
        self._clock = clock

    async def send(self, call: UpstreamCall) -> Sent:
        """Send until it succeeds, cannot be repaired, or REPAIRS is reached.

        Raises UpstreamFault, whatever `call.again` raises, and InvalidRequest as `foresee`.
        """
        body, changes = self.foresee(call)
        hints: dict[str, str] = {}
        repaired: tuple[float, ...] = ()
        outgoing = call.outgoing
        while True:
            outgoing.body = codec.encode(body) if call.giants is None else await _encoded(body, call.giants)
            try:
                answer = await self._transport.send(outgoing)
            finally:
                outgoing.body = None  # a prompt of megabytes need not be kept for as long as its answer takes
            if answer.status == SUCCESS:
                if hints:
                    self._learn(call, hints)
                return Sent(answer, b"", changes, tuple(hints), repaired)
            sent = Sent(answer, await self._refusal(answer), changes, tuple(hints), repaired)
            otherwise = _repaired(call, body, sent, hints)
            if otherwise is None:
                return sent
            body, repaired = otherwise, (*repaired, self._clock())
            if call.again is not None:
                await call.again(body)

    async def carry(self, outgoing: Outgoing) -> Answer:
        """Send a request that is nothing to repair about, once. Raises UpstreamFault."""
        return await self._transport.send(outgoing)

    def foresee(self, call: UpstreamCall) -> tuple[Body, Changes]:
        """The body as it is sent first, with what is known of the model, and what was changed for that.

        Raises InvalidRequest where the configured manner would lose what the policy keeps.
        """
        body, changes = call.body, Changes()
        if not call.manner.plain or self._memory.knows(call.endpoint, call.model):
            learned = self._memory.recall(call.endpoint, call.model, self._clock())
            body, adapted = quirks.adapt(body, call.manner, learned, refuser(call.policy))
            changes.extend(adapted)
        return body, changes

    async def _refusal(self, answer: Answer) -> bytes:
        try:
            return await answer.read(*self._bounds)
        finally:
            answer.close()

    def _learn(self, call: UpstreamCall, hints: Mapping[str, str]) -> None:
        for name, hint in hints.items():
            self._memory.learn(call.endpoint, call.model, name, hint=hint, now=self._clock())


async def _encoded(body: Body, giants: codec.Giants) -> bytes | codec.Pieces:
    """By another thread: others are served meanwhile."""
    return await asyncio.to_thread(codec.encode_large, body, giants)


def _repaired(call: UpstreamCall, body: Body, sent: Sent, hints: dict[str, str]) -> Body | None:
    """What to send instead of what was refused; None where that is the last word. Adds to the changes and the hints."""
    if sent.answer.status not in REPAIRABLE or len(hints) == REPAIRS:
        return None
    said = failures.read(sent.refusal)
    quirk = quirks.diagnose(said, body, call.manner, refuser(call.policy))
    if quirk is None or quirk.name in hints:
        return None
    body, done = quirks.repair(quirk, body, said.message)
    hints[quirk.name] = said.message
    sent.changes += done
    return body


def refuser(policy: Policy) -> Callable[[str], bool]:
    """Whether a tenant's policy forbids that a field, by name, loses its meaning."""
    return lambda name: policy.fields.get(name, policy.unsupported) == "refuse"
