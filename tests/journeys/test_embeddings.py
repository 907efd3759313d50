"""Embeddings with the official client, through proxy and emulated Telnyx."""

import math
import struct
from base64 import b64decode
from pathlib import Path

import openai
import pytest

from proxy import codec
from proxy.emulator.embeddings import vector
from proxy.translation.embeddings import BATCH
from tests.conftest import Build
from tests.world import World, world

SMALL = "text-embedding-3-small"
GTE = "thenlper/gte-large"
HELLO = [9906, 289, 9603, 509]
"""`Hello wörld` in cl100k_base."""


@pytest.fixture
async def around(build: Build) -> World:
    return await build()


async def test_texts_become_vectors_in_batches(around: World) -> None:
    """The client asks for base64 unasked, and gets what Telnyx would have sent, in the order of its texts."""
    client = await around.openai()
    texts = [f"text {number}" for number in range(BATCH * 2 + 1)]
    raw = await client.embeddings.with_raw_response.create(model=SMALL, input=texts, user="u")
    made = raw.parse()
    assert [row.index for row in made.data] == list(range(len(texts)))
    for text, row in zip(texts, made.data, strict=True):
        assert row.embedding == pytest.approx(vector(text, 1024), abs=1e-6)
    assert made.model == GTE
    assert made.usage.prompt_tokens == len(texts) * 2
    assert [len(body["input"]) for body in around.sent()] == [BATCH, BATCH, 1]
    assert {body["encoding_format"] for body in around.sent()} == {"float"}
    told = raw.headers["x-telnyx-proxy-changes"]
    assert told == f"aliased={SMALL}>{GTE}; emulated=encoding_format:base64; dropped=user"
    (line,) = around.lines()
    assert (line["endpoint"], line["input_tokens"], line["status"]) == ("embeddings", len(texts) * 2, 200)


async def test_numbers_go_on_as_they_came(around: World) -> None:
    client = await around.openai()
    made = await client.embeddings.create(model=GTE, input="Hello", encoding_format="float")
    assert made.data[0].embedding == vector("Hello", 1024)


async def test_shorter_vectors_are_made_here(around: World) -> None:
    client = await around.openai()
    made = await client.embeddings.create(model=SMALL, input="Hello", dimensions=256)
    assert len(made.data[0].embedding) == 256
    assert math.hypot(*made.data[0].embedding) == pytest.approx(1, abs=1e-6)
    assert "dimensions" not in around.sent()[0]
    with pytest.raises(openai.BadRequestError) as refusal:
        await client.embeddings.create(model=SMALL, input="Hello", dimensions=1536)
    assert (refusal.value.param, len(around.sent())) == ("dimensions", 1)


async def test_a_model_that_embeds_nothing_is_told_those_that_do(around: World) -> None:
    client = await around.openai()
    with pytest.raises(openai.NotFoundError) as refusal:
        await client.embeddings.create(model="gpt-4o", input="Hello")
    assert GTE in refusal.value.message or SMALL in refusal.value.message


async def test_token_ids_become_text(around: World) -> None:
    client = await around.openai()
    await client.embeddings.create(model=SMALL, input=[HELLO, HELLO[:1]])
    assert around.sent()[0]["input"] == ["Hello wörld", "Hello"]


async def test_a_bound_on_batches_is_learned(around: World) -> None:
    around.telnyx.state.choose("embeddings-batch-bound")
    client = await around.openai()
    for _ in range(2):
        made = await client.embeddings.create(model=GTE, input=["a"] * 20)
        assert len(made.data) == 20
    sizes = [len(body["input"]) for body in around.sent()]
    assert sizes[0] == 20
    assert sizes[-4:] == [5] * 4
    assert 20 not in sizes[1:]


@pytest.mark.parametrize("scenario", ["embeddings-backwards", "embeddings-no-index", "embeddings-base64-always"])
async def test_odd_answers_are_put_right(around: World, scenario: str) -> None:
    around.telnyx.state.choose(scenario)
    body = {"model": GTE, "input": ["a", "b", "c"], "encoding_format": "base64"}
    async with around.post(body, path="/v1/embeddings") as answer:
        rows = codec.decode(await answer.read())["data"]
        assert ("repaired=" in answer.headers["x-telnyx-proxy-changes"]) == (scenario == "embeddings-backwards")
    wanted = ["a", "b", "c"]
    found = [struct.unpack("<1024f", b64decode(row["embedding"])) for row in rows]
    assert found == [pytest.approx(vector(text, 1024), abs=1e-6) for text in wanted]


@pytest.mark.parametrize("scenario", ["embeddings-one-missing", "embeddings-same-index"])
async def test_answers_that_cannot_be_put_right_are_errors(around: World, scenario: str) -> None:
    around.telnyx.state.choose(scenario)
    async with around.post({"model": GTE, "input": ["a", "b"]}, path="/v1/embeddings") as answer:
        assert answer.status == 502


async def test_a_text_that_is_too_long_is_the_clients_to_mend(around: World) -> None:
    client = await around.openai()
    with pytest.raises(openai.BadRequestError) as refusal:
        await client.embeddings.create(model=GTE, input=["short", "word " * 600])
    assert (refusal.value.param, refusal.value.code) == ("input", "context_length_exceeded")


async def test_a_missing_usage_is_estimated_and_told(around: World) -> None:
    around.telnyx.state.choose("usage-missing")
    async with around.post({"model": GTE, "input": "12345678"}, path="/embeddings") as answer:
        assert codec.decode(await answer.read())["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
        assert answer.headers["x-telnyx-proxy-changes"] == "estimated=usage"


async def test_embedding_models_are_listed(around: World) -> None:
    client = await around.openai()
    names = [model.id async for model in client.models.list()]
    assert {GTE, "intfloat/multilingual-e5-large", "Qwen/Qwen3-Embedding-8B", SMALL} <= set(names)


async def test_operators_know_what_a_model_takes(tmp_path: Path) -> None:
    profiles = {
        "Qwen/*": {"embedding": {"batch": 2, "dimensions": True}, "price": {"input": 0.1}},
    }
    tenant = {
        "id": "acme",
        "upstream_api_key": {"value": "KEY_acme-telnyx-0001"},
        "keys": [{"name": "web", "secret": {"value": "sk-an-old-key-of-the-app-0001"}}],
        "budgets": [{"usd": 1, "per": "day"}],
        "limits": [{"model": "*", "output_tokens_per_minute": 1}],
    }
    models = {"profiles": profiles}
    async with world(tmp_path / "log", models=models, tenants=[tenant]) as around:
        client = await around.openai()
        made = await client.embeddings.create(model="Qwen/Qwen3-Embedding-8B", input=["a", "b", "c"], dimensions=64)
        assert [len(row.embedding) for row in made.data] == [64] * 3
        assert [(len(body["input"]), body["dimensions"]) for body in around.sent()] == [(2, 64), (1, 64)]
