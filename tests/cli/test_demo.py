"""`telnyx-proxy demo`: what it prints works when it is pasted."""

import io
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from proxy.cli import demo
from proxy.cli.main import main
from proxy.settings import Settings
from tests.cli.commands import ANY_PORT, MODULE, curl, finished, running, snippet


async def test_what_the_demo_prints_works_when_pasted() -> None:
    async with running(*MODULE, "demo", environ=ANY_PORT) as run:
        text = await run.until("Ctrl-C stops it.")
        assert "the built-in emulator of Telnyx" in text
        pasted = await finished(sys.executable, "-W", "error", "-c", snippet(text))
        assert (pasted.code, pasted.err) == (0, "")
        assert "Say hello" in pasted.out, "the emulator's answer repeats what was said"
        status, answer = await _as_curl_would(curl(text))
        assert status == 200
        assert answer["choices"][0]["message"]["content"]
        assert answer["model"] == "zai-org/GLM-5.3-Flash", "an alias of the shipped ones"
        ended = await run.end(signal.SIGINT)
    assert ended.code == 0
    assert [line["event"] for line in ended.lines()] == ["listening", "request", "request", "stopping"]
    assert {line.get("tenant") for line in ended.lines() if line["event"] == "request"} == {"demo"}


def test_what_the_demo_keeps_goes_with_it() -> None:
    with demo._kept_for_now(Settings()) as settings:
        folder = Path(settings.storage.url.removeprefix("sqlite:///") if settings.storage.url else "").parent
        assert folder.is_dir()
        assert Path(settings.ledger.spool.folder).parent == Path(settings.batches.folder).parent == folder
    assert not folder.exists()


async def test_several_workers_share_the_key_and_the_emulator() -> None:
    async with running(*MODULE, "demo", environ={**ANY_PORT, "TELNYX_PROXY_SERVER__WORKERS": "2"}) as run:
        text = await run.until("Ctrl-C stops it.")
        assert text.count("OPENAI_API_KEY=") == 1
        for _ in range(8):  # connections of their own, which chance gives to the one or the other
            assert (await _as_curl_would(curl(text)))[0] == 200
        ended = await run.end(signal.SIGINT)
    assert ended.code == 0
    events = [line["event"] for line in ended.lines()]
    assert {name: events.count(name) for name in events} == {"listening": 2, "request": 8, "stopping": 2}
    emulator = text.partition("emulator of Telnyx (")[2].partition(")")[0]
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(emulator)


async def _as_curl_would(words: list[str]) -> tuple[int, Any]:
    program, url, *options = words
    assert program == "curl"
    given = list(zip(options[::2], options[1::2], strict=True))
    headers = dict(value.split(": ", 1) for option, value in given if option == "-H")
    (body,) = (value for option, value in given if option == "-d")
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        return answer.status, await answer.json()


class StopsWhenGreeted(io.StringIO):
    """A terminal whose user presses Ctrl-C as soon as the greeting is complete."""

    def flush(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_the_emulator_behaves_as_asked(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    for name, value in ANY_PORT.items():
        monkeypatch.setenv(name, value)
    terminal = StopsWhenGreeted()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["demo", "--scenario", "crlf+no-done"]) == 0
    assert "OPENAI_API_KEY=sk-tp-" in terminal.getvalue()
    assert '"event":"stopping"' in capfd.readouterr().err


def test_an_unknown_scenario_is_bad_usage_and_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--scenario", "rate-limted"]) == 2
    captured = capsys.readouterr()
    assert "did you mean 'rate-limited'" in captured.err
    assert captured.out == ""
