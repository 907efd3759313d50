"""Where limits are counted: in this process, or in Redis for all of them."""

from collections.abc import Callable
from dataclasses import dataclass

from proxy.accounts.ports import Limiter
from proxy.app.keeping import Condition
from proxy.app.tasks import Tasks
from proxy.clock import Clock
from proxy.settings.storage import Redis
from proxy.storage.local_limiter import LocalLimiter

REDIS = "Redis does not answer"
FAILURES = "telnyx_proxy_store_failures_total"


@dataclass(frozen=True, slots=True)
class Around:
    """What a limiter needs of its process. `count`: raises a metric by one."""

    clock: Clock
    tasks: Tasks
    condition: Condition
    count: Callable[..., None]


def limits_are_shared(redis: Redis) -> bool:
    """Whether several processes count together."""
    return redis.url is not None and redis.url.resolved


def limiter_for(redis: Redis, workers: int, around: Around) -> Limiter:
    """The limiter that the settings ask for, `workers` processes serving together.

    Raises OSError where the package for Redis is missing.
    """
    clock = around.clock
    if redis.url is None or not redis.url.resolved:
        return LocalLimiter(clock.wall)
    from proxy.storage.redis_limiter import RedisLimiter, Sharing

    sharing = Sharing(redis.url.reveal(), redis.fail, redis.processes * workers, redis.timeout)
    limiter = RedisLimiter(
        sharing, lambda: LocalLimiter(clock.wall), clock, around.tasks, lambda _: around.count(FAILURES, "redis")
    )
    around.condition.looks.append(lambda: REDIS if limiter.health() is not None else None)
    return limiter
