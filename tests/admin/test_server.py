import json
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient
from prometheus_client.parser import text_string_to_metric_families

from proxy.accounts.ledger import Record
from proxy.admin.server import create_app
from proxy.telemetry.health import State
from proxy.telemetry.metrics import Metrics

Client = TestClient[web.Request, web.Application]
Open = Callable[..., Awaitable[Client]]

TOKEN = "correct horse battery staple"


class Readiness:
    """What the process says of itself."""

    def __init__(self) -> None:
        self.state: State = "ok"
        self.reasons: list[str] = []

    def __call__(self) -> tuple[State, list[str]]:
        return self.state, self.reasons


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(lambda name: True, lambda path: True)


@pytest.fixture
def readiness() -> Readiness:
    return Readiness()


@pytest.fixture
def open_admin(aiohttp_client: Callable[..., Awaitable[Client]], metrics: Metrics, readiness: Readiness) -> Open:
    async def opened(token: str | None = None, **changed: Any) -> Client:
        return await aiohttp_client(
            create_app(**{"metrics": metrics, "readiness": readiness, "token": token, **changed})
        )

    return opened


async def fault(answer: ClientResponse) -> dict[str, Any]:
    """The error object, after a look at what every error must have."""
    assert answer.content_type == "application/json"
    assert re.fullmatch(r"req_[0-9a-f]{32}", answer.headers["x-request-id"])
    assert answer.headers["Server"] == "telnyx-openai-proxy", "no versions to look up faults of"
    body = await answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert "Traceback" not in body["error"]["message"]
    error: dict[str, Any] = body["error"]
    return error


async def test_metrics_are_what_prometheus_reads(open_admin: Open, metrics: Metrics) -> None:
    metrics.record(Record("req_1", 0.0, endpoint="chat.completions", tenant="acme", model="m", status=200))
    client = await open_admin()
    answer = await client.get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(await answer.text())}
    (sample,) = families["telnyx_proxy_requests"].samples
    assert sample.labels == {"tenant": "acme", "endpoint": "chat.completions", "model": "m", "status": "200"}
    assert families["telnyx_proxy_overhead_seconds"].type == "histogram"


async def test_prometheus_gets_openmetrics_if_it_likes(open_admin: Open) -> None:
    client = await open_admin()
    answer = await client.get("/metrics", headers={"accept": "application/openmetrics-text;version=1.0.0,*/*;q=0.1"})
    assert answer.content_type == "application/openmetrics-text"
    assert (await answer.text()).endswith("# EOF\n")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_the_token_opens_the_metrics(open_admin: Open, scheme: str) -> None:
    client = await open_admin(TOKEN)
    answer = await client.get("/metrics", headers={"authorization": f"{scheme} {TOKEN}"})
    assert answer.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
        {"authorization": "Bearer ü"},
    ],
    ids=str,
)
async def test_without_the_token_they_stay_closed(open_admin: Open, headers: dict[str, str]) -> None:
    client = await open_admin(TOKEN)
    answer = await client.get("/metrics", headers=headers)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    error = await fault(answer)
    assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_api_key")
    assert "wrong" not in json.dumps(error)
    assert TOKEN not in json.dumps(error)


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
@pytest.mark.parametrize("token", [None, TOKEN])
async def test_health_needs_no_token(open_admin: Open, path: str, token: str | None) -> None:
    client = await open_admin(token)
    answer = await client.get(path)
    assert answer.status == 200
    assert answer.content_type == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert await answer.json() == {"status": "ok"}


@pytest.mark.parametrize(("state", "status"), [("degraded", 200), ("stopping", 503)])
async def test_readiness_is_asked_each_time(open_admin: Open, readiness: Readiness, state: State, status: int) -> None:
    client = await open_admin()
    assert (await client.get("/readyz")).status == 200
    readiness.state, readiness.reasons = state, ["for a reason"]
    answer = await client.get("/readyz")
    assert answer.status == status
    assert await answer.json() == {"status": state, "reasons": ["for a reason"]}
    assert (await client.get("/livez")).status == 200


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz"])
async def test_head_has_the_headers_alone(open_admin: Open, path: str) -> None:
    client = await open_admin()
    answer = await client.head(path)
    assert answer.status == 200
    assert int(answer.headers["content-length"]) > 0
    assert await answer.read() == b""


@pytest.mark.parametrize("path", ["/", "/metrics/", "/v1/chat/completions", "/livez%0d%0a", "/../etc/passwd"])
async def test_an_unknown_path_is_said_to_be_unknown(open_admin: Open, path: str) -> None:
    client = await open_admin()
    answer = await client.get(path)
    assert answer.status == 404
    assert (await fault(answer))["code"] == "unknown_url"


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "OPTIONS"])
async def test_a_wrong_method_learns_the_right_ones(open_admin: Open, method: str) -> None:
    client = await open_admin(TOKEN)
    answer = await client.request(method, "/metrics")
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert (await fault(answer))["code"] == "method_not_allowed"


async def test_a_bug_is_told_to_the_log_alone(open_admin: Open, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> tuple[State, list[str]]:
        raise KeyError("secret detail")

    client = await open_admin(readiness=broken)
    with caplog.at_level(logging.ERROR):
        answer = await client.get("/readyz")
    assert answer.status == 500
    error = await fault(answer)
    assert (error["type"], error["code"]) == ("server_error", "internal_error")
    assert "secret detail" not in json.dumps(error)
    (logged,) = caplog.records
    assert answer.headers["x-request-id"] in logged.getMessage()
    assert "secret detail" in (logged.exc_text or "")


async def test_the_dashboard_is_there_without_anything_to_configure(open_admin: Open) -> None:
    client = await open_admin()
    answer = await client.get("/dashboard")
    assert (answer.status, answer.content_type) == (503, "text/html")
    assert "storage" in await answer.text()
