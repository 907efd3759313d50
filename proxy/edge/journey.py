"""The path of a request, on one page.

client bytes
  |  aiohttp parses HTTP                       edge/listener
routes.find        path -> Endpoint            a row of endpoints.py
keys.admit         bearer -> Grant             one digest, one dictionary; what the key may be used for
body.read_object   bytes -> dict               bounded, decoded once
models.resolve     alias -> Telnyx id; allowed?
translate          dict -> upstream body       PURE; Changes say what was done and why
admission.enter    reserve tokens and money    only where the key has limits; settled when the request has ended
sending.send       -> Sent                     pooled, deadlines, known quirks repaired, another Telnyx key on 401
  |-- failed:      translation/failures        -> OpenAI error
  |-- whole:       translation.answer          PURE -> client bytes, Usage
  |-- streamed:    edge/relay                  Telnyx's piece -> stream.feed -> client.write, all in one call
services.record                                always, also when the client has gone
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from aiohttp.hdrs import AUTHORIZATION

from proxy.accounts.gates import Holder
from proxy.accounts.ledger import CLIENT_CLOSED
from proxy.accounts.tenants import Grant
from proxy.edge import body, models, routes, sending
from proxy.edge.admission import Admitted, Prompt
from proxy.edge.exchange import NAME_LIMIT, Exchange, header_value
from proxy.edge.relay import break_off, relay
from proxy.edge.reply import Answering, Reply
from proxy.endpoints import Endpoint, Translation
from proxy.errors import InternalError, ProxyError, ShuttingDown
from proxy.translation import failures
from proxy.translation.answers import Identity
from proxy.translation.changes import Change, Changes
from proxy.translation.chat import Translated
from proxy.translation.dialects import Body
from proxy.translation.failures import Circumstances
from proxy.translation.rules import Expectation
from proxy.upstream.repair import SUCCESS, Sent, UpstreamCall
from proxy.upstream.transport import Outgoing
from proxy.usage import estimate

HANDED_ON = ("traceparent", "tracestate")
"""The client's headers that Telnyx gets. Everything else ends here: cookies, organisation, addresses, and our key."""
NO_MODEL = frozenset({400, 404, 422})
"""Statuses by which Telnyx may mean that there is no such model."""
TRACE_LIMIT = 512
"""Characters of such a header: what the W3C's trace context asks everybody to hand on. Longer ones stay here."""
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(slots=True)
class Asked:
    """A request that Telnyx has answered, at least in part. The request itself is gone: it may have been large.

    Attributes:
        translation: how the bodies of its endpoint are translated.
        expects, changes: what the client expects, and what was done to its request.
        grant: who asked.
        sent: what came back.
    """

    translation: Translation
    expects: Expectation
    changes: Changes
    grant: Grant
    sent: Sent


async def handle(exchange: Exchange) -> Answering:
    """One answer and one record, whatever happens."""
    services, record = exchange.services, exchange.record
    under_way = services.metrics.requests_under_way
    under_way.value += 1
    try:
        return await _journey(exchange)
    except ProxyError as error:
        return exchange.refuse(error)
    except asyncio.CancelledError:
        broken = exchange.interrupted()
        if broken is not None:
            return exchange.refuse(broken[0])
        record.status = CLIENT_CLOSED
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


async def _journey(exchange: Exchange) -> Answering:
    services, record, request = exchange.services, exchange.record, exchange.request
    endpoint, name = routes.look_up(exchange.path)
    if endpoint is None:
        record.path = header_value(exchange.path)
        raise routes.unknown(request.method, exchange.path)
    record.endpoint = endpoint.name
    if request.method != endpoint.method:
        routes.expect_method(endpoint, request.method)
    grant = services.keys.admit(request.headers.get(AUTHORIZATION), record.started_at)
    record.tenant, record.key, record.key_id = grant.tenant.id, grant.key, grant.id
    if grant.scope is not None:
        grant.scope.expect_endpoint(endpoint.name)
        grant.scope.expect_address(exchange.address())
    if endpoint.kind == "model_list":
        return exchange.answer(await models.listing(services, grant))
    if endpoint.kind == "model":
        return exchange.answer(await models.single(services, grant, name))
    return await _answer(exchange, await _ask(exchange, endpoint, grant))


async def _ask(exchange: Exchange, endpoint: Endpoint, grant: Grant) -> Asked:
    """Everything that needs the request."""
    services, record = exchange.services, exchange.record
    request = await body.read_object(exchange)
    asked = request.get("model")
    record.model_asked = str(asked or "")[:NAME_LIMIT]
    model, alias = models.resolve(services, grant.tenant, asked)
    terms = services.terms.look_up(grant.tenant.id, model)
    if not terms.allowed or (grant.scope is not None and not grant.scope.allows(model)):
        models.expect_allowed(model, allowed=False)
    record.model, record.provider = model, services.catalogue.provider(model)
    exchange.drain = terms.drain
    translation = endpoint.translation or _untranslated(endpoint)
    translated = translation.request(request, model, terms.policy)
    expects = translated.expects
    _describe(exchange, translated, alias, terms.tags)
    call = UpstreamCall(
        endpoint=endpoint.name,
        model=model,
        outgoing=_outgoing(exchange, grant, stream=expects.stream),
        body=translated.body,
        manner=terms.manner,
        policy=terms.policy,
        limit=services.settings.limits.answer,
        idle=services.settings.upstream.timeouts.between_chunks,
    )
    if grant.holder is not None:
        await _enter(exchange, grant, grant.holder, call, expects)
    sent = await sending.send(exchange, grant.tenant, call, expects)
    return Asked(translation, expects, translated.changes, grant, sent)


