"""The limiter of one process: what only it does. What every limiter must do stands in the contract suite."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.accounts.limits import DAY, MINUTE, Amount, BudgetGate, Counts, Gate, Gates, Places, Reservation, Share
from proxy.accounts.periods import period_start
from proxy.accounts.ports import Limiter
from proxy.errors import BudgetExhausted, ClientFault, LimitReached, RequestTooLarge
from proxy.storage.local_limiter import LocalLimiter

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
ONE = Amount()
NOTHING = Amount(0)


@dataclass
class Hand:
    """A clock turned by hand."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


def rate(limit: int, counts: Counts = "requests", span: int = MINUTE, name: str = "key:k:*") -> Gate:
    return Gate(f"{name}:{counts}:{span}", "key web", counts, limit, span)


def rates(*gates: Gate) -> Gates:
    return Gates(rates=gates)


def budget(micros: int, soft: int = 80) -> BudgetGate:
    return BudgetGate("tenant:acme:day", "tenant acme", micros, "day", soft)


@dataclass
class Bench:
    """A limiter and its clock."""

    clock: Hand = field(default_factory=Hand)

    def __post_init__(self) -> None:
        self.limiter = LocalLimiter(self.clock, patience=0.01)

    async def reserve(self, gates: Gates, amount: Amount = ONE, *, explicit: bool = True) -> Reservation:
        return await self.limiter.reserve("req_1", gates, amount, explicit=explicit)

    async def refused(self, gates: Gates, amount: Amount = ONE, *, explicit: bool = True) -> ClientFault:
        with pytest.raises(ClientFault) as caught:
            await self.reserve(gates, amount, explicit=explicit)
        return caught.value


@pytest.fixture
def bench() -> Bench:
    return Bench()


def expect_limiter(limiter: Limiter) -> Limiter:
    return limiter


def test_it_is_a_limiter() -> None:
    assert expect_limiter(LocalLimiter(Hand())) is not None


async def test_without_gates_everything_passes(bench: Bench) -> None:
    held = await bench.reserve(Gates())
    assert (held.requests, held.tokens, held.warnings, held.queued) == (None, None, (), 0.0)
    bench.limiter.settle(held, ONE)
    assert len(bench.limiter) == 0
    await bench.limiter.close()


async def test_requests_per_minute(bench: Bench) -> None:
    gates = rates(rate(2))
    first = await bench.reserve(gates)
    assert (first.request_id, first.at, first.gates, first.amount) == ("req_1", NOON, gates, ONE)
    assert first.requests is not None
    assert first.requests == ("requests", 2, 1, 61.0)
    bench.clock.now += 30.25
    await bench.reserve(gates)
    error = await bench.refused(gates)
    assert isinstance(error, LimitReached)
    assert (error.retry_after, error.type) == (30.75, "requests")
    assert error.lines == (
        "x-ratelimit-limit-requests: 2\r\nx-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 1m0.75s\r\n"
    )
    bench.clock.now += 30.75
    await bench.reserve(gates)


async def test_a_refusal_counts_nowhere(bench: Bench) -> None:
    gates = Gates(
        (rate(10), rate(5, "tokens")),
        (budget(1000),),
        (Places("p", "key web", 1),),
        (Share("s", "input", 9, "a", 1, 0),),
    )
    held = await bench.reserve(gates, Amount(1, 5, 5, 0, 10))
    bench.limiter.settle(held, Amount(1, 5, 5, 0, 10))
    for _ in range(20):
        await bench.refused(gates, Amount(1, 1, 1, 0, 10))
    bench.clock.now += 61
    held = await bench.reserve(gates, Amount(1, 5, 5, 0, 10))
    assert held.requests is not None
    assert held.requests.remaining == 9
    assert list(bench.limiter.budgets().values()) == [20]


async def test_of_several_refusals_the_longest_wait_is_told(bench: Bench) -> None:
    day, minute = rate(1, span=DAY), rate(1)
    await bench.reserve(rates(day, minute))
    for gates in (rates(day, minute), rates(minute, day)):
        error = await bench.refused(gates)
        assert error.retry_after is not None
        assert error.retry_after > MINUTE + 1
        assert "requests per day (RPD)" in error.message


