"""One response of the Responses API, from the turn that asks for it to what is kept of it.

What Telnyx answers is retold: from a chat completion (the bridge, for every model), or from Telnyx's own Responses API.
Which of the two it is, the operator has decided for each model.

A response is kept before its last word is said, so that whoever has read `response.completed` finds it. A client that
leaves before that has cancelled it, and nothing is kept, as OpenAI does; a stream that ends in an error is kept as
`failed`, and one that was cancelled from elsewhere as `cancelled`, however far it came. Where it cannot be kept, the
answer says `"store": false`, and an operator is told. It says so, too, where the response was deleted meanwhile.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from proxy.accounts.tenants import Grant
from proxy.edge import completing, models
from proxy.edge.exchange import Exchange
from proxy.edge.making import Making
from proxy.edge.reply import Answering
from proxy.edge.turns import Turn
from proxy.endpoints import Translation
from proxy.errors import ModelNotFound, ProxyError, StateTooLarge, UpstreamFailed, UpstreamRejected
from proxy.storage.state_records import CANCELLED, DELETED, TURNS, Stored
from proxy.streaming.native_responses import NativeResponsesStream
from proxy.streaming.responses import ResponsesStream
from proxy.translation.answers import Answer, Identity
from proxy.translation.changes import Change, Changes
from proxy.translation.chat import Translated
from proxy.translation.quirks import EVERY, NONE
from proxy.translation.responses.answer import Telling
from proxy.translation.responses.native import NativeTelling
from proxy.translation.responses.outline import Outline
from proxy.translation.responses.places import clients_param
from proxy.translation.responses.request import Asked, native, translate
from proxy.translation.rules import Expectation, Policy

if TYPE_CHECKING:
    from proxy.storage.state import State

FAILURES = "telnyx_proxy_state_failures_total"
NOT_KEPT = "Nothing is kept here: storage.url is not set."
NOT_FOUND = 404
NO_ROUTE = (
    "Telnyx answered 404 from its own Responses API: it is not there for this account, or not for the model '{}' "
    "(HINT: for the operator: `responses: bridge` in models.profiles makes responses of chat completions)."
)
COULD_NOT = "It could not be kept; the log has the reason."


class Mode(NamedTuple):
    """How a model's responses are made. `url`: a name in `Services.urls`; `repairs`: see `Translation`."""

    request: Callable[..., tuple[Translated, Outline]]
    whole: type[Telling] | type[NativeTelling]
    stream: type[ResponsesStream] | type[NativeResponsesStream]
    url: str
    repairs: frozenset[str]


Told = Telling | ResponsesStream | NativeResponsesStream

BRIDGE = Mode(translate, Telling, ResponsesStream, "chat", EVERY)
NATIVE = Mode(native, NativeTelling, NativeResponsesStream, "responses", NONE)


