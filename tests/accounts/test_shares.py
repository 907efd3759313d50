"""What Telnyx allows is shared: nobody takes more than there is, and nobody keeps a newcomer out."""

import copy
import math
import random
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.accounts.limits import MINUTE, Share
from proxy.accounts.shares import Pool, ceiling
from tests.accounts.test_windows import most_within
from tests.trying import examples

NOON = 1_800_000_000.0


def share(tenant: str, weight: int = 1, limit: int = 100, reserve: float = 0.1) -> Share:
    return Share("pool:*:input", "input", limit, tenant, weight, reserve)


A, B, C = share("a"), share("b"), share("c")


def take(pool: Pool, now: float, whose: Share, amount: int) -> float:
    """Ask, and take what is given. Returns the wait."""
    wait = pool.ask(now, whose, amount)
    if not wait:
        pool.take(now, whose.tenant, amount)
    return wait


def grab(pool: Pool, now: float, whose: Share, piece: int = 1) -> int:
    """Take pieces until one is refused. Returns how much that was."""
    total = 0
    while not take(pool, now, whose, piece):
        total += piece
    return total


@pytest.mark.parametrize(("limit", "reserve", "most"), [(100, 0.1, 90), (100, 0.0, 100), (7, 0.5, 3), (1, 0.1, 0)])
def test_what_is_held_back_for_newcomers(limit: int, reserve: float, most: int) -> None:
    assert ceiling(share("a", limit=limit, reserve=reserve)) == most


def test_a_tenant_alone_has_all_but_what_is_held_back() -> None:
    pool = Pool()
    assert grab(pool, NOON, A) == 90
    assert pool.used(NOON) == 90
    assert grab(Pool(), NOON, share("a", reserve=0)) == 100


def test_a_newcomer_is_served_at_once_and_has_its_part_when_the_minute_is_over() -> None:
    pool = Pool()
    assert grab(pool, NOON, A) == 90
    assert grab(pool, NOON + 1, B) == 10
    assert take(pool, NOON + 1, B, 1) == 60
    assert take(pool, NOON + 1, A, 1) == 60
    assert grab(pool, NOON + 61, A) == 45  # first again, but what the other waits for is not borrowed
    assert grab(pool, NOON + 61, B) == 35  # it has ten from a second later


def test_parts_are_by_weight() -> None:
    pool, heavy, light = Pool(), share("heavy", 3, 1000), share("light", 1, 1000)
    for second in range(130):
        grab(pool, NOON + second, heavy, 10)
        grab(pool, NOON + second, light, 10)
        if second > 61:
            assert pool._askers["heavy"].own.used(NOON + second) == 670
            assert pool._askers["light"].own.used(NOON + second) == 220


def test_a_changed_weight_counts_from_the_next_request_on() -> None:
    pool = Pool()
    pool.ask(NOON, A, 1)
    pool.ask(NOON, share("b", 2), 1)
    assert pool._asking.total == 3
    pool.ask(NOON, share("b", 5), 1)
    pool.ask(NOON + 30, share("b", 4), 1)
    assert pool._asking.total == 5


def test_who_no_longer_asks_leaves_its_part_to_the_others() -> None:
    pool = Pool()
    pool.ask(NOON, B, 1)
    pool.ask(NOON + 60, A, 1)
    assert (pool._asking.used(NOON + 60), pool._asking.used(NOON + 61)) == (2, 1)


def test_idle_capacity_is_borrowed_and_divided_among_those_that_want_more() -> None:
    """c asks for little: what it leaves is for a and b alike once both have been refused."""
    pool = Pool()
    for second in range(130):
        take(pool, NOON + second, C, 1) if second % 6 == 0 else None
        grab(pool, NOON + second, A)
        grab(pool, NOON + second, B)
    owns = {name: asker.own.used(NOON + 130) for name, asker in pool._askers.items()}
    assert owns["c"] == 10
    assert 35 <= owns["a"] <= 45
    assert 35 <= owns["b"] <= 45
    assert owns["a"] + owns["b"] >= 80


def test_who_is_short_is_so_for_a_minute_after_its_last_refusal() -> None:
    pool = Pool()
    grab(pool, NOON, A)
    assert pool._short.total == 1
    assert take(pool, NOON + 1, B, 20) > 0
    assert take(pool, NOON + 2, share("b", 3), 20) > 0
    assert pool._short.total == 4
    assert (pool._short.used(NOON + 61), pool._short.used(NOON + 62.9), pool._short.used(NOON + 63)) == (3, 3, 0)
    assert take(pool, NOON + 63, A, 90) == 0  # nobody else wants anything: all is borrowed


def test_settling_gives_back_to_the_pool_and_to_the_tenant() -> None:
    pool = Pool()
    pool.ask(NOON, A, 90)
    slot = pool.take(NOON, "a", 90)
    pool.settle(NOON + 1, "a", slot, 0)
    assert pool.used(NOON + 1) == 90
    pool.settle(NOON + 1, "a", slot, -50)
    assert pool.used(NOON + 1) == 40
    assert grab(pool, NOON + 1, A) == 50


