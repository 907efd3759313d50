"""What every limiter must do: the same tests on the one in memory and on the one in Redis."""

import asyncio

import pytest

from proxy.accounts.limits import Amount, Gates
from proxy.errors import BudgetExhausted, LimitReached, RequestTooLarge
from tests.storage.limiters import Bench, admitted, bench, budget, hasty_bench, one_redis, places, rate, redis, share

__all__ = ["bench", "hasty_bench", "one_redis", "redis"]

NOTHING = Amount(requests=0)
DAY = 86_400


async def test_a_rate_admits_as_many_as_its_limit_and_again_when_they_have_left(bench: Bench) -> None:
    gates = Gates(rates=(rate(3),))
    assert await admitted(bench.limiter, gates, Amount(), 5) == 3
    await bench.turn(60.999)
    assert await admitted(bench.limiter, gates, Amount(), 5) == 0
    await bench.turn(0.001)
    assert await admitted(bench.limiter, gates, Amount(), 5) == 3


async def test_a_refusal_tells_exactly_how_long_to_wait(bench: Bench) -> None:
    gates = Gates(rates=(rate(2),))
    await bench.turn(0.25)
    await bench.limiter.reserve("a", gates, Amount(), explicit=False)
    await bench.turn(10)
    await bench.limiter.reserve("b", gates, Amount(), explicit=False)
    with pytest.raises(LimitReached) as caught:
        await bench.limiter.reserve("c", gates, Amount(), explicit=False)
    assert caught.value.retry_after == pytest.approx(50.75, abs=1e-5)
    assert "Limit 2, Used 2, Requested 1" in caught.value.message
    assert "x-ratelimit-remaining-requests: 0\r\n" in caught.value.lines
    assert "x-ratelimit-reset-requests: 1m0.75s\r\n" in caught.value.lines
    await bench.turn(50.75 + 1e-5)
    await bench.limiter.reserve("c", gates, Amount(), explicit=False)


async def test_standings_are_those_of_the_tightest_rate_of_each_kind(bench: Bench) -> None:
    gates = Gates(rates=(rate(5), rate(3, span=DAY), rate(1000, "tokens"), rate(400, "output")))
    held = await bench.limiter.reserve("a", gates, Amount(input=100, output=50), explicit=False)
    assert held.requests is not None
    assert held.tokens is not None
    assert held.requests[:3] == ("requests", 3, 2)
    assert held.requests.reset == pytest.approx(61 * 1440)
    assert held.tokens[:3] == ("output", 400, 350)
    assert held.tokens.reset == pytest.approx(61)
    assert not held.queued


async def test_settling_gives_back_what_was_not_used_and_counts_what_was_used_beyond(bench: Bench) -> None:
    gates = Gates(rates=(rate(100, "tokens"),))
    held = await bench.limiter.reserve("a", gates, Amount(input=10, output=90), explicit=False)
    assert await admitted(bench.limiter, gates, Amount(input=1), 1) == 0
    bench.limiter.settle(held, Amount(input=10, output=20))
    assert held.settled
    assert await admitted(bench.limiter, gates, Amount(input=10), 10) == 7
    bench.limiter.settle(held, NOTHING)  # a second time does nothing
    assert await admitted(bench.limiter, gates, Amount(input=10), 1) == 0


async def test_settling_more_than_was_reserved_keeps_others_out(bench: Bench) -> None:
    gates = Gates(rates=(rate(100, "tokens"),))
    held = await bench.limiter.reserve("a", gates, Amount(input=10), explicit=False)
    bench.limiter.settle(held, Amount(input=130))
    assert await admitted(bench.limiter, gates, Amount(input=1), 1) == 0
    await bench.turn(61)
    assert await admitted(bench.limiter, gates, Amount(input=50), 3) == 2


async def test_what_is_settled_after_its_slot_has_left_counts_only_if_it_is_more(bench: Bench) -> None:
    gates = Gates(rates=(rate(100, "tokens"),))
    less = await bench.limiter.reserve("a", gates, Amount(input=50), explicit=False)
    more = await bench.limiter.reserve("b", gates, Amount(input=50), explicit=False)
    await bench.turn(70)
    bench.limiter.settle(less, Amount(input=10))
    bench.limiter.settle(more, Amount(input=80))
    assert await admitted(bench.limiter, gates, Amount(input=10), 10) == 7


async def test_a_request_larger_than_a_limit_is_cut_unless_the_client_named_its_size(bench: Bench) -> None:
    gates = Gates(rates=(rate(100, "tokens"),))
    with pytest.raises(RequestTooLarge, match="Limit 100, Requested 150"):
        await bench.limiter.reserve("a", gates, Amount(input=150), explicit=True)
    held = await bench.limiter.reserve("b", gates, Amount(input=150), explicit=False)
    assert await admitted(bench.limiter, gates, Amount(input=1), 1) == 0
    bench.limiter.settle(held, Amount(input=120))
    await bench.turn(61)
    assert await admitted(bench.limiter, gates, Amount(input=100), 1) == 1


