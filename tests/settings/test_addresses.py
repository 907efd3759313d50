"""Addresses and their parts. What a whole configuration says of them is in `test_loading`."""

import pytest
from pydantic_core import PydanticCustomError

from proxy.settings.addresses import collector_url, plain_url, rooted


@pytest.mark.parametrize("given", ["https://api.telnyx.com/v2", "http://127.0.0.1:8000", "https://[::1]:8443/a/b"])
def test_an_address_stays_as_it_is_but_for_the_slash_at_its_end(given: str) -> None:
    assert plain_url(given) == plain_url(given + "/") == given


@pytest.mark.parametrize(
    "given",
    ["", "api.telnyx.com", "ftp://api.telnyx.com", "https://", "http://host:0", "http://host:x", "https://user@host",
     "https://host/?a=b", "https://host/#part", "http://[::1"],
)  # fmt: skip
def test_what_is_no_address_of_an_api_is_refused(given: str) -> None:
    with pytest.raises(PydanticCustomError):
        plain_url(given)


def test_a_path_begins_at_the_root_and_holds_nothing_else() -> None:
    assert rooted("/ai/openai/models") == "/ai/openai/models"
    for given in ("models", "/a?b", "/a#b", "/a b"):
        with pytest.raises(PydanticCustomError):
            rooted(given)


def test_a_collector_has_a_path_of_its_own() -> None:
    assert (
        collector_url("https://collector.example:4318/v1/traces?team=a")
        == "https://collector.example:4318/v1/traces?team=a"
    )
    for given in (
        "",
        "localhost:4318",
        "grpc://collector:4317",
        "http://user:secret@collector/v1/traces",
        "http://[::1",
    ):
        with pytest.raises(PydanticCustomError, match="4318/v1/traces"):
            collector_url(given)
