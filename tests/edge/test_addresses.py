"""Where a client is, with load balancers that are believed and others that are not."""

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from proxy.edge.addresses import of_client

BALANCERS = ("10.0.0.0/8", "2001:db8::/32")


class Peer:
    """A transport that knows where the other end is."""

    def __init__(self, address: str | None) -> None:
        self.address = address

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self.address, 1) if name == "peername" and self.address is not None else default

    def is_closing(self) -> bool:
        return False


def seen(peer: str | None, *forwarded: str, trusted: tuple[str, ...] = BALANCERS) -> str | None:
    headers = CIMultiDict([("X-Forwarded-For", each) for each in forwarded])
    request = make_mocked_request("GET", "/", headers=headers, transport=Peer(peer))
    return of_client(request, trusted)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", (), "203.0.113.9"),
        ("203.0.113.9", ("1.1.1.1",), "203.0.113.9"),
        ("10.0.0.1", ("198.51.100.7",), "198.51.100.7"),
        ("10.0.0.1", ("1.1.1.1, 198.51.100.7",), "198.51.100.7"),
        ("10.0.0.1", ("1.1.1.1", "198.51.100.7, 10.2.3.4"), "198.51.100.7"),
        ("10.0.0.1", ("10.9.9.9",), "10.9.9.9"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("",), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.7:4711",), "198.51.100.7"),
        ("10.0.0.1", ("10.9.9.9, [2001:db9::5]:4711",), "2001:db9::5"),
        ("2001:db8::1", ("[2001:db9::5]",), "2001:db9::5"),
        ("::ffff:10.0.0.1", ("198.51.100.7",), "198.51.100.7"),
        (None, ("198.51.100.7",), None),
    ],
)
def test_the_client_is_the_first_that_no_trusted_proxy_is(
    peer: str | None, forwarded: tuple[str, ...], client: str | None
) -> None:
    assert seen(peer, *forwarded) == client


@pytest.mark.parametrize("forwarded", ["nonsense", "unknown", "nonsense, 10.2.3.4", "10.9.9.9,", "198.51.100.7:x"])
def test_a_client_that_a_trusted_proxy_gives_no_address_of_is_unknown(forwarded: str) -> None:
    """It is not the proxy: a key that is bound to the proxy's own network would be good everywhere."""
    assert seen("10.0.0.1", forwarded) is None


def test_without_trusted_proxies_the_header_is_not_looked_at() -> None:
    assert seen("10.0.0.1", "198.51.100.7", trusted=()) == "10.0.0.1"


def test_a_header_without_end_is_looked_at_from_its_end_only() -> None:
    assert seen("10.0.0.1", ", ".join(["198.51.100.7", *["10.1.1.1"] * 1000])) == "10.1.1.1"
