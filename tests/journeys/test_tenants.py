"""What each tenant sees and what never crosses: models, headers, secrets, metrics, log lines."""

from typing import Any

import openai
import pytest
from yarl import URL

from tests.conftest import Build
from tests.world import CREDENTIAL, HELLO, KEY, MODEL, OTHER_CREDENTIAL, OTHER_KEY, TENANTS

CHAT: dict[str, Any] = {"model": MODEL, "messages": HELLO}


async def test_the_model_list_is_openai_shaped_and_filtered(build: Build) -> None:
    here = await build(models={"aliases": {"fast": "zai-org/GLM-5.3-Flash", "big": MODEL, "gpt-*": MODEL}})
    acme = [model async for model in (await here.openai()).models.list()]
    beta = [model async for model in (await here.openai(OTHER_KEY)).models.list()]
    assert all(type(model.created) is int for model in acme)
    assert {model.object for model in acme} == {"model"}
    assert {"fast", "big", MODEL} <= {model.id for model in acme}
    assert {model.id for model in beta} == {
        "fast", "zai-org/GLM-5.2", "zai-org/GLM-5.1-FP8", "zai-org/GLM-5.3", "zai-org/GLM-5.3-Flash",
    }  # fmt: skip
    metadata = next(model for model in acme if model.id == MODEL).model_dump()
    assert metadata["context_length"] > 0
    assert metadata["pricing"]


@pytest.mark.parametrize("spelling", ["moonshotai/Kimi-K2.6", "moonshotai%2FKimi-K2.6", "gpt-4o-mini"])
async def test_one_model_is_found_raw_encoded_or_by_alias(build: Build, spelling: str) -> None:
    here = await build()
    headers = {"Authorization": f"Bearer {KEY}"}
    url = URL(here.url(f"/v1/models/{spelling}"), encoded=True)
    async with here.session.get(url, headers=headers) as answer:
        assert answer.status == 200
        assert (await answer.json())["id"] == spelling.replace("%2F", "/")


async def test_a_missing_or_forbidden_model_is_refused(build: Build) -> None:
    here = await build()
    with pytest.raises(openai.NotFoundError) as missing:
        await (await here.openai()).models.retrieve("moonshotai/Kimi-K2.7")
    assert "moonshotai/Kimi-K2.6" in missing.value.message
    with pytest.raises(openai.PermissionDeniedError):
        await (await here.openai(OTHER_KEY)).models.retrieve(MODEL)


async def test_the_list_is_served_stale_when_telnyx_is_down(build: Build) -> None:
    here = await build(models={"ttl": 0})
    client = await here.openai()
    before = [model.id async for model in client.models.list()]
    here.telnyx.state.choose("unavailable", {"where": "all"})
    assert [model.id async for model in client.models.list()] == before


async def test_without_any_list_the_error_says_so(build: Build) -> None:
    here = await build("unavailable", {"where": "all"})
    with pytest.raises(openai.InternalServerError) as caught:
        await (await here.openai()).models.list()
    assert caught.value.code == "upstream_unavailable"


async def test_no_header_but_the_allowed_ones_reaches_telnyx(build: Build) -> None:
    here = await build()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {
        "Cookie": "session=secret", "OpenAI-Organization": "org-1", "OpenAI-Project": "p", "X-Forwarded-For": "1.2.3.4",
        "traceparent": trace, "X-Stainless-Lang": "python", "Proxy-Authorization": "x", "TE": "trailers", "X-Any": "1",
    }  # fmt: skip
    async with here.post(CHAT, headers=headers) as answer:
        assert answer.status == 200
    received = here.telnyx.state.requests[-1].headers
    assert set(received) == {
        "host", "authorization", "accept", "content-type", "content-length", "user-agent", "accept-encoding",
        "traceparent",
    }  # fmt: skip
    assert received["user-agent"].startswith("telnyx-openai-proxy/")
    assert here.lines()[-1]["trace_id"] == "0af7651916cd43dd8448eb211c80319c"


async def test_foreign_secrets_and_buckets_never_reach_telnyx_unless_allowed(build: Build) -> None:
    own = {**TENANTS[0], "client_api_key_refs": ["mine"], "buckets": ["acme-*"]}
    here = await build(tenants=[own, TENANTS[1]])

    def retrieval(bucket: str) -> dict[str, Any]:
        return {"tools": [{"type": "retrieval", "retrieval": {"bucket_ids": [bucket]}}]}

    refused = [{"api_key_ref": "theirs"}, retrieval("beta-docs"), {"openai_api_key": "sk-secret-of-a-provider"}]
    for extra in refused:
        async with here.post({**CHAT, **extra}) as answer:
            assert answer.status == 400
            assert "sk-secret" not in await answer.text()
    assert here.sent() == []
    for extra in ({"api_key_ref": "mine"}, retrieval("acme-docs")):
        async with here.post({**CHAT, **extra}) as answer:
            assert answer.status == 200
    assert len(here.sent()) == 2


