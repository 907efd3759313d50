"""What every stream is to those who carry it: each of them, told nothing, ends once, and says why."""

import inspect

import pytest

from proxy.accounts.ledger import STREAM_ENDS
from proxy.endpoints import ENDPOINTS, Translation
from proxy.errors import UpstreamTimeout
from proxy.streaming.stream import Stream
from proxy.translation.answers import Identity
from proxy.translation.rules import Expectation
from proxy.usage import Usage

TRANSLATIONS = [row.translation for row in ENDPOINTS if row.translation is not None]
PARTS = [name for name in vars(Stream) if not name.startswith("_")] + [*Stream.__annotations__]


def stream_of(translation: Translation) -> Stream:
    return translation.stream(Expectation(stream=True), Identity("x_1", 1), "m/m", event_limit=1000)


@pytest.mark.parametrize("translation", TRANSLATIONS, ids=lambda translation: translation.id_prefix)
def test_a_stream_has_every_part(translation: Translation) -> None:
    stream = stream_of(translation)
    assert {"feed", "finish", "fail", "heartbeat", "usage", "ended"} <= set(PARTS)
    assert [name for name in PARTS if not hasattr(stream, name)] == []
    assert (stream.ended, stream.error, stream.started) == (None, None, False)
    assert isinstance(stream.usage, Usage)


@pytest.mark.parametrize("translation", TRANSLATIONS, ids=lambda translation: translation.id_prefix)
@pytest.mark.parametrize("garbage", [b"", b"data: what\n\n", b"data: {}\n\n", b"\x00\xff", b"data: [DONE]\n\n"])
def test_a_stream_that_says_nothing_of_use_ends_with_one_error(translation: Translation, garbage: bytes) -> None:
    stream = stream_of(translation)
    said = stream.feed(garbage) + stream.finish()
    assert said
    assert stream.ended in STREAM_ENDS
    assert stream.ended != "complete"
    assert stream.error is not None
    over = (
        stream.feed(b"data: {}\n\n"),
        stream.finish(),
        stream.fail(UpstreamTimeout("x"), "stalled"),
        stream.heartbeat(),
    )
    assert over == (b"", b"", b"", b"")


@pytest.mark.parametrize("translation", TRANSLATIONS, ids=lambda translation: translation.id_prefix)
def test_a_stream_ends_as_the_caller_says(translation: Translation) -> None:
    stream = stream_of(translation)
    stream.heartbeat()
    assert b"too slow" in stream.fail(UpstreamTimeout("too slow"), "stalled")
    assert stream.ended == "stalled"


def test_every_part_is_described() -> None:
    assert [name for name in PARTS if name in vars(Stream) and not inspect.getdoc(getattr(Stream, name))] == []
