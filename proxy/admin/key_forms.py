"""Keys as the admin API takes and shows them."""

from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from proxy.accounts.keys import redacted
from proxy.admin.operations import Body, Change, View
from proxy.admin.subjects import alive
from proxy.admin.values import (
    Endpoints,
    Globs,
    Label,
    Moment,
    Name,
    Networks,
    Seconds,
    Sha256,
    Switch,
    Tags,
    TenantId,
    Whole,
)
from proxy.settings.section import complaint
from proxy.storage.store import Row

MOST_IMPORTED = 1000
LONGEST_GRACE = 30 * 86_400
DAY = 86_400
Status = Literal["active", "disabled", "expired", "revoked", "rotating"]

_EXPIRES_AT = "Unix seconds from which on it is refused; null = never"
_EXPIRES_IN = "the same, as seconds from now"
_ENDPOINTS = "endpoints it may call; none = all"
_MODELS = "Telnyx model ids it may use, patterns allowed; none = all of the tenant's"
_NETWORKS = "networks it may be used from; none = all"
_NAME = "what logs call it: letters, digits and `_.-`; once in a tenant"
_ONE_END: dict[str, Any] = {"not": {"required": ["expires_at", "expires_in_seconds"]}}


class _Ending(Body):
    """Whatever ends some day."""

    model_config = ConfigDict(json_schema_extra=_ONE_END)
    expires_at: Moment | None = Field(default=None, description=_EXPIRES_AT)
    expires_in_seconds: Seconds | None = Field(default=None, description=_EXPIRES_IN)

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if {"expires_at", "expires_in_seconds"} <= self.model_fields_set:
            raise complaint("must have expires_at or expires_in_seconds, not both")
        return self


class NewKey(_Ending):
    """A key to be made."""

    tenant: TenantId = Field(description="whose it is", examples=["acme"])
    name: Name = Field(description=_NAME, examples=["web"])
    owner: Label = Field(default="", description="who answers for it")
    tags: Tags = Field(default_factory=dict, description="for people and reports")
    endpoints: Endpoints = Field(default=(), description=_ENDPOINTS)
    models: Globs = Field(default=(), description=_MODELS, examples=[["moonshotai/*"]])
    networks: Networks = Field(default=(), description=_NETWORKS)


class KeyChange(Change):
    """What is to be different. What is not named stays."""

    name: Name = Field(default="", description=_NAME)
    owner: Label = Field(default="", description="who answers for it")
    tags: Tags = Field(default_factory=dict, description="for people and reports; replaced as a whole")
    expires_at: Moment | None = Field(default=None, description=_EXPIRES_AT)
    endpoints: Endpoints = Field(default=(), description=_ENDPOINTS)
    models: Globs = Field(default=(), description=_MODELS)
    networks: Networks = Field(default=(), description=_NETWORKS)
    disabled: Switch = Field(default=False, description="whether it is refused for the time being")


class Rotation(_Ending):
    """How a key is replaced."""

    grace_seconds: Whole = Field(
        default=DAY, ge=0, le=LONGEST_GRACE, description="how long the old one goes on working"
    )


class Imported(Body):
    """A key that applications have already, by its digest."""

    name: Name = Field(description=_NAME)
    sha256: Sha256 = Field(description="SHA-256 of the key, 64 hexadecimal digits", examples=["0f" * 32])
    owner: Label = Field(default="", description="who answers for it")
    tags: Tags = Field(default_factory=dict, description="for people and reports")
    expires_at: Moment | None = Field(default=None, description=_EXPIRES_AT)
    endpoints: Endpoints = Field(default=(), description=_ENDPOINTS)
    models: Globs = Field(default=(), description=_MODELS)
    networks: Networks = Field(default=(), description=_NETWORKS)
    disabled: Switch = Field(default=False, description="whether it is refused for the time being")


class Import(Body):
    """Keys of one tenant, all or none of which become known."""

    tenant: TenantId = Field(description="whose they are")
    keys: tuple[Imported, ...] = Field(min_length=1, max_length=MOST_IMPORTED, description="the keys")


class KeyView(View):
    """A key, without its secret."""

    object: Literal["key"]
    id: str = Field(description="its public id")
    tenant: str = Field(description="whose it is")
    name: str = Field(description="what logs call it")
    redacted: str = Field(description="its beginning and its end")
    owner: str = Field(description="who answers for it")
    tags: dict[str, str] = Field(description="for people and reports")
    endpoints: list[str] = Field(description=_ENDPOINTS)
    models: list[str] = Field(description=_MODELS)
    networks: list[str] = Field(description=_NETWORKS)
    created_at: int = Field(description="Unix seconds; 0 for declared ones")
    expires_at: int | None = Field(description=_EXPIRES_AT)
    last_used_at: int | None = Field(description="Unix seconds, to the minute")
    disabled: bool = Field(description="whether it is refused for the time being")
    revoked_at: int | None = Field(description="Unix seconds; refused for ever")
    rotated_from: str | None = Field(description="id of the key that it replaces")
    service_account: str | None = Field(description="id of the service account that it belongs to")
    declared: bool = Field(description="whether the configuration file has it, so that it cannot be changed here")
    status: Status = Field(description="rotating: replaced, and working until it expires")
    revision: int = Field(description="counted up with each change; the `ETag`")


class MadeKey(KeyView):
    """A key that was just made. Its secret is shown this once."""

    key: str = Field(description="the secret; it cannot be shown again")


class KeyDeleted(View):
    """A key that is gone."""

    object: Literal["key.deleted"]
    id: str
    deleted: Literal[True]


class KeysImported(View):
    """The keys that became known, in the order they were given."""

    object: Literal["key.import"]
    data: list[KeyView]


_SHOWN = tuple(set(KeyView.model_fields) - {"object", "redacted", "declared", "status"})


def view(row: Row, now: int, *, replaced: bool = False) -> dict[str, Any]:
    """A row as clients see it. `replaced`: whether another key was made from it. Declared ones have revision 0."""
    shown = {name: row[name] for name in _SHOWN}
    return KeyView(
        object="key",
        redacted=redacted(row["last4"]),
        declared=not row["revision"],
        status=status(row, now, replaced=replaced),
        **shown,
    ).model_dump(mode="json")


def status(row: Row, now: int, *, replaced: bool = False) -> Status:
    """What can be done with it at this moment."""
    if row["revoked_at"] is not None:
        return "revoked"
    if not alive(row, now):
        return "expired"
    if row["disabled"]:
        return "disabled"
    return "rotating" if replaced and row["expires_at"] is not None else "active"
