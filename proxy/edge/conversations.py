"""Conversations: lists of items that responses go on from and add to, kept until nobody has used them for long.

POST /conversations, GET, POST and DELETE /conversations/{id}; POST and GET .../items, GET and DELETE .../items/{item}.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from proxy.edge import body, turns
from proxy.edge.exchange import Exchange
from proxy.edge.reply import Answering
from proxy.edge.turns import Item, expect_state, unknown_conversation, unknown_item
from proxy.edge.visit import Visit
from proxy.errors import InvalidRequest
from proxy.storage.state_records import Conversation
from proxy.translation.checks import array, labels, missing
from proxy.translation.lists import is_id, page, span
from proxy.translation.responses.items import check_item

if TYPE_CHECKING:
    from proxy.storage.state import State

AT_ONCE = 20
"""Items that one request may add, at OpenAI, too."""


async def create(visit: Visit) -> Answering:
    """POST /conversations."""
    exchange, state = visit.exchange, _state(visit)
    request = await body.read_object(exchange)
    suffix = exchange.record.request_id.removeprefix("req_")
    conversation = Conversation(
        f"conv_{suffix}", visit.grant.tenant.id, int(exchange.record.started_at), _metadata(request)
    )
    await state.create_conversation(conversation, _items(exchange, request.get("items")))
    return exchange.answer(_told(conversation))


async def retrieve(visit: Visit) -> Answering:
    """GET /conversations/{id}."""
    return visit.exchange.answer(_told(await _found(visit)))


async def update(visit: Visit) -> Answering:
    """POST /conversations/{id}: other metadata."""
    exchange, state, identity = visit.exchange, _state(visit), _identity(visit)
    request = await body.read_object(exchange)
    if "metadata" not in request:
        raise missing("metadata")
    changed = await state.update_conversation(visit.grant.tenant.id, identity, _metadata(request))
    if changed is None:
        raise unknown_conversation(identity)
    return exchange.answer(_told(changed))


async def delete(visit: Visit) -> Answering:
    """DELETE /conversations/{id}. Responses that belong to it stay."""
    state, identity = _state(visit), _identity(visit)
    if not await state.delete_conversation(visit.grant.tenant.id, identity):
        raise unknown_conversation(identity)
    return visit.exchange.answer({"id": identity, "object": "conversation.deleted", "deleted": True})


async def add_items(visit: Visit) -> Answering:
    """POST /conversations/{id}/items."""
    exchange, state, identity = visit.exchange, _state(visit), _identity(visit)
    request = await body.read_object(exchange)
    if request.get("items") is None:
        raise missing("items")
    items = _items(exchange, request["items"])
    if not await state.add_items(visit.grant.tenant.id, identity, items):
        raise unknown_conversation(identity)
    return exchange.answer(page(items, more=False))


async def list_items(visit: Visit) -> Answering:
    """GET /conversations/{id}/items."""
    wanted = span(visit.exchange.request.query)
    state, identity = _state(visit), _identity(visit)
    if wanted.after is not None and not is_id(wanted.after):
        raise unknown_item(wanted.after, "after")
    found = await state.conversation_items(
        visit.grant.tenant.id,
        identity,
        after=wanted.after,
        limit=wanted.limit,
        descending=wanted.newest,
    )
    if found is None:
        raise unknown_conversation(identity)
    return visit.exchange.answer(page(found.items, more=found.more))


async def retrieve_item(visit: Visit) -> Answering:
    """GET /conversations/{id}/items/{item}."""
    state, conversation, identity = _state(visit), _identity(visit), visit.names[1]
    found = await state.conversation_items(visit.grant.tenant.id, conversation)
    if found is None:
        raise unknown_conversation(conversation)
    for item in found.items:
        if item["id"] == identity:
            return visit.exchange.answer(item)
    raise unknown_item(identity)


async def delete_item(visit: Visit) -> Answering:
    """DELETE /conversations/{id}/items/{item}. The answer is the conversation, as OpenAI's is."""
    conversation, identity = await _found(visit), visit.names[1]
    state = _state(visit)
    if not (is_id(identity) and await state.delete_item(visit.grant.tenant.id, conversation.id, identity)):
        raise unknown_item(identity)
    return visit.exchange.answer(_told(conversation))


def _state(visit: Visit) -> "State":
    return expect_state(visit.exchange.services, "A conversation")


def _identity(visit: Visit) -> str:
    """The id of the path. Raises NotFound for what cannot be one."""
    identity = visit.names[0]
    if not is_id(identity):
        raise unknown_conversation(identity)
    return identity


async def _found(visit: Visit) -> Conversation:
    state, identity = _state(visit), _identity(visit)
    found = await state.conversation(visit.grant.tenant.id, identity)
    if found is None:
        raise unknown_conversation(identity)
    return found


def _metadata(request: Mapping[str, Any]) -> dict[str, str]:
    metadata = request.get("metadata")
    if metadata is None:
        return {}
    labels("metadata", metadata)
    return dict(metadata)


def _items(exchange: Exchange, given: Any) -> list[Item]:
    """Items to add, each with an id. Raises InvalidRequest."""
    if given is None:
        return []
    array("items", given, AT_ONCE)
    items = [check_item(f"items[{place}]", item) for place, item in enumerate(given)]
    for place, item in enumerate(items):
        if item["type"] == turns.REFERENCE:
            raise InvalidRequest("A conversation holds items, not references to them.", param=f"items[{place}]")
    return turns.tidy(items, exchange.record.request_id.removeprefix("req_"))


def _told(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "object": "conversation",
        "created_at": conversation.created_at,
        "metadata": conversation.metadata,
    }
