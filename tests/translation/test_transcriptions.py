"""Speech to text: the table of fields."""

from typing import Any, get_type_hints

import pytest
from openai.types.audio import transcription_create_params as official

from proxy.errors import InvalidRequest
from proxy.translation.recognisers import KNOWN, OTHER, look_up
from proxy.translation.rules import Policy
from proxy.translation.transcriptions import FIELDS, Translated, Wanted, collect, translate

DISTIL, TURBO, NOVA = KNOWN
PLAIN = Policy()


def made(source: dict[str, Any], model: str = TURBO, policy: Policy = PLAIN) -> Translated:
    return translate({"model": "whisper-1", **source}, model, policy, look_up(model))


def test_every_field_of_the_official_client_has_a_row() -> None:
    names = get_type_hints(official.TranscriptionCreateParamsStreaming)
    assert "file" in names
    assert [name for name in names if name not in FIELDS] == []


def test_collecting() -> None:
    pairs = [("model", "m"), ("include[]", "a"), ("include[]", "b"), ("timestamp_granularities", "word"),
             ("chunking_strategy[type]", "server_vad"), ("other[]", "x")]  # fmt: skip
    assert collect(pairs) == {
        "model": "m",
        "include": ["a", "b"],
        "timestamp_granularities": ["word"],
        "chunking_strategy": {"type": "server_vad"},
        "other": ["x"],
    }


@pytest.mark.parametrize(
    "pairs", [[("a", "1"), ("a", "1")], [("a[b]", "1"), ("a[b]", "1")], [("a", "1"), ("a[b]", "1")],
              [("a[b]", "1"), ("a", "1")]],
)  # fmt: skip
def test_what_stands_twice_is_refused(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidRequest, match="twice"):
        collect(pairs)


def test_a_form_of_invented_fields_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="Too many fields"):
        collect((f"x{number}", "1") for number in range(300))


SEGMENT = "timestamp_granularities[]"
VERBOSE = {"response_format": "verbose_json"}
ROWS: dict[str, tuple[str, dict[str, Any], dict[str, str], str]] = {
    "least": (TURBO, {}, {}, ""),
    "timed": (DISTIL, {}, VERBOSE, "injected=response_format:verbose_json"),
    "json": (TURBO, {"response_format": "json"}, {"response_format": "json"}, ""),
    "json, timed": (DISTIL, {"response_format": "json"}, VERBOSE, "converted=response_format"),
    "text": (TURBO, {"response_format": "text"}, {"response_format": "json"}, "emulated=response_format"),
    "verbose": (TURBO, VERBOSE, VERBOSE, "lossy=response_format"),
    "verbose, timed": (DISTIL, VERBOSE, {**VERBOSE, SEGMENT: "segment"}, ""),
    "srt": (DISTIL, {"response_format": "srt"}, {**VERBOSE, SEGMENT: "segment"}, "emulated=response_format"),
    "vtt of words": (NOVA, {"response_format": "vtt"}, VERBOSE, "emulated=response_format"),
    "words": (NOVA, {**VERBOSE, "timestamp_granularities": ["word"]}, VERBOSE, "dropped=timestamp_granularities"),
    "segments": (DISTIL, {**VERBOSE, "timestamp_granularities": ["segment"]}, {**VERBOSE, SEGMENT: "segment"}, ""),
    "language": (TURBO, {"language": "de"}, {"language": "de"}, ""),
    "english": (DISTIL, {"language": "en-GB"}, VERBOSE, "dropped=language"),
    "temperature": (TURBO, {"temperature": "0.5"}, {}, "lossy=temperature"),
    "no temperature": (TURBO, {"temperature": "0"}, {}, "dropped=temperature"),
    "prompt": (TURBO, {"prompt": "names"}, {}, "lossy=prompt"),
    "chunks": (TURBO, {"chunking_strategy": "auto"}, {}, "dropped=chunking_strategy"),
    "own chunks": (TURBO, {"chunking_strategy": {"type": "server_vad"}}, {}, "lossy=chunking_strategy"),
    "nothing included": (TURBO, {"include": []}, {}, ""),
    "no stream": (TURBO, {"stream": "false"}, {}, "dropped=stream"),
    "stream": (TURBO, {"stream": "true"}, {}, "emulated=stream"),
    "stream of captions": (NOVA, {"stream": "True", "response_format": "srt"}, VERBOSE, "dropped=stream"),
    "address": (TURBO, {"file_url": "https://a.b/c"}, {"file_url": "https://a.b/c"}, ""),
    "config": (NOVA, {"model_config": '{"a": 1}'}, {**VERBOSE, "model_config": '{"a": 1}'}, ""),
    "config in parts": (NOVA, {"model_config": {"a": "1"}}, {**VERBOSE, "model_config": '{"a":"1"}'}, ""),
    "unknown": (TURBO, {"mood": "1"}, {}, "lossy=mood"),
}


