"""Sending a request to Telnyx with one of its tenant's Telnyx keys, and with another one where Telnyx refuses that.

A 401 was not served, so the request may be sent again. The key that was refused is set aside, for its tenant only.
"""

import asyncio
from collections.abc import Awaitable, Callable

from proxy.accounts.credentials import Rota, Turn
from proxy.accounts.tenants import Tenant
from proxy.edge.exchange import Exchange, header_value
from proxy.errors import UpstreamFailed, UpstreamTimeout
from proxy.translation.rules import Expectation
from proxy.upstream.repair import SUCCESS, Sent, UpstreamCall
from proxy.upstream.transport import Answer
from proxy.usage import estimate

REFUSED = 401
REFUSALS = "telnyx_proxy_credential_refusals_total"
IN_VAIN = (asyncio.CancelledError, UpstreamTimeout, UpstreamFailed)
"""Ways in which waiting for Telnyx ends without an answer. It has read the prompt all the same."""


async def send(exchange: Exchange, tenant: Tenant, call: UpstreamCall, expects: Expectation) -> Sent:
    """What came back. The time it took, and what it consumed also if in vain, go into the record.

    Raises UpstreamFault.
    """
    services, record = exchange.services, exchange.record
    before = services.clock.steady()
    expected = estimate(expects.input_bytes, 0)
    services.ledger.begin(record, expected)
    try:
        if tenant.rota is None:
            sent = await services.upstream.send(call)
            if sent.answer.status == REFUSED:
                services.metrics.count(REFUSALS, tenant.id, "")
        else:
            sent = await deliver(exchange, tenant, call)
    except IN_VAIN:
        record.usage = expected
        raise
    finally:
        record.waited += services.clock.steady() - before
    if sent.answer.status == SUCCESS:
        record.usage = expected  # it has read the prompt, also where its answer is of no use
    return sent


async def deliver(exchange: Exchange, tenant: Tenant, call: UpstreamCall) -> Sent:
    """The same without a word to the record, for one of several calls that are accounted for together."""

    async def send_with(secret: str) -> Sent:
        call.outgoing.credential = secret
        return await exchange.services.upstream.send(call)

    return await by_turns(exchange, tenant, send_with)


async def by_turns(
    exchange: Exchange, tenant: Tenant, send_with: Callable[[str], Awaitable[Sent]], *, again: bool = True
) -> Sent:
    """Send with the Telnyx key whose turn it is; where it is refused, with the next one, until none is left.

    `again`: whether it can be sent a second time.
    """
    services, rota = exchange.services, tenant.rota
    if rota is None:
        sent = await send_with(tenant.credential)
        if sent.answer.status == REFUSED:
            services.metrics.count(REFUSALS, tenant.id, "")
        return sent
    turn, tried = rota.pick(services.clock.wall()), frozenset[str]()
    if turn is None:
        raise RuntimeError("a rota has a key for everybody")
    while True:
        sent = await send_with(turn.secret)
        if sent.answer.status != REFUSED:
            return sent
        _set_aside(exchange, tenant, rota, turn)
        tried |= {turn.name}
        turn = rota.pick(services.clock.wall(), tried) if again else None
        if turn is None:
            return sent
        sent.answer.close()


def _set_aside(exchange: Exchange, tenant: Tenant, rota: Rota, turn: Turn) -> None:
    """Use other keys than the one that Telnyx has refused, for a while."""
    services = exchange.services
    rota.set_aside(turn, services.clock.wall() + services.settings.upstream.set_aside)
    services.metrics.count(REFUSALS, tenant.id, turn.name)
    services.log.alert("telnyx_key_refused", tenant=tenant.id, credential=turn.name)


def note_id(exchange: Exchange, tenant: Tenant, answer: Answer) -> None:
    """What Telnyx calls the request, for the record and the client; not where it holds a key."""
    name = answer.headers.get("x-request-id")
    if name and not tenant.reveals(name):
        exchange.record.upstream_request_id = header_value(name) or None


async def read(exchange: Exchange, answer: Answer) -> bytes:
    """The whole of an answer, which is closed then. The time it took, minutes maybe, goes into the record.

    Raises UpstreamFailed, UpstreamTimeout.
    """
    steady = exchange.services.clock.steady
    before = steady()
    try:
        return await take(exchange, answer)
    finally:
        exchange.record.waited += steady() - before


async def take(exchange: Exchange, answer: Answer) -> bytes:
    """The same without a word to the record, for one of several answers that are waited for together."""
    settings = exchange.services.settings
    try:
        return await answer.read(settings.limits.answer, settings.upstream.timeouts.between_chunks)
    finally:
        answer.close()
