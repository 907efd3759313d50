"""POST /responses: a turn of a conversation, answered whole, in events, or in the background."""

from collections.abc import Mapping
from typing import Any

from aiohttp.hdrs import UPGRADE

from proxy.edge import background, body, completing, turns
from proxy.edge.admission import IMAGE
from proxy.edge.reply import Answering
from proxy.edge.retelling import Retelling
from proxy.edge.visit import Visit
from proxy.errors import MethodNotAllowed, UnsupportedEndpoint, UpgradeRequired
from proxy.translation.changes import Change
from proxy.usage import estimate


async def create(visit: Visit) -> Answering:
    """A response. Raises ProxyError."""
    exchange, grant = visit.exchange, visit.grant
    if exchange.making is not None:
        return await background.fulfil(exchange, grant, exchange.making)
    request = await body.read_object(exchange)
    turn = await turns.resolve(exchange, grant.tenant, request)
    if request.get("background") is True:
        return await background.begin(exchange, grant, turn)
    return await Retelling(exchange, grant, turn).answer()


async def count(visit: Visit) -> Answering:
    """POST /responses/input_tokens: about how many tokens a request would have. Telnyx is not asked, and cannot be."""
    exchange, grant = visit.exchange, visit.grant
    request = await body.read_object(exchange)
    turn = await turns.resolve(exchange, grant.tenant, _complete(request))
    translation = Retelling(exchange, grant, turn).translation()
    translated, _ = await completing.prepared(exchange, grant, turn.request, translation)
    expects, record = translated.expects, exchange.record
    translated.changes.append(
        Change("estimated", "input_tokens", reason="Telnyx does not count tokens beforehand; this is a rule of thumb.")
    )
    record.changes_header, record.changes = translated.changes.told()
    record.stream, record.model, record.provider = False, "", ""
    tokens = estimate(expects.input_bytes, 0).input + expects.images * IMAGE
    return exchange.answer({"object": "response.input_tokens", "input_tokens": tokens})


def _complete(request: Mapping[str, Any]) -> dict[str, Any]:
    """The request as one that could be answered: nothing is kept of it."""
    return {**request, "store": False}


async def compact(visit: Visit) -> Answering:
    """POST /responses/compact. Raises UnsupportedEndpoint: nobody here could make OpenAI's compacted items."""
    raise UnsupportedEndpoint(
        "/v1/responses/compact is not supported here. Have a model summarise the conversation with /v1/responses, and "
        "begin a new one with the summary."
    )


async def connect(visit: Visit) -> Answering:
    """GET /responses: what Codex and others try first. Raises UpgradeRequired and MethodNotAllowed, at once."""
    if "websocket" in visit.exchange.request.headers.get(UPGRADE, "").lower():
        raise UpgradeRequired("WebSocket is not spoken here (HINT: use POST /v1/responses with `stream: true`).")
    raise MethodNotAllowed("Not allowed to GET on /v1/responses (HINT: use POST).", ("POST",))
