"""One request and how its answer looks from outside."""

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from proxy import codec
from proxy.edge.exchange import NAME_LIMIT, Exchange, header_value
from proxy.errors import InsufficientQuota, MethodNotAllowed, RateLimited, UpstreamFailed
from tests.conftest import Build


async def exchange(build: Build) -> Exchange:
    here = await build()
    return Exchange(here.proxy.services, make_mocked_request("POST", "/", headers={"User-Agent": "OpenAI/Python 3.1"}))


async def test_every_answer_carries_what_clients_and_people_look_for(build: Build) -> None:
    under_way = await exchange(build)
    under_way.record.tenant = "acme"
    under_way.record.changes_header = "dropped=user"
    under_way.record.upstream_request_id = "up-1"
    headers = under_way.reply({"a": 1}).headers
    assert headers["x-request-id"] == under_way.record.request_id
    assert headers["openai-organization"] == "acme"
    assert headers["openai-version"] == "2020-10-01"
    assert int(headers["openai-processing-ms"]) >= 0
    assert headers["x-telnyx-proxy-changes"] == "dropped=user"
    assert headers["x-telnyx-request-id"] == "up-1"
    assert "Python" not in headers["server"], "the versions of our parts are nobody's business"
    assert under_way.record.client == "openai-python"


async def test_an_error_becomes_an_envelope_with_its_hints(build: Build) -> None:
    under_way = await exchange(build)
    limited = under_way.refuse(RateLimited("later", retry_after=1.5))
    assert (limited.headers["retry-after"], limited.headers["retry-after-ms"]) == ("2", "1500")
    assert "x-should-retry" not in limited.headers
    hopeless = under_way.refuse(InsufficientQuota("empty"))
    assert hopeless.headers["x-should-retry"] == "false"
    assert "retry-after" not in hopeless.headers
    assert under_way.refuse(MethodNotAllowed("no", ("POST",))).headers["allow"] == "POST"
    broken = under_way.refuse(UpstreamFailed("broken", upstream_request_id="id\r\n" + "x" * 500))
    assert isinstance(broken, web.Response)
    assert isinstance(broken.body, bytes)
    assert codec.decode(broken.body) == {
        "error": {"message": "broken", "type": "server_error", "param": None, "code": "upstream_error"}
    }
    assert under_way.record.error_kind == "failed"
    assert len(broken.headers["x-telnyx-request-id"]) <= NAME_LIMIT


def test_text_of_upstream_is_made_fit_for_a_header() -> None:
    assert header_value("a\r\nSet-Cookie: x\x00é") == "aSet-Cookie: x"