async def test_defaults_force_and_caps_of_a_tenant_hold(build: Build) -> None:
    tenant = {**TENANTS[0], "defaults": {"enable_thinking": False, "top_p": 0.5}, "force": {"seed": 1},
              "cap": {"max_tokens": 100}}  # fmt: skip
    here = await build(tenants=[tenant])
    async with here.post({**CHAT, "max_tokens": 5000, "seed": 9, "top_p": 0.9}) as answer:
        assert answer.headers["x-telnyx-proxy-changes"] == (
            "injected=enable_thinking:false,temperature:1; forced=seed:1; capped=max_tokens:100"
        )
    assert here.sent()[0] == {
        **CHAT, "max_tokens": 100, "seed": 1, "top_p": 0.9, "temperature": 1, "enable_thinking": False,
    }  # fmt: skip


async def test_strict_translation_refuses_what_would_be_lost(build: Build) -> None:
    here = await build(translation={"fields": {"logit_bias": "refuse"}})
    async with here.post({**CHAT, "logit_bias": {"5": 1}}) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["param"] == "logit_bias"
    async with here.post({**CHAT, "verbosity": "low"}) as answer:
        assert answer.status == 200


async def test_a_quirk_is_healed_told_counted_and_remembered(build: Build) -> None:
    here = await build("cap-with-tools-refused")
    body = {**CHAT, "max_tokens": 50, "tools": [{"type": "function", "function": {"name": "f"}}]}
    for _ in range(2):
        async with here.post(body) as answer:
            assert answer.status == 200
            assert "repaired=cap_with_tools" in answer.headers["x-telnyx-proxy-changes"]
    assert ["max_tokens" in sent for sent in here.sent()] == [True, False, False]
    assert await here.metric("telnyx_proxy_quirk_repairs_total", model=MODEL, quirk="cap_with_tools") == 1


async def test_no_secret_reaches_any_sink(build: Build) -> None:
    """Keys of the app and of Telnyx, prompts and answers: in no log line, no metric, no error."""
    here = await build()
    canary = "canary-prompt-7391"
    seen = ""
    for scenario in ("default", "unauthorized", "server-error-html", "error-in-200", "cut-mid-stream"):
        here.telnyx.state.choose(scenario)
        for stream in (False, True):
            body = {**CHAT, "messages": [{"role": "user", "content": canary}], "stream": stream, "user": "user-7391"}
            async with here.post(body) as answer:
                text = await answer.text()
                seen += str(answer.headers) + (text if answer.status != 200 else "")
    async with here.session.get(here.proxy.addresses.admin + "/metrics") as answer:
        seen += await answer.text()
    seen += here.log.read_text()
    for secret in (KEY, OTHER_KEY, CREDENTIAL, OTHER_CREDENTIAL, canary, "user-7391"):
        assert secret not in seen
    assert len(here.lines()) == 10


async def test_metrics_tell_what_happened_under_bounded_labels(build: Build) -> None:
    here = await build()
    client = await here.openai()
    await client.models.list()
    await client.chat.completions.create(**CHAT)
    async for _ in await client.chat.completions.create(**CHAT, stream=True):
        pass
    for number in range(5):
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(model=f"evil/{number}", messages=HELLO)
    labels = {"tenant": "acme", "endpoint": "chat.completions"}
    assert await here.metric("telnyx_proxy_requests_total", **labels, model=MODEL, status="200") == 2
    assert await here.metric("telnyx_proxy_requests_total", **labels, model="other", status="404") == 5
    assert await here.metric("telnyx_proxy_tokens_total", tenant="acme", type="input", source="upstream") > 0
    assert await here.metric("telnyx_proxy_field_changes_total", field="temperature", verdict="injected") == 7
    assert await here.metric("telnyx_proxy_field_changes_total", field="other") == 0
    assert await here.metric("telnyx_proxy_stream_ends_total", reason="complete") == 1
    assert await here.metric("telnyx_proxy_time_to_first_token_seconds_count", tenant="acme", model=MODEL) == 1
    assert await here.metric("telnyx_proxy_request_duration_seconds_count", tenant="acme") == 8
    assert await here.metric("gen_ai_client_token_usage_count", gen_ai_token_type="output") == 2
    assert not [key for key in await here.metrics() if "evil" in str(key)]


async def test_health_answers_on_both_listeners_without_a_key_or_telnyx(build: Build) -> None:
    here = await build("unavailable", {"where": "all"})
    for root in (here.proxy.addresses.openai, here.proxy.addresses.admin):
        for probe in ("/livez", "/readyz"):
            async with here.session.get(root + probe) as answer:
                assert answer.status == 200
                assert (await answer.json())["status"] == "ok"


async def test_the_log_line_tells_the_whole_story(build: Build) -> None:
    here = await build()
    client = await here.openai(default_headers={"X-Client-Request-Id": "mine-1"})
    await client.chat.completions.create(model="gpt-4o", messages=HELLO, metadata={"team": "a"}, user="someone")
    [line] = here.lines()
    assert line["model_asked"] == "gpt-4o"
    assert line["model"] == MODEL
    assert (line["tenant"], line["key"], line["endpoint"]) == ("acme", "web", "chat.completions")
    assert (line["status"], line["client"], line["client_request_id"]) == (200, "openai-python", "mine-1")
    assert line["input_tokens"] > 0
    assert line["tokens_source"] == "upstream"
    assert line["overhead_ms"] >= 0
    assert "dropped=user,metadata" in line["changes"] or "dropped=metadata,user" in line["changes"]
