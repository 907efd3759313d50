import asyncio
from collections.abc import AsyncIterator

import pytest

from proxy.app.tasks import Tasks


@pytest.fixture
def failures() -> list[BaseException]:
    return []


@pytest.fixture
async def tasks(failures: list[BaseException]) -> AsyncIterator[Tasks]:
    tasks = Tasks(failures.append)
    yield tasks
    await tasks.close()


async def test_what_is_started_runs_in_the_background(tasks: Tasks) -> None:
    begun, go, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await go.wait()
        done.set()

    tasks.start(work())
    await begun.wait()
    assert not done.is_set()
    go.set()
    await done.wait()


async def test_a_failure_is_told_once(tasks: Tasks, failures: list[BaseException]) -> None:
    mistake = KeyError("mistake")

    async def work() -> None:
        raise mistake

    with pytest.raises(KeyError):
        await tasks.start(work())
    assert failures == [mistake]
    await tasks.close()
    assert failures == [mistake]


async def test_what_ended_well_or_was_cancelled_is_no_failure(tasks: Tasks, failures: list[BaseException]) -> None:
    async def work() -> None:
        await asyncio.sleep(0)

    await tasks.start(work())
    task = tasks.start(work())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert failures == []


async def test_closing_cancels_what_runs_and_waits_for_its_end(tasks: Tasks, failures: list[BaseException]) -> None:
    ends: list[str] = []
    begun = {"one": asyncio.Event(), "other": asyncio.Event()}

    async def work(name: str) -> None:
        begun[name].set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # tidying up may take a moment
            ends.append(name)

    started = [tasks.start(work(name)) for name in begun]
    await asyncio.gather(*(event.wait() for event in begun.values()))
    await tasks.close()
    assert sorted(ends) == ["one", "other"]
    assert all(task.cancelled() for task in started)
    assert failures == []
    await tasks.close()


async def test_a_task_that_fails_while_it_is_cancelled_is_told(tasks: Tasks, failures: list[BaseException]) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            raise OSError("no way to tidy up")

    tasks.start(work())
    await begun.wait()
    await tasks.close()
    assert [str(fault) for fault in failures] == ["no way to tidy up"]


async def test_closing_without_a_task_is_nothing() -> None:
    await Tasks(list[BaseException]().append).close()
