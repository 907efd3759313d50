"""Telnyx's own AI routes, for tenants that may use them: request and answer as they are, with the tenant's Telnyx key.

What may be called is decided on the path as it will be sent: only paths without any of the spellings that two servers
read differently (`..`, `//`, encoded slashes, whatever else is encoded) are looked up at all. Of the client's headers
three are handed on, of Telnyx's answer its status and its type. The tenant's Telnyx keys are taken out of whatever
comes back.
"""

import re
from typing import Any
from urllib.parse import unquote

from proxy import codec
from proxy.accounts.pricing import UNKNOWN
from proxy.accounts.tenants import Grant
from proxy.edge import body, models, sending
from proxy.edge.calling import GOOD, JSON, Plain, call
from proxy.edge.exchange import NAME_LIMIT, Exchange, header_value
from proxy.edge.raw_relay import Look, hand_on, unseen
from proxy.edge.redacting import Redactor
from proxy.edge.reply import Answering, Reply
from proxy.edge.visit import Visit
from proxy.errors import InvalidRequest, MethodNotAllowed, NotPermitted, UnknownUrl
from proxy.streaming.glance import UsageGlance
from proxy.translation import metering
from proxy.translation.chat import KEY_REF
from proxy.translation.rules import unsupported
from proxy.upstream.catalogue import OWN
from proxy.upstream.transport import Answer
from proxy.usage import NOTHING, Usage, estimate

PREFIX = "/telnyx/"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
"""A TRACE would show the client what Telnyx got: the tenant's Telnyx key."""
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
SEGMENT = re.compile(r"(?!\.+$)[A-Za-z0-9._~!$&'()*+,=:@-]+")
"""What a step of a path may consist of: what goes out as it is, so that nobody reads it differently. Not only dots."""
PATH_LIMIT = 1024
HANDED_ON = ("idempotency-key",)
FORMS = ("multipart/", "application/x-www-form-urlencoded")
"""Bodies that are handed on unread: what stands in forms is not looked into."""
EVERY = ("*",)
"""Patterns that cover every model."""
EVENTS = "text/event-stream"
TOKEN = 4
"""Bytes that `estimate` takes for a token."""
HEADER_LIMIT = 256
OK = 200


async def pass_on(visit: Visit) -> Answering:
    """Hand a request on, and its answer back. Raises ProxyError."""
    exchange, grant = visit.exchange, visit.grant
    path = expect_path(exchange.path)
    method = exchange.request.method
    if method not in METHODS:
        raise MethodNotAllowed(f"Not allowed to {header_value(method, 16)} on {PREFIX}.", METHODS)
    if not exchange.services.terms.passes(grant.tenant.id, path):
        raise NotPermitted(
            f"This tenant may not call {path} at Telnyx (HINT: the operator lists the paths that it may call under "
            "tenants[].passthrough)."
        )
    plain = await _plain(exchange, grant, path)
    try:
        answer = await call(exchange, grant, plain)
    except sending.IN_VAIN:
        _note_use(exchange, NOTHING)
        raise
    try:
        return await _handed_back(exchange, grant, answer)
    finally:
        answer.close()


def expect_path(raw_path: str) -> str:
    """The path at Telnyx, without a slash before it. Raises UnknownUrl, InvalidRequest."""
    if not raw_path.startswith(PREFIX):
        raise UnknownUrl(f"Unknown request URL: Telnyx's own routes are under {PREFIX}, without /v1.")
    segments = [unquote(step) for step in raw_path[len(PREFIX) :].split("/")]
    if len(raw_path) > PATH_LIMIT or not all(map(SEGMENT.fullmatch, segments)):
        raise InvalidRequest(
            f"The path after {PREFIX} must be the plain path of one of Telnyx's routes: no empty steps, no dots alone, "
            f"nothing but letters, digits and a few signs, at most {PATH_LIMIT} characters."
        )
    return "/".join(segments)


async def _plain(exchange: Exchange, grant: Grant, path: str) -> Plain:
    """The request as it goes out."""
    request = exchange.request
    query = request.rel_url.raw_query_string
    url = f"{exchange.services.urls['root']}/{path}{'?' if query else ''}{query}"
    data = await body.read_bytes(exchange)
    kind = header_value(request.headers.get("content-type") or JSON, HEADER_LIMIT)
    for model in request.rel_url.query.getall("model", ()):
        models.expect_allowed(model, allowed=models.may_use(exchange.services, grant, model))
    if kind.lower().startswith(FORMS):
        _expect_unrestricted(grant)
    elif data:
        await body.expect_few(data)
        _look_into(exchange, grant, _read(data, certain="json" in kind.lower()))
        kind = JSON if kind.lower().startswith(JSON) else kind
    given = ((name, request.headers.get(name)) for name in HANDED_ON)
    return Plain(
        "GET" if request.method == "HEAD" else request.method,
        url,
        data if data or request.method in WITH_BODY else None,
        kind,
        header_value(request.headers.get("accept") or "*/*", HEADER_LIMIT),
        {name: header_value(value, HEADER_LIMIT) for name, value in given if value},
    )


