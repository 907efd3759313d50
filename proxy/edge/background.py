"""Responses in the background: answered at once, made without their client, read when it asks again.

    begin      checks the request as if it were to be answered, keeps the response as `queued` and starts the work
    fulfil     the work, on the very way that requests from outside take (`edge/inner`): limits, budgets, ledger, log
    look       every second, whether the client has cancelled or deleted it, perhaps at another process
    recover    when a process starts: what the one before it under the same name has left undone has failed
    look_after every few seconds: what is made here is said to be alive, and what nobody says that of has failed
    settle     the same where a client asks for one: it need not wait for the next look

With `stream: true` the client's own request does the work and hands it on as it comes; only that its leaving does not
end it. A response that has begun is never begun again by itself: what it did so far has been paid for.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from proxy.accounts.tenants import Grant
from proxy.edge import completing
from proxy.edge.exchange import CLIENT_REQUEST_ID, LANGUAGE, TOO_LONG, TRACEPARENT, USER_AGENT, Exchange
from proxy.edge.making import Making
from proxy.edge.reply import Answering
from proxy.edge.retelling import FAILURES, Retelling, stored
from proxy.edge.services import Services
from proxy.edge.turns import Turn, expect_state
from proxy.errors import (
    InternalError,
    InvalidRequest,
    LimitReached,
    ProxyError,
    ShuttingDown,
    StoreUnavailable,
    UpstreamTimeout,
)
from proxy.storage.state_records import CANCELLED, DELETED, UNFINISHED
from proxy.translation.responses.answer import Telling

if TYPE_CHECKING:
    from proxy.storage.state import Stored

LOOKED_EVERY = 1.0
"""Seconds between two looks at whether somebody has cancelled it: at most so much of an answer is paid for in vain."""
SAID_EVERY = 5.0
"""Seconds between two times that what is made here is said to be alive: a fraction of `state_saving.LEASE`."""
SHARE = 3
"""With one tenant at work that is three quarters of all places, and so on for whoever comes next."""
FULL = 5.0
"""Seconds to wait where too many are made at once."""
HANDED_ON = (USER_AGENT, LANGUAGE, TRACEPARENT, "tracestate", CLIENT_REQUEST_ID)
"""Headers of the client's that its work has, too."""
UNWANTED = frozenset({None, CANCELLED, DELETED})
"""Statuses of what the client does not want any more; None of what is not there."""
GONE = "The proxy that made this response has ended before it was complete."


async def begin(exchange: Exchange, grant: Grant, turn: Turn) -> Answering:
    """Answer that it is queued, or with its stream. Raises ProxyError for what could not be answered."""
    services = exchange.services
    state = expect_state(services, "'background'", "background")
    making = await _rehearse(exchange, grant, turn)
    _expect_room(services, grant.tenant.id)
    services.making[turn.id] = making
    try:
        await state.save(stored(turn, grant, making.outline.response("queued", []), making, services.worker))
    except BaseException:
        del services.making[turn.id]
        raise
    if turn.request.get("stream") is True:
        exchange.making = making
        try:
            return await fulfil(exchange, grant, making)
        finally:
            services.making.pop(turn.id, None)
    making.task = services.start(_make(exchange, grant, making))
    making.task.add_done_callback(lambda _: services.making.pop(turn.id, None))
    return exchange.answer(making.outline.response("queued", []))


def _expect_room(services: Services, tenant: str) -> None:
    """Raises LimitReached. Of several tenants none gets all places: it may have SHARE times those that are left."""
    limit = services.settings.responses.background
    if limit == 0:
        raise InvalidRequest("Nothing is made in the background here (responses.background: 0).", param="background")
    left = limit - len(services.making)
    own = sum(making.tenant == tenant for making in services.making.values())
    if left <= 0 or (services.terms.several and own >= SHARE * left):
        raise LimitReached(
            f"{limit} responses are being made in the background already (responses.background). Please try again in "
            "a moment.",
            retry_after=FULL,
        )


async def _rehearse(exchange: Exchange, grant: Grant, turn: Turn) -> Making:
    """The request is translated once for its faults: they are the client's to know at once. Raises ProxyError."""
    retelling, record = Retelling(exchange, grant, turn), exchange.record
    await completing.prepared(exchange, grant, turn.request, retelling.translation())
    if turn.request.get("stream") is not True:  # another request asks the model
        record.model = record.provider = ""
        record.stream = exchange.drain = False
    return Making(turn, retelling.outlined(), grant.tenant.id)


