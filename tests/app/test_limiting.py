"""Which limiter a configuration gets."""

from typing import Any

from proxy.app.keeping import Condition
from proxy.app.limiting import REDIS, Around, limiter_for
from proxy.app.tasks import Tasks
from proxy.clock import SYSTEM
from proxy.settings.secrets import Secret
from proxy.settings.storage import Redis
from proxy.storage.local_limiter import LocalLimiter
from proxy.storage.redis_limiter import RedisLimiter
from tests.journeys.operating import eventually
from tests.storage.redis_server import running_redis


class Process:
    """What a limiter needs."""

    def __init__(self) -> None:
        self.condition = Condition()
        self.tasks = Tasks(lambda fault: None)
        self.around = Around(SYSTEM, self.tasks, self.condition, lambda *_: None)


async def test_without_an_address_limits_are_counted_here() -> None:
    process = Process()
    for redis in (Redis(url=None), Redis(url=Secret(env="NOBODY_SET_IT"))):
        assert isinstance(limiter_for(redis, 4, process.around), LocalLimiter)
    assert process.condition.readiness() == ("ok", [])


async def test_with_one_they_are_counted_there_and_readiness_knows_whether_it_answers() -> None:
    process = Process()
    with running_redis() as server:
        given: Any = {"url": {"value": server.url}, "timeout": 5}
        limiter = limiter_for(Redis.model_validate(given), 2, process.around)
        try:
            assert isinstance(limiter, RedisLimiter)

            async def says(*reasons: str) -> bool:
                return process.condition.readiness()[1] == list(reasons)

            await eventually(says)
            server.stop()
            await limiter.flush()  # a question, so that it need not wait for the next renewal of leases
            assert await says(REDIS)
        finally:
            await limiter.close()
            await process.tasks.close()
