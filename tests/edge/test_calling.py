"""Plain requests to Telnyx: by turns with the tenant's keys, accounted for, and their failures in OpenAI's terms."""

from typing import Any

import pytest
from aiohttp import web

from tests.conftest import Build
from tests.world import KEY, TENANTS, World

JOBS = "/v1/fine_tuning/jobs"
BEARER = {"Authorization": f"Bearer {KEY}"}
SEVERAL = [{"name": "old", "api_key": {"value": "KEY_unauthorized.1"}}, {"name": "new", "api_key": {"value": "KEY_n"}}]


def tenant(**fields: Any) -> list[Any]:
    return [{**TENANTS[0], "buckets": ["*"], "passthrough": ["*"], **fields}]


def get(here: World, path: str = JOBS) -> Any:
    return here.session.get(here.url(path), headers=BEARER)


@pytest.fixture
async def telnyx(aiohttp_raw_server: Any) -> dict[str, Any]:
    """A Telnyx that answers what it is told: (status, body); a body that is none breaks the connection."""
    told: dict[str, Any] = {"status": 200, "body": b"", "asked": [], "refused": ()}

    async def answer(request: web.BaseRequest) -> web.Response:
        key = request.headers["Authorization"].removeprefix("Bearer ")
        told["asked"].append(key)
        if key in told["refused"]:
            return web.json_response({"errors": [{"code": "10009", "title": "no", "detail": f"bad {key}"}]}, status=401)
        return web.Response(status=told["status"], body=told["body"], headers={"x-request-id": f"id of {key}"})

    server = await aiohttp_raw_server(answer)
    told["url"] = str(server.make_url("/v2"))
    return told


@pytest.mark.parametrize("path", [JOBS, "/telnyx/ai/fine_tuning/jobs"])
async def test_keys_take_turns_and_the_last_refusal_counts(build: Build, telnyx: Any, path: str) -> None:
    telnyx |= {"refused": ("KEY_unauthorized.1", "KEY_n"), "body": b'{"data":[]}'}
    here = await build(
        upstream={"base_url": telnyx["url"]}, tenants=tenant(upstream_api_key=None, credentials=SEVERAL),
        models={"ttl": 0},
    )  # fmt: skip
    telnyx["asked"].clear()
    async with get(here, path) as answer:
        text = await answer.text()
        assert (answer.status, "KEY_" in text, "upstream_auth_failed" in text) == (502, False, True)
    assert {"KEY_unauthorized.1", "KEY_n"} <= set(telnyx["asked"])
    telnyx["refused"] = ("KEY_n",)
    for _ in range(2):
        async with get(here, path) as answer:
            status = answer.status
    assert status == 200
    assert await here.metric("telnyx_proxy_credential_refusals_total", credential="new") >= 1
    assert "telnyx_key_refused" in here.log.read_text()


@pytest.mark.parametrize(
    ("status", "body", "seen", "code"),
    [
        (200, b"<html>", 502, "upstream_error"),
        (200, b'{"errors":[{"code":"10007","title":"x","detail":"y"}]}', 502, "upstream_error"),
        (503, b"", 503, "upstream_unavailable"),
        (404, b"<html>", 502, "upstream_error"),
        (404, b'{"errors":[{"code":"10005","title":"x","detail":"KEY_acme-telnyx-0001"}]}', 404, "not_found"),
        (422, b'{"detail":[{"loc":["body","x"],"msg":"wrong","type":"missing"}]}', 400, "missing_required_parameter"),
    ],
)
async def test_failures_are_openais(build: Build, telnyx: Any, status: int, body: bytes, seen: int, code: str) -> None:
    telnyx |= {"status": status, "body": body}
    here = await build(upstream={"base_url": telnyx["url"]}, tenants=tenant())
    async with get(here, f"{JOBS}/ft-1") as answer:
        value = await answer.json()
        assert (answer.status, value["error"]["code"]) == (seen, code)
        assert "KEY_" not in repr(value)
        assert "KEY_" not in repr(answer.headers), "its own id of the request holds the key"


async def test_who_waits_for_telnyx_in_vain_is_told(build: Build) -> None:
    here = await build("slow-headers", {"where": "all"}, tenants=tenant(), upstream={"timeouts": {"first_byte": 0.1}})
    async with get(here) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (504, "upstream_timeout")


async def test_limits_hold_and_are_told(build: Build) -> None:
    here = await build(tenants=tenant(limits=[{"requests_per_minute": 1}]))
    async with get(here) as answer:
        assert (answer.status, answer.headers["x-ratelimit-remaining-requests"]) == (200, "0")
    async with get(here) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (429, "rate_limit_exceeded")
    assert await here.metric("telnyx_proxy_limit_refusals_total") == 1
