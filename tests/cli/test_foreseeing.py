"""What requests of each endpoint become, without sending them."""

from typing import Any

import pytest

from proxy.cli.foreseeing import EARLIER_TURNS, FILE, NOT_LOOKED_AT, RECORDING, Case, Foreseen, foresee, refusal
from proxy.errors import InvalidRequest, ProxyError
from proxy.settings import Settings

KEY = {"name": "web", "sha256": "0" * 64}
CHAT = "/ai/openai/chat/completions"
GIVEN: dict[str, Any] = {
    "tenants": [{"id": "acme", "keys": [KEY], "buckets": ["ours-*"]}],
    "models": {
        "profiles": {
            "zai-org/*": {"responses": "native"},
            "thenlper/*": {"embedding": {"batch": 2, "dimensions": True}},
        }
    },
}


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings.model_validate(GIVEN)


def of(settings: Settings, endpoint: str, **request: Any) -> Foreseen:
    return foresee(endpoint, Case(settings, "acme", request))


def told(foreseen: Foreseen) -> list[tuple[str, str]]:
    return [(each.kind, each.field) for each in foreseen.changes]


def test_a_chat(settings: Settings) -> None:
    found = of(settings, "chat.completions", model="gpt-4o", messages=[{"role": "user", "content": "Hi"}])
    assert (found.path, found.form, found.notes) == (CHAT, False, ())
    assert found.body["model"] == "moonshotai/Kimi-K2.6"
    assert told(found) == [("aliased", "gpt-4o"), ("injected", "temperature")]


def test_a_response_over_chat(settings: Settings) -> None:
    found = of(settings, "responses", model="gpt-4o", instructions="Be kind.", input="Hi", max_output_tokens=9)
    assert found.path == CHAT
    assert [each["role"] for each in found.body["messages"]] == ["system", "user"]
    assert ("renamed", "max_output_tokens") in told(found)
    assert found.notes == ()


def test_a_response_of_telnyxs_own(settings: Settings) -> None:
    found = of(settings, "responses", model="zai-org/GLM-5.2", input="Hi")
    assert found.path == "/ai/openai/responses"
    assert found.body["input"][0]["role"] == "user"


@pytest.mark.parametrize(
    "request_",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1", "input": "Hi"},
        {"input": [{"type": "item_reference", "id": "msg_1"}, {"role": "user", "content": "Hi"}]},
    ],
    ids=["response", "conversation", "item"],
)
def test_what_is_kept_is_not_looked_at_and_it_is_said(settings: Settings, request_: dict[str, Any]) -> None:
    request_ = {"input": "Hi", **request_}
    found = of(settings, "responses", model="gpt-4o", **request_)
    assert found.body["messages"][-1] == {"role": "user", "content": "Hi"}
    assert found.notes == (NOT_LOOKED_AT,)


def test_a_response_that_goes_on_may_say_nothing(settings: Settings) -> None:
    found = of(settings, "responses", model="gpt-4o", previous_response_id="resp_1")
    assert found.body["messages"] == [{"role": "user", "content": EARLIER_TURNS["content"]}]
    assert found.notes == (NOT_LOOKED_AT,)


def test_completions_are_a_request_for_each_prompt(settings: Settings) -> None:
    found = of(settings, "completions", model="gpt-4o", prompt=["Once", "Twice"])
    assert found.path == CHAT
    assert found.body["messages"][1]["content"] == "Once"
    assert found.notes == ("This is the first of 2 requests, one for each prompt.",)


def test_embeddings_are_shown_by_their_first_batch(settings: Settings) -> None:
    found = of(settings, "embeddings", model="text-embedding-3-small", input=["a", "b", "c"], dimensions=8)
    assert found.path == "/ai/openai/embeddings"
    assert (found.body["input"], found.body["dimensions"]) == (["a", "b"], 8)
    assert found.notes == ("This is the first of 2 requests, one for each 2 texts.",)


def test_token_ids_are_shown_as_text(settings: Settings) -> None:
    found = of(settings, "embeddings", model="intfloat/multilingual-e5-large", input=[[15339, 1917]])
    assert found.body["input"] == ["hello world"]


def test_a_form_is_shown_by_its_fields(settings: Settings) -> None:
    found = of(
        settings,
        "audio.transcriptions",
        model="deepgram/nova-3",
        file="speech.wav",
        response_format="verbose_json",
        timestamp_granularities=["word"],
        model_config={"smart_format": True},
        chunking_strategy={"type": "server_vad"},
        temperature=0,
        language=None,
    )
    assert (found.path, found.form) == ("/ai/audio/transcriptions", True)
    assert found.body["model_config"] == '{"smart_format":"true"}'
    assert ("dropped", "timestamp_granularities") in told(found)
    assert found.body[FILE] == RECORDING
    assert "language" not in found.body


def test_a_recording_elsewhere_is_not_sent_along(settings: Settings) -> None:
    found = of(settings, "audio.transcriptions", model="whisper-1", file_url="https://example.com/a.wav")
    assert FILE not in found.body


def test_speech(settings: Settings) -> None:
    found = of(settings, "audio.speech", model="tts-1", voice="alloy", input="Hello")
    assert found.path == "/text-to-speech/speech"
    assert found.body["text"] == "Hello"
    assert told(found)[0] == ("aliased", "tts-1")


def test_a_voice_that_says_its_family_decides(settings: Settings) -> None:
    found = of(settings, "audio.speech", model="tts-1", voice="AWS.Polly.Joanna-Neural", input="Hello")
    assert told(found)[0] == ("converted", "model")


def test_a_fine_tuning_job(settings: Settings) -> None:
    found = of(settings, "fine_tuning.jobs.create", model="x/y", training_file="ours-1/a.jsonl")
    assert (found.path, found.body) == (
        "/ai/fine_tuning/jobs",
        {"model": "x/y", "training_file": "ours-1/a.jsonl"},
    )


def test_a_message_of_anthropics(settings: Settings) -> None:
    found = of(settings, "messages", model="claude-opus-5", max_tokens=9, messages=[{"role": "user", "content": "Hi"}])
    assert found.path == "/ai/anthropic/v1/messages"
    assert found.body["max_tokens"] == 9


@pytest.mark.parametrize(
    ("endpoint", "given", "param"),
    [
        ("responses", {"model": "gpt-4o"}, "input"),
        ("completions", {"model": "gpt-4o", "prompt": "x", "n": 0}, "n"),
        ("embeddings", {"model": "text-embedding-3-small"}, "input"),
        ("audio.transcriptions", {}, "model"),
        ("audio.speech", {"input": "Hello", "voice": "alloy"}, "model"),
        ("fine_tuning.jobs.create", {"model": "x/y"}, "training_file"),
        ("messages", {"messages": []}, "model"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refusals_name_the_field_of_the_client(
    settings: Settings, endpoint: str, given: dict[str, Any], param: str
) -> None:
    with pytest.raises(ProxyError) as refused:
        of(settings, endpoint, **given)
    assert refused.value.param == param


def test_refusals_have_the_shape_of_their_endpoint() -> None:
    error = InvalidRequest("No.", param="x")
    assert refusal("responses", error) == (400, error.envelope())
    assert refusal("messages", error)[1]["type"] == "error"
