"""Tenants and their keys, as configured."""

import hashlib
import ipaddress
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticKnownError

from proxy.settings.bounds import Bounds, Money
from proxy.settings.quantities import Number, Sha256, Text, Whole
from proxy.settings.request import Capped, Injected
from proxy.settings.secrets import DemandedSecret, at_least
from proxy.settings.section import Section, complaint

Unsupported = Literal["drop", "refuse"]
Reasoning = Literal["keep", "hide"]

KEY_LENGTH = 20
"""Characters of a client key at least: shorter ones can be guessed over the network."""
RESERVED = frozenset({"none", "other", "unknown"})
"""Tenant ids that metrics use as label values of their own."""


def expect_id(value: str) -> str:
    """Tenant ids stand in metrics, logs and paths."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", value):
        raise complaint("must be lower-case letters, digits, _ and -, at most 63 of them")
    if value in RESERVED:
        raise complaint("is a reserved word", f"reserved are: {', '.join(sorted(RESERVED))}")
    return value


def expect_name(value: str) -> str:
    """Key names stand in logs."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", value):
        raise complaint("must be letters, digits, _, . and -, at most 63 of them")
    return value


def expect_network(value: str) -> str:
    """An address or a range of addresses."""
    try:
        ipaddress.ip_network(value)
    except ValueError:
        raise complaint("must be an address or a network", "10.0.0.0/8, 2001:db8::/32, with no host bits") from None
    return value


def expect_date(value: object) -> object:
    """A number is no date: 20271231 would be a day in 1970."""
    if isinstance(value, int | float):
        raise PydanticKnownError("datetime_type")
    return value


def in_utc(value: datetime) -> datetime:
    """A time without a zone is meant in UTC."""
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def bound_once(limits: tuple[Bounds, ...]) -> tuple[Bounds, ...]:
    """What is bounded twice would be counted twice, at one and the same gate."""
    bounds = [(each.model, name) for each in limits for name, bound in each if name not in {"model", "queue"} and bound]
    for model, name in bounds:
        if bounds.count((model, name)) > 1:
            raise complaint(f"has two {name} for the model '{model}'", "each bound once for each pattern of models")
    return limits


def one_each(budgets: tuple[Money, ...]) -> tuple[Money, ...]:
    """The same of money."""
    if len({each.per for each in budgets}) < len(budgets):
        raise complaint("has two budgets for one period", "one each per day, week, month and total")
    return budgets


Limits = Annotated[tuple[Bounds, ...], AfterValidator(bound_once)]
Budgets = Annotated[tuple[Money, ...], AfterValidator(one_each)]
Id = Annotated[str, AfterValidator(expect_id)]
Name = Annotated[str, AfterValidator(expect_name)]
Network = Annotated[str, AfterValidator(expect_network)]
Moment = Annotated[datetime, BeforeValidator(expect_date), AfterValidator(in_utc)]


def expect_route(value: str) -> str:
    """A path at Telnyx as clients write it behind `/telnyx/`."""
    if value.startswith("/") or "://" in value:
        raise complaint("must be a path without its beginning", "as it stands after /telnyx/: ai/clusters*")
    return value


Route = Annotated[Text, AfterValidator(expect_route)]


class Credential(Section):
    """One of several Telnyx API keys of a tenant."""

    name: Name = Field(description="what logs and metrics call it")
    api_key: DemandedSecret = Field(description="the Telnyx API key")
    weight: Annotated[Whole, Field(ge=1, le=1000)] = Field(
        default=1, description="how many requests it gets, relative to the others"
    )


class Key(Section):
    """A key that clients call this proxy with. Any text of 20 characters or more: an app can keep the key it has."""

    name: Name = Field(description="what logs call it: letters, digits and `_.-`, at most 63")
    secret: Annotated[DemandedSecret, at_least(KEY_LENGTH, "openssl rand -hex 32 makes a good one")] = Field(
        default=None, description="the key; only its digest is kept in memory. Either this or `sha256`"
    )
    sha256: Sha256 | None = Field(default=None, description="SHA-256 of the key, 64 hexadecimal digits")
    expires_at: Moment | None = Field(default=None, description="`2027-01-31` or with a time; null = never")
    endpoints: tuple[Text, ...] = Field(
        default=(), description="endpoints it may call (`chat.completions`); none = all"
    )
    models: tuple[Text, ...] = Field(
        default=(), description="Telnyx model ids it may use, patterns allowed; none = all of the tenant's"
    )
    networks: tuple[Network, ...] = Field(default=(), description="networks it may be used from (CIDR); none = all")
    limits: Limits = Field(default=(), description="what may pass with this key")
    budgets: Budgets = Field(default=(), description="what may be spent with this key, one for each period")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.secret is None) == (self.sha256 is None):
            raise complaint("must have either secret or sha256", "one of the two, not both")
        return self

    def digest(self) -> bytes:
        """SHA-256 of the key, 32 bytes. Raises ValueError if the configuration was loaded without secrets."""
        if self.sha256 is not None:
            return bytes.fromhex(self.sha256)
        if self.secret is None:
            raise ValueError("a key without secret and sha256")
        return hashlib.sha256(self.secret.reveal().encode("utf-8", "surrogateescape")).digest()


