"""From requests of the official client to what an operator reads in a terminal, every program a process of its own."""

import asyncio
import csv
import io
import json
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest

from proxy.emulator.server import Emulator
from proxy.emulator.server import running as emulator_running
from tests.cli.commands import PATIENCE, PROGRAM, base_url, finished, running
from tests.journeys.operating import TOKEN, eventually

KEY = "sk-of-the-shop-000001"
LLAMA, KIMI = "meta-llama/Llama-3.3-70B-Instruct", "moonshotai/Kimi-K2.6"
CONFIG = """
listen: {{port: 0}}
admin: {{port: 0, token: {{value: {token}}}}}
upstream: {{base_url: "{url}"}}
storage: {{url: "sqlite:///proxy.db"}}
ledger: {{spool: {{folder: spool}}}}
tenants:
  - id: shop
    upstream_api_key: {{value: KEY_of-the-shop}}
    keys: [{{name: web, secret: {{value: {key}}}}}]
"""


@pytest.fixture
async def telnyx() -> AsyncIterator[Emulator]:
    async with asyncio.timeout(4 * PATIENCE), emulator_running() as emulator:
        yield emulator


async def asked(base: str) -> dict[str, int]:
    """Two whole answers, a stream and a failure; what was used by the answers, as the client was told."""
    used = {"input": 0, "output": 0}
    async with openai.AsyncOpenAI(base_url=base, api_key=KEY, max_retries=0) as client:
        for model, text in ((LLAMA, "one two three"), (KIMI, "four five")):
            whole = await client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}])
            assert whole.usage is not None
            used["input"] += whole.usage.prompt_tokens
            used["output"] += whole.usage.completion_tokens
        stream = await client.chat.completions.create(
            model=LLAMA,
            messages=[{"role": "user", "content": "six"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        async for chunk in stream:
            if chunk.usage is not None:
                used["input"] += chunk.usage.prompt_tokens
                used["output"] += chunk.usage.completion_tokens
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(model="no/such", messages=[{"role": "user", "content": "x"}])
    return used


async def shipped(admin: str, count: int) -> None:
    """Until so many requests are in the database."""
    url, headers = f"{admin}/admin/v1/requests", {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def there() -> bool:
            async with session.get(url) as answer:
                return len((await answer.json())["data"]) == count

        await eventually(there)


async def told(*words: str, environ: dict[str, str] | None = None) -> Any:
    """The one JSON value that a command prints which has to succeed."""
    ended = await finished(*PROGRAM, *words, "--json", environ=environ)
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


async def test_what_was_served_is_what_the_commands_say(telnyx: Emulator, tmp_path: Path) -> None:
    config = tmp_path / "proxy.yaml"
    config.write_text(CONFIG.format(url=telnyx.base_url, token=TOKEN, key=KEY))
    here = ("--config", str(config))
    async with running(*PROGRAM, "serve", *here) as serve:
        text = await serve.until("Ctrl-C stops it.")
        used = await asked(base_url(text))
        admin = text.partition("metrics and health: ")[2].partition("/metrics")[0]
        await shipped(admin, 4)
        over_http = await told("usage", "--url", admin, environ={"TELNYX_PROXY_ADMIN_TOKEN": TOKEN})
        assert (await serve.end(signal.SIGTERM)).code == 0

    beside = await told("usage", *here)
    assert beside["total"] == over_http["total"]
    total = beside["total"]
    assert (total["requests"], total["errors"], total["streams"], total["unpriced"]) == (4, 1, 1, 0)
    assert {"input": total["input_tokens"], "output": total["output_tokens"]} == used
    assert float(total["cost_usd"]) > 0

    table = await finished(*PROGRAM, "usage", "--by", "model,key", *here)
    assert [line.split()[:3] for line in table.out.splitlines()[1:3]] == [[KIMI, "web", "1"], [LLAMA, "web", "2"]]

    exported = await finished(*PROGRAM, "usage", "export", "--to", "-", *here)
    rows = list(csv.DictReader(io.StringIO(exported.out)))
    assert len(rows) == 4
    assert sum(int(row["output_tokens"]) for row in rows) == used["output"]
    assert sum(int(row["cost_micros"]) for row in rows) == round(float(total["cost_usd"]) * 1e6)

    days = sorted({datetime.fromisoformat(row["started_at"]).astimezone(UTC).date().isoformat() for row in rows})
    compared = [await told("reconcile", *here, "--day", day) for day in days]  # two, where midnight came meanwhile
    sums = [row for each in compared for row in each["data"] if row["model"] is None]
    for measure, figure in (("requests", 3), ("input_tokens", used["input"]), ("output_tokens", used["output"])):
        assert sum(row["here"] for row in sums if row["measure"] == measure) == figure
        assert sum(row["there"] for row in sums if row["measure"] == measure) == figure
    assert not any(each["drifts"] for each in compared)
