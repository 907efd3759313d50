"""What the configuration file declares, in the columns of the store's tables: shown by the API, changed in the file."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from proxy.accounts.keys import LAST
from proxy.accounts.limits import MICROS
from proxy.admin.tenants import ELSEWHERE
from proxy.settings import Key, Settings, Tenant

Row = Mapping[str, Any]

TIMES: Row = {"created_at": 0, "revision": 0}
"""Not of the store: never made there, and at no revision."""


class DeclaredSettings:
    """What the settings declare. Ids are made of names, so that they stay the same from one start to the next."""

    def __init__(self, settings: Settings) -> None:
        self._tenants = settings.tenants

    def tenants(self) -> Sequence[Row]:
        """The tenants."""
        return [
            {
                "id": tenant.id,
                "name": tenant.id,
                "rules": tenant.model_dump(mode="json", exclude=set(ELSEWHERE), exclude_unset=True),
                "disabled": False,
                "archived_at": None,
                **TIMES,
            }
            for tenant in self._tenants
        ]

    def keys(self) -> Sequence[Row]:
        """The keys; not even their last four characters are known where only a digest is given."""
        return [_key(tenant, key) for tenant in self._tenants for key in tenant.keys]

    def limits(self) -> Sequence[Row]:
        """The limits."""
        return [
            {"id": f"{tenant}/{key}/{bounds.model}", "tenant": tenant, "key": key, **bounds.model_dump(), **TIMES}
            for tenant, key, section in self._holders()
            for bounds in section.limits
        ]

    def budgets(self) -> Sequence[Row]:
        """The budgets."""
        return [
            {
                "id": f"{tenant}/{key}/{money.per}",
                "tenant": tenant,
                "key": key,
                "micros": int(money.usd * MICROS),
                "per": money.per,
                "soft": money.soft,
                **TIMES,
            }
            for tenant, key, section in self._holders()
            for money in section.budgets
        ]

    def credentials(self) -> Sequence[Row]:
        """The Telnyx keys, by where they are found."""
        return [
            {
                "id": f"{tenant.id}/{name}",
                "tenant": tenant.id,
                "name": name,
                "kind": "declared",
                "reference": "",
                "sealed": None,
                "last4": "",
                "weight": weight,
                "disabled": False,
                **TIMES,
            }
            for tenant in self._tenants
            for name, weight in _credentials(tenant)
        ]

    def api_key_refs(self) -> Sequence[Row]:
        """The references to integration secrets at Telnyx."""
        return [
            {
                "id": f"{tenant.id}/{provider}",
                "tenant": tenant.id,
                "provider": provider,
                "identifier": identifier,
                **TIMES,
            }
            for tenant in self._tenants
            for provider, identifier in tenant.api_key_refs.items()
        ]

    def _holders(self) -> Iterator[tuple[str, str, Tenant | Key]]:
        """Whoever may have limits: tenant, id of the key (empty for the tenant itself), and where they stand."""
        for tenant in self._tenants:
            yield tenant.id, "", tenant
            for key in tenant.keys:
                yield tenant.id, key_id(tenant.id, key.name), key


def key_id(tenant: str, name: str) -> str:
    """The id of a declared key."""
    return f"{tenant}/{name}"


def _key(tenant: Tenant, key: Key) -> Row:
    return {
        "id": key_id(tenant.id, key.name),
        "tenant": tenant.id,
        "name": key.name,
        "last4": key.secret.reveal()[-LAST:] if key.secret is not None and key.secret.resolved else "",
        "owner": "",
        "tags": {},
        "endpoints": list(key.endpoints),
        "models": list(key.models),
        "networks": list(key.networks),
        "expires_at": int(key.expires_at.timestamp()) if key.expires_at is not None else None,
        "disabled": False,
        "revoked_at": None,
        "last_used_at": None,
        "rotated_from": None,
        "service_account": None,
        **TIMES,
    }


def _credentials(tenant: Tenant) -> Iterator[tuple[str, int]]:
    if tenant.upstream_api_key is not None:
        yield "upstream_api_key", 1
    for each in tenant.credentials:
        yield each.name, each.weight
