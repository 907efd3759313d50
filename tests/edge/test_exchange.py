"""One request and how its answer looks from outside."""

import asyncio

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from proxy import codec
from proxy.edge.connection import Connection
from proxy.edge.exchange import NAME_LIMIT, Exchange, header_value
from proxy.edge.familiar import Heads
from proxy.edge.reply import Reply
from proxy.errors import InsufficientQuota, MethodNotAllowed, RateLimited, UpstreamFailed
from tests.conftest import Build


async def exchange(build: Build) -> Exchange:
    here = await build()
    services = here.proxy.services
    server = web.Server(here.proxy.listener.serve)  # type: ignore[arg-type]  # edge/reply says what aiohttp needs
    connection = Connection(server, services=services, heads=Heads(), bounds=(60, 60), loop=asyncio.get_running_loop())
    request = make_mocked_request("POST", "/", headers={"User-Agent": "OpenAI/Python 3.1"})
    return Exchange(services, request, connection, "/")


def headers_of(reply: Reply) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in reply.lines.splitlines())


async def test_every_answer_carries_what_clients_and_people_look_for(build: Build) -> None:
    under_way = await exchange(build)
    under_way.record.tenant = "acme"
    under_way.record.changes_header = "dropped=user"
    under_way.record.upstream_request_id = "up-1"
    headers = headers_of(under_way.answer({"a": 1}))
    assert headers["x-request-id"] == under_way.record.request_id
    assert headers["openai-organization"] == "acme"
    assert headers["openai-version"] == "2020-10-01"
    assert int(headers["openai-processing-ms"]) >= 0
    assert headers["x-telnyx-proxy-changes"] == "dropped=user"
    assert headers["x-telnyx-request-id"] == "up-1"
    assert "Python" not in headers["Server"], "the versions of our parts are nobody's business"
    assert under_way.record.client == "openai-python"


async def test_an_error_becomes_an_envelope_with_its_hints(build: Build) -> None:
    under_way = await exchange(build)
    limited = under_way.refuse(RateLimited("later", retry_after=1.5))
    assert (headers_of(limited)["retry-after"], headers_of(limited)["retry-after-ms"]) == ("2", "1500")
    assert "x-should-retry" not in headers_of(limited)
    hopeless = under_way.refuse(InsufficientQuota("empty"))
    assert headers_of(hopeless)["x-should-retry"] == "false"
    assert "retry-after" not in headers_of(hopeless)
    assert headers_of(under_way.refuse(MethodNotAllowed("no", ("POST",))))["allow"] == "POST"
    broken = under_way.refuse(UpstreamFailed("broken", upstream_request_id="id\r\n" + "x" * 500))
    assert codec.decode(broken.body) == {
        "error": {"message": "broken", "type": "server_error", "param": None, "code": "upstream_error"}
    }
    assert under_way.record.error_kind == "failed"
    assert len(headers_of(broken)["x-telnyx-request-id"]) <= NAME_LIMIT


def test_text_of_upstream_is_made_fit_for_a_header() -> None:
    assert header_value("a\r\nSet-Cookie: x\x00é") == "aSet-Cookie: x"
