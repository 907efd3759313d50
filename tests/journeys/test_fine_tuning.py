"""Fine-tuning by the official client, on Telnyx."""

from typing import Any

import openai
import pytest
from openai.types.fine_tuning import FineTuningJob

from tests.conftest import Build
from tests.world import KEY, MODEL, TENANTS, World

TUNING: Any = [{**TENANTS[0], "buckets": ["data*"]}, TENANTS[1]]
FILE = "data-acme/train.jsonl"


def posted(here: World) -> list[Any]:
    """What Telnyx was asked to do. The lists of models are fetched when the proxy likes."""
    return [request for request in here.telnyx.state.requests if request.method == "POST"]


async def test_the_life_of_a_job(build: Build) -> None:
    here = await build(tenants=TUNING)
    jobs = (await here.openai()).fine_tuning.jobs
    made = await jobs.create(
        model="gpt-4o", training_file=FILE, suffix="mine", seed=7, metadata={"team": "red"},
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 4, "batch_size": "auto"}}},
    )  # fmt: skip
    FineTuningJob.model_validate_json(made.model_dump_json(), strict=True)
    assert (made.object, made.status, made.model, made.hyperparameters.n_epochs) == (
        "fine_tuning.job", "queued", MODEL, 4,
    )  # fmt: skip
    assert posted(here)[0].body == {
        "model": MODEL, "training_file": FILE, "suffix": "mine", "hyperparameters": {"n_epochs": 4},
    }  # fmt: skip
    assert made.fine_tuned_model is None
    seen = [await jobs.retrieve(made.id) for _ in range(3)]
    assert [job.status for job in seen] == ["queued", "running", "succeeded"]
    last = seen[-1]
    assert (last.fine_tuned_model, last.trained_tokens, last.seed) == (made.id, 4000, made.seed)
    assert last.finished_at
    names = [line["endpoint"] for line in here.lines()]
    assert names == ["fine_tuning.jobs.create", *["fine_tuning.jobs.retrieve"] * 3]
    assert "dropped=metadata" in here.lines()[0]["changes"]


async def test_pages_cancelling_and_failing(build: Build) -> None:
    here = await build(tenants=TUNING)
    jobs = (await here.openai()).fine_tuning.jobs
    made = [await jobs.create(model=MODEL, training_file=FILE) for _ in range(4)]
    broken = await jobs.create(model=MODEL, training_file="data/broken.jsonl")
    page = await jobs.list(limit=2)
    assert page.has_more
    assert [job.id for job in page.data] == [broken.id, made[3].id]
    assert [job.id async for job in jobs.list(limit=2)] == [job.id for job in (broken, *reversed(made))]
    cancelled = await jobs.cancel(made[0].id)
    assert cancelled.status == "cancelled"
    with pytest.raises(openai.BadRequestError):
        await jobs.cancel(made[0].id)
    seen = [await jobs.retrieve(broken.id) for _ in range(3)]
    assert [job.status for job in seen] == ["queued", "running", "failed"]
    assert seen[-1].error is not None
    assert seen[-1].error.message


async def test_what_cannot_be_is_refused_clearly(build: Build) -> None:
    here = await build(tenants=TUNING)
    jobs = (await here.openai()).fine_tuning.jobs
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"training_file": "file-abc123"}, "upload the JSONL file there"),
        ({"training_file": "secret/train.jsonl"}, "may not use this bucket"),
        ({"method": {"type": "dpo"}}, "supervised"),
        ({"integrations": [{"type": "wandb", "wandb": {"project": "p"}}]}, "integrations"),
        ({"hyperparameters": {"n_epochs": 99}}, "n_epochs"),
    ]
    for fields, words in refusals:
        with pytest.raises(openai.BadRequestError, match=words):
            await jobs.create(**{"model": MODEL, "training_file": FILE, **fields})
    assert posted(here) == []
    with pytest.raises(openai.NotFoundError) as unknown:
        await jobs.retrieve("ft-nobody")
    assert KEY not in str(unknown.value)
    for call in (jobs.list_events("ft-1"), jobs.checkpoints.list("ft-1"), jobs.pause("ft-1"), jobs.resume("ft-1")):
        with pytest.raises(openai.NotFoundError) as unserved:
            await call
        assert unserved.value.code == "unsupported_endpoint"


async def test_a_model_must_be_one_of_the_tenants(build: Build) -> None:
    here = await build(tenants=[{**TUNING[0], "models": ["zai-org/*"]}])
    jobs = (await here.openai()).fine_tuning.jobs
    with pytest.raises(openai.PermissionDeniedError):
        await jobs.create(model=MODEL, training_file=FILE)
