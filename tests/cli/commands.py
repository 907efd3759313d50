"""`telnyx-proxy` as a process: started, listened to, stopped, and never left behind."""

import asyncio
import os
import re
import shlex
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Any

from proxy import codec

PATIENCE = 60.0
"""Seconds for anything a process has to do: many times what it takes on a slow machine."""
PROGRAM = (str(Path(sys.executable).with_name("telnyx-proxy")),)
"""The installed command."""
MODULE = (sys.executable, "-W", "default", "-m", "proxy")
"""The same from the sources, and with the warnings that Python keeps to itself: of what was left open, for instance."""
ANY_PORT = {"TELNYX_PROXY_LISTEN__PORT": "0", "TELNYX_PROXY_ADMIN__PORT": "0"}


@dataclass(frozen=True)
class Ended:
    """What is left of a process."""

    code: int
    out: str
    err: str

    def lines(self) -> list[dict[str, Any]]:
        """Its log; fails if standard error holds anything else, a traceback or a warning."""
        return [codec.decode(line) for line in self.err.splitlines()]


class Command:
    """A running process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._said = ""

    async def until(self, words: str) -> str:
        """What it has printed, once these words are among it. Fails if it ends before."""
        assert self._process.stdout is not None
        while words not in self._said:
            line = await self._process.stdout.readline()
            if not line:
                ended = await self.end()
                raise AssertionError(f"ended with {ended.code}: {ended.out}{ended.err}")
            self._said += line.decode()
        return self._said

    async def end(self, number: Signals | None = None) -> Ended:
        """Send a signal, if one is given, and wait for the end."""
        if number is not None:
            self._process.send_signal(number)
        out, err = await self._process.communicate()
        assert self._process.returncode is not None
        return Ended(self._process.returncode, self._said + out.decode(), err.decode())


@asynccontextmanager
async def running(
    *command: str, environ: Mapping[str, str] | None = None, patience: float = PATIENCE
) -> AsyncIterator[Command]:
    """A process until the block is left, for `patience` at most; whatever happens, it is gone afterwards."""
    async with asyncio.timeout(patience):
        process = await asyncio.create_subprocess_exec(
            *command,
            env=clean() | dict(environ or {}),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield Command(process)
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()


async def finished(*command: str, environ: Mapping[str, str] | None = None) -> Ended:
    """A process that ends by itself."""
    async with running(*command, environ=environ) as process:
        return await process.end()


def clean() -> dict[str, str]:
    """The environment without anything that configures the proxy, its clients or its coverage."""
    return {name: value for name, value in os.environ.items() if not re.match("TELNYX|OPENAI|COV", name)}


def base_url(text: str) -> str:
    """What a banner says for OPENAI_BASE_URL."""
    found = re.search(r"OPENAI_BASE_URL=(\S+)", text)
    assert found is not None
    return found[1]


def snippet(text: str) -> str:
    """The lines of Python in a banner."""
    return text[text.index("from openai import") :].split("\n\n", maxsplit=1)[0] + "\n"


def curl(text: str) -> list[str]:
    """The words of the curl command in a banner."""
    command = text[text.index("\ncurl ") + 1 :].split("\n\n", maxsplit=1)[0]
    return shlex.split(command.replace("\\\n", ""))  # shells join such lines, shlex does not