async def test_hopeless_refusals_come_first(bench: Bench) -> None:
    gates = Gates((rate(1), rate(10, "tokens")), (budget(10),))
    await bench.reserve(gates, Amount(micros=10))
    assert isinstance(await bench.refused(gates, Amount(1, 11, micros=1)), RequestTooLarge)
    assert isinstance(await bench.refused(gates, Amount(1, 1, micros=1)), BudgetExhausted)
    assert isinstance(await bench.refused(gates, Amount(1, 1)), LimitReached)


async def test_an_amount_is_cut_at_each_gate_and_settled_there(bench: Bench) -> None:
    gates = Gates((rate(100, "tokens"), rate(1000, "output")), shares=(Share("s", "output", 500, "a", 1, 0.1),))
    held = await bench.reserve(gates, Amount(1, 50, 50, 800), explicit=False)
    assert held.tokens is not None
    assert held.tokens == ("tokens", 100, 0, 61.0)
    bench.limiter.settle(held, Amount(1, 50, 50, 20))
    held = await bench.reserve(gates, Amount(1, 10, 10, 20))
    assert held.tokens == ("tokens", 100, 0, 61.0)
    limiter = bench.limiter
    assert limiter._windows["key:k:*:output:60"].total == 40
    assert limiter._pools["s"].used(NOON) == 40


async def test_an_explicit_amount_is_refused_for_good(bench: Bench) -> None:
    error = await bench.refused(rates(rate(1000, "tokens")), Amount(1, 200, 200, 1000))
    assert isinstance(error, RequestTooLarge)
    assert "on tokens per min (TPM): Limit 1000, Requested 1200." in error.message
    share = Gates(shares=(Share("s", "output", 100, "a", 1, 0.1),))
    assert isinstance(await bench.refused(share, Amount(1, 1, 1, 91)), RequestTooLarge)


async def test_the_tightest_rate_of_each_kind_is_told(bench: Bench) -> None:
    gates = rates(
        rate(9), rate(5, span=DAY), rate(7, name="t"), rate(50, "tokens"), rate(70, "input"), rate(90, "output")
    )
    held = await bench.reserve(gates, Amount(1, 10, 10, 10))
    assert held.requests is not None
    assert held.tokens is not None
    assert (held.requests.limit, held.requests.remaining) == (5, 4)
    assert held.tokens == ("tokens", 50, 30, 61.0)


async def test_settling_twice_does_nothing_the_second_time(bench: Bench) -> None:
    gates = Gates((rate(10, "tokens"),), (budget(100),), (Places("p", "key web", 1),))
    held = await bench.reserve(gates, Amount(1, 8, 8, 0, 50))
    for _ in range(3):
        bench.limiter.settle(held, Amount(1, 2, 2, 0, 20))
    assert held.settled
    assert bench.limiter._windows["key:k:*:tokens:60"].total == 2
    assert bench.limiter.budgets() == {("tenant:acme:day", period_start("day", NOON)): 20}
    assert bench.limiter.take_spent() == {("tenant:acme:day", period_start("day", NOON)): 20}
    assert bench.limiter.take_spent() == {}


async def test_a_reservation_of_another_limiter_is_left_alone(bench: Bench) -> None:
    other = Reservation("req_1", NOON, rates(rate(1)), ONE)
    bench.limiter.settle(other, ONE)
    assert not other.settled


async def test_settling_after_the_window_has_passed(bench: Bench) -> None:
    gates = rates(rate(10), rate(100, "tokens"))
    less, more = await bench.reserve(gates, Amount(1, 20)), await bench.reserve(gates, Amount(1, 20))
    bench.clock.now += 300
    await bench.reserve(gates, Amount(1, 1))
    bench.limiter.settle(less, Amount(1, 5))
    bench.limiter.settle(more, Amount(1, 50))
    held = await bench.reserve(gates, Amount(1, 1))
    assert held.tokens is not None
    assert held.tokens.remaining == 100 - 1 - 1 - 30


async def test_settling_at_a_gate_that_was_forgotten_counts_what_came_on_top(bench: Bench) -> None:
    gates = rates(rate(100, "tokens"))
    held = await bench.reserve(gates, Amount(1, 20))
    bench.clock.now += 300
    await bench.reserve(rates(rate(1, name="other")))
    assert list(bench.limiter._windows) == ["other:requests:60"]
    bench.limiter.settle(held, Amount(1, 25))
    assert bench.limiter._windows["key:k:*:tokens:60"].total == 5


