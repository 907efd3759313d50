"""The port of limiters: what implements it is told by the type checker, and by the contract suite in tests/storage."""

from proxy.accounts.ports import Limiter
from proxy.storage.local_limiter import LocalLimiter
from proxy.storage.redis_limiter import RedisLimiter


def test_both_limiters_have_everything_the_port_names() -> None:
    wanted = {name for name in vars(Limiter) if not name.startswith("_")}
    assert wanted == {"reserve", "settle", "prime", "take_spent", "budgets", "close"}
    for limiter in (LocalLimiter, RedisLimiter):
        assert wanted <= set(dir(limiter))
