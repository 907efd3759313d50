"""What is reserved before Telnyx hears or speaks."""

from typing import Any

from tests.conftest import Build
from tests.journeys.test_audio import SPEECH, TURBO, asked, part, recording, upload
from tests.world import CREDENTIAL, KEY

LIMITED: list[dict[str, Any]] = [
    {
        "id": "acme",
        "upstream_api_key": {"value": CREDENTIAL},
        "limits": [{"requests_per_minute": 2, "tokens_per_minute": 100}],
        "keys": [{"name": "web", "secret": {"value": KEY}}],
    }
]


async def test_sound_counts_as_requests_and_not_as_tokens(build: Build) -> None:
    here = await build(tenants=LIMITED)
    async with upload(here, part("model", TURBO), part("file", recording(), "a.wav")) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["x-ratelimit-remaining-requests"] == "1"
        assert answer.headers["x-ratelimit-remaining-tokens"] == "100"
    async with here.post({"model": "tts-1", "voice": "alloy", "input": "x" * 4000}, path=SPEECH) as answer:
        assert answer.status == 200
        await answer.read()
    async with upload(here, part("model", TURBO), part("file", recording(), "a.wav")) as answer:
        assert answer.status == 429
    assert len(asked(here)) == 2
