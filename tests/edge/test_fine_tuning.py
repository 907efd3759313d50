"""What the ways of fine-tuning jobs decide themselves; the rest is in tests/journeys."""

from typing import Any

from tests.conftest import Build
from tests.world import KEY, MODEL, OTHER_KEY, TENANTS

JOBS = "/v1/fine_tuning/jobs"
TENANT: Any = [{**TENANTS[0], "buckets": ["data"]}]
BEARER = {"Authorization": f"Bearer {KEY}"}


async def test_an_id_stays_one_step_of_the_path(build: Build) -> None:
    here = await build(tenants=TENANT)
    for path in (f"{JOBS}/..%2F..%2Fbalance", f"{JOBS}/..%2Fx/cancel"):
        method = "POST" if path.endswith("cancel") else "GET"
        async with here.session.request(method, here.url(path), headers=BEARER) as answer:
            assert answer.status == 404
    paths = [request.path for request in here.telnyx.state.requests if "models" not in request.path]
    assert all(path.startswith("/v2/ai/fine_tuning/jobs/") for path in paths)


async def test_the_model_is_told_and_written_down(build: Build) -> None:
    here = await build(tenants=TENANT)
    async with here.post({"model": "gpt-4o", "training_file": "data/x"}, path=JOBS) as answer:
        assert answer.headers["x-telnyx-proxy-changes"] == f"aliased=gpt-4o>{MODEL}"
    [line] = here.lines()
    assert (line["model_asked"], line["model"], line["status"]) == ("gpt-4o", MODEL, 200)
    assert "cost_usd" not in line


async def test_a_key_may_be_for_something_else(build: Build) -> None:
    key = {"name": "chat", "secret": {"value": KEY}, "endpoints": ["chat.completions"]}
    here = await build(tenants=[{**TENANT[0], "keys": [key]}])
    async with here.session.get(here.url(JOBS), headers=BEARER) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (403, "insufficient_permissions")


async def test_who_shares_a_telnyx_key_has_no_jobs_unless_an_operator_says_so(build: Build) -> None:
    shared = {"upstream_api_key": TENANTS[0]["upstream_api_key"]}
    allowed = {
        "id": "gamma",
        **shared,
        "fine_tuning": True,
        "keys": [{"name": "k", "secret": {"value": "sk-" + "g" * 20}}],
    }
    here = await build(tenants=[TENANTS[0], {**TENANTS[1], **shared}, allowed])
    for key, method, path in (
        (KEY, "GET", JOBS),
        (KEY, "POST", JOBS),
        (OTHER_KEY, "GET", f"{JOBS}/ft-1"),
        (OTHER_KEY, "POST", f"{JOBS}/ft-1/cancel"),
    ):
        async with here.session.request(method, here.url(path), headers={"Authorization": f"Bearer {key}"}) as answer:
            assert (answer.status, "Telnyx key of its own" in await answer.text()) == (403, True)
    async with here.session.get(here.url(JOBS), headers={"Authorization": "Bearer sk-" + "g" * 20}) as answer:
        assert answer.status == 200


async def test_no_id_is_another_path(build: Build) -> None:
    here = await build(tenants=TENANT)
    for name in ("..", "%2e%2e", "a%2F..%2F..%2Fapi_keys", "%00", "x%3Fy", "a" * 300):
        async with here.session.get(here.url("") + f"{JOBS}/{name}", headers=BEARER) as answer:
            assert answer.status == 404
    assert not [request for request in here.telnyx.state.requests if "models" not in request.path]
