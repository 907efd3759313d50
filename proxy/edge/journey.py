"""The path of a request, on one page.

client bytes
  |  aiohttp parses HTTP                       edge/listener
routes.find        path -> Endpoint            a row of endpoints.py
keys.admit         bearer -> Grant             one digest, one dictionary
body.read_object   bytes -> dict               bounded, decoded once
models.resolve     alias -> Telnyx id; allowed?
translate          dict -> upstream body       PURE; Changes say what was done and why
upstream.send      -> Sent                     pooled, deadlines, known quirks repaired
  |-- failed:      translation/failures        -> OpenAI error
  |-- whole:       translation.answer          PURE -> client bytes, Usage
  |-- streamed:    edge/relay                  for piece in answer: client.write(stream.feed(piece))
services.record                                always, also when the client has gone
"""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from proxy.accounts.ledger import CLIENT_CLOSED
from proxy.accounts.tenants import Grant
from proxy.edge import body, models, routes
from proxy.edge.exchange import NAME_LIMIT, Exchange, header_value
from proxy.edge.relay import break_off, relay
from proxy.endpoints import Endpoint, Translation
from proxy.errors import InternalError, ProxyError, ShuttingDown, UpstreamFailed, UpstreamTimeout
from proxy.translation import failures
from proxy.translation.answers import Identity
from proxy.translation.chat import Translated
from proxy.translation.failures import Circumstances
from proxy.translation.rules import Change, Changes, Expectation
from proxy.upstream.repair import SUCCESS, Sent, UpstreamCall
from proxy.upstream.transport import Outgoing
from proxy.usage import estimate

HANDED_ON = ("traceparent", "tracestate")
"""The client's headers that Telnyx gets. Everything else ends here: cookies, organisation, addresses, and our key."""
NO_MODEL = frozenset({400, 404, 422})
"""Statuses by which Telnyx may mean that there is no such model."""
TRACE_LIMIT = 512
"""Characters of such a header: what the W3C's trace context asks everybody to hand on. Longer ones stay here."""


async def handle(exchange: Exchange) -> web.StreamResponse:
    """One answer and one record, whatever happens."""
    services, record = exchange.services, exchange.record
    services.metrics.in_flight(1)
    try:
        return await _journey(exchange)
    except ProxyError as error:
        return exchange.refuse(error)
    except asyncio.CancelledError:
        if exchange.stopping and exchange.task is not None:
            exchange.task.uncancel()
            return exchange.refuse(ShuttingDown("The proxy is shutting down. Please try again."))
        record.status = CLIENT_CLOSED
        raise
    except Exception as bug:  # noqa: BLE001 - the one place where a bug becomes an answer
        return await _confess(exchange, bug)
    finally:
        services.metrics.in_flight(-1)
        record.duration = exchange.elapsed()
        services.record(record)


async def _confess(exchange: Exchange, bug: Exception) -> web.StreamResponse:
    """A bug: everything into the log, its id to the client."""
    exchange.services.log.bug(exchange.record, bug)
    fault = InternalError(f"An internal error occurred. The log has it under {exchange.record.request_id}.")
    if exchange.response is None:
        return exchange.refuse(fault)
    exchange.note(fault)
    exchange.record.stream_end = "internal_error"
    await break_off(exchange, fault, "internal_error")
    return exchange.response


def turn_away(exchange: Exchange) -> web.Response:
    """The answer to a request that comes when nothing may begin any more."""
    answer = exchange.refuse(ShuttingDown("The proxy is shutting down. Please try again."))
    exchange.record.duration = exchange.elapsed()
    exchange.services.record(exchange.record)
    return answer


async def _journey(exchange: Exchange) -> web.StreamResponse:
    services, record = exchange.services, exchange.record
    endpoint, name = _route(exchange)
    grant = services.keys.admit(exchange.request.headers.get("Authorization"))
    record.tenant, record.key = grant.tenant.id, grant.key
    if endpoint.kind == "model_list":
        return exchange.reply(await models.listing(services, grant.tenant))
    if endpoint.kind == "model":
        return exchange.reply(await models.single(services, grant.tenant, name))
    request = await body.read_object(exchange)
    return await _complete(exchange, endpoint, grant, request)


def _route(exchange: Exchange) -> tuple[Endpoint, str]:
    method, path = exchange.request.method, exchange.request.rel_url.raw_path
    endpoint, name = routes.look_up(path)
    if endpoint is None:
        exchange.record.path = header_value(path)
        raise routes.unknown(method, path)
    exchange.record.endpoint = endpoint.name
    routes.expect_method(endpoint, method)
    return endpoint, name


