"""Driving one client: its script is run against a proxy and an emulator of its own, and says how each check went."""

import asyncio
import os
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from proxy import codec
from proxy.app.running import running
from proxy.emulator.server import running as telnyx_running
from tests.clients import environments
from tests.clients.environments import NotInstalled
from tests.clients.roster import Client
from tests.world import KEY, settings

PATIENCE = 300
"""Seconds for all checks of one client."""
FOREIGN = ("OPENAI", "ANTHROPIC", "CODEX", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
"""Variables of whoever runs this that would change what a client does."""


@dataclass(slots=True)
class Result:
    """How one client fared: the version, and by check None for well or what went wrong."""

    client: str
    version: str = ""
    checks: dict[str, str | None] = field(default_factory=dict)
    missing: str = ""


async def drive(client: Client) -> Result:
    """Run all checks of a client."""
    result = Result(client.name)
    try:
        words = await asyncio.to_thread(environments.command, client)
        result.version = await asyncio.to_thread(environments.versions, client)
    except NotInstalled as fault:
        result.missing = str(fault)
        return result
    await run_checks(result, words)
    return result


async def run_checks(result: Result, words: list[str]) -> None:
    """Run a script in a small world of its own, and note what it says."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        telnyx = await stack.enter_async_context(telnyx_running())
        store = {"storage": {"url": f"sqlite:///{folder}/proxy.db"}, "batches": {"folder": str(folder / "files")}}
        proxy = await stack.enter_async_context(running(settings(telnyx.base_url, folder / "log", **store)))
        said = await _say(words, _environment(proxy.addresses.base_url, proxy.addresses.openai, folder), folder)
    for line in said.splitlines():
        if line.startswith('{"check":'):
            told = codec.decode(line.encode())
            result.checks[told["check"]] = None if told["ok"] else told["detail"]
    if not result.checks:
        result.checks["whole"] = " ".join(said.splitlines()[-8:]) or "it said nothing"


def _environment(base_url: str, url: str, folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(FOREIGN)}
    own = {"OPENAI_BASE_URL": base_url, "OPENAI_API_BASE": base_url, "OPENAI_API_KEY": KEY, "PROXY_URL": url}
    return {**kept, **own, "HOME": str(folder), "PWD": str(folder), "NO_PROXY": "127.0.0.1,localhost"}


async def _say(words: list[str], environment: dict[str, str], folder: Path) -> str:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *words, stdout=pipe, stderr=asyncio.subprocess.STDOUT, env=environment, cwd=folder, start_new_session=True
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    except TimeoutError:
        process.kill()
        await process.wait()
        return '{"check": "whole", "ok": false, "detail": "it did not end"}'
    return out.decode(errors="replace")