async def _enter(exchange: Exchange, grant: Grant, holder: Holder, call: UpstreamCall, expects: Expectation) -> None:
    """Reserve, or be refused. Waiting for a place is no time of ours.

    Reserved is what the body may cost in the form in which Telnyx gets it: a repair may take its cap away.
    """
    services, record = exchange.services, exchange.record
    admission = services.admission

    async def again(body: Body) -> None:
        if exchange.admitted is not None:
            _admit(exchange, await admission.enter_again(exchange.admitted, holder, body))

    call.again = again
    if admission.lacks_price(holder, call.model):
        await services.catalogue.rows(grant.tenant.credential)  # just started: it may not have come yet
    body, _ = services.upstream.foresee(call)
    prompt = Prompt(expects.input_bytes, expects.images)
    _admit(exchange, await admission.enter(record.request_id, holder, call.model, body, prompt))


def _admit(exchange: Exchange, admitted: Admitted) -> None:
    """A key that was revoked while its request waited for a place opens nothing any more. Raises InvalidApiKey."""
    exchange.admitted = admitted
    if admitted.reservation.queued:
        services = exchange.services
        exchange.record.client_waited += admitted.reservation.queued
        services.keys.admit(exchange.request.headers.get(AUTHORIZATION), services.clock.wall())


async def _answer(exchange: Exchange, asked: Asked) -> Answering:
    services, record, expects, sent = exchange.services, exchange.record, asked.expects, asked.sent
    if sent.changes:
        asked.changes.extend(sent.changes)
        record.changes_header, record.changes = asked.changes.told()
    record.repairs = sent.repairs
    if sent.repaired:
        record.repaired = tuple(at - exchange.started for at in sent.repaired)
    upstream_id = sent.answer.headers.get("x-request-id")
    if upstream_id and not asked.grant.tenant.reveals(upstream_id):
        record.upstream_request_id = header_value(upstream_id) or None
    if sent.answer.status != SUCCESS:
        around = _circumstances(exchange, asked.changes, asked.grant, sent.answer.status)
        raise failures.from_response(sent.answer.status, sent.answer.headers, sent.refusal, around)
    record.usage = estimate(expects.input_bytes, 0)  # it has read the prompt, also where its answer is of no use
    # Only where Telnyx gives an answer no id of its own it gets one, and may share it with the request.
    identity = Identity(asked.translation.id_prefix + record.request_id.removeprefix("req_"), int(record.started_at))
    if expects.stream:
        limit = services.settings.limits.event
        stream = asked.translation.stream(expects, identity, record.model, event_limit=limit)
        return await relay(exchange, sent.answer, stream)
    raw = sent.answer.whole
    if raw is None or len(raw) > services.settings.limits.answer:
        raw = await _read(exchange, asked)
    else:
        sent.answer.whole = None
    answer = asked.translation.answer(raw, expects, identity, record.model)
    record.usage, record.schema_violations = answer.usage, answer.violations
    record.model = answer.model[:NAME_LIMIT]
    if answer.estimated:
        asked.changes.append(Change("estimated", "usage", reason="Telnyx reported no usage"))
        record.changes_header, record.changes = asked.changes.told()
    return exchange.answer(answer.body)


async def _read(exchange: Exchange, asked: Asked) -> bytes:
    """The whole of an answer that did not come with its head. It may take minutes."""
    services, answer = exchange.services, asked.sent.answer
    before = services.clock.steady()
    try:
        return await answer.read(services.settings.limits.answer, services.settings.upstream.timeouts.between_chunks)
    finally:
        exchange.record.waited += services.clock.steady() - before
        answer.close()


def _untranslated(endpoint: Endpoint) -> Translation:
    raise TypeError(f"the row of {endpoint.name} has no translation")


def _describe(exchange: Exchange, translated: Translated, alias: Change | None, tags: tuple[str, ...]) -> None:
    """What the ledger keeps of a request, and the first of its changes."""
    record, expects = exchange.record, translated.expects
    record.stream = expects.stream
    record.metadata = metadata = expects.metadata
    if tags:
        record.tags = {name: metadata[name] for name in tags if name in metadata}
    body = translated.body
    record.service_tier, record.region = str(body.get("service_tier", "")), str(body.get("region", ""))
    if expects.end_user is not None:
        record.end_user = hashlib.sha256(expects.end_user.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    if alias is not None:
        translated.changes.insert(0, alias)
    record.changes_header, record.changes = translated.changes.told()


def _outgoing(exchange: Exchange, grant: Grant, *, stream: bool) -> Outgoing:
    """Everything but the body."""
    return Outgoing(
        "POST",
        exchange.services.urls["chat"],
        grant.tenant.credential,
        None,
        "text/event-stream" if stream else "application/json",
        NOTHING if exchange.record.trace_id is None else _handed_on(exchange),
    )


def _handed_on(exchange: Exchange) -> dict[str, str]:
    """The trace context, if it is one: otherwise Telnyx would refuse the request for what the client made of it."""
    given = ((name, exchange.request.headers.get(name, "")) for name in HANDED_ON)
    found = {name: text for name, text in given if text and header_value(text, TRACE_LIMIT) == text}
    spans = exchange.services.spans
    return found if spans is None else {**found, "traceparent": spans.traceparent(exchange.record)}


def _circumstances(exchange: Exchange, changes: Changes, grant: Grant, status: int) -> Circumstances:
    record = exchange.record
    return Circumstances(
        model=record.model,
        # Looking for them takes milliseconds, which a flood of 429s should not cost.
        nearest=models.alternatives(exchange.services, grant, record.model_asked) if status in NO_MODEL else (),
        secrets=grant.tenant.secrets(),
        names={change.detail: change.field for change in changes if change.kind == "renamed"},
        now=exchange.services.clock.wall(),
    )
