"""Sending with one Telnyx key or with several; the rest is seen in the journeys of keys."""

from types import SimpleNamespace
from typing import Any

import pytest

from proxy.accounts.credentials import Rota, Turn
from proxy.accounts.ledger import Record
from proxy.accounts.tenants import Tenant
from proxy.clock import Clock
from proxy.edge.sending import send
from proxy.edge.services import NoLedger
from proxy.errors import UpstreamTimeout
from proxy.translation.rules import Expectation
from proxy.upstream.transport import Outgoing

EXPECTS = Expectation(input_bytes=40)


class Telnyx:
    """Answers by Telnyx key; takes a second for each."""

    def __init__(self, **answers: int | Exception) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.now = 0.0

    async def send(self, call: Any) -> Any:
        self.asked.append(call.outgoing.credential)
        self.now += 1
        answer = self.answers[call.outgoing.credential]
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(answer=SimpleNamespace(status=answer, close=lambda: None))


class Sent:
    """A request under way, and what became of it."""

    def __init__(self, telnyx: Telnyx) -> None:
        self.counted: list[tuple[str, ...]] = []
        self.said: list[dict[str, Any]] = []
        self.record = Record("req_1", 0.0)
        self.exchange: Any = SimpleNamespace(
            record=self.record,
            services=SimpleNamespace(
                clock=Clock(wall=lambda: telnyx.now, steady=lambda: telnyx.now),
                upstream=telnyx,
                ledger=NoLedger(),
                metrics=SimpleNamespace(count=lambda *what: self.counted.append(what)),
                log=SimpleNamespace(alert=lambda event, **details: self.said.append({"event": event, **details})),
                settings=SimpleNamespace(upstream=SimpleNamespace(set_aside=300)),
            ),
        )

    async def by(self, tenant: Tenant) -> int:
        call: Any = SimpleNamespace(outgoing=Outgoing("POST", "http://telnyx", tenant.credential))
        sent = await send(self.exchange, tenant, call, EXPECTS)
        return sent.answer.status


def tenant(*names: str) -> Tenant:
    rota = Rota([Turn(name, name) for name in names]) if len(names) > 1 else None
    return Tenant("acme", names[0], rota=rota)


async def test_a_single_key_that_is_refused_is_counted_and_its_answer_handed_on() -> None:
    sent = Sent(telnyx := Telnyx(one=401))
    assert await sent.by(tenant("one")) == 401
    assert sent.counted == [("telnyx_proxy_credential_refusals_total", "acme", "")]
    assert (telnyx.asked, sent.record.waited) == (["one"], 1.0)


async def test_of_several_the_next_one_serves_and_the_refused_one_rests() -> None:
    telnyx = Telnyx(one=401, two=401, three=200)
    whose = tenant("one", "two", "three")
    sent = Sent(telnyx)
    assert await sent.by(whose) == 200
    assert await sent.by(whose) == 200
    assert telnyx.asked == ["one", "two", "three", "three"]
    assert [said["credential"] for said in sent.said] == ["one", "two"]
    assert sent.record.waited == 4.0
    telnyx.now = 302.0
    await sent.by(whose)
    assert set(telnyx.asked[4:]) <= {"one", "two", "three"}
    assert len(telnyx.asked) > 4


async def test_where_all_are_refused_the_last_answer_is_handed_on() -> None:
    telnyx = Telnyx(one=401, two=401)
    whose = tenant("one", "two")
    sent = Sent(telnyx)
    assert await sent.by(whose) == 401
    assert await sent.by(whose) == 401, "with all of them set aside it is tried all the same"
    assert len(telnyx.asked) == 3


@pytest.mark.parametrize("whose", [tenant("one"), tenant("one", "two")])
async def test_waiting_in_vain_has_consumed_the_prompt(whose: Tenant) -> None:
    sent = Sent(Telnyx(one=UpstreamTimeout("no answer"), two=UpstreamTimeout("no answer")))
    with pytest.raises(UpstreamTimeout):
        await sent.by(whose)
    assert (sent.record.usage.input, sent.record.usage.source) == (10, "estimated")
    assert sent.record.waited == 1.0


def test_every_key_of_a_tenant_is_a_secret() -> None:
    assert tenant("one").secrets() == ("one",)
    assert tenant("one", "two").secrets() == ("one", "two")
