"""A turn of a conversation: what a request of the Responses API says itself, and what it only refers to.

It refers by `previous_response_id`, by `conversation`, and by items that are nothing but an id (`item_reference`, which
the Vercel AI SDK sends for every earlier answer). All three are looked up for the client's tenant only: what is another
tenant's is not found, in the same words. Errors are in OpenAI's own words.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from proxy import codec
from proxy.accounts.tenants import Tenant
from proxy.edge.body import LARGE
from proxy.edge.exchange import Exchange
from proxy.edge.services import Services
from proxy.errors import InvalidRequest, NotFound, NothingKept, PreviousResponseNotFound
from proxy.storage.state_records import UNFINISHED
from proxy.translation.checks import invalid_type
from proxy.translation.lists import ID, is_id
from proxy.translation.responses.items import input_items
from proxy.translation.responses.request import ONE_STATE, without_input

if TYPE_CHECKING:
    from proxy.storage.state import State

Item = dict[str, Any]
REFERENCE = "item_reference"
SPARE_LEVELS = 24
"""Levels of arrays and objects that a turn is wrapped in, where it is kept and where it is sent, and a few more: JSON
that is nested deeper than some 250 levels can be read here, but not be written."""


@dataclass(slots=True)
class Turn:
    """One request and all that it refers to.

    Attributes:
        id: of the response that it will get; suffix: unique to it, for the ids of items; created_at: Unix seconds.
        request: as the client sent it.
        history: the items before it; input: its own, each with an id, references resolved.
        previous, conversation: what it goes on from; at most one of the two.
        store: the client wants it kept.
    """

    id: str
    suffix: str
    created_at: int
    request: Mapping[str, Any] = field(repr=False)
    history: list[Item] = field(repr=False)
    input: list[Item] = field(repr=False)
    previous: str | None
    conversation: str | None
    store: bool

    def but(self, **fields: Any) -> "Turn":
        """The same turn, some fields of its request being others."""
        return replace(self, request={**self.request, **fields})


def expect_state(services: Services, what: str, param: str | None = None) -> "State":
    """What is kept. Raises NothingKept where nothing is."""
    if services.state is None:
        raise NothingKept(
            f"{what} needs what this proxy keeps of earlier requests, and it keeps nothing (HINT: set storage.url in "
            "the configuration of the proxy, or send the whole conversation with every request).",
            param=param,
        )
    return services.state


def unknown_response(identity: str) -> NotFound:
    """There is no such response, or it is another tenant's."""
    return NotFound(f"Response with id '{identity[:128]}' not found.")


def unknown_item(identity: str, param: str | None = None) -> NotFound:
    """There is no such item, or it is another tenant's."""
    return NotFound(f"Item with id '{identity[:128]}' not found.", param=param)


def unknown_conversation(identity: str, param: str | None = None) -> NotFound:
    """There is no such conversation, or it is another tenant's."""
    return NotFound(f"Conversation with id '{identity[:128]}' not found.", param=param)


async def resolve(exchange: Exchange, tenant: Tenant, request: Mapping[str, Any]) -> Turn:
    """The turn that a request begins. Raises ProxyError."""
    services, record = exchange.services, exchange.record
    previous, conversation = _text(request, "previous_response_id"), _conversation(request)
    if previous is not None and conversation is not None:
        raise InvalidRequest(
            ONE_STATE,
            param="previous_response_id",
            code="mutually_exclusive_parameters",
        )
    suffix = record.request_id.removeprefix("req_")
    given = partial(_given, request, alone=previous is None and conversation is None)
    given_items = given() if record.bytes_in <= LARGE else await asyncio.to_thread(given)
    history: list[Item] = []
    if previous is not None:
        history = await _after(services, tenant.id, previous)
    elif conversation is not None:
        history = await _within(services, tenant.id, conversation)
    items = tidy(await _referred(services, tenant.id, given_items), suffix)
    await _expect_fits(services, history, items, record.bytes_in)
    return Turn(
        id=f"resp_{suffix}",
        suffix=suffix,
        created_at=int(record.started_at),
        request=request,
        history=history,
        input=items,
        previous=previous,
        conversation=conversation,
        store=request.get("store") is not False,
    )


def _given(request: Mapping[str, Any], *, alone: bool) -> list[Item]:
    """The items of the request itself: there may be none where something stands before them."""
    value = request.get("input")
    if value is None:
        if alone:
            raise without_input(request)
        return []
    return input_items(value)


def _text(request: Mapping[str, Any], name: str) -> str | None:
    value = request.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid_type(name, "a string", value)
    return value or None