async def test_what_took_nothing_and_was_forgotten_counts_what_it_used(bench: Bench) -> None:
    mine = rates(rate(10, "tokens"))
    held = await bench.reserve(mine, NOTHING)
    bench.clock.now += 2
    for number in range(3):
        await bench.reserve(rates(rate(10, name=f"key:{number}:*")))
    bench.limiter.settle(held, Amount(1, input=10))
    assert isinstance(await bench.refused(mine, Amount(1, input=1)), LimitReached)


async def test_a_budget_counts_what_is_reserved_and_what_is_spent(bench: Bench) -> None:
    gates = Gates(budgets=(budget(100),))
    held = await bench.reserve(gates, Amount(micros=60))
    error = await bench.refused(gates, Amount(micros=41))
    assert isinstance(error, BudgetExhausted)
    assert error.retry_after is None
    assert "It begins anew at 2026-11-22T00:00:00Z" in error.message
    assert (await bench.reserve(gates, Amount(micros=40))).warnings == ((gates.budgets[0], 100),)
    bench.limiter.settle(held, Amount(micros=10))
    assert (await bench.reserve(gates, Amount(micros=29))).warnings == ()
    assert (await bench.reserve(gates, Amount(micros=1))).warnings == ((gates.budgets[0], 80),)


async def test_a_reservation_belongs_to_the_period_in_which_it_was_made(bench: Bench) -> None:
    gates, today = Gates(budgets=(budget(100),)), period_start("day", NOON)
    held = await bench.reserve(gates, Amount(micros=100))
    bench.clock.now += DAY
    await bench.reserve(gates, Amount(micros=100))
    bench.limiter.settle(held, Amount(micros=70))
    assert bench.limiter.take_spent() == {("tenant:acme:day", today): 70}
    assert bench.limiter.budgets() == {("tenant:acme:day", today + DAY): 100}


async def test_a_call_that_cost_nothing_is_not_told_to_the_store(bench: Bench) -> None:
    gates = Gates(budgets=(budget(100),))
    bench.limiter.settle(await bench.reserve(gates, Amount(micros=100)), NOTHING)
    assert bench.limiter.take_spent() == {}
    await bench.reserve(gates, Amount(micros=100))


async def test_what_was_spent_before_is_counted_and_never_lowered(bench: Bench) -> None:
    gates, today = Gates(budgets=(budget(100),)), period_start("day", NOON)
    name = ("tenant:acme:day", today)
    await bench.limiter.prime({name: 50, ("tenant:acme:day", today - DAY): 99})
    await bench.limiter.prime({name: 40})
    assert bench.limiter.budgets()[name] == 50
    held = await bench.reserve(gates, Amount(micros=50))
    await bench.limiter.prime({name: 20})
    assert bench.limiter.budgets()[name] == 100
    bench.limiter.settle(held, Amount(micros=5))
    await bench.limiter.prime({name: 60})  # which the store knows without the 5 it has not been told
    assert bench.limiter.budgets()[name] == 65
    bench.limiter.take_spent()
    await bench.limiter.prime({name: 65})
    assert bench.limiter.budgets()[name] == 65


async def test_a_total_never_begins_anew(bench: Bench) -> None:
    gates = Gates(budgets=(BudgetGate("tenant:acme:total", "tenant acme", 100, "total"),))
    bench.limiter.settle(await bench.reserve(gates, Amount(micros=100)), Amount(micros=100))
    bench.clock.now += 400 * DAY
    assert isinstance(await bench.refused(gates, Amount(micros=1)), BudgetExhausted)


async def test_places_are_given_back_when_settled_or_refused(bench: Bench) -> None:
    place = Places("p", "key web", 1)
    gates = Gates((rate(1),), places=(place,))
    held = await bench.reserve(gates)
    error = await bench.refused(gates)
    assert isinstance(error, LimitReached)
    assert (error.limit, error.retry_after) == ("concurrent", 1.0)
    assert "x-ratelimit-remaining-requests: 0" in error.lines
    bench.limiter.settle(held, ONE)
    assert isinstance(await bench.refused(gates), LimitReached)  # by the rate; its place is free again
    held = await bench.reserve(Gates(places=(place,)))
    bench.limiter.settle(held, ONE)
    assert bench.limiter.waiting("p") == 0
    assert len(bench.limiter) == 1