async def test_a_limit_of_nothing_admits_nothing(bench: Bench) -> None:
    with pytest.raises(RequestTooLarge):
        await bench.limiter.reserve("a", Gates(rates=(rate(0),)), Amount(), explicit=False)


async def test_all_gates_or_none(bench: Bench) -> None:
    open_, shut = rate(10, name="open"), rate(1, name="shut")
    pot, room = budget(1000), places(5)
    gates = Gates(rates=(open_, shut), budgets=(pot,), places=(room,))
    assert await admitted(bench.limiter, gates, Amount(micros=100), 4) == 1
    assert await admitted(bench.limiter, Gates(rates=(open_,)), Amount(), 20) == 9
    assert await admitted(bench.limiter, Gates(budgets=(pot,)), Amount(micros=100), 20) == 9
    assert await admitted(bench.limiter, Gates(places=(room,)), Amount(), 20) == 4


async def test_the_longest_wait_of_several_rates_is_told(bench: Bench) -> None:
    gates = Gates(rates=(rate(1), rate(1, span=DAY)))
    await bench.limiter.reserve("a", gates, Amount(), explicit=False)
    with pytest.raises(LimitReached, match="requests per day"):
        await bench.limiter.reserve("b", gates, Amount(), explicit=False)


async def test_a_budget_counts_what_is_spent_and_what_is_reserved(bench: Bench) -> None:
    gates = Gates(budgets=(budget(1_000_000),))
    first = await bench.limiter.reserve("a", gates, Amount(micros=600_000), explicit=False)
    with pytest.raises(BudgetExhausted, match=r"Limit \$1\.00, Used \$0\.60, Requested \$0\.50") as caught:
        await bench.limiter.reserve("b", gates, Amount(micros=500_000), explicit=False)
    assert caught.value.should_retry is False
    assert bench.limiter.take_spent() == {}
    bench.limiter.settle(first, Amount(micros=100_000))
    second = await bench.limiter.reserve("b", gates, Amount(micros=900_000), explicit=False)
    [(name, begun)] = bench.limiter.take_spent()
    assert (name, begun) == ("tenant:acme:day", 1_767_571_200)
    assert bench.limiter.budgets() == {(name, begun): 1_000_000}
    bench.limiter.settle(second, Amount(micros=900_001))
    assert bench.limiter.take_spent() == {(name, begun): 900_001}
    assert bench.limiter.take_spent() == {}


async def test_budgets_beyond_their_soft_limit_are_told(bench: Bench) -> None:
    soft, hard = budget(1000, "day", 50), budget(2000, "total")
    gates = Gates(budgets=(soft, hard))
    assert (await bench.limiter.reserve("a", gates, Amount(micros=499), explicit=False)).warnings == ()
    held = await bench.limiter.reserve("b", gates, Amount(micros=1), explicit=False)
    assert held.warnings == ((soft, 500),)


@pytest.mark.parametrize(
    ("per", "start", "seconds", "begins"),
    [
        ("day", 0, DAY, 1_767_657_600),
        ("week", 0, 7 * DAY, 1_768_176_000),
        ("month", 0, 27 * DAY, 1_769_904_000),
        ("month", 54 * DAY, DAY, 1_772_323_200),  # 2026-03-01, after February
        ("month", 785 * DAY, DAY, 1_835_481_600),  # 2028-03-01, after the 29th
    ],
)
async def test_a_budget_is_counted_anew_with_every_period(
    bench: Bench, per: str, start: int, seconds: int, begins: int
) -> None:
    await bench.turn(start)
    gates = Gates(budgets=(budget(100, per),))
    held = await bench.limiter.reserve("a", gates, Amount(micros=100), explicit=False)
    await bench.turn(seconds - 0.001)
    assert await admitted(bench.limiter, gates, Amount(micros=1), 1) == 0
    await bench.turn(0.001)
    assert await admitted(bench.limiter, gates, Amount(micros=60), 1) == 1
    bench.limiter.settle(held, Amount(micros=90))  # of the period before: it takes nothing from this one
    assert await admitted(bench.limiter, gates, Amount(micros=40), 2) == 1
    [(_, settled)] = bench.limiter.take_spent()
    assert settled < begins
    assert (gates.budgets[0].id, begins) in bench.limiter.budgets()


async def test_a_budget_in_total_never_begins_anew(bench: Bench) -> None:
    gates = Gates(budgets=(budget(100, "total"),))
    await bench.limiter.reserve("a", gates, Amount(micros=100), explicit=False)
    await bench.turn(300 * DAY)
    with pytest.raises(BudgetExhausted, match="not renewed"):
        await bench.limiter.reserve("b", gates, Amount(micros=1), explicit=False)


async def test_priming_never_lowers(bench: Bench) -> None:
    gates = Gates(budgets=(budget(100, "total"),))
    name = ("tenant:acme:total", 0)
    await bench.limiter.prime({name: 60})
    assert bench.limiter.budgets() == {name: 60}
    assert await admitted(bench.limiter, gates, Amount(micros=10), 9) == 4
    await bench.limiter.prime({name: 20})
    assert await admitted(bench.limiter, gates, Amount(micros=10), 1) == 0
    assert bench.limiter.take_spent() == {}


