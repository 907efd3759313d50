"""Fine-tuning jobs: OpenAI's request, job and list on one side, Telnyx's on the other.

Telnyx trains on an object of one of its storage buckets, not on a file that was uploaded here, and takes a number of
epochs and a suffix; it tells less about a job, and lists all jobs at once.

Sources: OpenAI's job type, as the official client library has it; Telnyx's OpenAPI of January 2026.
"""

import zlib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from proxy.errors import InvalidRequest, UpstreamFailed
from proxy.translation import checks, lists
from proxy.translation.changes import Changes
from proxy.translation.chat import LEDGER, STRANGE, check_model, lose_unknown
from proxy.translation.checks import INT64, array, integer, json_object, labels, shorten, string, text
from proxy.translation.rules import (
    Draft,
    FieldTable,
    Policy,
    convert,
    drop,
    keep,
    lossy,
    refuse,
    stated,
    unsupported,
    unsupported_value,
)

Job = dict[str, Any]

EPOCHS = integer(1, 50)
"""Telnyx's own bounds."""
AUTO = "auto"
BUCKET = (
    "Telnyx trains on an object in one of its storage buckets: upload the JSONL file there and give 'bucket/object'"
)
STATUSES: Mapping[str, str] = {"canceled": "cancelled", "completed": "succeeded"}
"""Words that stand for one of OpenAI's."""
SUCCEEDED = "succeeded"


def create(request: Mapping[str, Any], model: str, policy: Policy) -> tuple[dict[str, Any], Changes]:
    """Telnyx's request for a new job, and what was changed. Raises InvalidRequest."""
    source = stated(request)
    if "training_file" not in source:
        raise checks.missing("training_file")
    draft = Draft(source, policy)
    draft.body["model"] = model
    FIELDS.apply(draft)
    return draft.body, draft.changes


def _training_file(draft: Draft, name: str, value: Any) -> None:
    """One tenant must not train on the data of another: both may have their buckets in one Telnyx account."""
    string(name, value)
    bucket, _, thing = value.partition("/")
    if value.startswith("file-") and not thing:
        raise InvalidRequest(
            f"Invalid '{name}': '{shorten(value)}' is a file of this proxy. {BUCKET}.", param=name, code="invalid_value"
        )
    if not bucket or not value.isprintable():
        raise InvalidRequest(f"Invalid '{name}': {BUCKET}.", param=name, code="invalid_value")
    if not any(fnmatchcase(bucket, pattern) for pattern in draft.policy.buckets):
        raise InvalidRequest(
            f"Invalid value: '{shorten(bucket)}'. This key may not use this bucket (HINT: the operator lists them "
            "under tenants[].buckets).",
            param=name,
        )
    draft.body[name] = value


def _hyperparameters(draft: Draft, name: str, value: Any) -> None:
    json_object(name, value)
    _epochs(draft, name, value)


def _method(draft: Draft, name: str, value: Any) -> None:
    json_object(name, value)
    kind = checks.required(name, value, "type", string)
    if kind != "supervised":
        raise unsupported_value(f"{name}.type", shorten(kind), "Telnyx's fine-tuning is supervised.")
    supervised = checks.optional(name, value, "supervised", json_object) or {}
    at = f"{name}.supervised"
    hyperparameters = checks.optional(at, supervised, "hyperparameters", json_object)
    if hyperparameters is not None:
        _epochs(draft, f"{at}.hyperparameters", hyperparameters)
    draft.note("converted", name, reason="Telnyx has hyperparameters, and one method.")


def _epochs(draft: Draft, at: str, value: Mapping[str, Any]) -> None:
    epochs = value.get("n_epochs")
    if epochs is not None and epochs != AUTO:
        EPOCHS(f"{at}.n_epochs", epochs)
        draft.body["hyperparameters"] = {"n_epochs": epochs}
    for name, other in value.items():
        if name != "n_epochs" and other not in {None, AUTO}:
            draft.lose(f"{at}.{STRANGE.sub('?', shorten(name))}", "Telnyx chooses it.", "hyperparameters")


