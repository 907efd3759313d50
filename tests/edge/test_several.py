"""Several calls for one request: in order, so many at once, and the first failure is the last word."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from proxy.edge.admission import OUTPUT
from proxy.edge.several import AT_ONCE, Calls, Poured, in_order
from proxy.streaming.completions import CompletionStream
from proxy.translation.answers import Identity
from proxy.translation.completions import Shape
from proxy.translation.rules import Expectation
from tests.streaming.test_completions import ANSWER, ROLE, told
from tests.upstream.test_repair import TOOLS
from tests.world import HELLO, KEY, world


async def test_results_stand_in_the_order_of_the_works() -> None:
    turns = [asyncio.Event() for _ in range(3)]

    async def wait(place: int) -> int:
        await turns[place].wait()
        if place:
            turns[place - 1].set()
        return place

    turns[2].set()
    assert await in_order([partial(wait, place) for place in range(3)], []) == [0, 1, 2]


async def test_no_more_are_under_way_than_may_be() -> None:
    under_way, most, gate = set[int](), 0, asyncio.Event()

    async def work(place: int) -> None:
        nonlocal most
        under_way.add(place)
        most = max(most, len(under_way))
        if len(under_way) == AT_ONCE:
            gate.set()
        await gate.wait()
        under_way.discard(place)

    await in_order([partial(work, place) for place in range(AT_ONCE * 3)], [])
    assert most == AT_ONCE
    assert await in_order([], []) == []


async def test_the_first_failure_ends_the_others() -> None:
    begun: list[int] = []
    ended: list[int] = []

    async def work(place: int) -> None:
        begun.append(place)
        if place == 1:
            raise KeyError(place)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(place)

    with pytest.raises(KeyError):
        await in_order([partial(work, place) for place in range(AT_ONCE * 2)], [])
    assert sorted([*ended, 1]) == sorted(begun)
    assert len(begun) <= AT_ONCE


class Piecemeal:
    """An upstream answer that is poured when a test says so."""

    status = 200
    whole: bytes | None = None

    def __init__(self, *pieces: bytes, gate: asyncio.Event | None = None) -> None:
        self.headers: dict[str, str] = {}
        self.seen: list[str] = []
        self._pieces = pieces
        self._gate = gate
        self._gone = asyncio.Event()

    async def read(self, limit: int, idle: float) -> bytes:
        raise NotImplementedError

    async def pour(self, sink: Callable[[bytes], None]) -> None:
        for piece in self._pieces:
            sink(piece)
        if self._gate is not None and not self._gone.is_set():
            await self._gone.wait()

    def pause(self) -> None:
        self.seen.append("pause")

    def resume(self) -> None:
        self.seen.append("resume")

    def leave(self) -> None:
        self.seen.append("leave")
        self._gone.set()

    def close(self) -> None:
        self.seen.append("close")
        self._gone.set()


class Sends:
    """What `Calls.send` gives, made beforehand."""

    def __init__(self, *answers: Piecemeal) -> None:
        self._answers = list(answers)

    async def send(self, body: dict[str, Any], size: int) -> Any:
        return type("Sent", (), {"answer": self._answers[body["place"] - 1]}), 0


def poured(*answers: Piecemeal) -> tuple[Poured, CompletionStream]:
    names = tuple("abcdefgh"[: len(answers)])
    stream = CompletionStream(Shape(names, sizes=(4,) * len(names)), Expectation(), Identity("cmpl-1", 1), "m")
    calls: Any = Sends(*answers[1:])
    return Poured(calls, answers[0], [({"place": place}, 4) for place in range(len(answers))], stream), stream


async def drive(answer: Poured, stream: CompletionStream, then: Callable[[], Awaitable[None]] | None = None) -> bytes:
    out: list[bytes] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(answer.pour(lambda piece: out.append(stream.feed(piece))))
        if then is not None:
            await then()
    return b"".join(out) + stream.finish()


async def test_several_answers_are_poured_into_one_stream() -> None:
    answers = [Piecemeal(ANSWER[:50], ANSWER[50:], gate=asyncio.Event()) for _ in range(3)]
    joined, stream = poured(*answers)
    *chunks, end = told(await drive(joined, stream))
    assert end == "[DONE]"
    assert {row["index"] for chunk in chunks for row in chunk["choices"]} == {0, 1, 2}
    assert [answer.seen for answer in answers] == [["leave", "close"]] * 3
    joined.leave()
    with pytest.raises(RuntimeError):
        await joined.read(1, 1)


async def test_a_client_that_does_not_keep_up_stops_all_of_them() -> None:
    answers = [Piecemeal(ROLE, gate=asyncio.Event()) for _ in range(2)]
    joined, stream = poured(*answers)
    joined.pause()

    async def then() -> None:
        while not answers[1].seen:  # noqa: ASYNC110 - the test drives the loop
            await asyncio.sleep(0)
        joined.resume()
        joined.close()

    assert "error" in told(await drive(joined, stream, then))[-1]
    for answer in answers:
        assert answer.seen[0] == "pause"
        assert answer.seen[1:3] == ["resume", "close"] if answer is answers[1] else answer.seen[-1] == "close"


async def test_a_torso_ends_all_of_them() -> None:
    answers = [Piecemeal(ROLE, gate=asyncio.Event()), Piecemeal(ROLE)]
    joined, stream = poured(*answers)
    with pytest.raises(ExceptionGroup) as broken:
        await drive(joined, stream)
    assert broken.value.exceptions == (stream.error,)
    assert stream.ended == "truncated"
    assert answers[0].seen[-1] == "close"


@pytest.mark.parametrize("status", [200, 429])
@pytest.mark.parametrize("stream", [False, True])
async def test_what_a_repair_makes_dearer_is_reserved_for_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, *, stream: bool
) -> None:
    """For all calls at once, since what one of them learns holds for the others; and from the start the next time."""
    send = Calls.send

    async def with_tools(self: Calls, body: Any, size: int) -> Any:
        return await send(self, {**body, "tools": TOOLS}, size)

    monkeypatch.setattr(Calls, "send", with_tools)  # the one quirk that takes the cap away is of tools
    limited = [
        {
            "id": "acme",
            "upstream_api_key": {"value": "KEY_acme-telnyx-0001"},
            "keys": [{"name": "web", "secret": {"value": KEY}}],
            "limits": [{"output_tokens_per_minute": OUTPUT * 3}],
        }
    ]
    body = {"model": "gpt-4o", "prompt": ["a", "b", "c"], "max_tokens": 30, "stream": stream}
    async with world(tmp_path / "log", "cap-with-tools-refused", tenants=limited) as around:
        if status != 200:
            async with around.post({"model": "gpt-4o", "messages": HELLO}) as answer:
                assert answer.status == 200, "it uses a few tokens of what there is"
        async with around.post(body, path="/v1/completions") as answer:
            told = await answer.text()
            assert (answer.status, "rate_limit_exceeded" in told) == (status, status != 200)
        repaired = [sent for sent in around.sent() if "tools" in sent and "max_tokens" not in sent]
        assert len(repaired) == (3 if status == 200 else 0), "nothing is sent that was not reserved for"
        chat = {"model": "gpt-4o", "messages": HELLO, "max_tokens": OUTPUT * 2}
        async with around.post(chat) as answer:
            assert answer.status == 200, "nothing stays reserved"


async def test_calls_are_one_record_and_one_reservation(tmp_path: Path) -> None:
    """What was used is the sum; what Telnyx refused is nothing; the rest is not sent."""
    limited = [
        {
            "id": "acme",
            "upstream_api_key": {"value": "KEY_acme-telnyx-0001"},
            "keys": [{"name": "web", "secret": {"value": KEY}}],
            "limits": [{"model": "*", "output_tokens_per_minute": 100, "requests_per_minute": 60}],
        }
    ]
    async with world(tmp_path / "log", tenants=limited) as around:
        body = {"model": "gpt-4o", "prompt": ["a", "b", "c"], "max_tokens": 30}
        async with around.post(body, path="/v1/completions") as answer:
            assert answer.status == 200
            assert answer.headers["x-ratelimit-remaining-requests"] == "59"
        async with around.post({**body, "max_tokens": 34}, path="/v1/completions") as answer:
            assert answer.status == 429, "34 tokens for each of three prompts are more than 100"
        assert len(around.sent()) == 3
        first, second = around.lines()
    assert (first["endpoint"], first["status"], second["status"]) == ("completions", 200, 429)
    assert first["output_tokens"] == 9
