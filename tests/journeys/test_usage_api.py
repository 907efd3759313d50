"""What apps used, asked for with OpenAI's own client: what they were told is what is accounted for."""

from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from tests.conftest import Build
from tests.journeys.operating import TOKEN, eventually, kept
from tests.world import HELLO, KEY, MODEL, OTHER_KEY, World

GLM = "zai-org/GLM-5.2"
PRICES: dict[str, Any] = {
    "profiles": {MODEL: {"price": {"input": 2, "output": 10}}, "zai-org/*": {"price": {"input": 1, "output": 4}}}
}


@pytest.fixture
async def here(build: Build, tmp_path: Path) -> World:
    return await build(**kept(tmp_path, models=PRICES))


async def operator(here: World) -> AsyncOpenAI:
    """The official client as whoever looks after the bill uses it."""
    client = AsyncOpenAI(base_url=f"{here.proxy.addresses.admin}/v1", admin_api_key=TOKEN, api_key="", max_retries=0)
    return await here.stack.enter_async_context(client)


async def used(here: World) -> dict[str, tuple[int, int, int]]:
    """Requests of both tenants; model -> requests, input tokens and output tokens, as the apps were told."""
    told: dict[str, tuple[int, int, int]] = {}

    def note(model: str, usage: Any) -> None:
        requests, read, written = told.get(model, (0, 0, 0))
        told[model] = requests + 1, read + usage.prompt_tokens, written + usage.completion_tokens

    for key, model, times in ((KEY, MODEL, 3), (KEY, GLM, 2), (OTHER_KEY, GLM, 1)):
        app = await here.openai(key)
        for _ in range(times):
            whole = await app.chat.completions.create(model=model, messages=HELLO)
            note(model, whole.usage)
            stream = await app.chat.completions.create(
                model=model, messages=HELLO, stream=True, stream_options={"include_usage": True}
            )
            async for chunk in stream:
                if chunk.usage is not None:
                    note(model, chunk.usage)
    with pytest.raises(openai.BadRequestError):
        await (await here.openai()).chat.completions.create(model=MODEL, messages=[])
    return told


async def test_usage_and_costs_are_what_the_apps_were_told(here: World) -> None:
    told = await used(here)
    client = await operator(here)
    start = int(here.proxy.services.clock.wall()) - 60

    async def by(group: Any) -> list[Any]:
        page: Any = await client.admin.organization.usage.completions(
            start_time=start, bucket_width="1d", group_by=[group]
        )
        return [result for bucket in page.data for result in bucket.results]

    async def complete() -> bool:
        found = [int(result.num_model_requests) for result in await by("model")]
        return sum(found) == sum(each[0] for each in told.values())

    await eventually(complete)
    found = {each.model: (each.num_model_requests, each.input_tokens, each.output_tokens) for each in await by("model")}
    assert found == told
    tenants = {each.project_id: each.num_model_requests for each in await by("project_id")}
    assert tenants == {"acme": 10, "beta": 2}
    keys = {each.api_key_id: each.num_model_requests for each in await by("api_key_id")}
    assert keys == {"acme/web": 10, "beta/app": 2}

    costs: Any = await client.admin.organization.usage.costs(start_time=start, group_by=["line_item"])
    amounts = {each.line_item: each.amount.value for bucket in costs.data for each in bucket.results if each.amount}
    dollars = {
        MODEL: (told[MODEL][1] * 2 + told[MODEL][2] * 10) / 1e6,
        GLM: (told[GLM][1] * 1 + told[GLM][2] * 4) / 1e6,
    }
    assert amounts == pytest.approx(dollars)
