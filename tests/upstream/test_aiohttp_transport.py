"""What is special about aiohttp's client; the contract itself is in the three `test_transport*.py`."""

import ssl
from collections.abc import Iterator

import aiohttp
import pytest

from proxy.errors import UpstreamFailed, UpstreamFault, UpstreamUnavailable
from proxy.outbox import Outbox
from proxy.upstream.aiohttp_transport import AiohttpTransport, border
from tests.upstream.conftest import PATIENT
from tests.upstream.sending import expect_discreet, get


def descendants(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    for child in kind.__subclasses__():
        if child.__module__.startswith("aiohttp."):
            yield child
            yield from descendants(child)


@pytest.mark.parametrize("kind", sorted({*descendants(aiohttp.ClientError)}, key=str), ids=lambda kind: kind.__name__)
def test_no_exception_of_the_library_gets_out(kind: type[BaseException]) -> None:
    with pytest.raises(UpstreamFault) as caught, border():
        raise kind.__new__(kind)
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize(
    "fault", [OSError(24, "Too many open files"), ssl.SSLError(1, "bad record mac"), RuntimeError(), ValueError("x")]
)
def test_nothing_of_the_system_gets_out_either(fault: Exception) -> None:
    with pytest.raises(UpstreamFailed) as caught, border():
        raise fault
    expect_discreet(caught.value)


def test_a_mistake_of_ours_is_not_called_a_failure_of_telnyx() -> None:
    with pytest.raises(KeyError), border():
        raise KeyError("mistake")


async def test_what_has_to_be_first_is_done_before_aiohttp_gets_a_request() -> None:
    happened: list[str] = []
    outbox = Outbox()
    outbox.first = lambda: happened.append("first")
    transport = AiohttpTransport(**PATIENT, tls=ssl.create_default_context(), outbox=outbox)
    with pytest.raises(UpstreamUnavailable):
        await transport.send(get("http://127.0.0.1:9/"))
    await transport.close()
    assert happened == ["first"]
