"""The way of a text that is to be spoken: which model and which key it is, where the journey does not go."""

from tests.conftest import Build
from tests.journeys.test_audio import SPEECH, asked
from tests.world import KEY, TENANTS


async def test_a_model_has_to_be_named(build: Build) -> None:
    here = await build()
    async with here.post({"voice": "alloy", "input": "Hello"}, path=SPEECH) as answer:
        assert (await answer.json())["error"]["code"] == "missing_required_parameter"


async def test_the_voice_decides_and_the_list_of_models_sees_it(build: Build) -> None:
    """A tenant that may use one family gets no voice of another by naming it whole."""
    here = await build(tenants=[{**TENANTS[0], "models": ["Telnyx.*"]}])
    request = {"model": "tts-1", "voice": "AWS.Polly.Joanna", "input": "Hello"}
    async with here.post(request, path=SPEECH) as answer:
        assert answer.status == 403
        assert "AWS.Polly" in (await answer.json())["error"]["message"]
    async with here.post({**request, "voice": "Telnyx.Ultra.abc"}, KEY, path=SPEECH) as answer:
        assert answer.status == 200
        assert "converted=model" in answer.headers["x-telnyx-proxy-changes"]
        await answer.read()
    assert len(asked(here)) == 1


async def test_json_without_sound_is_a_failure(build: Build) -> None:
    here = await build("error-in-200", {"where": "all"})
    async with here.post({"model": "tts-1", "voice": "alloy", "input": "Hello"}, path=SPEECH) as answer:
        assert answer.status >= 400
