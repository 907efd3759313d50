"""A connection that begins with an upload: what the contract of the port does not reach."""

import asyncio
import ssl
from collections.abc import AsyncIterator

import pytest

from proxy.errors import UpstreamFailed
from proxy.upstream.transport import Outgoing, Upload
from tests.upstream.conftest import PATIENT, native
from tests.upstream.framings import OK
from tests.upstream.origin import Line, origin
from tests.upstream.sending import CREDENTIAL, post, whole
from tests.upstream.test_transport_uploads import chunk, head


async def source(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_a_connection_whose_upload_was_taken_whole_is_used_again() -> None:
    async def script(line: Line) -> None:
        headers = await head(line)
        while headers.get("transfer-encoding") and await chunk(line):
            pass
        await line.reader.readexactly(int(headers.get("content-length", 0)))
        await line.say(OK + b"Content-Length: 5\r\n\r\nhello")
        await script(line)

    transport = native(**PATIENT, tls=ssl.create_default_context())
    async with origin(script) as server:
        sent = Outgoing("POST", server.url, CREDENTIAL, Upload(source(b"a"), "audio/wav"))
        assert await whole(transport, sent) == (200, b"hello")
        assert await whole(transport, post(server.url)) == (200, b"hello")
        await transport.close()
    assert len(server.lines) == 1


async def test_what_cannot_stand_in_a_header_is_not_sent() -> None:
    transport = native(**PATIENT, tls=ssl.create_default_context())

    async def script(line: Line) -> None:
        await line.gone()

    async with origin(script) as server:
        with pytest.raises(UpstreamFailed):
            await transport.send(Outgoing("POST", server.url, CREDENTIAL, Upload(source(), "a\r\nb: c")))
        await transport.close()
    assert server.lines == []


async def test_a_connection_that_closes_without_a_word_ends_the_upload() -> None:
    async def script(line: Line) -> None:
        await head(line)

    async def waiting() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.Event().wait()

    transport = native(**PATIENT, tls=ssl.create_default_context())
    async with origin(script) as server:
        with pytest.raises(UpstreamFailed, match=r"without an answer|connection to Telnyx failed"):
            await transport.send(Outgoing("POST", server.url, CREDENTIAL, Upload(waiting(), "audio/wav")))
        await transport.close()
