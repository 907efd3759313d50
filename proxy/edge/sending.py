"""Sending a request to Telnyx with one of its tenant's Telnyx keys, and with another one where Telnyx refuses that.

A 401 was not served, so the request may be sent again. The key that was refused is set aside, for its tenant only.
"""

import asyncio

from proxy.accounts.credentials import Turn
from proxy.accounts.tenants import Tenant
from proxy.edge.exchange import Exchange
from proxy.errors import UpstreamFailed, UpstreamTimeout
from proxy.translation.rules import Expectation
from proxy.upstream.repair import Sent, UpstreamCall
from proxy.usage import estimate

REFUSED = 401
REFUSALS = "telnyx_proxy_credential_refusals_total"
IN_VAIN = (asyncio.CancelledError, UpstreamTimeout, UpstreamFailed)
"""Ways in which waiting for Telnyx ends without an answer. It has read the prompt all the same."""


async def send(exchange: Exchange, tenant: Tenant, call: UpstreamCall, expects: Expectation) -> Sent:
    """What came back. The time it took, and what it consumed in vain, go into the record. Raises UpstreamFault."""
    services, record = exchange.services, exchange.record
    before = services.clock.steady()
    services.ledger.begin(record, estimate(expects.input_bytes, 0))
    try:
        if tenant.rota is None:
            sent = await services.upstream.send(call)
            if sent.answer.status == REFUSED:
                services.metrics.count(REFUSALS, tenant.id, "")
            return sent
        return await _by_turns(exchange, tenant, call)
    except IN_VAIN:
        record.usage = estimate(expects.input_bytes, 0)
        raise
    finally:
        record.waited += services.clock.steady() - before


async def _by_turns(exchange: Exchange, tenant: Tenant, call: UpstreamCall) -> Sent:
    """With the key whose turn it is; refused, with the next one, until none is left."""
    services, rota = exchange.services, tenant.rota
    sent: Sent | None = None
    tried: frozenset[str] = frozenset()
    while rota is not None:
        turn = rota.pick(services.clock.wall(), tried)
        if turn is None:
            break
        call.outgoing.credential = turn.secret
        sent = await services.upstream.send(call)
        if sent.answer.status != REFUSED:
            break
        _set_aside(exchange, tenant, turn)
        tried |= {turn.name}
    if sent is None:
        raise RuntimeError("a rota has a key for everybody")
    return sent


def _set_aside(exchange: Exchange, tenant: Tenant, turn: Turn) -> None:
    services = exchange.services
    if tenant.rota is not None:
        tenant.rota.set_aside(turn, services.clock.wall() + services.settings.upstream.set_aside)
    services.metrics.count(REFUSALS, tenant.id, turn.name)
    services.log.alert("telnyx_key_refused", tenant=tenant.id, credential=turn.name)
