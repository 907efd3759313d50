"""The scripts: what each begins with, that Redis takes them, and what Redis keeps of a window."""

from proxy.storage import redis_scripts
from tests.storage.limiters import one_redis, redis
from tests.storage.redis_server import RedisServer

__all__ = ["one_redis", "redis"]


def test_each_begins_with_the_time_of_the_server() -> None:
    for script in redis_scripts.ALL:
        assert script.text.index("redis.call('TIME')") < script.text.index("-- KEYS:")
    assert len({script.digest for script in redis_scripts.ALL}) == len(redis_scripts.ALL) == 7


def test_redis_knows_each_by_its_digest(redis: RedisServer) -> None:
    for script in redis_scripts.ALL:
        assert redis.ask("SCRIPT", "LOAD", script.text) == f"$40\r\n{script.digest}\r\n".encode()


def test_large_numbers_keep_every_digit(redis: RedisServer) -> None:
    most = 9_007_199_254_740_991  # 2**53 - 1: nine thousand million dollars in micro-dollars
    assert redis.ask("EVAL", redis_scripts.PRIME.text, 1, "{x}b", 0, most) == f"$20\r\n0 {most} 0\r\n".encode()
    assert redis.ask("EVAL", redis_scripts.PRIME.text, 1, "{x}b", 0, 5) == f"$20\r\n0 {most} 0\r\n".encode()


def test_a_sum_is_added_once(redis: RedisServer) -> None:
    for answer in (b"$1\r\n1\r\n", b"$1\r\n0\r\n"):
        assert redis.ask("EVAL", redis_scripts.ADD.text, 2, "{x}done", "{x}b", 0, 5) == answer
    assert redis.ask("HGET", "{x}b", "s") == b"$1\r\n5\r\n"
    redis.ask("EVAL", redis_scripts.ADD.text, 2, "{x}done2", "{x}b", 86_400, 7)
    assert redis.ask("HGET", "{x}b", "s") == b"$1\r\n7\r\n"
    redis.ask("EVAL", redis_scripts.ADD.text, 2, "{x}done3", "{x}b", 0, 9)  # of a period that is over
    assert redis.ask("HGET", "{x}b", "s") == b"$1\r\n7\r\n"


def test_a_reservation_of_an_older_epoch_is_refused(redis: RedisServer) -> None:
    redis.ask("EVAL", redis_scripts.FENCE.text, 1, "{x}fence", 3)
    keys = ("{x}fence", "{x}leases", "{x}money")
    old = redis.ask("EVAL", redis_scripts.RESERVE.text, 3, *keys, "r", 2, 30, "0 0 0 0", "")
    new = redis.ask("EVAL", redis_scripts.RESERVE.text, 3, *keys, "r", 3, 30, "0 0 0 0", "")
    assert (old.split()[1], new.split()[1]) == (b"2", b"1")