def _conversation(request: Mapping[str, Any]) -> str | None:
    """The id of a conversation, which may stand in an object."""
    value = request.get("conversation")
    if isinstance(value, dict):
        value = value.get("id")
        if not isinstance(value, str):
            raise invalid_type("conversation.id", "a string", value)
    elif value is not None and not isinstance(value, str):
        raise invalid_type("conversation", "a string or an object", value)
    return value or None


async def _after(services: Services, tenant: str, identity: str) -> list[Item]:
    """The items up to and with a response."""
    state = expect_state(services, "'previous_response_id'", "previous_response_id")
    before = await state.get(tenant, identity) if is_id(identity) else None
    if before is not None and before.status in UNFINISHED:
        raise InvalidRequest(
            f"Previous response with id '{identity}' is still {before.status}. Please wait until it has ended.",
            param="previous_response_id",
        )
    history = await state.history(tenant, identity) if before is not None else None
    if history is None:
        raise PreviousResponseNotFound(
            f"Previous response with id '{identity[:128]}' not found.", param="previous_response_id"
        )
    return history


async def _within(services: Services, tenant: str, identity: str) -> list[Item]:
    """The items of a conversation."""
    state = expect_state(services, "'conversation'", "conversation")
    found = await state.conversation_items(tenant, identity) if is_id(identity) else None
    if found is None:
        raise unknown_conversation(identity, "conversation")
    return found.items


async def _referred(services: Services, tenant: str, given: list[Item]) -> list[Item]:
    """The items with what they refer to in the place of references."""
    wanted = {place: item["id"] for place, item in enumerate(given) if item["type"] == REFERENCE}
    if not wanted:
        return given
    state = expect_state(services, "An item_reference", f"input[{next(iter(wanted))}]")
    known = [identity for identity in dict.fromkeys(wanted.values()) if is_id(identity)]
    found = await state.items(tenant, known)
    for identity in wanted.values():
        if identity not in found:
            raise NotFound(
                f"Item with id '{identity[:128]}' not found. Items are not persisted when `store` is set to "
                "false. Try again with `store` set to true, or remove this item from your input.",
                param="input",
            )
    return [found[item["id"]] if place in wanted else item for place, item in enumerate(given)]


def tidy(items: list[Item], suffix: str) -> list[Item]:
    """The items, each with an id of its own by which it can be found again; messages with a status, as OpenAI has it.

    Ids that clients invent are kept where they can be; of two that are the same only the first.
    """
    seen: set[str] = set()
    made: list[Item] = []
    for place, item in enumerate(items):
        identity = item.get("id")
        if not isinstance(identity, str) or not ID.fullmatch(identity) or identity in seen:
            identity = f"{_prefix(item)}_{suffix}i{place:04x}"
        seen.add(identity)
        own = {} if item.get("id") == identity else {"id": identity}
        if item.get("type") == "message" and item.get("status") is None:
            own["status"] = "completed"
        made.append({**item, **own} if own else item)
    return made


_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "reasoning": "rs",
}


def _prefix(item: Item) -> str:
    return _PREFIXES.get(str(item.get("type", "message")), "item")


async def _expect_fits(services: Services, history: list[Item], items: list[Item], size: int) -> None:
    """Raises InvalidRequest for a turn that is nested too deeply, or with its history larger than a body may be.

    `size`: bytes of the request.
    """
    limit = services.settings.limits.body
    if not history and size <= LARGE:
        _measure(items)
        return
    text = await asyncio.to_thread(_measure, items, history)
    if not history:
        return
    if len(text) > limit:
        raise InvalidRequest(
            f"The conversation before this request has grown too large: with it, the request has {len(text)} bytes, "
            f"and this proxy accepts {limit} (limits.body).",
            param="input",
            code="context_length_exceeded",
        )
    if await asyncio.to_thread(codec.crowded, text):
        raise InvalidRequest(
            "The conversation before this request holds too many arrays, objects or values.",
            param="input",
            code="context_length_exceeded",
        )


def _measure(items: list[Item], history: list[Item] | None = None) -> bytes:
    """Both as JSON. Raises InvalidRequest for what is nested too deeply to be sent."""
    try:
        codec.encode(_wrapped(items))
        return codec.encode([history, items]) if history else b""
    except TypeError:  # orjson's error for it is one
        raise InvalidRequest("Invalid 'input': it is nested too deeply.", param="input") from None


def _wrapped(value: Any) -> Any:
    for _ in range(SPARE_LEVELS):
        value = [value]
    return value
