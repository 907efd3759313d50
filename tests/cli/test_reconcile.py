"""`telnyx-proxy reconcile`: what the ledger has of a day beside what the emulated Telnyx says it served."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from proxy.accounts.entries import Entry
from proxy.cli.main import main
from proxy.clock import SYSTEM
from proxy.emulator.app import SERVED, create_app
from proxy.emulator.catalogue import MODELS
from tests.cli.commands import PROGRAM, finished
from tests.cli.ledgers import DAY, KIMI, LLAMA, MONDAY, a_request, kept

KEY, OTHER, THIRD = "KEY_of-everybody", "KEY_of-fixed", "KEY_third"
ON = "2025-06-09"
NOON = MONDAY + DAY // 2
USAGE = {"prompt_tokens": 1000, "completion_tokens": 200, "prompt_tokens_details": {"cached_tokens": 400}}
COSTS = {LLAMA: 1056, KIMI: 1231}
"""Micro-dollars of USAGE by the prices of the emulator."""
CONFIG = """
upstream: {{base_url: "{url}", api_key: {{value: {key}}}}}
storage:
  url: "sqlite:///proxy.db"
  pepper: {{value: a-pepper-of-the-tests}}
  encryption_keys: [{{value: an-encryption-key-of-the-tests}}]
tenants:
  - {{id: acme}}
  - {{id: beta}}
  - id: fixed
    upstream_api_key: {{value: {other}}}
    credentials: [{{name: second, api_key: {{value: {third}}}}}]
