"""The way of an embeddings request; what it looks like to a client is in the journeys."""

import pytest

from proxy import codec
from proxy.edge import embedding
from proxy.emulator.embeddings import vector
from tests.conftest import Build
from tests.world import World

PATH = "/v1/embeddings"
GTE = "thenlper/gte-large"


async def ask(around: World, *texts: str, status: int = 200) -> list[list[float]]:
    async with around.post({"model": GTE, "input": list(texts)}, path=PATH) as answer:
        value = codec.decode(await answer.read())
        assert answer.status == status, value
        return [row["embedding"] for row in value.get("data", ())]


@pytest.mark.parametrize("large", [1, 1 << 30])
async def test_answers_are_the_same_in_whatever_thread(
    build: Build, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    monkeypatch.setattr(embedding, "LARGE", large)
    assert await ask(await build(), "a", "b") == [vector("a", 1024), vector("b", 1024)]


async def test_batches_are_halved_until_they_are_taken(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    around = await build("embeddings-batch-bound", {"batch": 1})
    texts = [f"t{number}" for number in range(5)]
    assert await ask(around, *texts) == [vector(text, 1024) for text in texts]
    assert around.lines()[0]["input_tokens"] == 5, "what was refused costs nothing"
    monkeypatch.setattr(embedding, "LEARNED", 0)
    around.telnyx.state.choose("embeddings-batch-bound", {"batch": 1})
    await ask(around, "a", "b")
    assert [len(body["input"]) for body in around.sent()][-2:] == [1, 1]


async def test_what_cannot_be_halved_is_refused(build: Build) -> None:
    around = await build("context-length", {"where": "embeddings"})
    assert await ask(around, "a", "b", status=400) == []
    assert len(around.sent()) == 1


async def test_failures_are_those_of_every_endpoint(build: Build) -> None:
    around = await build("rate-limited", {"where": "embeddings"})
    await ask(around, *["text"] * 100, status=429)
    assert len(around.sent()) <= 4
    (line,) = around.lines()
    assert (line["endpoint"], line["status"]) == ("embeddings", 429)


async def test_nothing_of_chat_is_done_to_embeddings(build: Build) -> None:
    """Dialects, quirks and what operators add are those of another request."""
    tenant = {
        "id": "acme",
        "upstream_api_key": {"value": "KEY_acme-telnyx-0001"},
        "defaults": {"seed": 7},
        "force": {"temperature": 0.5},
        "keys": [{"name": "web", "secret": {"value": "sk-an-old-key-of-the-app-0001"}}],
    }
    upstream = {"dialect": "2026-06", "image_url": "string"}
    around = await build(upstream=upstream, tenants=[tenant])
    await ask(around, "a")
    assert around.sent() == [{"model": GTE, "encoding_format": "float", "input": ["a"]}]