@pytest.mark.parametrize(("model", "source", "fields", "header"), ROWS.values(), ids=ROWS)
def test_rows(model: str, source: dict[str, Any], fields: dict[str, str], header: str) -> None:
    translated = made(source, model)
    assert dict(translated.fields) == {"model": model, **fields}
    assert header in translated.changes.header()


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "format": (TURBO, {"response_format": "xml"}, "response_format"),
    "speakers": (DISTIL, {"response_format": "diarized_json"}, "response_format"),
    "captions": (TURBO, {"response_format": "vtt"}, "response_format"),
    "granularity without times": (
        TURBO,
        {**VERBOSE, "timestamp_granularities": ["segment"]},
        "timestamp_granularities",
    ),
    "words": (DISTIL, {**VERBOSE, "timestamp_granularities": ["word"]}, "timestamp_granularities"),
    "granularity": (DISTIL, {**VERBOSE, "timestamp_granularities": ["hour"]}, "timestamp_granularities"),
    "granularity of text": (DISTIL, {"timestamp_granularities": ["segment"]}, "timestamp_granularities"),
    "german": (DISTIL, {"language": "de"}, "language"),
    "long language": (TURBO, {"language": "x" * 99}, "language"),
    "temperature": (TURBO, {"temperature": "warm"}, "temperature"),
    "high temperature": (TURBO, {"temperature": "2"}, "temperature"),
    "logprobs": (TURBO, {"include": ["logprobs"]}, "include"),
    "names": (TURBO, {"known_speaker_names": ["a"]}, "known_speaker_names"),
    "stream": (TURBO, {"stream": "maybe"}, "stream"),
    "address": (TURBO, {"file_url": "file:///etc/passwd"}, "file_url"),
    "config": (TURBO, {"model_config": "{}"}, "model_config"),
    "no config": (NOVA, {"model_config": "5"}, "model_config"),
}


@pytest.mark.parametrize(("model", "source", "param"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(model: str, source: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        made(source, model)
    assert caught.value.param == param


def test_a_policy_refuses_what_would_be_lost() -> None:
    with pytest.raises(InvalidRequest):
        made(VERBOSE, policy=Policy(fields={"response_format": "refuse"}))


def test_what_the_client_wants() -> None:
    assert made({"stream": "true", "language": "de"}).wanted == Wanted(stream=True, language="de")
    both = {**VERBOSE, "timestamp_granularities": ["word", "segment"]}
    wanted = translate({"model": "m", **both}, "m", Policy(), OTHER).wanted
    assert wanted == Wanted("verbose_json", words=True, segments=True)
    assert made({**VERBOSE, "timestamp_granularities": ["word"]}, NOVA).wanted == Wanted(
        "verbose_json", words=True, segments=False
    )


def test_what_comes_behind_the_file_only_adds() -> None:
    """Fields that went out before the file stay as they are, whatever else is said behind it."""
    for model in KNOWN:
        early = made({}, model).fields
        late = made({"response_format": "verbose_json", "temperature": "0"}, model).fields
        assert early.items() <= late.items()
