"""The operations on credentials: the Telnyx API keys that a tenant's requests are sent with.

A credential is a reference to where the server process finds it, `env` or `file`, or the key itself, `sealed`:
encrypted before it reaches the database, never shown again. Which of a tenant's credentials a request is sent with,
their weights decide; so a new one is brought in and an old one taken out without a pause.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, model_validator

from proxy.accounts.keys import LAST
from proxy.admin.listing import PAGING, listed, page
from proxy.admin.operations import EVERYBODY, OPERATORS, Body, Call, Change, Office, Operation, Reply, View
from proxy.admin.subjects import (
    change,
    deleted,
    exactly_one,
    expect_changeable,
    expect_undeclared,
    held_to,
    named,
    removed,
)
from proxy.admin.values import Name, Switch, TenantId
from proxy.errors import Conflict
from proxy.settings import environment
from proxy.settings.section import complaint
from proxy.storage.store import CREDENTIAL, Row, Session

PATH = "/admin/v1/credentials"
LONGEST = 4096
"""Characters of a secret or a path: Telnyx's keys have about 60, its OAuth tokens some 1,000."""
SHORTEST = 12
"""Characters of a secret whose last ones are shown; of a shorter one too little would be left a secret."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,255}")
_TELNYX_KEY = re.compile(r"KEY_?[0-9A-Za-z]{12,}")
_SENDABLE = re.compile(r"[!-~]+")


def expect_variable(value: str) -> str:
    """The name of an environment variable. A value that is none is not repeated: it may be the secret itself."""
    if not _VARIABLE.fullmatch(value):
        raise complaint("is not the name of an environment variable", "the bare name is expected, without $")
    if _TELNYX_KEY.match(value):
        raise complaint("looks like a Telnyx API key, not like a variable's name", "give the key itself as secret")
    return value


def expect_path(value: str) -> str:
    """An absolute path: every process that serves has to find the same file."""
    if not value.isprintable() or not Path(value).is_absolute():
        raise complaint("must be an absolute path", "the same for every process that serves")
    return value


def expect_sendable(value: SecretStr) -> SecretStr:
    """What an Authorization header can carry."""
    if not _SENDABLE.fullmatch(value.get_secret_value()):
        raise complaint("must be printable ASCII without blanks", "it travels in an Authorization header")
    return value


Weight = Annotated[int, Field(strict=True, ge=1, le=1000)]
Sendable = Annotated[
    SecretStr,
    Field(min_length=1, max_length=LONGEST, json_schema_extra={"pattern": "^[!-~]+$"}),
    AfterValidator(expect_sendable),
]
Variable = Annotated[
    str, Field(json_schema_extra={"pattern": "^[A-Za-z_][A-Za-z0-9_.-]{0,255}$"}), AfterValidator(expect_variable)
]
FilePath = Annotated[
    str, Field(max_length=LONGEST, json_schema_extra={"pattern": "^/[!-~]*$"}), AfterValidator(expect_path)
]


class NewCredential(Body):
    """A credential to be made. Exactly one of `env`, `file` and `secret` is given."""

    model_config = ConfigDict(json_schema_extra=exactly_one("env", "file", "secret"))

    tenant: TenantId = Field(description="id of the tenant")
    name: Name | None = Field(default=None, description="for logs and metrics; null = one is made up")
    env: Variable | None = Field(default=None, description="environment variable of the server process that holds it")
    file: FilePath | None = Field(default=None, description="absolute path of a file that holds it")
    secret: Sendable | None = Field(default=None, description="the Telnyx API key itself; kept encrypted, never shown")
    weight: Weight = Field(default=1, description="how many requests it gets, relative to the others")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(place is not None for place in (self.env, self.file, self.secret)) != 1:
            raise complaint("must have exactly one of env, file and secret")
        return self


class CredentialChange(Change):
    """What is to be different. What is not named stays."""

    weight: Weight = Field(default=1, description="how many requests it gets, relative to the others")
    disabled: Switch = Field(default=False, description="true: no request is sent with it")
    secret: Sendable = Field(default=SecretStr(""), description="replaces whatever it was, a reference included")


class CredentialView(View):
    """A credential, without the secret."""

    id: str
    object: Literal["credential"] = "credential"
    tenant: str
    name: str
    kind: str = Field(description="`env`, `file` or `sealed`; `declared` where the configuration file holds it")
    reference: str = Field(description="the variable or the path, empty for sealed ones")
    last4: str = Field(description="the last characters of a sealed secret, empty for references")
    weight: int
    disabled: bool
    declared: bool = Field(description="it stands in the configuration file, and is not for the API to change")
    created_at: int
    revision: int


def view(row: Row) -> dict[str, Any]:
    """A row as it is shown, without its secret."""
    shown = {name: row[name] for name in CredentialView.model_fields if name in row}
    return CredentialView(**shown, declared=row["revision"] == 0).model_dump()


async def list_credentials(office: Office, session: Session, call: Call) -> Reply:
    """Every credential, those of the configuration first."""
    wanted = {"tenant": held_to(call)}
    return listed(await page(session, CREDENTIAL, call, wanted, office.declared.credentials()), view)


async def create_credential(office: Office, session: Session, call: Call) -> Reply:
    """A new one. Raises NotFound, Conflict."""
    body: NewCredential = call.body
    await expect_changeable(office, session, body.tenant)
    identity = f"cred_{office.random(12).hex()}"
    name = body.name or identity
    if await session.find(CREDENTIAL, tenant=body.tenant, name=name):
        raise Conflict(f"The tenant '{body.tenant}' has a credential '{name}' already.", param="name")
    row: Row = {"id": identity, "tenant": body.tenant, "name": name, "weight": body.weight, "disabled": False}
    row |= _kept(office, body.secret) if body.secret is not None else _reference(body)
    row = await session.add(CREDENTIAL, row)
    return Reply(view(row), 201, row["revision"], _absent(body))


async def get_credential(office: Office, session: Session, call: Call) -> Reply:
    """One of them. Raises NotFound."""
    row = await named(session, call, CREDENTIAL, office.declared.credentials())
    return Reply(view(row), revision=row["revision"])


async def change_credential(office: Office, session: Session, call: Call) -> Reply:
    """Change it, or replace its secret. Raises NotFound, Stale, Conflict."""
    body: CredentialChange = call.body
    expect_undeclared(call, CREDENTIAL, office.declared.credentials())
    values = body.model_dump(exclude_unset=True, exclude={"secret"})
    if "secret" in body.model_fields_set:
        values |= _kept(office, body.secret)
    row = await session.get(CREDENTIAL, call.params["id"])
    row = await change(session, CREDENTIAL, row, values, call.revision)
    return Reply(view(row), revision=row["revision"])


async def delete_credential(office: Office, session: Session, call: Call) -> Reply:
    """Forget it; requests that are under way end with it. Raises NotFound, Stale, Conflict."""
    row = await removed(session, call, CREDENTIAL, office.declared.credentials())
    left = await session.find(CREDENTIAL, tenant=row["tenant"], disabled=False)
    warnings = () if left else (f"The tenant '{row['tenant']}' has no credential of its own any more.",)
    return Reply(deleted(CREDENTIAL, row["id"]), warnings=warnings)


def _kept(office: Office, secret: SecretStr) -> Row:
    text = secret.get_secret_value()
    return {
        "kind": "sealed",
        "reference": "",
        "sealed": office.sealing.seal(text.encode()),
        "last4": text[-LAST:] if len(text) >= SHORTEST else "",
    }


def _reference(body: NewCredential) -> Row:
    kind = "env" if body.env is not None else "file"
    return {"kind": kind, "reference": body.env or body.file or "", "sealed": None, "last4": ""}


def _absent(body: NewCredential) -> tuple[str, ...]:
    """A warning where this process does not find what is referred to. The one that serves may."""
    if body.env is not None and not environment().get(body.env):
        return (f"The environment variable {body.env} is not set in this process.",)
    if body.file is not None and not Path(body.file).is_file():
        return ("The file is not there for this process.",)
    return ()


_SINGLE = f"{PATH}/{{id}}"
OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "credentials.list",
        "GET",
        PATH,
        EVERYBODY,
        list_credentials,
        "List Telnyx credentials",
        view=CredentialView,
        query={"tenant": "only those of this tenant", **PAGING},
        listed=True,
    ),
    Operation(
        "credentials.create",
        "POST",
        PATH,
        OPERATORS,
        create_credential,
        "Add a Telnyx credential to a tenant",
        body=NewCredential,
        view=CredentialView,
        status=201,
    ),
    Operation("credentials.get", "GET", _SINGLE, EVERYBODY, get_credential, "Read a credential", view=CredentialView),
    Operation(
        "credentials.change",
        "PATCH",
        _SINGLE,
        OPERATORS,
        change_credential,
        "Change a credential or replace its secret",
        body=CredentialChange,
        view=CredentialView,
    ),
    Operation("credentials.delete", "DELETE", _SINGLE, OPERATORS, delete_credential, "Delete a credential"),
)
