"""What is reserved for a request before Telnyx is asked. A key without limits passes without a look."""

from collections.abc import Mapping
from typing import Any

from aiohttp.hdrs import AUTHORIZATION

from proxy.accounts.tenants import Grant
from proxy.edge.admission import Admitted, Prompt
from proxy.edge.exchange import Exchange


async def reserve(exchange: Exchange, grant: Grant, body: Mapping[str, Any], prompt: Prompt) -> None:
    """Reserve what the body may cost at most, or be refused. Waiting for a place is no time of ours.

    `body`: as Telnyx gets it, as far as it says how much is put out. Raises as `Admission.enter`, and InvalidApiKey.
    """
    holder = grant.holder
    if holder is None:
        return
    services, record = exchange.services, exchange.record
    if services.admission.lacks_price(holder, record.model):
        await services.catalogue.rows(grant.tenant.credential)  # just started: it may not have come yet
    admit(exchange, await services.admission.enter(record.request_id, holder, record.model, body, prompt))


async def reserve_one(exchange: Exchange, grant: Grant) -> None:
    """Reserve for a request of which nobody knows what it takes: it counts as one. Raises as `reserve`."""
    if grant.holder is not None:
        record, admission = exchange.record, exchange.services.admission
        admit(exchange, await admission.enter_plain(record.request_id, grant.holder, record.model))


def admit(exchange: Exchange, admitted: Admitted) -> None:
    """A key that was revoked while its request waited for a place opens nothing any more. Raises InvalidApiKey."""
    exchange.admitted = admitted
    if admitted.reservation.queued:
        services = exchange.services
        exchange.record.client_waited += admitted.reservation.queued
        if exchange.grant is None:
            key = exchange.request.headers.get(AUTHORIZATION) or exchange.api_key()
            services.keys.admit(key, services.clock.wall())
