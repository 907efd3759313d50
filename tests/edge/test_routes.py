"""Path and method -> endpoint."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.edge.routes import expect_method, look_up, speaks_anthropic, unknown
from proxy.endpoints import ENDPOINTS, UNSUPPORTED, Endpoint
from proxy.errors import MethodNotAllowed, UnknownUrl, UnsupportedEndpoint


def find(method: str, path: str) -> tuple[Endpoint, tuple[str, ...]]:
    """What the journey does with the three."""
    methods, names = look_up(path)
    if methods is None:
        raise unknown(method, path)
    return expect_method(methods, method), names


SERVED = {
    ("POST", "/v1/chat/completions"): ("chat.completions", ()),
    ("POST", "/chat/completions"): ("chat.completions", ()),
    ("GET", "/v1/models"): ("models.list", ()),
    ("HEAD", "/v1/models"): ("models.list", ()),
    ("GET", "/v1/models/a"): ("models.retrieve", ("a",)),
    ("GET", "/models/org/name"): ("models.retrieve", ("org/name",)),
    ("GET", "/v1/models/org%2Fname"): ("models.retrieve", ("org/name",)),
    ("GET", "/v1/models/caf%C3%A9"): ("models.retrieve", ("caf\u00e9",)),
    ("POST", "/v1/fine_tuning/jobs"): ("fine_tuning.jobs.create", ()),
    ("GET", "/v1/fine_tuning/jobs"): ("fine_tuning.jobs.list", ()),
    ("GET", "/v1/fine_tuning/jobs/ft%2Fa"): ("fine_tuning.jobs.retrieve", ("ft/a",)),
    ("POST", "/fine_tuning/jobs/ft-1/cancel"): ("fine_tuning.jobs.cancel", ("ft-1",)),
    ("POST", "/v1/messages"): ("messages", ()),
    ("POST", "/v1/messages/count_tokens"): ("messages.count_tokens", ()),
    ("PATCH", "/telnyx/ai/clusters/1"): ("telnyx", ("ai/clusters/1",)),
    ("HEAD", "/telnyx/ai"): ("telnyx", ("ai",)),
}


@pytest.mark.parametrize(("method", "path"), SERVED)
def test_served_paths_are_found_with_and_without_v1(method: str, path: str) -> None:
    endpoint, names = find(method, path)
    assert (endpoint.name, names) == SERVED[method, path]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/v1",
        "/v1/",
        "/v1/chat",
        "/v2/models",
        "/v1/models/",
        "/chat/completions/x",
        "/v1/fine_tuning/jobs/",
        "/v1/fine_tuning/jobs//cancel",
        "/telnyx/",
        "/v1/messages/x",
    ],
)
def test_other_paths_are_unknown(path: str) -> None:
    with pytest.raises(UnknownUrl) as caught:
        find("GET", path)
    assert caught.value.envelope()["error"]["code"] == "unknown_url"
    assert caught.value.message.startswith(f"Unknown request URL: GET {path}. ")


def test_a_strange_path_is_shown_short_and_printable() -> None:
    with pytest.raises(UnknownUrl) as caught:
        find("GET", "/\x00\x1b[31m" + "a" * 1000)
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 400


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_the_wrong_method_names_the_right_one(method: str) -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        find(method, "/v1/chat/completions")
    assert caught.value.allowed == ("POST",)


@pytest.mark.parametrize(("prefix", "hint"), UNSUPPORTED)
@pytest.mark.parametrize("form", ["{}", "/v1{}", "/v1{}/something/deeper"])
def test_what_openai_has_and_we_do_not_says_so_with_a_hint(prefix: str, hint: str, form: str) -> None:
    with pytest.raises(UnsupportedEndpoint) as caught:
        find("PUT", form.format(prefix.replace("{id}", "ft-1")))
    assert hint in caught.value.message


@pytest.mark.parametrize("path", ["/v1/messages", "/messages", "/v1/messages/", "/v1/messages/batches/x"])
def test_anthropics_paths_are_known_whatever_they_offer(path: str) -> None:
    assert speaks_anthropic(path)


@pytest.mark.parametrize(
    "path", ["/v1/messages2", "/v2/messages", "/v1/threads/x/messages", "", "/v1/chat/completions"]
)
def test_other_paths_are_none_of_anthropics(path: str) -> None:
    assert not speaks_anthropic(path)


@given(st.text())
def test_no_path_ever_does_anything_else(path: str) -> None:
    try:
        endpoint, _ = find("GET", path)
    except (UnknownUrl, UnsupportedEndpoint, MethodNotAllowed):
        return
    assert endpoint in ENDPOINTS
