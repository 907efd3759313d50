from proxy.accounts.ledger import Record
from proxy.admin.dashboard.live import Live
from proxy.clock import Clock
from proxy.telemetry.metrics import Metrics
from proxy.usage import Usage
from tests.admin.bureau import OWNER, tenant_admin


class Time:
    now = 100.0

    def clock(self) -> Clock:
        return Clock(steady=lambda: self.now)


def metrics() -> Metrics:
    return Metrics(lambda name: True, lambda path: True)


def spend(counted: Metrics, tenant: str, usage: Usage) -> None:
    counted.record(Record("req_1", 0.0, endpoint="chat.completions", tenant=tenant, model="m", status=200, usage=usage))


async def test_what_is_going_on() -> None:
    counted = metrics()
    counted.requests_under_way.value = 3
    counted.streams_under_way.value = 2
    spend(counted, "acme", Usage(input=100, output=20, source="upstream"))
    spend(counted, "beta", Usage(input=7, output=1, cached_input=5, reasoning=1, source="estimated"))
    seen = await Live(counted).look(OWNER, Time().clock())
    assert seen == {"at": 100.0, "requests": 3, "streams": 2, "input": 107, "output": 21}


async def test_a_tenant_admin_sees_its_own_tokens_only() -> None:
    counted = metrics()
    counted.requests_under_way.value = 3
    spend(counted, "acme", Usage(input=100, output=20, source="upstream"))
    spend(counted, "beta", Usage(input=7, output=1, source="upstream"))
    seen = await Live(counted).look(tenant_admin("beta"), Time().clock())
    assert seen == {"at": 100.0, "requests": None, "streams": None, "input": 7, "output": 1}


async def test_one_look_serves_everybody_for_a_second() -> None:
    counted, time = metrics(), Time()
    live = Live(counted)
    assert (await live.look(OWNER, time.clock()))["requests"] == 0
    counted.requests_under_way.value = 1
    time.now += 0.9
    assert (await live.look(OWNER, time.clock()))["requests"] == 0
    time.now += 0.1
    assert (await live.look(OWNER, time.clock()))["requests"] == 1
