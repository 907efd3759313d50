"""Fine-tuning jobs of the emulated Telnyx: per credential, in memory. Nothing is trained.

A job goes on each time it is looked at: queued, running, succeeded; it fails where the name of its training file has
the word `broken` in it. Paths and shapes are those of Telnyx's OpenAPI of January 2026.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from proxy.emulator import failures
from proxy.emulator.failures import Refused
from proxy.emulator.schema import Record, Text, Whole
from proxy.emulator.validation import faults

SCHEMA = Record(
    {
        "model": Text(),
        "training_file": Text(),
        "hyperparameters": Record({"n_epochs": Whole(1, 50)}),
        "suffix": Text(),
    },
    ("model", "training_file"),
)
NEXT: Mapping[str, str] = {"queued": "running", "running": "succeeded"}
EPOCHS = 3
"""Where the request says nothing."""
Job = dict[str, Any]


class Jobs:
    """The jobs of every account; a credential stands for its account."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._kept: dict[str, dict[str, Job]] = {}

    def create(self, credential: str, body: Any) -> Job:
        """Begin one. Raises Refused for a body that does not fit the schema."""
        found = faults(SCHEMA, body)
        if found:
            raise Refused(failures.unprocessable(found))
        mine = self._kept.setdefault(credential, {})
        name = hashlib.sha256(f"{credential}/{len(mine)}".encode()).hexdigest()[:12]
        job: Job = {
            "id": f"ft-{body.get('suffix', 'model')}-{name}",
            "created_at": int(self._now()) + len(mine),
            "finished_at": None,
            "hyperparameters": {"n_epochs": EPOCHS, **body.get("hyperparameters", {})},
            "model": body["model"],
            "organization_id": "org-emulated",
            "status": "queued",
            "trained_tokens": None,
            "training_file": body["training_file"],
        }
        mine[job["id"]] = job
        return dict(job)

    def listed(self, credential: str) -> dict[str, Any]:
        """All of an account's, oldest first."""
        return {"data": [dict(job) for job in self._kept.get(credential, {}).values()]}

    def retrieve(self, credential: str, identity: str) -> Job:
        """One, which has gone on by a step. Raises Refused for one that is not there."""
        job = self._find(credential, identity)
        seen = dict(job)
        self._step(job)
        return seen

    def cancel(self, credential: str, identity: str) -> Job:
        """Stop one. Raises Refused for one that is not there, or has ended."""
        job = self._find(credential, identity)
        if job["status"] not in NEXT:
            raise Refused(failures.bad_request(f"The job is {job['status']} and cannot be cancelled."))
        job |= {"status": "cancelled", "finished_at": int(self._now())}
        return dict(job)

    def _find(self, credential: str, identity: str) -> Job:
        job = self._kept.get(credential, {}).get(identity)
        if job is None:
            detail = f"There is no fine-tuning job with the id '{identity}'."
            raise Refused(failures.envelope(404, "10005", "Resource not found", detail, "/job_id"))
        return job

    def _step(self, job: Job) -> None:
        if job["status"] == "running" and "broken" in job["training_file"]:
            job |= {"status": "failed", "finished_at": int(self._now())}
        elif job["status"] in NEXT:
            job["status"] = NEXT[job["status"]]
            if job["status"] == "succeeded":
                job |= {"finished_at": int(self._now()), "trained_tokens": 1000 * job["hyperparameters"]["n_epochs"]}
