"""Heads of requests, as bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import UpstreamFailed
from proxy.upstream import heads
from proxy.upstream.heads import Address
from proxy.upstream.transport import Outgoing
from tests.upstream.sending import CREDENTIAL, expect_discreet, get, post

ADDRESSES = {
    "http://telnyx.example/v2": Address("http", "telnyx.example", 80),
    "https://telnyx.example/v2": Address("https", "telnyx.example", 443),
    "HTTPS://Telnyx.Example:8443": Address("https", "telnyx.example", 8443),
    "http://127.0.0.1:1/": Address("http", "127.0.0.1", 1),
    "http://[::1]:1/": Address("http", "::1", 1),
    "http://b\u00fccher.example/": Address("http", "xn--bcher-kva.example", 80),
}
NO_ADDRESSES = (
    *("", "http://", "nonsense", "ftp://telnyx.example/", "http://telnyx.example:99999/", "http://telnyx.example:x/"),
    *("http://[::1/", "http://two..dots/", f"http://{'long' * 20}.invalid/", "http://user:secret@telnyx.example/"),
    *(
        "http://telnyx.example/a b",
        "http://telnyx.example/a\r\nb: c",
        "http://telnyx.example/\u00e4",
        "//telnyx.example/",
    ),
)


@pytest.mark.parametrize(("url", "address"), ADDRESSES.items())
def test_an_address_is_taken_from_its_url(url: str, address: Address) -> None:
    assert heads.address(url) == address


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UpstreamFailed, match="base_url") as caught:
        heads.address(url)
    expect_discreet(caught.value)


def test_a_head_is_written_but_for_its_length() -> None:
    assert heads.head(post("https://telnyx.example/v2/a%2Fb?q=1", "KEY"), "agent/1") == (
        b"POST /v2/a%2Fb?q=1 HTTP/1.1\r\nHost: telnyx.example\r\nAuthorization: Bearer KEY\r\nUser-Agent: agent/1\r\n"
        b"Accept: application/json\r\nAccept-Encoding: identity\r\nContent-Type: application/json\r\nContent-Length: "
    )


def test_a_head_without_a_body_says_nothing_of_one() -> None:
    assert heads.head(get("http://[::1]:8080", "KEY"), "agent/1") == (
        b"GET / HTTP/1.1\r\nHost: [::1]:8080\r\nAuthorization: Bearer KEY\r\nUser-Agent: agent/1\r\n"
        b"Accept: application/json\r\nAccept-Encoding: identity\r\n"
    )


@pytest.mark.parametrize("method", ["HEAD", "CONNECT", "GE T", "GET\r\n", ""])
def test_a_method_whose_answer_is_not_understood_is_not_sent(method: str) -> None:
    with pytest.raises(UpstreamFailed, match="cannot be written"):
        heads.head(Outgoing(method, "http://telnyx.example/", CREDENTIAL), "agent/1")


@pytest.mark.parametrize(
    "secret", [f"{CREDENTIAL}\r\nX: 1", f"{CREDENTIAL}\0", f"{CREDENTIAL}\udcff", f"\n{CREDENTIAL}"]
)
def test_a_credential_that_breaks_out_is_not_sent_and_not_shown(secret: str) -> None:
    with pytest.raises(UpstreamFailed, match="cannot be written") as caught:
        heads.head(get("http://telnyx.example/", secret), "agent/1")
    expect_discreet(caught.value)
    assert caught.value.__context__ is None


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=8), max_size=3))
def test_no_header_ever_breaks_out_of_its_line(fields: dict[str, str]) -> None:
    try:
        written = heads.lines(fields)
    except UpstreamFailed:
        return
    assert written.count(b"\n") == written.count(b"\r\n") == written.count(b"\r") == len(fields)
    assert b"\0" not in written


def test_a_tab_and_any_letter_may_stand_in_a_value() -> None:
    assert heads.lines({"a": "b\tc", "d": "\u00e4"}) == b"a: b\tc\r\nd: \xc3\xa4\r\n"
