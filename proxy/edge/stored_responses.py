"""Responses that are kept: GET, DELETE, cancel, and the items they were asked with.

Whatever is not there, is another tenant's or has become too old is not found, in the words of OpenAI.
"""

from functools import partial
from typing import TYPE_CHECKING, Any

from proxy.edge import background
from proxy.edge.reply import Answering
from proxy.edge.turns import expect_state, unknown_item, unknown_response
from proxy.edge.visit import Visit
from proxy.errors import InvalidRequest
from proxy.translation.lists import cut, is_id, span

if TYPE_CHECKING:
    from proxy.storage.state import Stored

YES = frozenset({"true", "1"})


async def retrieve(visit: Visit) -> Answering:
    """GET /responses/{id}. What else the query asks for (`include`) is in it, or there is no such thing."""
    query = visit.exchange.request.query
    if query.get("stream", "").lower() in YES:
        raise InvalidRequest(
            "The events of a response that is kept are not kept (HINT: leave `stream` out, and ask again until its "
            "status is neither queued nor in_progress).",
            param="stream",
        )
    return visit.exchange.answer(_told(await _kept(visit)))


async def delete(visit: Visit) -> Answering:
    """DELETE /responses/{id}. What is still being made is cut."""
    state, identity = expect_state(visit.exchange.services, "A stored response"), visit.names[0]
    if not (is_id(identity) and await state.delete(visit.grant.tenant.id, identity)):
        raise unknown_response(identity)
    making = visit.exchange.services.making.get(identity)
    if making is not None:
        making.cancel()
    return visit.exchange.answer({"id": identity, "object": "response", "deleted": True})


async def cancel(visit: Visit) -> Answering:
    """POST /responses/{id}/cancel. One that has ended stays as it is."""
    services = visit.exchange.services
    kept = await _kept(visit)
    if not kept.background:
        raise InvalidRequest(
            "Cannot cancel a synchronous response. Only responses with 'background' set to true can be cancelled."
        )
    cancelled = await expect_state(services, "A stored response").cancel(visit.grant.tenant.id, kept.id)
    if cancelled is None:
        raise unknown_response(kept.id)
    making = services.making.get(kept.id)
    if making is not None and cancelled.status == "cancelled":
        making.cancel()
    return visit.exchange.answer(_told(cancelled))


async def input_items(visit: Visit) -> Answering:
    """GET /responses/{id}/input_items: those of its own turn."""
    wanted = span(visit.exchange.request.query)
    items = (await _kept(visit)).input
    return visit.exchange.answer(cut(items, wanted, partial(unknown_item, param="after")))


async def _kept(visit: Visit) -> "Stored":
    """The response that the path names. Raises NotFound."""
    services, identity = visit.exchange.services, visit.names[0]
    state = expect_state(services, "A stored response")
    found = await state.get(visit.grant.tenant.id, identity) if is_id(identity) else None
    if found is None:
        raise unknown_response(identity)
    return await background.settle(services, found)


def _told(kept: "Stored") -> dict[str, Any]:
    """The response object; how far it is stands in the row, too, and the row knows it first."""
    return {**kept.response, "status": kept.status}