class Retelling:
    """One response under way."""

    def __init__(self, exchange: Exchange, grant: Grant, turn: Turn) -> None:
        self._outline: Outline | None = None
        self._exchange, self._grant, self._turn = exchange, grant, turn
        self._services = exchange.services
        self._mode = self._chosen()
        self._changes = Changes()
        self._whole: Telling | None = None
        self._stream: ResponsesStream | NativeResponsesStream | None = None

    def _chosen(self) -> Mode:
        services, tenant = self._services, self._grant.tenant
        model, _ = models.resolve(services, tenant, self._turn.request.get("model"))
        return NATIVE if services.terms.look_up(tenant.id, model).native else BRIDGE

    def translation(self) -> Translation:
        """How this one is translated."""
        mode, grows = self._mode, bool(self._turn.history) or self._exchange.making is not None
        return Translation(self._request, self._answer, self._streamed, "chatcmpl-", mode.url, mode.repairs, grows)

    async def answer(self) -> Answering:
        """Ask Telnyx and hand the answer on. Raises ProxyError."""
        exchange = self._exchange
        asked = await completing.ask(exchange, self._grant, self._turn.request, self.translation())
        exchange.keep = self.keep
        try:
            return await completing.answer(exchange, asked)
        except (ModelNotFound, UpstreamFailed) as fault:
            self._expect_route(asked.sent.answer.status, fault)
            raise
        except ProxyError as refusal:
            if self._mode is BRIDGE:
                refusal.param = clients_param(refusal.param)
            raise

    def _expect_route(self, status: int, fault: ProxyError) -> None:
        """Raises UpstreamRejected where Telnyx has the model, and no Responses API for it or for this account."""
        model, services = self._exchange.record.model, self._services
        if self._mode is not NATIVE or status != NOT_FOUND:
            return
        if isinstance(fault, ModelNotFound) and model not in services.catalogue.known(self._grant.tenant.credential):
            return
        raise UpstreamRejected(NO_ROUTE.format(model), status=NOT_FOUND, code="unsupported_endpoint") from fault

    def _request(self, request: Mapping[str, Any], model: str, policy: Policy) -> Translated:
        turn, services = self._turn, self._services
        sealer, tenant = services.sealer, self._grant.tenant.id
        asked = Asked(
            id=turn.id,
            created_at=turn.created_at,
            suffix=turn.suffix,
            history=turn.history,
            input=turn.input,
            seal=partial(sealer.seal, tenant),
            open=partial(sealer.open, tenant),
            reasoning=services.settings.responses.reasoning,
            unsupported_tools=services.settings.responses.unsupported_tools,
        )
        translated, self._outline = self._mode.request(request, model, policy, asked)
        self._changes = translated.changes
        if turn.store and services.state is None:
            self._changes.append(Change("dropped", "store", reason=NOT_KEPT))
        return translated

    def _answer(self, raw: bytes, expects: Expectation, identity: Identity, model: str) -> Answer:
        self._whole = self._mode.whole(self.outlined(), self._now)
        return self._whole.answer(raw, expects, identity, model)

    def _streamed(
        self, expects: Expectation, identity: Identity, model: str, *, event_limit: int
    ) -> ResponsesStream | NativeResponsesStream:
        self._stream = self._mode.stream(
            expects,
            identity,
            model,
            event_limit=event_limit,
            outline=self.outlined(),
            now=self._now,
        )
        return self._stream

    def _now(self) -> int:
        return int(self._services.clock.wall())

    def outlined(self) -> Outline:
        """The response without its output, once the request is translated."""
        if self._outline is None:
            raise RuntimeError("an answer without a request")
        return self._outline

    async def keep(self) -> bytes:
        """Keep the response where it is to be kept; its last words. Never raises."""
        if self._stream is not None:
            return self._stream.conclude(await self._kept(self._stream))
        if self._whole is None:
            raise RuntimeError("nothing has been answered")
        return self._whole.shown(await self._kept(self._whole))

    async def _kept(self, told: Told) -> bool:
        """Whether it is kept."""
        services, turn, making = self._services, self._turn, self._exchange.making
        if services.state is None or not told.response:
            return False
        if making is not None and making.cancelled:
            told.cancel()
        try:
            if not turn.store:
                await self._add_to_conversation(dict(told.response))
                return False
            return await self._save(services.state, told)
        except ProxyError as fault:
            self._fall_short("too_large" if isinstance(fault, StateTooLarge) else "unavailable", fault)
        except Exception as bug:  # noqa: BLE001 - the answer is paid for, and its client shall have it
            services.log.bug(self._exchange.record, bug)
            self._fall_short("bug", bug)
        return False

    async def _save(self, state: "State", told: Told) -> bool:
        """Whether it is kept: of one that was deleted meanwhile nothing is. One that was cancelled is told as that."""
        making = self._exchange.making
        kept = await self._saved(state, told)
        if kept.status == CANCELLED and (told.response or {})["status"] != CANCELLED:
            told.cancel()
            kept = await self._saved(state, told)  # with what was said and what it cost
        if making is not None:
            making.ended = True
        return kept.status != DELETED

    async def _saved(self, state: "State", told: Told) -> Stored:
        making, worker = self._exchange.making, self._services.worker
        return await state.save(stored(self._turn, self._grant, dict(told.response or {}), making, worker))

    async def _add_to_conversation(self, response: dict[str, Any]) -> None:
        """A conversation goes on also with what is not to be kept by itself."""
        turn, state = self._turn, self._services.state
        if state is not None and turn.conversation is not None and response["status"] in TURNS:
            await state.add_items(self._grant.tenant.id, turn.conversation, [*turn.input, *response["output"]])

    def _fall_short(self, reason: str, fault: Exception) -> None:
        services, tenant = self._services, self._grant.tenant.id
        services.metrics.count(FAILURES, tenant)
        said = fault.message if isinstance(fault, ProxyError) else type(fault).__name__
        services.log.alert("response_not_kept", tenant=tenant, response=self._turn.id, reason=reason, fault=said)
        record = self._exchange.record
        self._changes.append(Change("dropped", "store", reason=COULD_NOT))
        record.changes_header, record.changes = self._changes.told()


def stored(turn: Turn, grant: Grant, response: dict[str, Any], making: Making | None, worker: str) -> Stored:
    """What is kept of a response."""
    return Stored(
        id=turn.id,
        tenant=grant.tenant.id,
        created_at=turn.created_at,
        status=response["status"],
        response=response,
        input=turn.input,
        previous=turn.previous,
        conversation=turn.conversation,
        background=making is not None,
        key_id=grant.id,
        worker=worker,
    )
