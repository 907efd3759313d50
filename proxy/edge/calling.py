"""Requests to Telnyx that ask no model: one plain HTTP call with a Telnyx key of the tenant, nothing translated.

They pass the same limits as every other request, each counts as one, and the ledger has them.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy import codec
from proxy.accounts.tenants import Grant
from proxy.edge import sending
from proxy.edge.exchange import Exchange
from proxy.edge.reserving import reserve_one
from proxy.errors import NotFound, UpstreamFailed
from proxy.translation import failures
from proxy.translation.failures import Circumstances
from proxy.upstream.repair import Sent
from proxy.upstream.transport import Answer, Outgoing, Upload
from proxy.usage import NOTHING

JSON = "application/json"
GOOD = range(200, 300)
MISSING = 404


@dataclass(frozen=True, slots=True)
class Plain:
    """One request.

    Attributes:
        method, url: as they go out.
        body, content_type: what is sent; None = nothing.
        accept, headers: what else is said.
        missing: what the client hears where Telnyx says that there is no such thing; empty = nothing of its own.
    """

    method: str
    url: str
    body: bytes | None = field(default=None, repr=False)
    content_type: str = JSON
    accept: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""


async def call(exchange: Exchange, grant: Grant, plain: Plain) -> Answer:
    """What Telnyx answers, open, whatever its status. A 401 is the operator's: UpstreamAuthFailed.

    Raises ProxyError.
    """
    services, record = exchange.services, exchange.record
    await reserve_one(exchange, grant)
    services.ledger.begin(record, NOTHING)

    async def send_with(secret: str) -> Sent:
        to = Outgoing(plain.method, plain.url, secret, _body(plain), plain.accept, plain.headers)
        return Sent(await services.upstream.carry(to))

    before = services.clock.steady()
    try:
        answer = (await sending.by_turns(exchange, grant.tenant, send_with)).answer
    finally:
        record.waited += services.clock.steady() - before
    sending.note_id(exchange, grant.tenant, answer)
    if answer.status == sending.REFUSED:
        raise await _failure(exchange, grant, answer)
    return answer


async def ask(exchange: Exchange, grant: Grant, plain: Plain) -> Any:
    """The JSON that Telnyx answers. Raises ProxyError, also what Telnyx refused in OpenAI's terms."""
    answer = await call(exchange, grant, plain)
    if answer.status not in GOOD:
        raise await _failure(exchange, grant, answer, plain.missing)
    raw = await sending.read(exchange, answer)
    try:
        value = codec.decode(raw)
    except codec.NotJson:
        raise UpstreamFailed(f"Telnyx answered {answer.status} with something that is not JSON.") from None
    error = failures.from_event(value, _around(exchange, grant))
    if error is not None:
        raise error
    return value


async def _failure(exchange: Exchange, grant: Grant, answer: Answer, missing: str = "") -> Exception:
    raw = await sending.read(exchange, answer)
    if missing and answer.status == MISSING and failures.read(raw).code is not None:  # not a wrong address
        return NotFound(missing)
    return failures.from_response(answer.status, answer.headers, raw, _around(exchange, grant))


def _around(exchange: Exchange, grant: Grant) -> Circumstances:
    return Circumstances(
        model=exchange.record.model, secrets=grant.tenant.secrets(), now=exchange.services.clock.wall()
    )


def _body(plain: Plain) -> bytes | Upload | None:
    """JSON as it is; anything else tells its type, as only uploads do."""
    data = plain.body
    if data is None or plain.content_type == JSON:
        return data
    return Upload(_once(data), plain.content_type, len(data))


async def _once(body: bytes) -> AsyncIterator[bytes]:
    if body:
        yield body
