"""How bytes leave: the framing of events, the slices they are cut into, the waits between them, and every bad end.

`frames` and `slices` are pure. The rest writes to a prepared response; a handler that is cancelled while it waits or
writes was left by its client.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from itertools import cycle
from types import MappingProxyType
from typing import Any

import orjson
from aiohttp import web

from proxy.emulator.behaviour import Behaviour
from proxy.emulator.state import State

_BOM = "\ufeff".encode()

_ODD_SIZES = (1, 2, 3, 5, 8, 13, 21, 34, 55, 1, 89, 144, 4)
"""Sizes of awkward pieces; their sum, 380, is no multiple of a usual event."""

_FIRST_OF_MULTIBYTE = 0xC0
"""From here on a byte starts a character of several bytes in UTF-8."""


_UNEVEN = frozenset({"odd", "bytes"})


class BrokenOff(Exception):
    """The emulator broke off the connection on purpose; there is nothing left to write to."""


def encode(value: Any, behaviour: Behaviour) -> bytes:
    """JSON, with an extra field nested `depth` arrays deep where the scenario wants one.

    The field is written by hand: no JSON library encodes what most of them refuse to read.
    """
    data = orjson.dumps(value)
    if behaviour.depth:
        nested = b"[" * behaviour.depth + b"]" * behaviour.depth
        data = data[:-1] + b',"nested":' + nested + b"}"
    return data


def frames(payloads: Iterable[Any], behaviour: Behaviour) -> Iterator[bytes]:
    """The events of a stream, framed, `[DONE]` last.

    `decorated` puts comments, ids, a retry time and an event without data among them; `multi_line` spreads an event
    over several lines of data; the byte order mark stands before everything.
    """
    newline = behaviour.newline.encode()
    for number, payload in enumerate(payloads):
        event = _event(payload, number, behaviour).replace(b"\n", newline)
        yield _BOM + event if behaviour.bom and number == 0 else event
    if behaviour.done:
        yield behaviour.done.encode().replace(b"\n", newline)


def _event(payload: Any, number: int, behaviour: Behaviour) -> bytes:
    lines = [encode(payload, behaviour)]
    if behaviour.multi_line:
        lines = orjson.dumps(payload, option=orjson.OPT_INDENT_2).splitlines()
    field = b"data: " if behaviour.space else b"data:"
    event = b"".join(field + line + b"\n" for line in lines) + b"\n"
    return _decoration(number) + event if behaviour.decorated else event


def _decoration(number: int) -> bytes:
    opening = b": welcome\n\nretry: 3000\n\n" if number == 0 else b""
    ping = b"event: ping\n\n: keepalive\n\n" if number % 3 == 1 else b""
    return opening + ping + b": next\nevent: message\nid: %d\n" % number


def slices(events: Iterable[bytes], how: str) -> Iterator[bytes]:
    """The bytes of a stream in the pieces they are written in, a row of `SLICES`."""
    return SLICES[how](events)


def _odd(events: Iterable[bytes]) -> Iterator[bytes]:
    """Awkward sizes across the borders of events, and a cut inside every character of several bytes."""
    data = b"".join(events)
    inside = {place + 1 for place, byte in enumerate(data) if byte >= _FIRST_OF_MULTIBYTE}
    sizes, start = cycle(_ODD_SIZES), 0
    while start < len(data):
        end = start + next(sizes)
        end = min((place for place in range(start + 1, end) if place in inside), default=end)
        yield data[start:end]
        start = end


def _bytes(events: Iterable[bytes]) -> Iterator[bytes]:
    for event in events:
        for place in range(len(event)):
            yield event[place : place + 1]


SLICES: Mapping[str, Callable[[Iterable[bytes]], Iterator[bytes]]] = MappingProxyType(
    {
        "events": iter,
        "odd": _odd,
        "bytes": _bytes,
        "one": lambda events: iter([b"".join(events)]),
    }
)


class Line:
    """The way out for one answer: the response that is written to, and the scenario that decides how."""

    def __init__(self, request: web.Request, response: web.StreamResponse, behaviour: Behaviour, state: State) -> None:
        self.request = request
        self.response = response
        self.behaviour = behaviour
        self.state = state

    async def open(self) -> None:
        """Writes the headers, and waits where the first byte is slow."""
        await self.response.prepare(self.request)
        if self.behaviour.pause == "first-byte":
            await self.state.pause(self.behaviour.seconds)

    async def send(self, pieces: Iterable[bytes]) -> None:
        """Writes piece by piece, waiting before each where the stream is slow."""
        for piece in pieces:
            if self.behaviour.pause == "chunks":
                await self.state.pause(self.behaviour.seconds)
            await self.response.write(piece)
            if self.behaviour.slices in _UNEVEN:
                await asyncio.sleep(0)  # a reader in the same process gets to see this piece alone

    async def stream(self, payloads: Iterable[Any]) -> None:
        """Writes a stream of events, up to the bad end that the scenario has in mind."""
        await self.events(list(frames(payloads, self.behaviour)))

    async def events(self, events: list[bytes]) -> None:
        """The same for events that are framed."""
        await self.open()
        if not self.behaviour.terminated:
            events[-1] = events[-1].rstrip(b"\r\n")
        if not self.behaviour.ending:
            await self.send(slices(events, self.behaviour.slices))
            return
        await self.send(slices(events[: self.behaviour.after], self.behaviour.slices))
        await ENDINGS[self.behaviour.ending](self, events[self.behaviour.after :])

    async def body(self, data: bytes) -> None:
        """Writes a whole answer, up to the bad end in its middle that the scenario has in mind."""
        self.response.content_length = len(data)
        await self.open()
        if not self.behaviour.body_ending:
            await self.response.write(data)
            return
        half = len(data) // 2
        await self.response.write(data[:half])
        await ENDINGS[self.behaviour.body_ending](self, [data[half:]])


Ending = Callable[[Line, list[bytes]], Awaitable[None]]


async def _cut(line: Line, rest: list[bytes]) -> None:
    """A clean end of the answer, without the rest."""


async def _drop(line: Line, rest: list[bytes]) -> None:
    """The connection is closed in order, the answer is not complete."""
    if line.request.transport is not None:
        line.request.transport.close()
    raise BrokenOff


async def _reset(line: Line, rest: list[bytes]) -> None:
    """The connection is reset."""
    await reset(line.request)
    raise BrokenOff


async def _stall(line: Line, rest: list[bytes]) -> None:
    """Silence until the client hangs up or the state is released; then the rest."""
    await line.state.pause(None)
    await line.send(rest)


def _saying(event: bytes, *, then_the_rest: bool = False) -> Ending:
    """An event that nobody expects, and the end or the rest of the stream."""

    async def ending(line: Line, rest: list[bytes]) -> None:
        await line.send([event, *rest] if then_the_rest else [event])

    return ending


ENDINGS: Mapping[str, Ending] = MappingProxyType(
    {
        "cut": _cut,
        "drop": _drop,
        "reset": _reset,
        "stall": _stall,
        "error-openai": _saying(
            b'data: {"error":{"message":"The model stopped.","type":"server_error","param":null,"code":"stopped"}}\n\n'
        ),
        "error-telnyx": _saying(
            b'data: {"errors":[{"code":"10007","title":"Unexpected error","detail":"The model stopped."}]}\n\n'
        ),
        "error-anthropic": _saying(
            b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
        ),
        "error-fastapi": _saying(b'data: {"detail":"The model stopped."}\n\n'),
        "error-responses": _saying(
            b"event: error\n"
            b'data: {"type":"error","code":"server_error","message":"The model stopped.","param":null}\n\n'
        ),
        "failed-responses": _saying(
            b"event: response.failed\n"
            b'data: {"type":"response.failed","response":{"object":"response","status":"failed",'
            b'"error":{"code":"server_error","message":"The model stopped."},"output":[]}}\n\n'
        ),
        "garbage": _saying(b"data: this is not JSON\n\n", then_the_rest=True),
        "ping": _saying(b'event: ping\ndata: {"type": "ping"}\n\n', then_the_rest=True),
    }
)


async def reset(request: web.Request) -> None:
    """Breaks the connection off (RST), after what was written so far has left."""
    await asyncio.sleep(0)  # uvloop writes at the end of a turn of the loop
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    # lingering for zero seconds makes close() send a reset instead of an orderly end
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