def test_tenants_that_left_are_forgotten() -> None:
    pool = Pool()
    for number in range(2000):
        take(pool, NOON + number, share(f"t{number}"), 1)
    assert len(pool) <= 64 + 61


def test_settling_after_the_tenant_was_forgotten_counts_what_came_on_top() -> None:
    pool = Pool()
    slot = pool.take(NOON, "a", 5)
    pool.ask(NOON + 100, B, 1)
    pool.ask(NOON + 200, C, 1)
    assert "a" not in pool._askers
    pool.settle(NOON + 200, "a", slot, 3)
    assert pool.used(NOON + 200) == 3


ASKING = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.0, 0.3, 1.0, 7.5, 61.0]),  # seconds since the last one
        st.integers(0, 4),  # who
        st.integers(1, 90),  # how much
        st.floats(0, 1),  # what part of it is used
    ),
    max_size=60,
)


@given(ASKING, st.sampled_from([0.0, 0.1, 0.4]))
def test_the_pool_is_never_exceeded(asking: list[tuple[float, int, int, float]], reserve: float) -> None:
    pool, now, events, open_ = Pool(), NOON, list[tuple[float, int]](), list[tuple[str, int, int]]()
    for pause, who, amount, part in asking:
        now += pause
        mine = share(f"t{who}", 1 + who, reserve=reserve)
        taken = min(amount, ceiling(mine))
        if not pool.ask(now, mine, taken):
            used = int(taken * part)
            open_.append((mine.tenant, pool.take(now, mine.tenant, taken), used - taken))
            events.append((now, used))
        if len(open_) > 3:
            pool.settle(now, *open_.pop(0))
        assert 0 <= pool.used(now) <= 100
        kept = pool._askers.values()
        pool._short.used(now)
        assert pool._asking.total == sum(asker.asks for asker in kept if asker.asked in pool._asking.counts)
        assert pool._short.total == sum(asker.lacks for asker in kept if asker.lacked in pool._short.counts)
    assert most_within(MINUTE, events) <= 100


@given(ASKING, st.sampled_from([0.0, 0.1, 0.4]), st.integers(1, 60))
def test_the_wait_is_exact(asking: list[tuple[float, int, int, float]], reserve: float, amount: int) -> None:
    pool, now = Pool(), NOON
    for pause, who, wanted, _ in asking:
        now += pause
        mine = share(f"t{who}", 1 + who, reserve=reserve)
        take(pool, now, mine, min(wanted, ceiling(mine)))
    mine = share("t0", 1, reserve=reserve)
    wait = pool.ask(now, mine, amount)
    assert 0 <= wait <= MINUTE + 1
    if wait:
        before, then = copy.deepcopy(pool), copy.deepcopy(pool)
        assert before.ask(math.nextafter(now + wait, 0), mine, amount) > 0
        assert then.ask(now + wait, mine, amount) == 0


@given(ASKING, st.integers(1, 10))
def test_a_newcomer_has_what_is_held_back_at_once(asking: list[tuple[float, int, int, float]], demand: int) -> None:
    """Whatever one tenant, or several that keep to what is theirs together, did before."""
    pool, now = Pool(), NOON
    for pause, _, amount, _ in asking:
        now += pause
        take(pool, now, share("t0"), amount)
    assert all(take(pool, now, share("new"), 1) == 0 for _ in range(demand))


@settings(max_examples=examples(30), deadline=None)
@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.lists(st.integers(1, 30), min_size=1, max_size=4),
    st.floats(0, 0.999),
    st.randoms(use_true_random=False),
)
def test_a_newcomer_has_its_part_within_a_minute_however_greedy_the_others_are(
    weights: list[int], pieces: list[int], phase: float, chance: random.Random
) -> None:
    """The others always ask first, for as much as they can get, and again between any two requests of the newcomer."""
    pool, limit = Pool(), 200
    others = [share(f"t{number}", weight, limit) for number, weight in enumerate(weights)]
    new = share("new", 2, limit)
    part = ceiling(new) * new.weight // (sum(weights) + new.weight)

    def others_grab(now: float) -> None:
        for other in chance.sample(others, len(others)):
            grab(pool, now, other, chance.randint(1, 20))

    now = NOON + phase
    for _ in range(chance.choice([1, 5, 70])):
        now += 1
        others_grab(now)
    sizes, came, got = cycle(pieces), now, 0
    piece = min(next(sizes), part)
    while got < part and now <= came + MINUTE + 1:
        others_grab(now)
        if take(pool, now, new, piece):
            now += 1
        else:
            got += piece
            piece = max(1, min(next(sizes), part - got))
    assert got >= part
