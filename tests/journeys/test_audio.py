"""Speech to text and text to speech: the official client, the proxy, the emulated Telnyx, on real sockets."""

import asyncio
import io
import sqlite3
import tracemalloc
import wave
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest

from proxy.emulator.state import Received
from tests.conftest import Build
from tests.journeys.operating import eventually, operated
from tests.world import CREDENTIAL, KEY, OTHER_KEY, World

DISTIL, TURBO, NOVA = "distil-whisper/distil-large-v2", "openai/whisper-large-v3-turbo", "deepgram/nova-3"
TRANSCRIPTIONS, SPEECH = "/v1/audio/transcriptions", "/v1/audio/speech"
BOUNDARY = "the-boundary"
KIND = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def recording(seconds: float = 1.5) -> bytes:
    """A WAV file of silence: 16 bits, 8,000 samples a second."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(bytes(int(seconds * 16_000)))
    return file.getvalue()


def part(name: str, value: bytes | str, filename: str | None = None) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    about = f'; filename="{filename}"\r\nContent-Type: audio/wav' if filename else ""
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{about}\r\n\r\n'.encode() + data + b"\r\n"


def bearer() -> dict[str, str]:
    return {**KIND, "Authorization": f"Bearer {KEY}"}


END = f"--{BOUNDARY}--\r\n".encode()


def upload(here: World, *parts: bytes, key: str = KEY, chunked: bool = False, end: bytes = END) -> Any:
    """A form, as it stands here."""

    async def pieces() -> AsyncIterator[bytes]:
        for piece in (*parts, end):
            yield piece

    data: Any = pieces() if chunked else io.BytesIO(b"".join((*parts, end)))
    headers = {**KIND, "Authorization": f"Bearer {key}"}
    return here.session.post(here.url(TRANSCRIPTIONS), data=data, headers=headers)


def asked(here: World) -> list[Received]:
    """What Telnyx was sent, but for the model list."""
    return [request for request in here.telnyx.state.requests if request.method == "POST"]


async def logged(here: World) -> None:
    """Wait for a line."""

    async def there() -> bool:
        return bool(here.lines())

    await eventually(there)


def said(size: int) -> str:
    return f"I heard {size} bytes. They were clear. Thank you."


async def test_the_official_client_is_told_what_was_said(build: Build) -> None:
    here = await build()
    client = await here.openai()
    sound = recording()
    answer = await client.audio.transcriptions.with_raw_response.create(
        model="whisper-1", file=("meeting.wav", sound), language="en"
    )
    told = answer.parse()
    assert told.text == said(len(sound))
    assert told.usage is not None
    assert told.usage.to_dict() == {"type": "duration", "seconds": 1.5}
    (received,) = here.sent()
    assert received["fields"] == {"model": TURBO, "language": "en"}
    assert received["file"]["filename"] == "meeting.wav"
    assert received["file"]["bytes"] == len(sound)
    (request,) = asked(here)
    assert request.headers["transfer-encoding"] == "chunked"
    assert request.headers["authorization"] == f"Bearer {CREDENTIAL}"
    assert answer.headers["x-telnyx-proxy-changes"] == f"aliased=whisper-1>{TURBO}; estimated=usage"
    (line,) = here.lines()
    assert (line["endpoint"], line["model"], line["status"]) == ("audio.transcriptions", TURBO, 200)


@pytest.mark.parametrize("model", [DISTIL, NOVA])
async def test_every_format_of_openai(build: Build, model: str) -> None:
    here = await build()
    client = await here.openai()
    sound = recording(3)
    text = said(len(sound))

    async def ask(**more: Any) -> Any:
        return await client.audio.transcriptions.create(model=model, file=("a.wav", sound), **more)

    assert (await ask()).text == text
    assert await ask(response_format="text") == text + "\n"
    srt = await ask(response_format="srt")
    assert srt.startswith("1\n00:00:00,000 --> 00:00:0")
    vtt = await ask(response_format="vtt")
    assert vtt.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:0")
    granularity = "segment" if model == DISTIL else "word"
    verbose = await ask(response_format="verbose_json", timestamp_granularities=[granularity])
    assert verbose.duration == 3.0
    assert (verbose.segments if model == DISTIL else verbose.words)[0].start == 0.0
    assert {request["fields"]["response_format"] for request in here.sent()} == {"verbose_json"}


async def test_captions_of_a_model_that_tells_no_times_are_refused_beforehand(build: Build) -> None:
    here = await build()
    client = await here.openai()
    with pytest.raises(openai.BadRequestError) as caught:
        await client.audio.transcriptions.create(model="whisper-1", file=("a.wav", recording()), response_format="srt")
    assert DISTIL in caught.value.message
    assert caught.value.param == "response_format"
    assert asked(here) == []


async def test_captions_of_a_model_that_the_operator_knows_better(build: Build) -> None:
    here = await build(audio={"segments": ["openai/whisper*"]})
    client = await here.openai()
    with pytest.raises(openai.APIStatusError) as caught:  # this Telnyx does not, after all
        await client.audio.transcriptions.create(model="whisper-1", file=("a.wav", recording()), response_format="srt")
    assert caught.value.status_code == 502
    (received,) = here.sent()
    assert received["fields"]["timestamp_granularities[]"] == "segment"


async def test_a_transcript_as_events(build: Build) -> None:
    here = await build()
    client = await here.openai()
    sound = recording()
    stream = await client.audio.transcriptions.create(model="whisper-1", file=("a.wav", sound), stream=True)
    events = [event async for event in stream]
    assert [event.type for event in events] == ["transcript.text.delta", "transcript.text.done"]
    assert events[-1].to_dict()["text"] == said(len(sound))


@pytest.mark.parametrize("order", ["behind", "spool"])
async def test_what_cannot_be_streamed_is_sent_with_its_length(build: Build, order: str) -> None:
    here = await build(audio={"upload": "spool" if order == "spool" else "stream"})
    sound = recording()
    parts = [part("model", "whisper-1"), part("file", sound, "a.wav")]
    async with upload(here, *(parts if order == "spool" else reversed(parts)), chunked=True) as answer:
        assert answer.status == 200
        assert (await answer.json())["text"] == said(len(sound))
    (request,) = asked(here)
    assert "transfer-encoding" not in request.headers
    assert int(request.headers["content-length"]) > len(sound)


async def test_fields_behind_the_file_arrive(build: Build) -> None:
    here = await build()
    parts = part("model", TURBO), part("file", recording(), "a.wav"), part("language", "de"), part("temperature", "0")
    async with upload(here, *parts, chunked=True) as answer:
        assert answer.status == 200
        assert answer.headers["x-telnyx-proxy-changes"] == "dropped=temperature; estimated=usage"
    (request,) = asked(here)
    assert request.body["fields"] == {"model": TURBO, "language": "de"}
    assert request.headers["transfer-encoding"] == "chunked"


@pytest.mark.parametrize(
    ("late", "param"),
    [
        (("response_format", "srt"), "response_format"),
        (("response_format", "nonsense"), "response_format"),
        (("model", DISTIL), "model"),
        (("stream", "perhaps"), "stream"),
        (("file_url", "https://example.com/a.wav"), "file_url"),
    ],
)
async def test_a_bad_field_behind_the_file_breaks_the_upload_off(
    build: Build, late: tuple[str, str], param: str
) -> None:
    here = await build()
    async with upload(here, part("model", TURBO), part("file", recording(), "a.wav"), part(*late)) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["param"] == param
    async with asyncio.timeout(30):
        await here.telnyx.state.until(
            lambda state: all(request.ended for request in state.requests if request.method == "POST")
        )
    assert [request.outcome for request in asked(here)] == ["hung up"]


async def test_telnyx_that_wants_a_length_gets_it_from_then_on(build: Build) -> None:
    """A client library tries again by itself, and never knows."""
    here = await build("length-required")
    client = await here.openai(max_retries=1)
    sound = recording()
    for _ in range(2):
        answer = await client.audio.transcriptions.create(model="whisper-1", file=("a.wav", sound))
        assert answer.text == said(len(sound))
    assert [request.status for request in asked(here)] == [411, 200, 200]


@pytest.mark.parametrize(
    ("scenario", "status", "code"),
    [
        ("unauthorized", 502, "upstream_auth_failed"),
        ("rate-limited", 429, "rate_limit_exceeded"),
        ("model-not-found", 404, "model_not_found"),
        ("server-error-html", 502, "upstream_error"),
        ("reset-before-answer", 502, "upstream_error"),
    ],
)
async def test_what_telnyx_says_becomes_the_error_a_client_expects(
    build: Build, scenario: str, status: int, code: str
) -> None:
    here = await build(scenario, options={"where": "all"})
    async with upload(here, part("model", TURBO), part("file", recording(), "a.wav")) as answer:
        assert answer.status == status
        assert (await answer.json())["error"]["code"] == code
    speech = {"model": "tts-1", "voice": "alloy", "input": "Hello"}
    async with here.post(speech, path=SPEECH) as answer:
        assert answer.status == status
        assert (await answer.json())["error"]["code"] == code


async def test_telnyx_finds_what_the_table_does_not_know(build: Build) -> None:
    here = await build()
    async with upload(here, part("model", "openai/whisper-9"), part("file", b"noise", "a.wav")) as answer:
        assert answer.status == 400
        error = (await answer.json())["error"]
    assert error["param"] == "model"
    assert TURBO in error["message"]


REFUSED = {
    "no form": (b"{}", {"Content-Type": "application/json"}, 400, "invalid_multipart"),
    "no boundary": (b"", {"Content-Type": "multipart/form-data"}, 400, "invalid_multipart"),
    "no model": (part("file", b"noise", "a.wav") + END, KIND, 400, "missing_required_parameter"),
    "no file": (part("model", TURBO) + END, KIND, 400, "missing_required_parameter"),
    "two files": (
        part("model", TURBO) + part("file", b"a", "a.wav") + part("file", b"b", "b.wav") + END, KIND, 400,
        "duplicate_parameter",
    ),
    "cut": (part("model", TURBO) + part("file", b"noise", "a.wav")[:-2], KIND, 400, "invalid_multipart"),
    "packed": (END, {**KIND, "Content-Encoding": "gzip"}, 400, "invalid_value"),
    "speakers": (
        part("model", TURBO) + part("response_format", "diarized_json") + part("file", b"a", "a.wav") + END, KIND, 400,
        "unsupported_value",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "headers", "status", "code"), REFUSED.values(), ids=REFUSED)
async def test_what_is_no_form_with_a_recording_is_refused(
    build: Build, data: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    here = await build()
    async with here.post(data, headers=headers, path=TRANSCRIPTIONS) as answer:
        assert answer.status == status
        assert (await answer.json())["error"]["code"] == code


@pytest.mark.parametrize("how", ["announced", "streamed", "spooled"])
async def test_a_recording_that_is_too_large_is_refused(build: Build, how: str) -> None:
    here = await build(audio={"size": 100_000, "upload": "spool" if how == "spooled" else "stream"})
    sound = bytes(2_000_000 if how == "announced" else 100_001)
    parts = part("model", TURBO), part("file", sound, "a.wav")
    async with upload(here, *parts, chunked=how != "announced") as answer:
        assert answer.status == 413
        assert (await answer.json())["error"]["code"] == "request_too_large"


async def test_an_address_instead_of_a_file(build: Build) -> None:
    here = await build()
    async with upload(here, part("model", TURBO), part("file_url", "https://example.com/a.mp3")) as answer:
        assert answer.status == 200
    (received,) = here.sent()
    assert received == {"fields": {"model": TURBO, "file_url": "https://example.com/a.mp3"}, "file": None}


async def test_a_tenant_hears_only_with_its_models(build: Build) -> None:
    here = await build()
    async with upload(here, part("model", TURBO), part("file", b"noise", "a.wav"), key=OTHER_KEY) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (403, "model_not_allowed")
    speech = {"model": "tts-1", "voice": "alloy", "input": "Hello"}
    async with here.post(speech, OTHER_KEY, path=SPEECH) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (403, "model_not_allowed")
    assert asked(here) == []


@pytest.mark.parametrize("way", ["stream", "spool"])
@pytest.mark.parametrize("transport", ["native", "aiohttp"])
async def test_a_recording_is_never_whole_in_memory(build: Build, way: str, transport: str) -> None:
    """64 MiB pass through client, proxy and Telnyx, all in this process, and hardly any of it is there at once."""
    here = await build(audio={"upload": way}, upstream={"transport": transport})
    piece, count = bytes(256 * 1024), 256

    async def pieces() -> AsyncIterator[bytes]:
        yield part("model", TURBO) + part("file", b"", "a.mp3")[:-2]
        for _ in range(count):
            yield piece
        yield b"\r\n" + END

    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        async with here.session.post(here.url(TRANSCRIPTIONS), data=pieces(), headers=bearer()) as answer:
            assert answer.status == 200
            assert (await answer.json())["text"] == said(len(piece) * count)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < 16 * 1024 * 1024


# -- speech


async def test_the_official_client_hears_what_it_wrote(build: Build) -> None:
    here = await build()
    client = await here.openai()
    async with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input="Hello out there", speed=1.25
    ) as answer:
        assert answer.headers["content-type"] == "audio/mpeg"
        assert answer.headers["transfer-encoding"] == "chunked"
        changes = answer.headers["x-telnyx-proxy-changes"]
        sound = b"".join([piece async for piece in answer.iter_bytes()])
    assert sound.startswith(b"ID3")
    assert len(sound) == 4 + 3 * 600
    assert here.sent() == [
        {"voice": "Telnyx.NaturalHD.astra", "text": "Hello out there", "telnyx": {"voice_speed": 1.25}}
    ]
    assert changes == "renamed=speed>telnyx.voice_speed,input>text; aliased=tts-1>Telnyx.NaturalHD; converted=voice"
    (line,) = here.lines()
    assert (line["endpoint"], line["model"], line["status"]) == ("audio.speech", "Telnyx.NaturalHD", 200)
    assert line["stream_end"] == "complete"


VOICES = {
    "openai's": ("tts-1-hd", "nova", "Telnyx.NaturalHD.luna"),
    "a name of the family": ("tts-1", "astra", "Telnyx.NaturalHD.astra"),
    "another family": ("Telnyx.KokoroTTS", "af_alloy", "Telnyx.KokoroTTS.af_alloy"),
    "written out": ("tts-1", "AWS.Polly.Joanna-Neural", "AWS.Polly.Joanna-Neural"),
    "the operator's": ("gpt-4o-mini-tts", "boss", "Azure.en-US-AvaMultilingualNeural"),
    "an object": ("tts-1", {"id": "alloy"}, "Telnyx.NaturalHD.astra"),
}


@pytest.mark.parametrize(("model", "voice", "expected"), VOICES.values(), ids=VOICES)
async def test_voices(build: Build, model: str, voice: Any, expected: str) -> None:
    here = await build(audio={"voices": {"boss": "Azure.en-US-AvaMultilingualNeural"}})
    async with here.post({"model": model, "voice": voice, "input": "Hello"}, path=SPEECH) as answer:
        assert answer.status == 200
        await answer.read()
    assert here.sent()[0]["voice"] == expected
    (line,) = here.lines()
    assert line["model"] == expected.rpartition(".")[0]


@pytest.mark.parametrize(
    ("asked", "content_type", "options"),
    [
        ("wav", "audio/wav", {"response_format": "wav"}),
        ("pcm", "audio/pcm", {"response_format": "pcm", "sampling_rate": 24000}),
    ],
)
async def test_formats_that_telnyx_is_asked_for(
    build: Build, asked: str, content_type: str, options: dict[str, Any]
) -> None:
    here = await build()
    request = {"model": "tts-1", "voice": "alloy", "input": "Hello", "response_format": asked}
    async with here.post(request, path=SPEECH) as answer:
        assert (answer.status, answer.headers["content-type"]) == (200, content_type)
        assert len(await answer.read()) >= 600
    assert here.sent()[0]["telnyx"] == options


@pytest.mark.parametrize(
    ("scenario", "words"),
    [("speech-always-mp3", "audio/mpeg"), ("speech-empty", "no sound"), ("reset-mid-stream", "")],
)
async def test_before_the_first_byte_errors_are_errors(build: Build, scenario: str, words: str) -> None:
    here = await build(scenario, {"after": 0} if scenario == "reset-mid-stream" else None)
    request = {"model": "tts-1", "voice": "alloy", "input": "Hello", "response_format": "wav"}
    async with here.post(request, path=SPEECH) as answer:
        assert answer.status == 502
        assert words in (await answer.json())["error"]["message"]


async def test_sound_in_json_is_taken_out(build: Build) -> None:
    here = await build("speech-in-base64")
    async with here.post({"model": "tts-1", "voice": "alloy", "input": "Hello"}, path=SPEECH) as answer:
        assert (answer.status, answer.headers["content-type"]) == (200, "audio/mpeg")
        assert (await answer.read()).startswith(b"ID3")


@pytest.mark.parametrize(("scenario", "end"), [("drop-mid-stream", "upstream_reset"), ("stall-mid-stream", "stalled")])
async def test_a_break_in_the_middle_is_no_end(build: Build, scenario: str, end: str) -> None:
    here = await build(scenario, {"after": 2}, upstream={"timeouts": {"between_chunks": 0.3}})
    request = {"model": "tts-1", "voice": "alloy", "input": "one two three four five"}
    async with here.post(request, path=SPEECH) as answer:
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientError):
            await answer.read()
    await logged(here)
    (line,) = here.lines()
    assert (line["status"], line["stream_end"]) == (200, end)


async def test_a_client_that_leaves_lets_go_of_telnyx(build: Build) -> None:
    here = await build("stall-mid-stream", {"after": 1})
    answer = await here.post({"model": "tts-1", "voice": "alloy", "input": "one two three"}, path=SPEECH)
    await answer.content.readany()
    answer.close()
    async with asyncio.timeout(30):
        await here.telnyx.state.until(lambda state: asked(here)[0].hung_up)
    await logged(here)
    (line,) = here.lines()
    assert (line["status"], line["stream_end"]) == (499, "client_disconnected")


PRICED: dict[str, Any] = {
    "profiles": {
        TURBO: {"price": {"audio": "0.006"}},
        "Telnyx.NaturalHD": {"price": {"characters": "15"}},
    }
}


async def test_both_are_counted_and_charged(build: Build, tmp_path: Path) -> None:
    here, operator = await operated(build, tmp_path, models=PRICED)
    await operator.tenant(markup=100)
    _, key = await operator.key()
    await operator.do("PUT", "budgets", {"tenant": "shop", "usd": "0.05", "per": "day"})
    async with upload(here, part("model", TURBO), part("file", recording(30), "a.wav"), key=key) as answer:
        assert answer.status == 200, await answer.text()
    async with upload(here, part("model", TURBO), part("file", b"a tune", "a.mp3"), key=key) as answer:
        assert answer.status == 200, await answer.text()
    speech = {"model": "tts-1", "voice": "alloy", "input": "x" * 1000}
    async with here.post(speech, key, path=SPEECH) as answer:
        assert answer.status == 200
        await answer.read()
    async with here.post(speech, key, path=SPEECH) as answer:
        assert answer.status == 429, "what it will cost is known beforehand, and is more than what is left"
    assert list(dict(here.proxy.services.admission.limiter.budgets()).values()) == [2 * (3_000 + 15_000)]
    query = "SELECT endpoint, audio_ms, characters, cost_micros FROM requests WHERE status = 200 ORDER BY id"
    found: list[Any] = []

    async def shipped() -> bool:
        with closing(sqlite3.connect(tmp_path / "proxy.db")) as database:
            found[:] = database.execute(query).fetchall()
        return len(found) == 3

    await eventually(shipped)
    assert found == [
        ("audio.transcriptions", 30_000, 0, 3_000),
        ("audio.transcriptions", 0, 0, None),
        ("audio.speech", 0, 1000, 15_000),
    ]


async def test_translations_are_refused_with_what_to_do_instead(build: Build) -> None:
    here = await build()
    async with here.post({}, path="/v1/audio/translations") as answer:
        error = (await answer.json())["error"]
    assert (answer.status, error["code"]) == (404, "unsupported_endpoint")
    assert "/v1/audio/transcriptions" in error["message"]
