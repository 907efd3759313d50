"""The policy of idle connections."""

from proxy.upstream.pool import NEVER, Pool


def filled(**since: float) -> Pool[str]:
    pool: Pool[str] = Pool()
    pool.idle.update(since)
    return pool


def test_the_connection_used_last_is_used_next() -> None:
    pool = filled(a=1, b=2, c=3)
    assert [pool.idle.popitem()[0] for _ in range(3)] == ["c", "b", "a"]


def test_what_was_taken_and_put_back_is_the_last_again() -> None:
    pool = filled(a=1, b=2)
    taken, _ = pool.idle.popitem()
    pool.idle["c"] = 3
    pool.idle[taken] = 4
    assert [pool.idle.popitem()[0] for _ in range(3)] == ["b", "c", "a"]


def test_a_dropped_connection_is_not_taken() -> None:
    pool = filled(a=1, b=2)
    pool.drop("b")
    pool.drop("b")
    pool.drop("never there")
    assert list(pool.idle) == ["a"]


def test_those_that_idle_too_long_expire() -> None:
    pool = filled(a=1, b=2, c=3)
    assert pool.oldest() == 1
    assert pool.expire(0.5) == []
    assert pool.expire(2) == ["a", "b"]
    assert pool.oldest() == 3
    assert pool.expire(3) == ["c"]
    assert pool.oldest() == NEVER
    assert not pool.idle


def test_the_oldest_makes_room_first() -> None:
    pool: Pool[str] = Pool()
    pool.idle.update(a=1, b=2)
    assert [pool.take_oldest(), pool.take_oldest()] == ["a", "b"]
    assert not pool.idle