async def test_places_are_taken_and_given_back(bench: Bench) -> None:
    gates = Gates(places=(places(2),))
    held = await bench.limiter.reserve("a", gates, Amount(), explicit=False)
    assert await admitted(bench.limiter, gates, Amount(), 3) == 1
    with pytest.raises(LimitReached, match="concurrent requests: Limit 2"):
        await bench.limiter.reserve("b", gates, Amount(), explicit=False)
    bench.limiter.settle(held, Amount())
    assert await admitted(bench.limiter, gates, Amount(), 3) == 1


async def waiting(bench: Bench, count: int) -> None:
    async with asyncio.timeout(5):
        while bench.limiter.waiting("key:web:*:concurrent") != count:  # noqa: ASYNC110 - nobody tells when one waits
            await asyncio.sleep(0)


async def test_who_waits_is_served_in_order(bench: Bench) -> None:
    gates, served = Gates(places=(places(1, queue=3),)), list[str]()
    holder = await bench.limiter.reserve("holder", gates, Amount(), explicit=False)

    async def caller(name: str) -> None:
        held = await bench.limiter.reserve(name, gates, Amount(), explicit=False)
        served.append(name)
        bench.limiter.settle(held, Amount())

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(caller(str(number)))
            await waiting(bench, number + 1)
        with pytest.raises(LimitReached, match="Waiting 3"):
            await bench.limiter.reserve("one too many", gates, Amount(), explicit=False)
        bench.limiter.settle(holder, Amount())
    assert served == ["0", "1", "2"]
    await waiting(bench, 0)


async def test_who_waits_too_long_is_refused(hasty_bench: Bench) -> None:
    gates = Gates(places=(places(1, queue=1),))
    await hasty_bench.limiter.reserve("a", gates, Amount(), explicit=False)
    with pytest.raises(LimitReached, match="concurrent requests"):
        await hasty_bench.limiter.reserve("b", gates, Amount(), explicit=False)


async def test_who_leaves_while_waiting_holds_nothing(bench: Bench) -> None:
    gates = Gates(rates=(rate(2),), places=(places(1, queue=2),))
    holder = await bench.limiter.reserve("a", gates, Amount(), explicit=False)
    leaving = asyncio.create_task(bench.limiter.reserve("b", gates, Amount(), explicit=False))
    await waiting(bench, 1)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    assert bench.limiter.waiting("key:web:*:concurrent") == 0
    bench.limiter.settle(holder, Amount())
    assert await admitted(bench.limiter, Gates(gates.rates, places=(places(1),)), Amount(), 3) == 1


async def test_a_share_is_bounded_by_what_the_others_ask_for(bench: Bench) -> None:
    acme, other = (Gates(shares=(share(100, tenant, weight),)) for tenant, weight in (("acme", 1), ("other", 2)))
    assert await admitted(bench.limiter, acme, Amount(input=10), 20) == 9  # alone: all but what is kept for newcomers
    assert await admitted(bench.limiter, other, Amount(input=10), 20) == 1  # that
    await bench.turn(61)
    assert await admitted(bench.limiter, other, Amount(input=10), 20) >= 6
    with pytest.raises(LimitReached, match="tenant other in its share") as caught:
        await bench.limiter.reserve("x", other, Amount(input=10), explicit=False)
    assert caught.value.retry_after == pytest.approx(61, abs=1.01)


async def test_a_share_is_settled_too(bench: Bench) -> None:
    gates = Gates(shares=(share(100, reserve=0),))
    held = await bench.limiter.reserve("a", gates, Amount(input=100), explicit=True)
    bench.limiter.settle(held, Amount(input=30))
    assert await admitted(bench.limiter, gates, Amount(input=10), 20) == 7
    with pytest.raises(RequestTooLarge):
        await bench.limiter.reserve("b", gates, Amount(input=101), explicit=True)


async def test_without_gates_everything_is_admitted(bench: Bench) -> None:
    held = await bench.limiter.reserve("a", Gates(), Amount(), explicit=True)
    bench.limiter.settle(held, Amount())
    assert held.settled


@pytest.mark.parametrize(
    ("gates", "amount"),
    [
        (Gates(rates=(rate(20),)), Amount()),
        (Gates(rates=(rate(2000, "tokens"),)), Amount(input=40, output=60)),
        (Gates(budgets=(budget(2000, "month"),)), Amount(micros=100)),
        (Gates(places=(places(20),)), Amount()),
        (Gates(shares=(share(2000, reserve=0),)), Amount(input=100)),
    ],
    ids=["requests", "tokens", "money", "places", "share"],
)
async def test_two_hundred_at_once_never_pass_a_limit_together(bench: Bench, gates: Gates, amount: Amount) -> None:
    calls = (bench.limiter.reserve(f"r{number}", gates, amount, explicit=False) for number in range(200))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert len(refused) == 180
    assert {type(outcome) for outcome in refused} <= {LimitReached, BudgetExhausted}
