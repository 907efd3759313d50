"""What the emulator remembers, and the brakes."""

import asyncio
from typing import Any

import pytest

from proxy.emulator import state as module
from proxy.emulator.behaviour import BadOption
from proxy.emulator.scenarios import UnknownScenario, resolve
from proxy.emulator.state import State


class Transport:
    """Stands for a connection."""


def receive(state: State, transport: Any) -> Any:
    return state.receive("GET", "/v2/x", "", {}, transport)


def test_connections_are_told_apart_and_counted() -> None:
    state, one, other = State(), Transport(), Transport()
    received = [receive(state, transport) for transport in (one, one, other)]
    assert [(each.number, each.connection, each.nth) for each in received] == [(1, 1, 1), (2, 1, 2), (3, 2, 1)]


def test_only_so_many_requests_are_remembered() -> None:
    state, transport = State(), Transport()
    for _ in range(module._KEPT_REQUESTS + 5):
        receive(state, transport)
    assert len(state.requests) == module._KEPT_REQUESTS
    assert state.requests[0].number == 6
    state.clear()
    assert state.requests == []


def test_a_bad_choice_changes_nothing() -> None:
    state = State("crlf")
    with pytest.raises(UnknownScenario):
        state.choose("nothing-like-it")
    with pytest.raises(BadOption):
        state.choose("slow-stream", {"seconds": "long"})
    assert (state.scenario, state.behaviour) == ("crlf", resolve("crlf"))


def test_a_scenario_goes_wrong_as_often_as_it_is_told() -> None:
    state = State()
    twice = resolve("unavailable", {"times": 2})
    assert [state.spend(twice) for _ in range(3)] == [True, True, False]
    assert [state.spend(resolve("unavailable+crlf")) for _ in range(3)] == [True, True, True]
    state.choose("default")
    assert state.spend(twice)


def test_a_request_describes_itself() -> None:
    state = State()
    received = receive(state, Transport())
    assert not received.ended
    state.end(received, "hung up")
    assert received.ended
    assert received.described()["hung_up"] is True
    assert received.described()["path"] == "/v2/x"


async def test_a_new_choice_releases_what_waited_and_holds_what_comes() -> None:
    state = State()
    waiting = asyncio.ensure_future(state.pause(None))
    await state.until(lambda state: state.paused == 1)
    state.choose("crlf")
    await waiting
    again = asyncio.ensure_future(state.pause(3600))
    await state.until(lambda state: state.paused == 1)
    assert not again.done()
    state.release.set()
    await again
    assert state.paused == 0


async def test_a_pause_ends_by_itself() -> None:
    state = State()
    await state.pause(0.001)
    assert not state.release.is_set()


async def test_waiting_for_what_already_holds_does_not_wait() -> None:
    state = State()
    receive(state, Transport())
    await state.until(lambda state: len(state.requests) == 1)