class TranslationOverride(Section):
    """What a tenant has decided differently about translation. Only what is given counts."""

    unsupported: Unsupported | None = Field(
        default=None, description="as `translation.unsupported`; null = not overridden"
    )
    fields: Mapping[Text, Unsupported] = Field(
        default_factory=dict, description="laid over `translation.fields`, name by name"
    )
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = Field(
        default=None, description="as `translation.temperature`, null included; left out = not overridden"
    )
    reasoning: Reasoning | None = Field(default=None, description="as `translation.reasoning`; null = not overridden")


class Tenant(Section):
    """A group of apps that share one Telnyx credential and one set of rules."""

    id: Id = Field(description="name in metrics and logs: lower-case letters, digits, `_` and `-`, at most 63")
    upstream_api_key: DemandedSecret = Field(
        default=None, description="the Telnyx API key of this tenant's requests; null = `upstream.api_key`"
    )
    credentials: tuple[Credential, ...] = Field(
        default=(), description="several Telnyx API keys instead of `upstream_api_key`, used by weight"
    )
    weight: Annotated[Whole, Field(ge=1, le=1000)] = Field(
        default=1, description="its share of `upstream.budgets`, relative to other tenants"
    )
    limits: Limits = Field(default=(), description="what may pass, all its keys together")
    budgets: Budgets = Field(default=(), description="what may be spent, one for each period")
    defaults: Injected = Field(
        default_factory=dict, description="request fields sent where the client says nothing ([names](#request-fields))"
    )
    force: Injected = Field(default_factory=dict, description="request fields always sent, whatever the client says")
    cap: Capped = Field(default_factory=dict, description="numbers of the request that a client may not exceed")
    api_key_refs: Mapping[Text, Text] = Field(
        default_factory=dict,
        description="provider prefix of a model id (`openai`) -> identifier of the Telnyx integration secret with the "
        "provider's key, sent as `api_key_ref`",
    )
    client_api_key_refs: tuple[Text, ...] = Field(
        default=(), description="values of `api_key_ref` that clients may send themselves"
    )
    buckets: tuple[Text, ...] = Field(
        default=(), description="retrieval buckets that clients may name, patterns allowed; others are refused"
    )
    models: tuple[Text, ...] = Field(
        default=("*",), description="Telnyx model ids (not aliases) the tenant may use, patterns allowed"
    )
    translation: TranslationOverride | None = Field(
        default=None, description="what is different from `translation` for this tenant; null = nothing"
    )
    metadata_tags: tuple[Text, ...] = Field(
        default=(), description="names in the `metadata` of requests that the ledger keeps, with their values"
    )
    markup: Annotated[Number, Field(ge=-100, le=10_000)] = Field(
        default=0,
        description="per cent added to what Telnyx charges, in what the tenant is charged; its budgets and its keys' "
        "count with it",
    )
    passthrough: tuple[Route, ...] = Field(
        default=(),
        description="Telnyx's own AI routes that its keys may call under `/telnyx/`, patterns allowed: `ai/clusters*`; "
        "none given = none",
    )
    fine_tuning: bool | None = Field(
        default=None,
        description="whether its keys may use `/v1/fine_tuning`: whoever has a key of one Telnyx account sees, cancels "
        "and pays for all its jobs, and budgets do not count them; null = only where no other tenant has the same "
        "Telnyx key",
    )
    on_disconnect: Literal["cancel", "drain"] = Field(
        default="cancel",
        description="when a client leaves before the end: `cancel` the request at Telnyx, or `drain` it, so that the "
        "ledger has Telnyx's own figures (they are paid for)",
    )
    keys: tuple[Key, ...] = Field(default=(), description="the keys that clients call this proxy with")
