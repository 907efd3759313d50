"""The way of a request that asks a model: one request to Telnyx, one answer, whole or in pieces.

`ask` is everything that needs the request, `answer` everything after it. An endpoint whose translation depends on more
than the request (what is kept of a conversation, say) makes its own `Translation` and calls the two.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from proxy.accounts.tenants import Grant
from proxy.edge import body, models, sending, unstreamed
from proxy.edge.admission import Prompt
from proxy.edge.exchange import NAME_LIMIT, Exchange, header_value
from proxy.edge.relay import relay
from proxy.edge.reply import Answering
from proxy.edge.reserving import admit, reserve
from proxy.edge.terms import Terms
from proxy.edge.visit import Visit
from proxy.endpoints import Translation
from proxy.errors import ProxyError, UpstreamFailed
from proxy.streaming import unpieced
from proxy.translation import conformance, failures
from proxy.translation.answers import Identity
from proxy.translation.changes import Change, Changes
from proxy.translation.chat import Translated
from proxy.translation.dialects import Body
from proxy.translation.failures import Circumstances
from proxy.translation.quirks import EVERY, Manner, narrowed
from proxy.translation.rules import Expectation
from proxy.upstream.repair import SUCCESS, Sent, UpstreamCall
from proxy.upstream.transport import Answer, Outgoing

HANDED_ON = ("traceparent", "tracestate")
"""The client's headers that Telnyx gets. Everything else ends here: cookies, organisation, addresses, and our key."""
NO_MODEL = frozenset({400, 404, 422})
"""Statuses by which Telnyx may mean that there is no such model."""
TRACE_LIMIT = 512
"""Characters of such a header: what the W3C's trace context asks everybody to hand on. Longer ones stay here."""
NOTHING: Mapping[str, str] = MappingProxyType({})
AS_IT_IS = Manner(off=EVERY)
"""How an endpoint is spoken to whose quirks nobody has seen: those that are known are of chat."""


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


async def complete(visit: Visit) -> Answering:
    """A request that its row of the table of contents translates."""
    exchange, translation = visit.exchange, visit.endpoint.translation or _untranslated(visit)
    # Not kept here in a variable: the request may be large, and its answer may take minutes.
    asked = await ask(exchange, visit.grant, await body.read_object(exchange, sent_on=True), translation)
    return await answer(exchange, asked)


async def ask(exchange: Exchange, grant: Grant, request: Mapping[str, Any], translation: Translation) -> Asked:
    """Everything that needs the request. Raises ProxyError."""
    record = exchange.record
    translated, terms = await prepared(exchange, grant, request, translation)
    expects, manner = translated.expects, terms.manner
    if translation.repairs is not EVERY:
        manner = narrowed(manner, translation.repairs)
    if conformance.awaits_load(expects):
        exchange.services.start(asyncio.to_thread(conformance.load))  # done long before Telnyx has answered
    to = outgoing(exchange, grant, translation.url, stream=expects.stream)
    call = UpstreamCall(record.endpoint, record.model, to, translated.body, manner, terms.policy)
    if exchange.giants is not None:  # the exchange lasts as long as the answer; they need not
        call.giants, exchange.giants = exchange.giants, None
    if grant.holder is not None:
        await _enter(exchange, grant, call, expects)
    sent = await sending.send(exchange, grant.tenant, call, expects)
    return Asked(translation, expects, translated.changes, grant, sent)


async def prepared(
    exchange: Exchange, grant: Grant, request: Mapping[str, Any], translation: Translation
) -> tuple[Translated, Terms]:
    """As `prepare`; a request that is large, or may have become so, by another thread: others are served meanwhile."""
    if exchange.record.bytes_in <= body.LARGE and not translation.grows:
        return prepare(exchange, grant, request, translation)
    return await asyncio.to_thread(prepare, exchange, grant, request, translation)