def _integrations(draft: Draft, name: str, value: Any) -> None:
    array(name, value)
    if value:
        raise unsupported(name, "Telnyx reports the progress of a job to nobody.")
    draft.note("dropped", name, reason="It says nothing.")


# fmt: off
FIELDS = FieldTable((
    convert("model",           check_model,
            "The name is looked up among the aliases; Telnyx gets its own id."),
    convert("training_file",   _training_file,
            "An object in a storage bucket of Telnyx's that the tenant may name."),
    convert("hyperparameters", _hyperparameters,
            "n_epochs is sent, auto is left out; Telnyx chooses the others."),
    convert("method",          _method,
            "The epochs of a supervised method are sent; other methods are refused.",
            sends=("hyperparameters",), late=True),
    keep   ("suffix",          text(64)),
    lossy  ("seed",            "Telnyx takes none; jobs are not repeatable.", check=integer(-INT64, INT64 - 1)),
    lossy  ("validation_file", "Telnyx validates nothing.", check=string),
    refuse ("integrations",    "Telnyx reports the progress of a job to nobody.", function=_integrations),
    drop   ("metadata",        LEDGER, check=labels),
), unknown=lose_unknown)
# fmt: on
"""Every field of the request and its fate."""


def job(value: Any) -> Job:
    """Telnyx's job as OpenAI has it; what Telnyx does not tell is null. Raises UpstreamFailed for what is none."""
    if isinstance(value, dict) and isinstance(value.get("data"), dict):
        value = value["data"]  # as Telnyx wraps most other things
    if not isinstance(value, dict) or not isinstance(value.get("id"), str) or not value["id"]:
        raise UpstreamFailed("Telnyx answered without a fine-tuning job.")
    said = str(value.get("status") or "queued")
    status = STATUSES.get(said, said)
    epochs = value.get("hyperparameters")
    named = value.get("fine_tuned_model") or value["id"]  # Telnyx: "the name of the fine-tuned model"
    return {
        "object": "fine_tuning.job",
        "id": value["id"],
        "created_at": _seconds(value.get("created_at")) or 0,
        "finished_at": _seconds(value.get("finished_at")),
        "model": str(value.get("model") or ""),
        "fine_tuned_model": named if status == SUCCEEDED else None,
        "organization_id": str(value.get("organization_id") or ""),
        "status": status,
        "error": _error(value) if status == "failed" else None,
        "hyperparameters": epochs if isinstance(epochs, dict) else {"n_epochs": AUTO},
        "method": None,
        "training_file": str(value.get("training_file") or ""),
        "validation_file": None,
        "result_files": [],
        "trained_tokens": value.get("trained_tokens"),
        "seed": zlib.crc32(value["id"].encode()) & 0x7FFFFFFF,  # OpenAI always has one: the same one for a job
        "estimated_finish": None,
        "integrations": [],
        "metadata": None,
    }


def _seconds(value: Any) -> int | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if number and value else None


def _error(value: Mapping[str, Any]) -> dict[str, Any]:
    said = value.get("error")
    words = said.get("message") if isinstance(said, dict) else said
    message = words if isinstance(words, str) and words else "Telnyx does not say why."
    return {"code": "failed", "message": message, "param": None}


def page(value: Any, query: Mapping[str, str]) -> dict[str, Any]:
    """A page of Telnyx's list, newest first, as OpenAI's `after` and `limit` ask for.

    Raises UpstreamFailed for what is no list, InvalidRequest for a query that cannot be honoured.
    """
    rows = value.get("data") if isinstance(value, dict) else value
    if not isinstance(rows, list):
        raise UpstreamFailed("Telnyx answered without a list of fine-tuning jobs.")
    if any(name.startswith("metadata") and given != "null" for name, given in query.items()):
        raise unsupported("metadata", "Telnyx keeps no metadata of jobs, so none can be found by it.")
    jobs = sorted(map(job, rows), key=lambda each: (each["created_at"], each["id"]))
    return lists.cut(jobs, lists.span(query, ordered=False), lists.unknown_after)
