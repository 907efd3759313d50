"""Requests as tests send them, and what every failure has to fulfil."""

import traceback
from typing import Any

import pytest

from proxy.errors import UpstreamFault
from proxy.upstream.transport import Answer, Outgoing, Transport

CREDENTIAL = "KEY_0123456789-of-acme"
BODY = b'{"messages": []}'
PLENTY = 1 << 24
FOREVER = 60.0


def get(url: str, credential: str = CREDENTIAL) -> Outgoing:
    return Outgoing("GET", url, credential)


def post(url: str, credential: str = CREDENTIAL, body: bytes = BODY, **extra: Any) -> Outgoing:
    return Outgoing("POST", url, credential, body, **extra)


async def whole(transport: Transport, outgoing: Outgoing) -> tuple[int, bytes]:
    """Status and body of an answer that is read to its end."""
    answer = await transport.send(outgoing)
    try:
        return answer.status, await answer.read(PLENTY, FOREVER)
    finally:
        answer.close()


async def rest(answer: Answer) -> bytes:
    """The pieces that are still to come."""
    pieces = []
    while piece := await answer.piece():
        pieces.append(piece)
    return b"".join(pieces)


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
