"""Requests as tests send them, and what every failure has to fulfil."""

import asyncio
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from proxy.codec import Pieces
from proxy.errors import UpstreamFault
from proxy.upstream.transport import Answer, Outgoing, Sink, Transport

CREDENTIAL = "KEY_0123456789-of-acme"
BODY = b'{"messages": []}'
PLENTY = 1 << 24
FOREVER = 60.0


def get(url: str, credential: str = CREDENTIAL) -> Outgoing:
    return Outgoing("GET", url, credential)


def post(url: str, credential: str = CREDENTIAL, body: bytes | Pieces = BODY, **extra: Any) -> Outgoing:
    return Outgoing("POST", url, credential, body, **extra)


async def whole(transport: Transport, outgoing: Outgoing) -> tuple[int, bytes]:
    """Status and body of an answer that is read to its end."""
    answer = await transport.send(outgoing)
    try:
        return answer.status, await answer.read(PLENTY, FOREVER)
    finally:
        answer.close()


class Bucket:
    """A sink that keeps everything, and says when there is something."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.filled = asyncio.Event()

    def __call__(self, piece: bytes) -> None:
        assert piece, "an empty piece"
        self.pieces.append(piece)
        self.filled.set()

    @property
    def content(self) -> bytes:
        return b"".join(self.pieces)


async def rest(answer: Answer) -> bytes:
    """What is poured until the end."""
    bucket = Bucket()
    await answer.pour(bucket)
    return bucket.content


@asynccontextmanager
async def pouring(answer: Answer, sink: Sink | None = None) -> AsyncIterator[tuple[asyncio.Task[None], Bucket]]:
    """Pours in a task that ends with the block, at the latest; the bucket is what is poured into, unless told."""
    bucket = Bucket()
    task = asyncio.create_task(_poured(answer, sink or bucket))
    try:
        yield task, bucket
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _poured(answer: Answer, sink: Sink) -> None:
    await answer.pour(sink)


async def fails(transport: Transport, outgoing: Outgoing, with_: type[UpstreamFault]) -> UpstreamFault:
    """The fault of a request, wherever on its way it happens: exactly this class, and discreet."""
    with pytest.raises(UpstreamFault) as caught:
        await whole(transport, outgoing)
    assert type(caught.value) is with_, repr(caught.value)
    expect_discreet(caught.value)
    return caught.value


def expect_discreet(fault: UpstreamFault) -> None:
    """Neither the fault nor anything it was raised from shows the credential; its message shows no address either."""
    shown = "".join(traceback.format_exception(fault)) + repr(fault) + str(fault.envelope())
    cause = fault.__cause__
    while cause is not None:
        shown += repr(cause)
        cause = cause.__cause__
    assert CREDENTIAL not in shown
    assert "127.0.0.1" not in fault.message
