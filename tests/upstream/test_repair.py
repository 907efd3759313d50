"""Repairs against an emulated Telnyx that really refuses, with bodies as translation writes them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from proxy import codec
from proxy.emulator.server import Emulator
from proxy.emulator.server import running as emulator_running
from proxy.errors import InvalidRequest, UpstreamFailed
from proxy.translation import chat, quirks
from proxy.translation.quirk_memory import MEMORY_SECONDS, QuirkMemory
from proxy.translation.quirks import Manner
from proxy.translation.rules import Policy
from proxy.upstream.repair import REPAIRS, Repairing, Sent, UpstreamCall, refuser
from proxy.upstream.transport import Transport
from tests.upstream.origin import Line, origin
from tests.upstream.sending import CREDENTIAL, FOREVER, PLENTY, post, rest

MODEL = "moonshotai/Kimi-K2.6"
HELLO = [{"role": "user", "content": "Hello there"}]
PIXEL = "data:image/png;base64,iVBORw0KGgo="
IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]}]
TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}]
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
FORMAT = {"type": "json_schema", "json_schema": {"name": "reply", "schema": SCHEMA, "strict": True}}
LATE_SYSTEM = [*HELLO, {"role": "system", "content": "Be brief."}]

AUTO = Manner()
NEVER = frozenset(quirks.BY_NAME)


class Time:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Desk:
    """Sends requests of OpenAI apps to one emulator, translated and repaired."""

    telnyx: Emulator
    transport: Transport
    memory: QuirkMemory = field(default_factory=QuirkMemory)
    time: Time = field(default_factory=Time)

    async def send(self, request: Mapping[str, Any], policy: Policy | None = None, **changed: Any) -> Sent:
        """What came back; a body that is not read is let go."""
        call = self.call(request, policy or Policy(), self.telnyx.base_url)
        sent = await self.repairing().send(replace(call, **changed))
        sent.answer.close()
        return sent

    def call(self, request: Mapping[str, Any], policy: Policy, base_url: str) -> UpstreamCall:
        request = {"model": MODEL, "messages": HELLO, **request}
        return UpstreamCall(
            endpoint="chat.completions",
            model=MODEL,
            outgoing=replace(post(f"{base_url}/ai/openai/chat/completions"), body=None),
            body=chat.translate(request, MODEL, policy).body,
            manner=Manner(),
            policy=policy,
        )

    def repairing(self) -> Repairing:
        return Repairing(self.transport, self.memory, self.time, PLENTY, FOREVER)

    @property
    def bodies(self) -> list[Any]:
        return [request.body for request in self.telnyx.state.requests]

    @property
    def statuses(self) -> list[int | None]:
        return [request.status for request in self.telnyx.state.requests]


@pytest.fixture
async def desk(transport: Transport) -> AsyncIterator[Desk]:
    async with asyncio.timeout(30), emulator_running() as telnyx:
        yield Desk(telnyx, transport)


def changed(sent: Sent) -> set[tuple[str, str]]:
    return {(change.kind, change.field) for change in sent.changes}


async def test_what_is_accepted_goes_out_once_and_as_it_is(desk: Desk) -> None:
    call = desk.call({}, Policy(), desk.telnyx.base_url)
    sent = await desk.repairing().send(call)
    assert (sent.answer.status, sent.refusal, sent.repairs, list(sent.changes)) == (200, b"", (), [])
    answer = codec.decode(await rest(sent.answer))
    sent.answer.close()
    assert answer["choices"][0]["message"]["content"]
    assert desk.bodies == [call.body]
    assert call.outgoing.body is None, "it is not kept for as long as the answer takes"
    assert desk.telnyx.state.requests[0].headers["authorization"] == f"Bearer {CREDENTIAL}"


@dataclass(frozen=True)
class Case:
    """A refusal that is known, and what the request looks like once it is repaired."""

    scenario: str
    quirk: str
    request: Mapping[str, Any]
    has: Mapping[str, Any] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    loses: str | None = None
    manner: Manner = AUTO
    also: tuple[tuple[str, str], ...] = ()


WORDS = {"role": "system", "content": "Be brief."}
CASES = [
    Case(
        "cap-with-tools-refused",
        "cap_with_tools",
        {"tools": TOOLS, "max_completion_tokens": 50},
        has={"tools": TOOLS},
        lacks=("max_tokens", "max_completion_tokens"),
        loses="max_tokens",
    ),
    Case(
        "stream-options-refused",
        "stream_options",
        {"stream": True, "stream_options": {"include_usage": True}},
        has={"stream": True},
        lacks=("stream_options",),
    ),
    Case(
        "json-schema-refused",
        "response_format",
        {"response_format": FORMAT},
        has={"guided_json": SCHEMA},
        lacks=("response_format",),
        also=(("converted", "response_format"),),
    ),
    Case(
        "reasoning-effort-refused",
        "reasoning_effort",
        {"reasoning_effort": "medium"},
        has={"reasoning_effort": "low"},
        loses="reasoning_effort",
        also=(("converted", "reasoning_effort"),),
    ),
    Case(
        "image-url-string",
        "image_url_string",
        {"messages": IMAGE},
        has={"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": PIXEL}]}]},
        also=(("converted", "image_url"),),
    ),
    Case(
        "image-url-object",
        "image_url_object",
        {"messages": IMAGE},
        has={"messages": IMAGE},
        manner=Manner(image_url="string"),
        also=(("converted", "image_url"),),
    ),
    Case(
        "dialect-2026-06",
        "dialect",
        {"reasoning_effort": "none", "response_format": FORMAT},
        has={"enable_thinking": False, "guided_json": SCHEMA},
        lacks=("reasoning_effort", "response_format"),
        also=(("converted", "reasoning_effort"), ("converted", "response_format")),
    ),
    Case(
        "enable-thinking-refused",
        "enable_thinking",
        {"enable_thinking": False},
        lacks=("enable_thinking",),
        loses="enable_thinking",
    ),
    Case(
        "system-merge-required",
        "system_messages",
        {"messages": LATE_SYSTEM},
        has={"messages": [WORDS, *HELLO]},
        also=(("converted", "messages"),),
    ),
    Case(
        "tools-with-schema-refused",
        "schema_with_tools",
        {"tools": TOOLS, "response_format": FORMAT},
        has={"tools": TOOLS},
        lacks=("response_format", "guided_json"),
        loses="response_format",
        also=(("emulated", "response_format"),),
    ),
    Case("strict-schema", "stream_options", {"stream": True}, has={"stream": True}, lacks=("stream_options",)),
]
cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.scenario)
losing = pytest.mark.parametrize("case", [case for case in CASES if case.loses], ids=lambda case: case.scenario)


@cases
async def test_a_known_refusal_is_repaired(desk: Desk, case: Case) -> None:
    desk.telnyx.state.choose(case.scenario)
    sent = await desk.send(case.request, manner=case.manner)
    assert sent.answer.status == 200
    assert sent.repairs == (case.quirk,)
    assert changed(sent) == {("repaired", case.quirk), *case.also}
    assert len(desk.bodies) == 2
    repaired = desk.bodies[1]
    assert {name: repaired.get(name) for name in case.has} == case.has
    assert not set(case.lacks) & set(repaired)


@cases
async def test_a_repair_that_succeeded_is_remembered_for_a_day(desk: Desk, case: Case) -> None:
    desk.telnyx.state.choose(case.scenario)
    first = await desk.send(case.request, manner=case.manner)
    desk.time.now += MEMORY_SECONDS - 1
    second = await desk.send(case.request, manner=case.manner)
    assert second.answer.status == 200
    assert second.repairs == ()  # nothing was tried again
    assert changed(second) == changed(first)  # but the client is told all the same
    assert len(desk.bodies) == 3
    assert desk.bodies[2] == desk.bodies[1]
    desk.time.now += 1
    third = await desk.send(case.request, manner=case.manner)
    assert third.repairs == (case.quirk,)
    assert len(desk.bodies) == 5


@cases
async def test_what_is_remembered_holds_for_one_model_and_endpoint(desk: Desk, case: Case) -> None:
    desk.telnyx.state.choose(case.scenario)
    await desk.send(case.request, manner=case.manner)
    others: list[dict[str, Any]] = [{"model": "zai-org/GLM-5.2"}, {"endpoint": "another"}]
    for other in others:
        sent = await desk.send(case.request, manner=case.manner, **other)
        assert sent.repairs == (case.quirk,)


@cases
async def test_a_repair_that_did_not_help_is_not_remembered(desk: Desk, case: Case) -> None:
    """The refusal is real; what the repaired request then meets is another failure."""
    desk.telnyx.state.choose(case.scenario)
    refused = await desk.send(case.request, manner=replace(case.manner, off=NEVER))

    async def script(line: Line) -> None:
        await line.request()
        await line.say(response(refused.answer.status, refused.refusal))
        await line.request()
        await line.say(response(500, b"another failure"))

    async with origin(script) as server:
        call = desk.call(case.request, Policy(), server.url.removesuffix("/v2/chat"))
        sent = await desk.repairing().send(replace(call, manner=case.manner))
    assert (sent.answer.status, sent.refusal, sent.repairs) == (500, b"another failure", (case.quirk,))
    assert len(server.requests) == 2
    assert desk.memory.recall(call.endpoint, call.model, desk.time()) == []


def response(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d Said\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


@cases
async def test_a_quirk_that_is_pinned_off_is_not_repaired(desk: Desk, case: Case) -> None:
    desk.telnyx.state.choose(case.scenario)
    sent = await desk.send(case.request, manner=replace(case.manner, off=frozenset({case.quirk})))
    assert case.quirk not in sent.repairs
    assert ("repaired", case.quirk) not in changed(sent)


@cases
async def test_where_nothing_may_be_repaired_the_refusal_is_kept(desk: Desk, case: Case) -> None:
    desk.telnyx.state.choose(case.scenario)
    sent = await desk.send(case.request, manner=replace(case.manner, off=NEVER))
    assert sent.answer.status in {400, 422}
    assert codec.decode(sent.refusal)
    assert (sent.repairs, len(desk.bodies)) == ((), 1)


@cases
async def test_a_quirk_that_is_pinned_on_is_repaired_beforehand(desk: Desk, case: Case) -> None:
    desk.telnyx.state.choose(case.scenario)
    sent = await desk.send(case.request, manner=replace(case.manner, on=frozenset({case.quirk})))
    assert (sent.answer.status, sent.repairs) == (200, ())
    assert ("repaired", case.quirk) in changed(sent)
    assert len(desk.bodies) == 1


@losing
async def test_a_strict_tenant_gets_the_refusal_instead_of_a_loss(desk: Desk, case: Case) -> None:
    desk.telnyx.state.choose(case.scenario)
    assert case.loses is not None
    for policy in (Policy(unsupported="refuse"), Policy(fields={case.loses: "refuse"})):
        sent = await desk.send(case.request, policy)
        assert sent.answer.status in {400, 422}
        assert case.quirk not in sent.repairs


@losing
async def test_what_others_have_taught_does_not_cost_a_strict_tenant_anything(desk: Desk, case: Case) -> None:
    desk.telnyx.state.choose(case.scenario)
    assert (await desk.send(case.request)).answer.status == 200
    strict = await desk.send(case.request, Policy(unsupported="refuse"))
    assert strict.answer.status in {400, 422}
    assert desk.bodies[2] == desk.bodies[0]


@losing
async def test_a_pinned_loss_is_refused_for_a_strict_tenant(desk: Desk, case: Case) -> None:
    manner = replace(case.manner, on=frozenset({case.quirk}))
    with pytest.raises(InvalidRequest) as caught:
        await desk.send(case.request, Policy(unsupported="refuse"), manner=manner)
    assert caught.value.code == "unsupported_parameter"
    assert desk.bodies == []


async def test_several_quirks_are_repaired_one_after_the_other(desk: Desk) -> None:
    desk.telnyx.state.choose("stream-options-refused+reasoning-effort-refused+system-merge-required")
    request = {"stream": True, "reasoning_effort": "max", "messages": LATE_SYSTEM}
    sent = await desk.send(request)
    assert sent.answer.status == 200
    assert sorted(sent.repairs) == ["reasoning_effort", "stream_options", "system_messages"]
    assert desk.statuses == [400, 400, 400, 200]
    again = await desk.send(request)
    assert (again.answer.status, again.repairs) == (200, ())
    assert len(desk.bodies) == 5


async def test_more_quirks_than_the_most_are_given_up(desk: Desk) -> None:
    refusing = ("stream-options", "reasoning-effort", "system-merge", "enable-thinking")
    names = {"system-merge": "system-merge-required"}
    desk.telnyx.state.choose("+".join(names.get(name, f"{name}-refused") for name in refusing))
    request = {"stream": True, "reasoning_effort": "max", "messages": LATE_SYSTEM, "enable_thinking": True}
    sent = await desk.send(request)
    assert sent.answer.status == 400
    assert len(sent.repairs) == REPAIRS
    assert len(desk.bodies) == 1 + REPAIRS
    assert codec.decode(sent.refusal)["errors"]
    assert desk.memory.recall("chat.completions", MODEL, desk.time()) == []


async def test_the_same_quirk_is_not_repaired_twice(desk: Desk) -> None:
    """Telnyx names a value as supported and then refuses it as well."""
    desk.telnyx.state.choose("reasoning-effort-refused")

    async def script(line: Line) -> None:
        for value in ("low", "medium", "max"):
            await line.request()
            said = {"detail": f"reasoning_effort is not supported with this model. Supported values are: {value}."}
            await line.say(response(400, codec.encode(said)))

    async with origin(script) as server:
        call = desk.call({"reasoning_effort": "high"}, Policy(), server.url.removesuffix("/v2/chat"))
        sent = await desk.repairing().send(call)
    assert (sent.answer.status, sent.repairs) == (400, ("reasoning_effort",))
    assert b"medium" in sent.refusal
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [401, 403, 404, 409, 413, 429, 500, 503])
async def test_other_statuses_lead_to_no_repair(desk: Desk, status: int) -> None:
    said = b'{"detail": "stream_options is not supported"}'

    async def script(line: Line) -> None:
        await line.request()
        await line.say(response(status, said))

    async with origin(script) as server:
        call = desk.call({"stream": True}, Policy(), server.url.removesuffix("/v2/chat"))
        sent = await desk.repairing().send(call)
    assert (sent.answer.status, sent.refusal, sent.repairs) == (status, said, ())
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 422])
async def test_a_refusal_that_nobody_knows_is_handed_on(desk: Desk, status: int) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.say(response(status, b"<html>No.</html>"))

    async with origin(script) as server:
        call = desk.call({"stream": True}, Policy(), server.url.removesuffix("/v2/chat"))
        sent = await desk.repairing().send(call)
    assert (sent.answer.status, sent.refusal, sent.repairs) == (status, b"<html>No.</html>", ())


async def test_a_refusal_is_bounded_in_size(desk: Desk) -> None:
    gone = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.say(b"HTTP/1.1 400 Bad\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 2000)
        await line.gone()
        gone.set()

    async with origin(script) as server:
        call = desk.call({}, Policy(), server.url.removesuffix("/v2/chat"))
        with pytest.raises(UpstreamFailed, match="larger than 1000 bytes"):
            await Repairing(desk.transport, desk.memory, desk.time, 1000, FOREVER).send(call)
        await gone.wait()


def test_what_a_tenant_refuses_is_said_by_the_field_then_by_the_whole() -> None:
    refuses = refuser(Policy(unsupported="refuse", fields={"max_tokens": "drop"}))
    assert not refuses("max_tokens")
    assert refuses("logit_bias")
    refuses = refuser(Policy(unsupported="drop", fields={"max_tokens": "refuse"}))
    assert refuses("max_tokens")
    assert not refuses("logit_bias")


def test_every_quirk_is_met_here() -> None:
    """But the one of OpenAI's own models, which no scenario has, and the one of messages, which the journeys meet."""
    assert {case.quirk for case in CASES} == set(quirks.BY_NAME) - {"max_completion_tokens", "thinking"}


async def test_the_form_in_which_a_request_will_be_sent_is_known_beforehand(desk: Desk) -> None:
    desk.telnyx.state.choose("cap-with-tools-refused")
    request = {"max_tokens": 5, "tools": TOOLS}
    call = desk.call(request, Policy(), desk.telnyx.base_url)
    repairing = desk.repairing()
    assert "max_tokens" in repairing.foresee(call)[0]
    asked: list[Any] = []

    async def again(body: Any) -> None:
        asked.append(body)

    call.again = again
    sent = await repairing.send(call)
    sent.answer.close()
    assert asked == [desk.bodies[-1]]
    assert repairing.foresee(call)[0] == desk.bodies[-1]
