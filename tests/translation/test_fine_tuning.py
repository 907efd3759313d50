"""Fine-tuning jobs: every field has its fate, every job has OpenAI's shape."""

from typing import Any, get_type_hints

import pytest
from openai.types.fine_tuning import FineTuningJob
from openai.types.fine_tuning.job_create_params import JobCreateParams

from proxy import codec
from proxy.errors import InvalidRequest, UpstreamFailed
from proxy.translation.fine_tuning import FIELDS, create, job, page
from proxy.translation.rules import Policy, Verdict

MODEL = "moonshotai/Kimi-K2.6"
POLICY = Policy(buckets=("data*",))
TOLD: dict[str, Any] = {
    "id": "ft-1", "created_at": 100, "finished_at": None, "hyperparameters": {"n_epochs": 3}, "model": MODEL,
    "organization_id": "org", "status": "running", "trained_tokens": None, "training_file": "data/x",
}  # fmt: skip


def send(**fields: Any) -> tuple[dict[str, Any], str]:
    body, changes = create({"model": "m", "training_file": "data/x", **fields}, MODEL, POLICY)
    return body, changes.header()


def test_every_field_of_the_official_client_has_a_row() -> None:
    assert sorted(set(get_type_hints(JobCreateParams)) - {row.name for row in FIELDS.rows}) == []


def test_nothing_is_sent_that_telnyx_does_not_know() -> None:
    assert FIELDS.sends() == {"model", "training_file", "hyperparameters", "suffix"}
    assert [row.name for row in FIELDS.rows if row.verdict is not Verdict.KEEP and not row.reason] == []


@pytest.mark.parametrize(
    ("fields", "sent", "header"),
    [
        ({}, {}, ""),
        ({"suffix": "s", "seed": None}, {"suffix": "s"}, ""),
        ({"hyperparameters": {"n_epochs": 4}}, {"hyperparameters": {"n_epochs": 4}}, ""),
        ({"hyperparameters": {"n_epochs": "auto", "batch_size": "auto"}}, {}, ""),
        ({"hyperparameters": {"batch_size": 8}}, {}, "lossy=hyperparameters.batch_size"),
        ({"method": {"type": "supervised"}}, {}, "converted=method"),
        (
            {"method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
             "hyperparameters": {"n_epochs": 4}},
            {"hyperparameters": {"n_epochs": 2}},
            "converted=method",
        ),
        ({"seed": 1, "validation_file": "data/v"}, {}, "lossy=seed,validation_file"),
        ({"integrations": [], "metadata": {"a": "b"}}, {}, "dropped=integrations,metadata"),
        ({"mystery;": 1}, {}, "lossy=mystery?"),
    ],
)  # fmt: skip
def test_what_is_sent_and_what_is_told(fields: dict[str, Any], sent: dict[str, Any], header: str) -> None:
    assert send(**fields) == ({"model": MODEL, "training_file": "data/x", **sent}, header)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"training_file": None}, "training_file"),
        ({"training_file": 7}, "training_file"),
        ({"training_file": ""}, "training_file"),
        ({"training_file": "/x"}, "training_file"),
        ({"training_file": "data/\n"}, "training_file"),
        ({"training_file": "file-abc"}, "training_file"),
        ({"training_file": "other/x"}, "training_file"),
        ({"hyperparameters": 3}, "hyperparameters"),
        ({"hyperparameters": {"n_epochs": 51}}, "hyperparameters.n_epochs"),
        ({"hyperparameters": {"n_epochs": "many"}}, "hyperparameters.n_epochs"),
        ({"method": {}}, "method.type"),
        ({"method": {"type": "dpo"}}, "method.type"),
        ({"method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 0}}}},
         "method.supervised.hyperparameters.n_epochs"),
        ({"suffix": "x" * 65}, "suffix"),
        ({"integrations": [{}]}, "integrations"),
        ({"metadata": {"a": 1}}, "metadata.a"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        send(**fields)
    assert caught.value.param == param


def test_a_job_has_all_of_openais_fields() -> None:
    made = job(TOLD)
    FineTuningJob.model_validate_json(codec.encode(made), strict=True)
    assert set(made) == set(FineTuningJob.model_fields)
    assert (made["fine_tuned_model"], made["error"], made["result_files"]) == (None, None, [])


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"status": "succeeded", "finished_at": 200.0}, {"fine_tuned_model": "ft-1", "finished_at": 200}),
        ({"status": "completed", "fine_tuned_model": "org/m"}, {"status": "succeeded", "fine_tuned_model": "org/m"}),
        ({"status": "failed", "error": {"message": "bad data"}},
         {"error": {"code": "failed", "message": "bad data", "param": None}}),
        ({"status": "failed", "error": "bad"}, {"error": {"code": "failed", "message": "bad", "param": None}}),
        ({"status": "failed"}, {"error": {"code": "failed", "message": "Telnyx does not say why.", "param": None}}),
        ({"status": "canceled"}, {"status": "cancelled"}),
        ({"status": None, "hyperparameters": None, "created_at": True},
         {"status": "queued", "hyperparameters": {"n_epochs": "auto"}, "created_at": 0}),
    ],
)  # fmt: skip
def test_what_telnyx_tells_in_another_way(told: dict[str, Any], shown: dict[str, Any]) -> None:
    made = job({**TOLD, **told})
    assert {name: made[name] for name in shown} == shown


def test_a_job_may_come_wrapped_and_keeps_its_seed() -> None:
    assert job({"data": TOLD}) == job(TOLD)
    assert job(TOLD)["seed"] >= 0


@pytest.mark.parametrize("value", [None, [], {}, {"id": 7}, {"id": ""}, {"data": {}}])
def test_what_is_no_job_is_an_error(value: Any) -> None:
    with pytest.raises(UpstreamFailed):
        job(value)


ROWS = [{**TOLD, "id": f"ft-{number}", "created_at": number // 2} for number in range(5)]


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ({}, "ft-4 ft-3 ft-2 ft-1 ft-0", False),
        ({"limit": "2"}, "ft-4 ft-3", True),
        ({"limit": "2", "after": "ft-3"}, "ft-2 ft-1", True),
        ({"after": "ft-1", "metadata": "null"}, "ft-0", False),
        ({"after": "ft-0"}, "", False),
    ],
)
def test_pages(query: dict[str, str], ids: str, more: bool) -> None:  # noqa: FBT001 - a column
    made = page({"data": ROWS}, query)
    wanted = ids.split()
    assert ([row["id"] for row in made["data"]], made["has_more"]) == (wanted, more)
    assert (made["first_id"], made["last_id"]) == ((wanted[0], wanted[-1]) if wanted else (None, None))
    assert page(ROWS, query) == made


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": "0"}, "limit"), ({"limit": "101"}, "limit"), ({"limit": "x"}, "limit"), ({"after": "ft-9"}, "after"),
        ({"metadata[team]": "red"}, "metadata"),
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_honoured_is_refused(query: dict[str, str], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        page({"data": ROWS}, query)
    assert caught.value.param == param


def test_what_is_no_list_is_an_error() -> None:
    with pytest.raises(UpstreamFailed):
        page({"data": None}, {})
