"""Tenants with their Telnyx keys, and a way to Telnyx, for subcommands that ask Telnyx something itself."""

import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proxy.cli.desks import Misused
from proxy.cli.tables import Row

if TYPE_CHECKING:
    from proxy.settings import Settings
    from proxy.settings import Tenant as Rules
    from proxy.storage.sealing import Sealing
    from proxy.storage.store import Store
    from proxy.upstream.transport import Transport

PATIENCE = 30.0
"""Seconds until Telnyx begins to answer: a list or a report, not a model that thinks."""


@dataclass(frozen=True, slots=True)
class Party:
    """A tenant, as Telnyx knows it.

    Attributes:
        tenant: its id; declared: in the configuration.
        credentials: the Telnyx keys that its requests go out with, the first one first; may be empty.
        refs: provider -> identifier of an integration secret.
    """

    tenant: str
    credentials: tuple[str, ...] = field(repr=False)
    refs: Mapping[str, str]
    declared: bool

    @property
    def credential(self) -> str:
        """The first Telnyx key, empty for none."""
        return self.credentials[0] if self.credentials else ""


@dataclass(frozen=True, slots=True)
class Place:
    """What the actions work with."""

    config: Path
    store: "Store"
    parties: Mapping[str, Party]
    transport: "Transport"
    base_url: str

    def party(self, tenant: str) -> Party:
        """One of them. Raises Misused."""
        if tenant not in self.parties:
            known = ", ".join(sorted(self.parties)) or "none"
            raise Misused(f"there is no tenant {tenant}; there are: {known}")
        return self.parties[tenant]

    def wanted(self, tenant: str | None) -> list[Party]:
        """The one that is named, or all of them. Raises Misused."""
        return [self.party(tenant)] if tenant is not None else list(self.parties.values())


@asynccontextmanager
async def gathered(config: Path) -> AsyncIterator[Place]:
    """The store of a configuration, and a way to Telnyx. Raises ConfigurationError, StoreUnavailable, OSError."""
    from proxy.cli.storing import opened
    from proxy.settings import environment, with_telnyx_keys
    from proxy.timers import Wheel
    from proxy.upstream.native_transport import NativeTransport

    async with opened(config) as (stored, store, sealing):
        settings = with_telnyx_keys(stored, config.parent, environment())
        upstream, timers = settings.upstream, Wheel()
        transport = NativeTransport(
            connect=upstream.timeouts.connect,
            first_byte=min(PATIENCE, upstream.timeouts.first_byte),
            keepalive=PATIENCE,
            user_agent=_user_agent(),
            tls=ssl.create_default_context(cafile=upstream.ca_file),
            timers=timers,
        )
        try:
            parties = await _parties(settings, store, sealing)
            yield Place(config, store, parties, transport, upstream.base_url)
        finally:
            await transport.close()
            timers.close()


def _user_agent() -> str:
    from proxy import __version__

    return f"telnyx-openai-proxy/{__version__}"


async def _parties(settings: "Settings", store: "Store", sealing: "Sealing") -> dict[str, Party]:
    """Every tenant that is in use, declared ones first."""
    from proxy.settings import Tenant

    rows = (await store.snapshot()).rows
    find = _finder(settings, sealing, rows["credential"])
    found = {
        tenant.id: Party(tenant.id, find(tenant), dict(tenant.api_key_refs), declared=True)
        for tenant in settings.tenants
    }
    for row in rows["tenant"]:
        if row["archived_at"] is None and row["id"] not in found:
            refs = {each["provider"]: each["identifier"] for each in _of(row["id"], rows["api_key_ref"])}
            found[row["id"]] = Party(row["id"], find(Tenant(id=row["id"])), refs, declared=False)
    return found


def _finder(settings: "Settings", sealing: "Sealing", rows: Sequence[Row]) -> "Callable[[Rules], tuple[str, ...]]":
    """What tells the Telnyx keys of a tenant."""
    from proxy.app.credentials import Credentials
    from proxy.settings import environment

    keys = Credentials(settings, environment(), sealing, lambda said, **details: None)

    def find(rules: "Rules") -> tuple[str, ...]:
        first, rota = keys.of(rules, _of(rules.id, rows))
        return tuple(filter(None, (first,) if rota is None else rota.secrets()))

    return find


def _of(tenant: str, rows: Iterable[Row]) -> list[dict[str, Any]]:
    return [dict(row) for row in rows if row["tenant"] == tenant]


def by_account(parties: Iterable[Party]) -> list[list[Party]]:
    """Those with the same first Telnyx key together, so that each account is asked once."""
    found: dict[str, list[Party]] = {}
    for party in parties:
        found.setdefault(party.credential, []).append(party)
    return list(found.values())


def connected(parties: Iterable[Party]) -> Iterator[list[Party]]:
    """Those that share a Telnyx key, directly or through others, together: what one spent cannot be told apart."""
    left = list(parties)
    while left:
        together, keys = [left.pop(0)], set[str]()
        for party in together:  # grows while it is walked through
            keys |= set(party.credentials)
            together += [each for each in left if keys & set(each.credentials)]
            left = [each for each in left if each not in together]
        yield together