"""
EMPTY: list[bytes] = []
"""A database without a request: copying it is much faster than making it."""


class Telnyx:
    """An emulated Telnyx with a clock of its own."""

    def __init__(self, url: str, app: web.Application) -> None:
        self.url = url
        self.app = app

    def serve(self, key: str = KEY, model: str = LLAMA, count: int = 1) -> None:
        """Count answers at noon of the day."""
        for _ in range(count):
            self.app[SERVED].note(key, MODELS[model], USAGE)


class Desk:
    """Runs the command, and fills the ledger."""

    def __init__(self, telnyx: Telnyx, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.telnyx = telnyx
        self.config = folder / "proxy.yaml"
        self.capsys = capsys
        self.out = self.err = ""

    def configure(self, url: str, key: str = KEY) -> None:
        self.config.write_text(CONFIG.format(url=url, key=key, other=OTHER, third=THIRD))

    async def run(self, *words: str) -> int:
        told = ["reconcile", "--config", str(self.config), *words]
        code = await asyncio.to_thread(main, told if "--day" in words else [*told, "--day", ON])
        self.out, self.err = self.capsys.readouterr()
        assert not any(key in self.out + self.err for key in (KEY, OTHER, THIRD))
        return code

    async def json(self, *words: str) -> Any:
        code = await self.run(*words, "--json")
        return code, json.loads(self.out)

    async def keep(self, *requests: Entry) -> None:
        await kept(self.config, requests)

    async def keep_served(self, tenant: str = "acme", model: str = LLAMA, count: int = 1, **others: Any) -> None:
        await self.keep(*(served(tenant, model, **others) for _ in range(count)))


def served(tenant: str = "acme", model: str = LLAMA, **others: Any) -> Entry:
    """A request as the ledger has it that was answered with USAGE."""
    given = {
        "tenant": tenant,
        "model": model,
        "input_tokens": 1000,
        "output_tokens": 200,
        "cached_input_tokens": 400,
        "cost_micros": COSTS[model],
        **others,
    }
    return a_request(NOON, **given)


@pytest.fixture
async def desk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    monkeypatch.delenv("TELNYX_API_KEY", raising=False)
    app = create_app(now=lambda: NOON)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    made = Desk(Telnyx(f"{url}/v2", app), tmp_path, capsys)
    made.configure(made.telnyx.url)
    if EMPTY:
        (tmp_path / "proxy.db").write_bytes(EMPTY[0])
    else:
        await made.keep()
        EMPTY.append((tmp_path / "proxy.db").read_bytes())
    yield made
    await runner.cleanup()


def choose(desk: Desk, name: str) -> None:
    from proxy.emulator.control import STATE

    desk.telnyx.app[STATE].choose(name)


async def test_a_day_that_is_equal_here_and_there(desk: Desk) -> None:
    desk.telnyx.serve(count=3)
    desk.telnyx.serve(model=KIMI)
    await desk.keep_served(count=2)
    await desk.keep_served("beta")
    await desk.keep_served(model=KIMI)
    assert await desk.run() == 0
    assert [line.split() for line in desk.out.splitlines()] == [
        ["ACCOUNT", "OF", "MODEL", "LEDGER", "TELNYX", "DRIFT"],
        ["acme,", "beta", LLAMA, "requests", "3", "3", "0", "%"],
        ["input", "tokens", "3000", "3000", "0", "%"],
        ["output", "tokens", "600", "600", "0", "%"],
        ["cost", "$0.0032", "$0.0032", "0", "%"],
        [KIMI, "requests", "1", "1", "0", "%"],
        ["input", "tokens", "1000", "1000", "0", "%"],
        ["output", "tokens", "200", "200", "0", "%"],
        ["cost", "$0.0012", "$0.0012", "0", "%"],
        ["total", "requests", "4", "4", "0", "%"],
        ["input", "tokens", "4000", "4000", "0", "%"],
        ["output", "tokens", "800", "800", "0", "%"],
        ["cost", "$0.0044", "$0.0044", "0", "%"],
        ["fixed", "total", "requests", "0", "0", "0", "%"],
        ["input", "tokens", "0", "0", "0", "%"],
        ["output", "tokens", "0", "0", "0", "%"],
        ["cost", "$0.00", "$0.00", "0", "%"],
    ]
    names = "requests = count, input tokens = prompt_tokens, output tokens = completion_tokens, cost = cost"
    assert desk.err.splitlines() == [
        f"acme, beta: Telnyx's product inference: {names}",
        f"fixed: Telnyx's product inference: {names}",
        "All within 1 %.",
    ]


async def test_a_drift_beyond_the_tolerance_is_a_failure(desk: Desk) -> None:
    desk.telnyx.serve(count=10)
    await desk.keep_served(count=9)
    assert await desk.run() == 1
    assert "-10.0 %" in desk.out
    assert "8 of 12 figures are further apart than 1 %." in desk.err
    assert await desk.run("--tolerance", "10") == 0
    code, told = await desk.json("--tenant", "beta")
    assert (code, told["drifts"], told["day"], told["tolerance"]) == (1, True, ON, 1.0)
    assert told["data"][0] == {
        "account": ["acme", "beta"],
        "model": LLAMA,
        "measure": "requests",
        "here": 9,
        "there": 10,
        "percent": -10.0,
        "telnyx_metric": "count",
    }


async def test_what_is_only_on_one_side_is_a_drift(desk: Desk) -> None:
    desk.telnyx.serve(model=KIMI)
    await desk.keep_served()
    assert await desk.run("--tolerance", "500") == 1
    assert "only here" in desk.out
    assert "only there" in desk.out


async def test_other_days_do_not_count(desk: Desk) -> None:
    desk.telnyx.serve()
    await desk.keep(a_request(MONDAY - 1, model=LLAMA), a_request(MONDAY + DAY, model=LLAMA), served())
    assert await desk.run() == 0
    assert await desk.run("--day", "2025-06-08") == 1


async def test_other_names_are_found_and_told(desk: Desk) -> None:
    choose(desk, "reports-other-names")
    desk.telnyx.serve(count=2)
    await desk.keep_served(count=2)
    assert await desk.run("--tenant", "acme") == 0
    assert "requests = requests, input tokens = input_tokens, output tokens = output_tokens, cost = cost" in desk.err


async def test_what_telnyx_does_not_tell_is_said_and_not_compared(desk: Desk) -> None:
    choose(desk, "reports-cost-only")
    desk.telnyx.serve()
    await desk.keep_served()
    assert await desk.run("--tenant", "acme") == 0
    assert [line.split()[-3:] for line in desk.out.splitlines()[1:]] == [
        ["requests", "1", "?"],
        ["tokens", "1000", "?"],
        ["tokens", "200", "?"],
        ["$0.0011", "0", "%"],
    ]
    assert "not told by Telnyx, so not compared: requests, input tokens, output tokens" in desk.err
    assert "Telnyx does not tell models apart, so only the sums are compared" in desk.err


async def test_what_makes_figures_uncertain_is_said(desk: Desk) -> None:
    desk.telnyx.serve(count=3)
    await desk.keep_served(source="estimated", stream=1, stream_end="client_disconnected")
    await desk.keep_served(cost_micros=None, charged_micros=None)
    await desk.keep_served(status=429, source="none", input_tokens=0, output_tokens=0, cost_micros=0)
    await desk.keep_served("gone")
    assert await desk.run("--tolerance", "100") == 0
    for said in (
        "acme, beta: 1 request with usage that was estimated here",
        "acme, beta: 1 request whose price is not known here",
        "acme, beta: 1 request left before their end",
        "acme, beta: 1 request without an answer, not counted here",
        "gone: not compared, there is no such tenant any more",
    ):
        assert said in desk.err


async def test_all_keys_of_a_tenant_are_asked_and_one_account_counts_once(desk: Desk) -> None:
    desk.telnyx.serve(OTHER, count=2)
    desk.telnyx.serve(THIRD, model=KIMI)
    await desk.keep_served("fixed", count=2)
    await desk.keep_served("fixed", model=KIMI)
    assert await desk.run("--tenant", "fixed") == 0
    desk.telnyx.serve(OTHER, model=KIMI)
    desk.telnyx.serve(THIRD, count=2)
    assert await desk.run("--tenant", "fixed") == 0
    assert "2 Telnyx keys gave the same report, which is counted once" in desk.err


async def test_without_a_telnyx_key_there_is_nothing_to_ask_with(desk: Desk) -> None:
    desk.config.write_text(desk.config.read_text().replace(f"api_key: {{value: {KEY}}}", "api_key: null", 1))
    await desk.keep_served()
    assert await desk.run("--tenant", "acme") == 0
    assert desk.out == ""
    assert "acme: not compared, no Telnyx key is found here" in desk.err
    assert "Nothing to compare on 2025-06-09" in desk.err


async def test_today_is_not_over(desk: Desk) -> None:
    today = datetime.fromtimestamp(SYSTEM.wall(), UTC).date()
    assert await desk.run("--day", today.isoformat()) in {0, 1}
    assert f"{today} is not over" in desk.err or "All within" in desk.err  # midnight may have come meanwhile
    assert await desk.run("--day", (today + timedelta(days=3)).isoformat()) == 2
    assert "has not begun" in desk.err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--day", "monday"), 2, "is no day"),
        (("--tolerance", "-1"), 2, "number of per cent"),
        (("--tolerance", "x"), 2, "number of per cent"),
        (("--metric", "colour=x"), 2, "WHAT=NAME"),
        (("--tenant", "nobody"), 2, "there is no tenant nobody"),
        (("--metric", "cost=price"), 2, "no metric 'price'; it has: cost, count"),
        (("--product", "messaging"), 2, "has some on: inference"),
        (("--model-dimension", "slug"), 2, "no dimension 'slug'"),
    ],
)
async def test_what_cannot_be_meant_is_refused(desk: Desk, words: tuple[str, ...], code: int, told: str) -> None:
    assert await desk.run(*words) == code
    assert told in desk.err


async def test_names_can_be_given(desk: Desk) -> None:
    desk.telnyx.serve()
    await desk.keep_served()
    words = ("--product", "inference", "--model-dimension", "model", "--metric", "input=completion_tokens")
    assert await desk.run("--tenant", "acme", *words) == 1
    assert "input tokens = completion_tokens" in desk.err


async def test_a_telnyx_that_refuses_is_a_failure(desk: Desk) -> None:
    desk.configure(desk.telnyx.url, "KEY_invalid")
    assert await desk.run() == 1
    assert desk.err.startswith("telnyx-proxy reconcile: ")
    assert desk.out == ""


async def test_the_program_does_it_too(desk: Desk) -> None:
    desk.telnyx.serve()
    await desk.keep_served()
    ended = await finished(*PROGRAM, "reconcile", "--config", str(desk.config), "--day", ON, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["drifts"] is False


async def test_the_day_is_yesterday_where_none_is_given(desk: Desk) -> None:
    assert await asyncio.to_thread(main, ["reconcile", "--config", str(desk.config), "--json"]) == 0
    day = datetime.fromisoformat(json.loads(desk.capsys.readouterr().out)["day"]).date()
    assert datetime.fromtimestamp(SYSTEM.wall(), UTC).date() - day in {timedelta(days=1), timedelta(days=2)}
