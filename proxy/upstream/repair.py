"""Sending a translated request, and sending it again, repaired, where Telnyx refuses it for a known quirk.

Only 400 and 422 lead to a repair, only before anything reached the client, and each quirk at most once per request.
What was repaired is remembered only if the repaired request succeeded.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from proxy import codec
from proxy.translation import failures, quirks
from proxy.translation.dialects import Body
from proxy.translation.quirks import Manner, QuirkMemory
from proxy.translation.rules import Changes, Policy
from proxy.upstream.transport import Answer, Outgoing, Transport

REPAIRS = 3
"""Repairs of one request at most: an endpoint with more quirks than that at once has another problem."""
REPAIRABLE = frozenset({400, 422})
SUCCESS = 200


@dataclass(frozen=True, slots=True)
class UpstreamCall:
    """A translated request on its way.

    Attributes:
        endpoint, model: what quirks are remembered under.
        outgoing: everything but the body.
        body: the canonical body that translation wrote.
        manner, policy: how this model is spoken to, and what the tenant allows to be lost.
        limit, idle: bounds for reading a refusal, in bytes and seconds.
    """

    endpoint: str
    model: str
    outgoing: Outgoing
    body: Body
    manner: Manner
    policy: Policy
    limit: int
    idle: float


@dataclass(slots=True)
class Sent:
    """What came back.

    Attributes:
        answer: open if its status is 200, else already read and closed.
        refusal: the body of an answer that is not 200.
        changes: what was adapted or repaired on the way; repairs: names of quirks repaired by trying again.
        sent_bytes: size of the request body that went out last.
    """

    answer: Answer
    refusal: bytes = b""
    changes: Changes = field(default_factory=Changes)
    repairs: tuple[str, ...] = ()
    sent_bytes: int = 0


class Repairing:
    """A transport for chat requests that heals known quirks."""

    def __init__(self, transport: Transport, memory: QuirkMemory, clock: Callable[[], float]) -> None:
        self._transport = transport
        self._memory = memory
        self._clock = clock

    async def send(self, call: UpstreamCall) -> Sent:
        """Send until it succeeds, cannot be repaired, or REPAIRS is reached.

        Raises UpstreamFault, and InvalidRequest where the configured manner would lose what the policy keeps.
        """
        learned = self._memory.recall(call.endpoint, call.model, self._clock())
        refuses = refuser(call.policy)
        body, adapted = quirks.adapt(call.body, call.manner, learned, refuses)
        changes, hints = Changes(adapted), dict[str, str]()
        while True:
            sent = await self._try(call, body)
            sent.changes, sent.repairs = changes, tuple(hints)
            if sent.answer.status == SUCCESS:
                self._learn(call, hints)
            if sent.answer.status not in REPAIRABLE or len(hints) == REPAIRS:
                return sent
            said = failures.read(sent.refusal)
            quirk = quirks.diagnose(said, body, call.manner, refuses)
            if quirk is None or quirk.name in hints:
                return sent
            body, done = quirks.repair(quirk, body, said.message)
            hints[quirk.name] = said.message
            changes += done

    async def _try(self, call: UpstreamCall, body: Body) -> Sent:
        encoded = codec.encode(body)
        answer = await self._transport.send(replace(call.outgoing, body=encoded))
        if answer.status == SUCCESS:
            return Sent(answer, sent_bytes=len(encoded))
        try:
            return Sent(answer, refusal=await answer.read(call.limit, call.idle), sent_bytes=len(encoded))
        finally:
            answer.close()

    def _learn(self, call: UpstreamCall, hints: Mapping[str, str]) -> None:
        for name, hint in hints.items():
            self._memory.learn(call.endpoint, call.model, name, hint=hint, now=self._clock())


def refuser(policy: Policy) -> Callable[[str], bool]:
    """Whether a tenant's policy forbids that a field, by name, loses its meaning."""
    return lambda name: policy.fields.get(name, policy.unsupported) == "refuse"