async def _make(exchange: Exchange, grant: Grant, making: Making) -> None:
    from proxy.edge.inner import Errand, perform  # the way of a request knows this module, too

    services, headers = exchange.services, exchange.request.headers
    handed_on = {str(name): headers[name] for name in HANDED_ON if name in headers}
    if not making.cancelled:
        await perform(services, Errand(grant, "POST", "/v1/responses", b"{}", handed_on, making))


async def fulfil(exchange: Exchange, grant: Grant, making: Making) -> Answering:
    """Make it, and keep what becomes of it, whatever that is. Raises ProxyError, which has been kept then."""
    services, turn = exchange.services, making.turn
    making.exchange = exchange
    looking = services.start(_look(services, grant, making))
    try:
        if making.task is not None:
            await _say(exchange, grant, making, making.outline.response("in_progress", []))
        return await Retelling(exchange, grant, _without_stream(turn) if making.task is not None else turn).answer()
    except BaseException as fault:
        error = _error(exchange, fault)
        failed = Telling(making.outline, lambda: int(services.clock.wall())).failed(error)
        making.ended = await _say(exchange, grant, making, failed)
        raise
    finally:
        looking.cancel()


def _without_stream(turn: Turn) -> Turn:
    """Nobody listens to its events."""
    return turn if "stream" not in turn.request else turn.but(stream=False)


def _error(exchange: Exchange, fault: BaseException) -> ProxyError:
    """What the client reads where its answer should be."""
    if isinstance(fault, ProxyError):
        return fault
    if not isinstance(fault, asyncio.CancelledError):
        return InternalError(f"An internal error occurred. The log has it under {exchange.record.request_id}.")
    if exchange.interruption is not None:
        return exchange.interruption[0]
    return UpstreamTimeout(TOO_LONG) if exchange.services.clock.steady() >= exchange.due else ShuttingDown(GONE)


async def _say(exchange: Exchange, grant: Grant, making: Making, response: dict[str, Any]) -> bool:
    """Keep how far it is, unless that is known already; whether that was possible."""
    services = exchange.services
    if services.state is None or making.ended:
        return making.ended
    try:
        kept = await services.state.save(stored(making.turn, grant, response, making, services.worker))
    except StoreUnavailable as fault:
        services.metrics.count(FAILURES, grant.tenant.id)
        services.log.alert("response_not_kept", tenant=grant.tenant.id, response=making.turn.id, fault=fault.message)
        return False
    if response["status"] in UNFINISHED and kept.status in UNWANTED:  # before it began
        making.cancel()
    return True


async def _look(services: Services, grant: Grant, making: Making) -> None:
    """Until it ends: whether it is still wanted. Whoever cancels may be connected to another process."""
    while services.state is not None and not making.cancelled:
        await asyncio.sleep(LOOKED_EVERY)
        try:
            status = await services.state.status(grant.tenant.id, making.turn.id)
        except StoreUnavailable:
            continue
        if status in UNWANTED:
            making.cancel()


async def settle(services: Services, kept: "Stored") -> "Stored":
    """A response as it is told: one whose process has not said for too long that it lives has failed."""
    if kept.status not in UNFINISHED or kept.id in services.making or services.clock.wall() < kept.lease:
        return kept
    return await _fail(services, kept)


async def _fail(services: Services, kept: "Stored") -> "Stored":
    kept.status = "failed"
    kept.response = {**kept.response, "status": "failed", "error": {"code": "server_error", "message": GONE}}
    return kept if services.state is None else await services.state.save(kept)


async def recover(services: Services) -> None:
    """What was left undone by the process that had this one's name has failed."""
    if services.state is None or not services.worker:
        return
    try:
        for kept in await services.state.unfinished(services.worker):
            await _fail(services, kept)
    except StoreUnavailable as fault:
        services.log.alert("responses_not_recovered", fault=fault.message)


async def look_after(services: Services) -> None:
    """Say what is made here, and give up what nobody makes any more; until cancelled."""
    while services.state is not None:
        await asyncio.sleep(SAID_EVERY)
        try:
            if services.making:
                await services.state.prolong(services.worker, list(services.making))
            for kept in await services.state.abandoned():
                if kept.id not in services.making:
                    await _fail(services, kept)
        except StoreUnavailable:
            continue  # readiness tells of it


async def drained(services: Services) -> None:
    """Until nothing is made any more."""
    while tasks := [making.task for making in services.making.values() if making.task is not None]:
        await asyncio.wait(tasks)


async def stop(services: Services) -> None:
    """Break off what is made; it is kept as failed."""
    await asyncio.sleep(0)  # what was to begin has begun
    for making in list(services.making.values()):
        if making.exchange is not None:
            making.exchange.stop()
    await drained(services)