def prepare(
    exchange: Exchange, grant: Grant, request: Mapping[str, Any], translation: Translation
) -> tuple[Translated, Terms]:
    """The request as Telnyx would get it, before anything is reserved. Raises ProxyError."""
    model, alias, terms = models.choose(exchange, grant, request.get("model"))
    record, exchange.drain = exchange.record, terms.drain
    translated = translation.request(request, model, terms.policy)
    expects, sent = translated.expects, translated.body
    record.stream = expects.stream
    record.metadata = metadata = expects.metadata
    if terms.tags:
        record.tags = {name: metadata[name] for name in terms.tags if name in metadata}
    record.service_tier = str(sent["service_tier"]) if "service_tier" in sent else ""
    record.region = str(sent["region"]) if "region" in sent else ""
    if expects.end_user is not None:
        record.end_user = hashlib.sha256(expects.end_user.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    if alias is not None:
        translated.changes.insert(0, alias)
    record.changes_header, record.changes = translated.changes.told()
    return translated, terms


async def _enter(exchange: Exchange, grant: Grant, call: UpstreamCall, expects: Expectation) -> None:
    """Reserve, or be refused: what the body may cost in the form in which Telnyx gets it.

    A repair may take its cap away; then it is reserved for again.
    """

    async def again(body: Body) -> None:
        if exchange.admitted is not None and grant.holder is not None:
            admit(exchange, await exchange.services.admission.enter_again(exchange.admitted, grant.holder, body))

    call.again = again
    body, _ = exchange.services.upstream.foresee(call)
    await reserve(exchange, grant, body, Prompt(expects.input_bytes, expects.images))


async def answer(exchange: Exchange, asked: Asked) -> Answering:
    """Hand the answer on. Raises ProxyError, also what Telnyx refused in the client's terms."""
    services, record, expects, sent = exchange.services, exchange.record, asked.expects, asked.sent
    if sent.changes:
        asked.changes.extend(sent.changes)
        record.changes_header, record.changes = asked.changes.told()
    record.repairs = sent.repairs
    if sent.repaired:
        record.repaired = tuple(at - exchange.started for at in sent.repaired)
    sending.note_id(exchange, asked.grant.tenant, sent.answer)
    if sent.answer.status != SUCCESS:
        raise refusal(exchange, asked.changes, asked.grant, sent)
    identity = identify(exchange, asked.translation.id_prefix)
    if expects.stream:
        coming = sent.answer if unstreamed.is_stream(sent.answer) else await _as_stream(exchange, asked, identity)
        limit = services.settings.limits.event
        stream = asked.translation.stream(expects, identity, record.model, event_limit=limit)
        return await relay(exchange, coming, stream)
    raw = sent.answer.whole
    if raw is None or len(raw) > services.bounds.answer:
        raw = await sending.read(exchange, sent.answer)
    else:
        sent.answer.whole = None
    made = asked.translation.answer(raw, expects, identity, record.model)
    record.usage, record.schema_violations = made.usage, made.violations
    record.model = made.model[:NAME_LIMIT]
    if made.estimated:
        asked.changes.append(Change("estimated", "usage", reason="Telnyx reported no usage"))
        record.changes_header, record.changes = asked.changes.told()
    return exchange.answer(made.body if exchange.keep is None else await exchange.keep())


async def _as_stream(exchange: Exchange, asked: Asked, identity: Identity) -> Answer:
    """What came in one piece as a stream. Raises what it is instead, and with it what it consumed is known."""
    translation, record = asked.translation, exchange.record
    if translation.url == "chat":
        return await unstreamed.as_stream(exchange, asked.sent.answer, unpieced.events, sending.read)

    def refuse(raw: bytes) -> bytes:
        record.usage = translation.answer(raw, asked.expects, identity, record.model).usage
        raise UpstreamFailed(unstreamed.NOT_ASKED_FOR)

    return await unstreamed.as_stream(exchange, asked.sent.answer, refuse, sending.read)


def identify(exchange: Exchange, prefix: str) -> Identity:
    """What an answer is called that Telnyx gives no id of its own: it may share one with the request."""
    record = exchange.record
    return Identity(prefix + record.request_id.removeprefix("req_"), int(record.started_at))


def refusal(exchange: Exchange, changes: Changes, grant: Grant, sent: Sent) -> ProxyError:
    """The error that an answer is whose status is not 200, in the client's terms."""
    status, headers = sent.answer.status, sent.answer.headers
    return failures.from_response(status, headers, sent.refusal, _circumstances(exchange, changes, grant, status))


def _untranslated(visit: Visit) -> Translation:
    raise TypeError(f"the row of {visit.endpoint.name} has no translation")


def outgoing(exchange: Exchange, grant: Grant, url: str, *, stream: bool) -> Outgoing:
    """Everything but the body; `url` is a name of `Services.urls`."""
    return Outgoing(
        "POST",
        exchange.services.urls[url],
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


def _nearest(exchange: Exchange, grant: Grant) -> tuple[str, ...]:
    record = exchange.record
    return models.alternatives(exchange.services, grant, record.model_asked, record.model, record.endpoint)


def _circumstances(exchange: Exchange, changes: Changes, grant: Grant, status: int) -> Circumstances:
    record = exchange.record
    return Circumstances(
        model=record.model,
        # Looking for them takes milliseconds, which a flood of 429s should not cost.
        nearest=_nearest(exchange, grant) if status in NO_MODEL else (),
        listed=status in NO_MODEL and record.model in exchange.services.catalogue.known(grant.tenant.credential),
        secrets=grant.tenant.secrets(),
        names={change.detail: change.field for change in changes if change.kind == "renamed"},
        now=exchange.services.clock.wall(),
    )