async def test_a_request_that_waited_is_reserved_when_it_has_its_place(bench: Bench) -> None:
    gates = Gates((rate(10),), places=(Places("p", "key web", 1, 1),))
    limiter = LocalLimiter(bench.clock)
    held = await limiter.reserve("req_1", gates, ONE, explicit=True)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(limiter.reserve("req_2", gates, ONE, explicit=True))
        await until(lambda: limiter.waiting("p") == 1)
        bench.clock.now += 2.5
        limiter.settle(held, ONE)
    assert (waiting.result().queued, waiting.result().at) == (2.5, NOON + 2.5)


async def test_a_request_cancelled_in_the_queue_leaves_nothing_behind(bench: Bench) -> None:
    gates = Gates((rate(10),), places=(Places("p", "key web", 1, 1),))
    limiter = LocalLimiter(bench.clock)
    held = await limiter.reserve("req_1", gates, ONE, explicit=True)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(limiter.reserve("req_2", gates, ONE, explicit=True))
        await until(lambda: limiter.waiting("p") == 1)
        waiting.cancel()
    assert limiter.waiting("p") == 0
    limiter.settle(held, NOTHING)
    last = await limiter.reserve("req_3", gates, ONE, explicit=True)
    assert last.requests is not None
    assert last.requests.remaining == 9


async def test_a_share_refuses_with_the_time_at_which_it_will_not(bench: Bench) -> None:
    pool = Share("pool:*:input", "input", 100, "a", 1, 0.1)
    mine, other = Gates(shares=(pool,)), Gates(shares=(replace(pool, tenant="b"),))
    held = await bench.reserve(mine, Amount(1, 90))
    await bench.reserve(other, Amount(1, 10))
    error = await bench.refused(other, Amount(1, 20))
    assert isinstance(error, LimitReached)
    assert (error.limit, error.type, error.retry_after) == ("share", "tokens", 61.0)
    bench.limiter.settle(held, Amount(1, 50))
    await bench.reserve(other, Amount(1, 20))


async def test_time_that_goes_back_neither_opens_nor_closes_a_gate(bench: Bench) -> None:
    gates = Gates((rate(1),), (budget(10),))
    await bench.reserve(gates)
    bench.clock.now -= 3600
    assert (await bench.refused(gates)).retry_after == 61.0
    bench.clock.now += 60
    assert (await bench.refused(gates)).retry_after == 1.0
    bench.clock.now += 1
    await bench.reserve(gates)


async def test_what_is_idle_is_forgotten(bench: Bench) -> None:
    for number in range(10_000):
        name = f"key:{number}"
        gates = Gates(
            (rate(10, name=name), rate(10, "tokens", name=name)),
            (BudgetGate(f"{name}:day", name, 10**9, "day"),),
            (Places(f"{name}:concurrent", name, 3),),
        )
        bench.limiter.settle(await bench.reserve(gates), ONE)
        bench.clock.now += 40
    assert len(bench.limiter._windows) < 10
    assert len(bench.limiter._rooms) == 0
    assert len(bench.limiter._purses) <= 2 * DAY // 40 + 2


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - any condition
            await asyncio.sleep(0)


LIMIT = 1000
KINDS: dict[str, Gates] = {
    "rpm": rates(rate(60)),
    "rpd": rates(rate(60, span=DAY)),
    "tpm": rates(rate(LIMIT, "tokens")),
    "input": rates(rate(LIMIT, "input")),
    "uncached": rates(rate(LIMIT, "uncached_input")),
    "output": rates(rate(LIMIT, "output")),
    "concurrent": Gates(places=(Places("p", "key web", 20, 30),)),
    "budget": Gates(budgets=(budget(LIMIT),)),
    "share": Gates(shares=(Share("s", "output", LIMIT, "a", 1, 0.0),)),
}
BOUND = {"rpm": 60, "rpd": 60, "concurrent": 20}


def part(kind: str, amount: Amount) -> int:
    counts: dict[str, Counts] = {"tpm": "tokens", "input": "input", "uncached": "uncached_input"}
    if kind in ("rpm", "rpd", "concurrent"):
        return amount.requests
    return amount.micros if kind == "budget" else amount.of(counts.get(kind, "output"))