def _read(data: bytes, *, certain: bool) -> Any:
    """The value of a body; None where it is none. `certain`: it is said to be JSON.

    Raises InvalidRequest for JSON that cannot be read, here: it might be there. Also where a name stands twice, of
    which everybody reads another one.
    """
    try:
        value = codec.decode(data)
        return codec.decode_object(data) if type(value) is dict else value
    except codec.NotJson as fault:
        if certain or fault.duplicate is not None:
            raise InvalidRequest("We could not parse the JSON body of your request.", code="invalid_json") from None
        return None


def _expect_unrestricted(grant: Grant) -> None:
    """Raises NotPermitted for a form, which nobody looks into, where it could name a model that may not be asked."""
    if grant.tenant.models != EVERY or (grant.scope is not None and grant.scope.models is not None):
        raise NotPermitted(
            "A key or tenant that is for some models only may not send forms here: which model a form is for is not "
            "seen (HINT: recordings go to /v1/audio/transcriptions)."
        )


def _look_into(exchange: Exchange, grant: Grant, value: Any) -> None:
    """Models and foreign keys are as much a matter of what the tenant may as in any other request.

    Raises ModelNotAllowed, InvalidRequest.
    """
    services, record = exchange.services, exchange.record
    if type(value) is not dict:
        return
    model = value.get("model")
    if type(model) is str:
        models.expect_allowed(model, allowed=models.may_use(services, grant, model))
        record.model_asked = record.model = model[:NAME_LIMIT]
        record.provider = services.catalogue.providers.get(model, OWN)
    if "api_key_ref" in value:
        allowed = services.terms.look_up(grant.tenant.id, record.model).policy.client_api_key_refs
        if value["api_key_ref"] not in allowed:
            raise unsupported("api_key_ref", KEY_REF)


async def _handed_back(exchange: Exchange, grant: Grant, answer: Answer) -> Answering:
    redactor = Redactor(grant.tenant.secrets())
    kind = redactor.text(header_value(answer.headers.get("content-type") or "application/octet-stream"))
    if exchange.request.method == "HEAD":
        return _whole(exchange, answer, kind, redactor)
    if answer.status == OK and not kind.startswith(JSON):
        _note_use(exchange, NOTHING)
        look = _reader(exchange) if kind.startswith(EVENTS) else unseen
        return await hand_on(exchange, answer, kind, look=look, redactor=redactor)
    raw = await sending.read(exchange, answer)
    if answer.status in GOOD:
        _note_use(exchange, usage_in(raw))
    return _whole(exchange, answer, kind, redactor, raw)


def _reader(exchange: Exchange) -> Look:
    """Notes what a stream of events, which is handed on as it is, says that it consumed.

    A model's says so only where it was asked to; else it is estimated, for nothing would be had for nothing: an event
    is about a token.
    """
    glance, record = UsageGlance(exchange.services.settings.limits.event), exchange.record
    events = 0

    def look(piece: bytes) -> None:
        nonlocal events
        if glance.feed(piece):
            _note_use(exchange, glance.usage)
        elif record.model and glance.usage is NOTHING:
            events += piece.count(b"data:")
            _note_use(exchange, estimate(record.bytes_in, TOKEN * events))

    return look


def _note_use(exchange: Exchange, usage: Usage) -> None:
    """What it consumed. Where a model was asked and nothing says how much, the price is unknown, and not none."""
    record = exchange.record
    record.usage = usage
    record.charge = UNKNOWN if record.model and usage is NOTHING else None


def usage_in(raw: bytes) -> Usage:
    """What an answer says that it consumed; nothing where it says nothing of the kind."""
    try:
        value: Any = codec.decode(raw)
    except codec.NotJson:
        return NOTHING
    given = value.get("usage") if isinstance(value, dict) else None
    usage = metering.measure(given, 0, 0)
    return usage if usage.source == "upstream" else NOTHING


def _whole(exchange: Exchange, answer: Answer, kind: str, redactor: Redactor, raw: bytes = b"") -> Reply:
    record, body = exchange.record, redactor.whole(raw)
    record.status, record.bytes_out = answer.status, len(body)
    reply = Reply(exchange.connection, answer.status, exchange.lines(kind), body)
    wait = answer.headers.get("retry-after")
    if wait:
        reply.add("retry-after", redactor.text(header_value(wait)))
    return reply
