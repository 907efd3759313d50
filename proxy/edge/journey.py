"""The path of a request, on one page.

client bytes
  |  aiohttp parses HTTP, each head once       edge/listener, edge/familiar
routes.look_up     path, method -> Endpoint    a row of endpoints.py
keys.admit         bearer -> Grant             one digest, one dictionary; what the key may be used for
WAYS[endpoint]     what it wants               edge/ways; for one that asks a model it is edge/completing:
  body.read_object   bytes -> dict               bounded, decoded once
  models.choose      alias -> Telnyx id; allowed?
  translate          dict -> upstream body       PURE; Changes say what was done and why
  reserving.reserve  tokens and money            only where the key has limits; settled when the request has ended
  sending.send       -> Sent                     pooled, deadlines, known quirks repaired, another Telnyx key on 401
    |-- failed:      translation/failures        -> OpenAI error
    |-- whole:       translation.answer          PURE -> client bytes, Usage
    |-- streamed:    edge/relay                  Telnyx's piece -> stream.feed -> client.write, all in one call
services.record                                always, also when the client has gone
"""

import asyncio

from aiohttp.hdrs import AUTHORIZATION

from proxy.edge import routes
from proxy.edge.exchange import Exchange, header_value
from proxy.edge.relay import break_off
from proxy.edge.reply import Answering, Reply
from proxy.edge.visit import Visit
from proxy.edge.ways import WAYS
from proxy.errors import InternalError, ProxyError, ShuttingDown


async def handle(exchange: Exchange) -> Answering:
    """One answer and one record, whatever happens."""
    services, record = exchange.services, exchange.record
    under_way = services.metrics.requests_under_way
    under_way.value += 1
    try:
        visit = _let_in(exchange)
        return await WAYS[visit.endpoint.name](visit)
    except ProxyError as error:
        return exchange.refuse(error)
    except asyncio.CancelledError:
        broken = exchange.interrupted()
        if broken is not None:
            return exchange.refuse(broken[0])
        exchange.abandon()
        raise
    except Exception as bug:  # noqa: BLE001 - the one place where a bug becomes an answer
        return await _confess(exchange, bug)
    finally:
        under_way.value -= 1
        exchange.end()
        if exchange.admitted is not None:
            services.admission.leave(exchange.admitted, record)
        record.duration = services.clock.steady() - exchange.started
        services.record(record)


async def _confess(exchange: Exchange, bug: Exception) -> Answering:
    """A bug: everything into the log, its id to the client."""
    exchange.services.log.bug(exchange.record, bug)
    fault = InternalError(f"An internal error occurred. The log has it under {exchange.record.request_id}.")
    if exchange.reply is None:
        return exchange.refuse(fault)
    exchange.note(fault)
    exchange.record.stream_end = "internal_error"
    await break_off(exchange, fault, "internal_error")
    return exchange.reply


def turn_away(exchange: Exchange) -> Reply:
    """The answer to a request that comes when nothing may begin any more."""
    answer = exchange.refuse(ShuttingDown("The proxy is shutting down. Please try again."))
    exchange.record.duration = exchange.elapsed()
    exchange.services.record(exchange.record)
    return answer


def _let_in(exchange: Exchange) -> Visit:
    """Who wants what, as far as the record has it then. Raises ProxyError for who may not have it."""
    services, record, request = exchange.services, exchange.record, exchange.request
    methods, names = routes.look_up(exchange.path)
    if methods is None:
        record.path = header_value(exchange.path)
        raise routes.unknown(request.method, exchange.path)
    endpoint = methods.get(request.method)
    if endpoint is None:
        record.endpoint = next(iter(methods.values())).name  # whatever becomes of the method, the path is known
        endpoint = routes.expect_method(methods, request.method)
    record.endpoint = endpoint.name
    grant = exchange.grant or services.keys.admit(
        request.headers.get(AUTHORIZATION) or exchange.api_key(), record.started_at
    )
    record.tenant, record.key, record.key_id = grant.tenant.id, grant.key, grant.id
    if grant.scope is not None:
        grant.scope.expect_endpoint(endpoint.area)
        if exchange.grant is None:
            grant.scope.expect_address(exchange.address())
    return tuple.__new__(Visit, (exchange, endpoint, grant, names))  # as `Visit` does, a call less
