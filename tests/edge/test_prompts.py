"""The way of a completion; what it looks like to a client is in the journeys."""

import pytest

from proxy import codec
from tests.conftest import Build

PATH = "/v1/completions"


async def test_what_is_refused_never_reaches_telnyx(build: Build) -> None:
    around = await build()
    for prompt in ([1], [["a"]], 3):
        async with around.post({"model": "gpt-4o", "prompt": prompt}, path=PATH) as answer:
            assert answer.status == 400
            assert codec.decode(await answer.read())["error"]["param"].startswith("prompt")
    assert around.sent() == []


@pytest.mark.parametrize("scenario", ["server-error", "unauthorized", "empty-200"])
async def test_one_prompt_that_fails_fails_the_request(build: Build, scenario: str) -> None:
    around = await build(scenario)
    async with around.post({"model": "gpt-4o", "prompt": ["a", "b", "c"]}, path=PATH) as answer:
        assert answer.status == 502
        assert answer.headers["x-request-id"]


async def test_answers_that_come_late_are_read(build: Build) -> None:
    """A head without its body, then the body: with a small answer they come together."""
    around = await build("huge-answer", {"bytes": 300_000})
    async with around.post({"model": "gpt-4o", "prompt": ["a", "b"]}, path=PATH) as answer:
        choices = codec.decode(await answer.read())["choices"]
    assert [len(choice["text"]) for choice in choices] == [300_000] * 2


async def test_a_connection_that_breaks_is_no_answer(build: Build) -> None:
    around = await build("reset-before-answer")
    async with around.post({"model": "gpt-4o", "prompt": ["a", "b"]}, path=PATH) as answer:
        assert answer.status in {502, 503}
    assert around.lines()[0]["endpoint"] == "completions"


async def test_a_quirk_is_repaired_and_told_once(build: Build) -> None:
    around = await build("enable-thinking-refused")
    async with around.post({"model": "gpt-4o", "prompt": ["a", "b"]}, path=PATH) as answer:
        assert answer.status == 200
        told = answer.headers["x-telnyx-proxy-changes"]
    assert told.count("enable_thinking") == 2, "injected, and dropped again"
    (line,) = around.lines()
    assert len(line["repairs"]) == 1
