"""A running emulator on a real socket, and a plain client for it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from proxy.emulator.server import Emulator, running

KIMI = "moonshotai/Kimi-K2.6"  # reasons
LLAMA = "meta-llama/Llama-3.3-70B-Instruct"  # does not


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def message(self) -> Any:
        return self.json["choices"][0]["message"]

    @property
    def events(self) -> list[Any]:
        """The data of each event of a well-behaved stream, `[DONE]` left out."""
        lines = [block.removeprefix("data: ") for block in self.data.decode().split("\n\n") if block]
        return [json.loads(line) for line in lines if line != "[DONE]"]

    @property
    def deltas(self) -> list[Any]:
        return [event["choices"][0]["delta"] for event in self.events if event["choices"]]


class Caller:
    """Speaks to one emulator over one session."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        self.emulator = emulator
        self.session = session

    async def send(self, method: str, path: str, *, key: str | None = "KEY_test", **extra: Any) -> Answer:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        url = f"{self.emulator.root}{path}"
        async with self.session.request(method, url, headers=headers, allow_redirects=False, **extra) as response:
            names = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, names, await response.read())

    async def chat(self, text: str = "hello there", *, key: str | None = "KEY_test", **fields: Any) -> Answer:
        body = {"model": LLAMA, "messages": [{"role": "user", "content": text}], **fields}
        return await self.send("POST", "/v2/ai/openai/chat/completions", key=key, json=body)

    async def choose(self, name: str, **options: Any) -> Answer:
        return await self.send("PUT", "/_scenario", key=None, json={"name": name, "options": options})


@pytest.fixture
async def telnyx() -> AsyncIterator[Emulator]:
    async with running() as emulator:
        yield emulator


@pytest.fixture
async def caller(telnyx: Emulator) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as session:
        yield Caller(telnyx, session)


Chat = Callable[..., Awaitable[Answer]]


@pytest.fixture
def chat(caller: Caller) -> Chat:
    """Asks one question: `await chat("text", key="KEY_...", field=...)`."""
    return caller.chat