async def turns(number: int) -> None:
    """Let others go first, so many times."""
    for _ in range(number):
        await asyncio.sleep(0)


@pytest.mark.parametrize("overrun", [0, 500])
@pytest.mark.parametrize("kind", KINDS)
async def test_200_callers_at_once_never_pass_a_limit_together(kind: str, overrun: int) -> None:
    """Settled in any order, some aborted. An overrun is what one answer took beyond its reservation."""
    chance, clock = random.Random(kind), Hand()  # noqa: S311 - a test that can be repeated
    limiter, gates = LocalLimiter(clock, patience=0.05), KINDS[kind]
    used, under_way, most, admitted, refused, overruns = 0, 0, 0, 0, 0, 0

    async def caller() -> None:
        nonlocal used, under_way, most, admitted, refused, overruns
        await turns(chance.randint(0, 60))
        tokens = chance.randint(10, 50)
        reserved = Amount(1, tokens, tokens // 2, tokens, tokens)
        try:
            held = await limiter.reserve("req", gates, reserved, explicit=True)
        except (LimitReached, BudgetExhausted):
            refused += 1
            return
        admitted, under_way = admitted + 1, under_way + 1
        actual = Amount(1, *(count // chance.choice([1, 1, 1, 1, 2, 5]) for count in reserved[1:]))
        try:
            most = max(most, under_way if kind == "concurrent" else used + part(kind, actual))
            await turns(chance.randint(0, 30))
            if overrun and refused > 20 and not overruns and kind not in BOUND:  # nothing is left, and one takes more
                actual = Amount(1, *(count + overrun for count in reserved[1:]))
                overruns = part(kind, actual) - part(kind, reserved)
        except asyncio.CancelledError:
            actual = Amount(1, *(count // 2 for count in actual[1:]))  # aborted: what had come until then
            raise
        finally:
            used, under_way = used + part(kind, actual), under_way - 1
            most = max(most, 0 if kind == "concurrent" else used)
            limiter.settle(held, actual)

    async with asyncio.TaskGroup() as tasks:
        callers = [tasks.create_task(caller()) for _ in range(200)]
        while not all(task.done() for task in callers):
            if chance.random() < 0.2:
                chance.choice(callers).cancel()
            await asyncio.sleep(0)
    bound = BOUND.get(kind, LIMIT)
    assert admitted
    assert refused
    assert most <= bound + overruns


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.0, 0.5, 3.0, 30.0, 62.0, 50_000.0]),
            st.integers(0, 60),  # input
            st.integers(0, 60),  # output
            st.floats(0, 1.5),  # how much of it is used
            st.integers(0, 3),  # how many stay open
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_whatever_happens_no_count_is_negative_and_none_is_lost(
    steps: list[tuple[float, int, int, float, int, bool]],
) -> None:
    clock = Hand()
    limiter = LocalLimiter(clock)
    gates = Gates(
        (rate(9), rate(40, span=DAY), rate(100, "tokens")),
        (budget(500),),
        (Places("p", "key web", 3),),
        (Share("s", "input", 90, "a", 1, 0.1),),
    )

    async def run() -> None:
        open_, spent = list[tuple[Reservation, Amount]](), 0

        def settle() -> None:
            nonlocal spent
            held, actual = open_.pop(0)
            limiter.settle(held, actual)
            spent += actual.micros

        for pause, given_, made, used, stay, explicit in steps:
            clock.now += pause
            amount = Amount(1, given_, given_ // 2, made, given_ + made)
            while len(open_) > stay:
                settle()
            try:
                held = await limiter.reserve("req", gates, amount, explicit=explicit)
                open_.append((held, Amount(1, *(int(count * used) for count in amount[1:]))))
            except ClientFault as error:
                assert error.retry_after is None or error.retry_after > 0  # noqa: PT017 - both ways are right
            for window in limiter._windows.values():
                assert window.total == sum(window.counts.values())
                assert all(count >= 0 for count in window.counts.values())
            assert all(purse.reserved >= 0 for purse in limiter._purses.values())
        while open_:
            settle()
        assert sum(limiter.take_spent().values()) == spent
        assert not any(purse.reserved for purse in limiter._purses.values())
        assert len(limiter._rooms) == 0

    asyncio.run(run())
