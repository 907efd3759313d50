from typing import Any
from unittest import mock

import pytest
from aiohttp.test_utils import make_mocked_request

from proxy.admin.dashboard.site import Site, is_local


def request(remote: str = "203.0.113.9", local: Any = ("127.0.0.1", 8081), **headers: str) -> Any:
    transport = mock.Mock()
    said = {"sockname": local, "peername": (remote, 4000)}
    transport.get_extra_info.side_effect = lambda name, default=None: said.get(name, default)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return make_mocked_request("GET", "/dashboard", headers=given, transport=transport)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8081", "localhost.:8081", "me.localhost", "127.0.0.1:8081", "127.3.2.1", "[::1]:8081"],
)
def test_names_of_this_machine(host: str) -> None:
    assert is_local(host)
    assert Site().is_ours(request(Host=host))


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:8081", "localhost.evil.example", "notlocalhost", "10.0.0.1", "[::1", "@"]
)
def test_a_loopback_listener_does_not_answer_to_other_names(host: str) -> None:
    assert not is_local(host)
    assert not Site().is_ours(request(Host=host))


def test_a_missing_host_is_not_ours() -> None:
    assert not Site().is_ours(request())


def test_a_listener_elsewhere_answers_to_every_name() -> None:
    assert Site().is_ours(request(local=("192.0.2.5", 8081), Host="proxy.example"))
    assert Site().is_ours(request(local="/run/admin.sock", Host="proxy.example"))


def test_ipv4_within_ipv6_is_loopback_too() -> None:
    assert not Site().is_ours(request(local=("::ffff:127.0.0.1", 8081, 0, 0), Host="evil.example"))


def test_a_load_balancer_beside_it_may_serve_any_name() -> None:
    site = Site(["127.0.0.0/8"])
    assert site.is_ours(request("127.0.0.1", Host="proxy.example", X_Forwarded_For="192.0.2.7"))
    assert not site.is_ours(request("127.0.0.1", Host="proxy.example"))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Sec_Fetch_Site": "same-origin"}, True),
        ({"Sec_Fetch_Site": "none"}, True),
        ({"Sec_Fetch_Site": "cross-site"}, False),
        ({"Sec_Fetch_Site": "same-site", "Origin": "http://localhost:8081"}, False),
        ({"Origin": "http://localhost:8081"}, True),
        ({"Origin": "http://LOCALHOST:8081"}, True),
        ({"Origin": "http://localhost:3000"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://[::1"}, False),
        ({}, True),
    ],
)
def test_what_comes_from_our_own_pages(headers: dict[str, str], *, expected: bool) -> None:
    assert Site().is_from_us(request(Host="localhost:8081", **headers)) is expected


def test_the_name_that_a_load_balancer_was_called_by() -> None:
    given = {"Host": "10.0.0.2:8081", "X_Forwarded_Host": "proxy.example", "Origin": "https://proxy.example"}
    assert Site(["10.0.0.0/8"]).is_from_us(request("10.0.0.1", **given))
    assert not Site().is_from_us(request("10.0.0.1", **given))


def test_tls_is_believed_of_load_balancers_only() -> None:
    assert Site(["10.0.0.0/8"]).is_secure(request("10.0.0.1", X_Forwarded_Proto="http, https"))
    assert not Site(["10.0.0.0/8"]).is_secure(request("10.0.0.1", X_Forwarded_Proto="http"))
    assert not Site().is_secure(request("10.0.0.1", X_Forwarded_Proto="https"))


@pytest.mark.parametrize(
    ("remote", "forwarded", "expected"),
    [
        ("10.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "6.6.6.6, 192.0.2.7, 10.0.0.9", "192.0.2.7"),
        ("10.0.0.1", "what, 10.0.0.9", "10.0.0.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("203.0.113.9", "192.0.2.7", "203.0.113.9"),
    ],
)
def test_where_the_browser_is(remote: str, forwarded: str, expected: str) -> None:
    assert Site(["10.0.0.0/8"]).address(request(remote, X_Forwarded_For=forwarded)) == expected


def test_an_unknown_peer_is_no_address() -> None:
    assert Site(["10.0.0.0/8"]).address(request("")) == ""
