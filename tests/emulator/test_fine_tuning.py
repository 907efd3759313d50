"""The jobs of the emulated Telnyx."""

from typing import Any

import pytest

from proxy.emulator.failures import Refused
from proxy.emulator.fine_tuning import Jobs
from tests.emulator.conftest import Caller

JOBS = "/v2/ai/fine_tuning/jobs"
BODY = {"model": "m", "training_file": "data/x"}


def test_a_job_goes_on_when_it_is_looked_at() -> None:
    jobs = Jobs(lambda: 1000.0)
    made = jobs.create("KEY_a", {**BODY, "suffix": "s"})
    assert (made["status"], made["created_at"], made["hyperparameters"]) == ("queued", 1000, {"n_epochs": 3})
    seen = [jobs.retrieve("KEY_a", made["id"])["status"] for _ in range(4)]
    assert seen == ["queued", "running", "succeeded", "succeeded"]
    broken = jobs.create("KEY_a", {**BODY, "training_file": "broken"})
    seen = [jobs.retrieve("KEY_a", broken["id"])["status"] for _ in range(3)]
    assert seen == ["queued", "running", "failed"]


def test_what_has_ended_cannot_be_cancelled_and_accounts_are_apart() -> None:
    jobs = Jobs(lambda: 1000.0)
    made = jobs.create("KEY_a", BODY)
    assert jobs.cancel("KEY_a", made["id"])["status"] == "cancelled"
    with pytest.raises(Refused):
        jobs.cancel("KEY_a", made["id"])
    with pytest.raises(Refused):
        jobs.retrieve("KEY_b", made["id"])
    assert (len(jobs.listed("KEY_a")["data"]), jobs.listed("KEY_b")) == (1, {"data": []})


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "", BODY, 200),
        ("POST", "", {"model": "m"}, 422),
        ("POST", "", {**BODY, "seed": 1}, 422),
        ("GET", "", None, 200),
        ("GET", "/ft-nobody", None, 404),
        ("POST", "/ft-nobody/cancel", None, 404),
        ("DELETE", "/ft-nobody", None, 405),
        ("GET", "/ft-nobody/cancel", None, 405),
    ],
)
async def test_routes(caller: Caller, method: str, path: str, body: Any, status: int) -> None:
    answer = await caller.send(method, f"{JOBS}{path}", json=body)
    assert answer.status == status


async def test_without_a_body_or_a_key_nothing_is_made(caller: Caller) -> None:
    assert (await caller.send("POST", JOBS)).status == 422
    assert (await caller.send("GET", JOBS, key=None)).status == 401
