"""One request to Telnyx, one answer: what the common way itself decides; where it leads is in tests/journeys."""

import gc
from dataclasses import replace
from typing import Any

import pytest

from proxy import codec
from proxy.edge import completing
from proxy.edge.completing import AS_IT_IS, complete
from proxy.edge.visit import Visit
from proxy.endpoints import CHAT, ENDPOINTS
from proxy.translation.error_shapes import Said
from proxy.translation.quirks import EVERY, diagnose
from tests.conftest import Build
from tests.world import HELLO, MODEL

CHAT_BODY: dict[str, Any] = {"model": MODEL, "messages": HELLO}


async def test_usage_that_upstream_leaves_out_is_estimated_and_said(build: Build) -> None:
    here = await build("usage-missing")
    async with here.post(CHAT_BODY) as answer:
        assert "estimated=usage" in answer.headers["x-telnyx-proxy-changes"]
        usage = (await answer.json())["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
    assert here.lines()[0]["tokens_source"] == "estimated"
    assert await here.metric("telnyx_proxy_tokens_total", source="estimated", type="output") > 0


async def test_the_end_user_is_recorded_as_a_digest_only(build: Build) -> None:
    here = await build()
    async with here.post({**CHAT_BODY, "user": "jane@example.com"}) as answer:
        assert answer.status == 200
    [line] = here.lines()
    assert len(line["end_user"]) == 16
    assert "jane" not in here.log.read_text()


async def test_a_decoded_request_is_not_kept_while_its_answer_comes(build: Build) -> None:
    here = await build("stall-mid-stream")
    body = codec.encode({**CHAT_BODY, "stream": True, "user": "whom-to-look-for"})
    async with here.post(body) as answer:
        await answer.content.readany()
        gc.collect()
        kept = [each for each in gc.get_objects() if type(each) is dict and each.get("user") == "whom-to-look-for"]
        assert kept == []


async def test_the_upstreams_request_id_is_handed_on(build: Build, aiohttp_raw_server: Any) -> None:
    from aiohttp import web

    async def telnyx(request: web.BaseRequest) -> web.Response:
        return web.json_response({"detail": "no"}, status=400, headers={"x-request-id": "telnyx-77"})

    server = await aiohttp_raw_server(telnyx)
    here = await build(upstream={"base_url": str(server.make_url("/v2"))})
    async with here.post(CHAT_BODY) as answer:
        assert answer.headers["x-telnyx-request-id"] == "telnyx-77"
    assert here.lines()[0]["upstream_request_id"] == "telnyx-77"


def test_no_credential_of_ours_is_among_the_headers_handed_on() -> None:
    assert not {"authorization", "cookie", "openai-organization"} & set(completing.HANDED_ON)


async def test_an_endpoint_without_a_translation_has_a_way_of_its_own() -> None:
    row = replace(ENDPOINTS[0], translation=None)
    with pytest.raises(TypeError, match=row.name):
        await complete(Visit(None, row, None))  # type: ignore[arg-type]


@pytest.mark.parametrize("code", ["10015", "extra_forbidden"])
def test_an_endpoint_whose_quirks_nobody_has_seen_is_not_repaired(code: str) -> None:
    body = {"max_tokens": 1, "tools": [{}], "service_tier": "flex"}
    said = Said("service_tier: extra inputs are not permitted", code)
    assert AS_IT_IS.plain
    assert diagnose(said, body, AS_IT_IS, lambda _: False) is None
    assert CHAT.repairs == EVERY


@pytest.mark.filterwarnings("ignore:Sending a large body")  # aiohttp would like a file better
async def test_a_giant_prompt_arrives_word_for_word_also_when_it_is_sent_again(build: Build) -> None:
    here = await build("enable-thinking-refused")
    content = 'Über "allen"\n' * 250_000
    body = codec.encode(
        {"model": "gpt-4o", "messages": [{"role": "user", "content": content}], "enable_thinking": True}
    )
    assert len(body) > codec.SLICED
    async with here.post(body) as answer:
        assert answer.status == 200
    first, second = here.sent()
    assert first["messages"] == second["messages"] == [{"role": "user", "content": content}]
    assert ("enable_thinking" in first, "enable_thinking" in second) == (True, False)
    assert here.lines()[0]["bytes_in"] == len(body)
