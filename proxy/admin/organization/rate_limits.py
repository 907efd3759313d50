"""Rate limits of a project, model by model: the limits of a tenant.

OpenAI lists every model with its limits and lets them be changed, never made or deleted; so each model known here has
a row, and so has `*`, all models together. The id is `rl-` and the model. Where there is no bound, OpenAI's required
number is UNLIMITED; giving that number or more takes a bound away.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from proxy.accounts.gates import BOUNDS
from proxy.admin.limits import Count, NewLimit, delete_limit, put_limit
from proxy.admin.listing import MOST, PAGING, size
from proxy.admin.operations import EVERYBODY, OPERATORS, Body, Call, Office, Operation, Reply, View
from proxy.admin.organization.paging import BEFORE, part
from proxy.admin.organization.projects import ONE as PROJECT
from proxy.admin.organization.projects import expect_open, find_project, refuse_given
from proxy.admin.values import MOST_STARS
from proxy.errors import NotFound
from proxy.storage.store import LIMIT, Row, Session

ROOT = PROJECT + "/rate_limits"
ONE = ROOT + "/{rate_limit_id}"
UNLIMITED = 2**31 - 1
"""Stands for no bound: the largest number that every client can read."""
PREFIX = "rl-"
EVERY_MODEL = "*"
COLUMNS = {
    "max_requests_per_1_minute": "requests_per_minute",
    "max_tokens_per_1_minute": "tokens_per_minute",
    "max_requests_per_1_day": "requests_per_day",
}
"""OpenAI's name -> ours."""
MEANINGLESS = ("batch_1_day_max_input_tokens", "max_audio_megabytes_per_1_minute", "max_images_per_1_minute")
_PATTERN = re.compile(r"[!-~]{1,256}")
_NO_MEANING = "null: it is not counted here"


class RateLimit(View):
    """The limits of a tenant with a model, with the models of a pattern, or with all together (`*`)."""

    object: Literal["project.rate_limit"] = "project.rate_limit"
    id: str
    model: str
    max_requests_per_1_minute: int = Field(description=f"{UNLIMITED}: no bound")
    max_tokens_per_1_minute: int = Field(description=f"{UNLIMITED}: no bound")
    max_requests_per_1_day: int = Field(description=f"{UNLIMITED}: no bound")


class ChangedRateLimit(Body):
    """What to change; what is left out stays."""

    max_requests_per_1_minute: Count | None = Field(default=None, description="requests in any minute")
    max_tokens_per_1_minute: Count | None = Field(default=None, description="input and output tokens together")
    max_requests_per_1_day: Count | None = Field(default=None, description="requests in any 24 hours")
    batch_1_day_max_input_tokens: int | None = Field(default=None, description=_NO_MEANING)
    max_audio_megabytes_per_1_minute: int | None = Field(default=None, description=_NO_MEANING)
    max_images_per_1_minute: int | None = Field(default=None, description=_NO_MEANING)


def view(model: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """What a limit of ours (nothing at all for none) is at OpenAI."""
    bounds = {theirs: row.get(ours) for theirs, ours in COLUMNS.items()}
    figures = {name: UNLIMITED if value is None else value for name, value in bounds.items()}
    return RateLimit(id=PREFIX + model, model=model, **figures).model_dump(mode="json")


async def _limits(office: Office, session: Session, tenant: str) -> dict[str, Row]:
    """Pattern of models -> the limit of the whole tenant."""
    stored = await session.find(LIMIT, tenant=tenant, key="")
    declared = [row for row in office.declared.limits() if row["tenant"] == tenant and not row["key"]]
    return {row["model"]: dict(row) for row in (*stored, *declared)}


async def show_all(office: Office, session: Session, call: Call) -> Reply:
    """All models together, then every model that is known or bounded. Raises NotFound."""
    project = await find_project(office, session, call)
    limits = await _limits(office, session, project["id"])
    known = {name for name in office.models.known() if "/" in name}  # the others are aliases
    models = [EVERY_MODEL, *sorted((known | set(limits)) - {EVERY_MODEL})]
    return part(call, [view(model, limits.get(model, {})) for model in models], size(call, MOST))


async def change(office: Office, session: Session, call: Call) -> Reply:
    """Set bounds, or lift them. Raises InvalidRequest, NotFound, Conflict, Stale."""
    refuse_given(call.body, MEANINGLESS)
    project = await expect_open(office, session, call)
    model = _model(call.params["rate_limit_id"])
    there = (await _limits(office, session, project["id"])).get(model, {})
    bounds = {name: there.get(name) for name in BOUNDS} | _given(call.body)
    if any(value is not None for value in bounds.values()):
        new = NewLimit(tenant=project["id"], model=model, queue=there.get("queue", 0), **bounds)
        await put_limit(office, session, replace(call, body=new))
    elif there:  # a limit that bounds nothing is none
        await delete_limit(office, session, replace(call, params={"id": there["id"]}))
    return Reply(view(model, bounds))


def _model(identity: str) -> str:
    """The model of a rate limit's id. Raises NotFound for what is none."""
    model = identity.removeprefix(PREFIX)
    if model == identity or not _PATTERN.fullmatch(model) or model.count("*") > MOST_STARS:
        raise NotFound(f"There is no rate limit '{identity[:200]}'.")
    return model


def _given(body: ChangedRateLimit) -> Row:
    figures = {ours: getattr(body, theirs) for theirs, ours in COLUMNS.items()}
    return {name: None if value >= UNLIMITED else value for name, value in figures.items() if value is not None}


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "organization.rate_limits.list", "GET", ROOT, EVERYBODY, show_all, "List the limits of a tenant by model",
        view=RateLimit, query={**PAGING, **BEFORE}, listed=True,
    ),
    Operation(
        "organization.rate_limits.update", "POST", ONE, OPERATORS, change, "Change the limits of a tenant with a model",
        ChangedRateLimit, RateLimit,
    ),
)  # fmt: skip