async def _complete(
    exchange: Exchange, endpoint: Endpoint, grant: Grant, request: dict[str, Any]
) -> web.StreamResponse:
    services, record, translation = exchange.services, exchange.record, _translation(endpoint)
    asked = request.get("model")
    record.model_asked = str(asked or "")[:NAME_LIMIT]
    model, alias = models.resolve(services, grant.tenant, asked)
    terms = services.terms.look_up(grant.tenant.id, model)
    models.expect_allowed(model, allowed=terms.allowed)
    record.model = model
    translated = translation.request(request, model, terms.policy)
    _describe(exchange, translated, alias)
    call = UpstreamCall(
        endpoint=endpoint.name,
        model=model,
        outgoing=_outgoing(exchange, grant, translated),
        body=translated.body,
        manner=terms.manner,
        policy=terms.policy,
        limit=services.settings.limits.answer,
        idle=services.settings.upstream.timeouts.between_chunks,
    )
    with _waiting(exchange, translated.expects):
        sent = await services.upstream.send(call)
    return await _answer(exchange, translation, translated, sent, grant)


async def _answer(
    exchange: Exchange, translation: Translation, translated: Translated, sent: Sent, grant: Grant
) -> web.StreamResponse:
    services, record, expects = exchange.services, exchange.record, translated.expects
    if sent.changes:
        translated.changes.extend(sent.changes)
        _show_changes(exchange, translated.changes)
    record.repairs = sent.repairs
    record.upstream_request_id = header_value(sent.answer.headers.get("x-request-id", "")) or None
    if sent.answer.status != SUCCESS:
        around = _circumstances(exchange, translated.changes, grant, sent.answer.status)
        raise failures.from_response(sent.answer.status, sent.answer.headers, sent.refusal, around)
    identity = Identity(translation.id_prefix + services.random(16).hex(), int(record.started_at))
    if expects.stream:
        limit = services.settings.limits.event
        return await relay(
            exchange, sent.answer, translation.stream(expects, identity, record.model, event_limit=limit)
        )
    with _waiting(exchange, expects):
        raw = await _read_whole(exchange, sent)
    answer = translation.answer(raw, expects, identity, record.model)
    record.usage, record.schema_violations = answer.usage, answer.violations
    record.model = answer.model[:NAME_LIMIT]
    if answer.estimated:
        translated.changes.append(Change("estimated", "usage", reason="Telnyx reported no usage"))
        _show_changes(exchange, translated.changes)
    return exchange.reply(answer.body)


async def _read_whole(exchange: Exchange, sent: Sent) -> bytes:
    limits, timeouts = exchange.services.settings.limits, exchange.services.settings.upstream.timeouts
    try:
        async with asyncio.timeout(max(0.0, timeouts.total - exchange.elapsed())):
            return await sent.answer.read(limits.answer, timeouts.between_chunks)
    except TimeoutError:
        raise UpstreamTimeout("The answer took too long (timeouts.total).") from None
    finally:
        sent.answer.close()


@contextmanager
def _waiting(exchange: Exchange, expects: Expectation) -> Iterator[None]:
    """Time spent on Telnyx. If the wait ends without an answer, Telnyx has read the prompt all the same."""
    steady = exchange.services.clock.steady
    before = steady()
    try:
        yield
    except (asyncio.CancelledError, UpstreamTimeout, UpstreamFailed):
        exchange.record.usage = estimate(expects.input_bytes, 0)
        raise
    finally:
        exchange.record.waited += steady() - before


def _translation(endpoint: Endpoint) -> Translation:
    if endpoint.translation is None:
        raise TypeError(f"the row of {endpoint.name} has no translation")
    return endpoint.translation


def _describe(exchange: Exchange, translated: Translated, alias: Change | None) -> None:
    """What the ledger keeps of a request, and the first of its changes."""
    record, expects = exchange.record, translated.expects
    record.stream = expects.stream
    record.metadata = expects.metadata
    if expects.end_user is not None:
        record.end_user = hashlib.sha256(expects.end_user.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    if alias is not None:
        translated.changes.insert(0, alias)
    _show_changes(exchange, translated.changes)


def _show_changes(exchange: Exchange, changes: Changes) -> None:
    exchange.record.changes_header = changes.header()
    # an alias is the client's word for a model, not a field, and no label for a metric
    exchange.record.changes = tuple(
        ("model" if change.kind == "aliased" else change.field, change.kind) for change in changes
    )


def _outgoing(exchange: Exchange, grant: Grant, translated: Translated) -> Outgoing:
    return Outgoing(
        "POST",
        exchange.services.urls["chat"],
        grant.tenant.credential,
        accept="text/event-stream" if translated.expects.stream else "application/json",
        headers=_handed_on(exchange),
    )


def _handed_on(exchange: Exchange) -> dict[str, str]:
    """The trace context, if it is one: otherwise Telnyx would refuse the request for what the client made of it."""
    if exchange.record.trace_id is None:
        return {}
    given = ((name, exchange.request.headers.get(name, "")) for name in HANDED_ON)
    return {name: text for name, text in given if text and header_value(text, TRACE_LIMIT) == text}


def _circumstances(exchange: Exchange, changes: Changes, grant: Grant, status: int) -> Circumstances:
    record = exchange.record
    return Circumstances(
        model=record.model,
        # Looking for them takes milliseconds, which a flood of 429s should not cost.
        nearest=models.alternatives(exchange.services, grant.tenant, record.model_asked) if status in NO_MODEL else (),
        secrets=(grant.tenant.credential,),
        names={change.detail: change.field for change in changes if change.kind == "renamed"},
        now=exchange.services.clock.wall(),
    )
