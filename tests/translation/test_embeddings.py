"""The embeddings request: its table, and what is known of the models."""

import json
from pathlib import Path
from typing import Any

import pytest
from openai.types import embedding_create_params as params

from proxy.errors import InvalidRequest, UpstreamFailed, UpstreamRejected
from proxy.translation import embeddings
from proxy.translation.chat import Translated
from proxy.translation.embeddings import BATCH, FIELDS, INPUTS, TOKENS, Model, Wanted, wanted
from proxy.translation.rules import Policy

GOLDEN = Path(__file__).parents[1] / "golden"
ACCEPTED = sorted((GOLDEN / "embeddings").glob("*.txt"))
REFUSED = sorted((GOLDEN / "embeddings-refused").glob("*.txt"))
MODEL = "thenlper/gte-large"
SCHEMA = {"input", "model", "dimensions", "encoding_format", "user"}
"""Fields of Telnyx's published request."""


def sections(path: Path) -> list[str]:
    return [section.strip() for section in path.read_text(encoding="utf-8").split("\n---\n")]


def translate(request: dict[str, Any]) -> tuple[Translated, Wanted]:
    asked = wanted(request)
    if asked.ids is not None:
        asked.texts = ["text"] * len(asked.ids)
    return embeddings.translate(asked, request, MODEL, Policy()), asked


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda path: path.stem)
def test_a_request_becomes_what_its_golden_file_says(path: Path) -> None:
    client, upstream, header = sections(path)
    translated, _ = translate(json.loads(client))
    assert translated.body == json.loads(upstream)
    assert set(translated.body) <= SCHEMA
    assert translated.changes.header() == header
    assert all(change.reason.endswith(".") for change in translated.changes)


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_a_request_is_refused_as_its_golden_file_says(path: Path) -> None:
    client, envelope = sections(path)
    with pytest.raises(InvalidRequest) as refusal:
        translate(json.loads(client))
    assert refusal.value.envelope() == json.loads(envelope)


def test_every_field_of_openai_has_a_row_and_every_row_a_golden_file() -> None:
    assert [name for name in params.EmbeddingCreateParams.__annotations__ if name not in FIELDS] == []
    told = {name for path in ACCEPTED + REFUSED for name in json.loads(sections(path)[0])}
    assert [row.name for row in FIELDS.rows if row.name not in told] == []
    assert FIELDS.sends() <= SCHEMA


def test_what_is_wanted_is_remembered() -> None:
    translated, asked = translate(
        {"input": ["a", "ü"], "encoding_format": "base64", "dimensions": 9, "user": "u", "metadata": {"a": "b"}}
    )
    assert (asked.texts, asked.base64, asked.length) == (["a", "ü"], True, 9)
    expects = translated.expects
    assert (expects.input_bytes, expects.end_user, expects.metadata) == (3, "u", {"a": "b"})
    assert translate({"input": "a", "user": "u", "safety_identifier": "s"})[0].expects.end_user == "s"


@pytest.mark.parametrize("given", [["a"] * (INPUTS + 1), [[1]] * (INPUTS + 1), [1] * (TOKENS + 1)])
def test_there_is_a_bound(given: Any) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        wanted({"input": given})
    assert refusal.value.code == "array_above_max_length"


def test_an_operator_knows_better_than_the_table() -> None:
    assert embeddings.known(MODEL) == Model(1024, BATCH)
    assert embeddings.known(MODEL, 7, True) == Model(1024, 7, shortens=True)  # noqa: FBT003 - as configured
    assert embeddings.known("somebody/else") == Model()


def test_shorter_vectors_are_asked_of_models_that_make_them() -> None:
    body: dict[str, Any] = {}
    embeddings.shorten(Wanted(length=256), Model(1024), body)
    embeddings.shorten(Wanted(), Model(1024, shortens=True), body)
    assert body == {}
    embeddings.shorten(Wanted(length=256), Model(shortens=True), body)
    assert body == {"dimensions": 256}
    with pytest.raises(InvalidRequest) as refusal:
        embeddings.shorten(Wanted(length=1025), Model(1024), {})
    assert refusal.value.param == "dimensions"


def test_a_refusal_of_too_many_texts_is_recognised() -> None:
    def rejected(message: str, status: int = 400) -> UpstreamRejected:
        return UpstreamRejected(message, status=status)

    assert embeddings.too_many(rejected("List should have at most 8 items after validation, not 9"))
    assert embeddings.too_many(rejected("batch size 40 > maximum allowed batch size 32"))
    assert embeddings.too_many(rejected("?", 413))
    assert not embeddings.too_many(rejected("This model's maximum context length is 512 tokens."))
    assert not embeddings.too_many(UpstreamFailed("batch"))


def test_places_are_the_input() -> None:
    places = ("messages", "input[3]", "dimensions", None)
    assert [embeddings.clients_param(place) for place in places] == ["input", "input", "dimensions", None]
