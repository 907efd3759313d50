"""Who may call: tenants, and the grant that a known key opens."""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from math import inf
from typing import Protocol

from proxy.accounts.credentials import Rota
from proxy.accounts.gates import Holder
from proxy.accounts.keys import damaged, digest
from proxy.errors import InvalidApiKey, NotPermitted, StoreUnavailable

BEARER = "bearer "
SEEN = 16_384
"""Headers that are known again: of keys in use, so it bounds what many spellings of one key take."""
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Tenant:
    """A group of applications that share Telnyx credentials and one set of rules.

    Attributes:
        id: its name in configuration, metrics and logs.
        credential: the Telnyx API key its requests are sent with; never shown.
        models: patterns of the Telnyx ids it may use.
        rota: where there are several Telnyx keys: whose turn it is. `credential` is the first of them then.
        tunes: it may use what belongs to its Telnyx account as a whole: fine-tuning jobs.
    """

    id: str
    credential: str = field(repr=False)
    models: tuple[str, ...] = ("*",)
    rota: Rota | None = field(default=None, compare=False)
    tunes: bool = False

    def secrets(self) -> tuple[str, ...]:
        """Its Telnyx keys: what must not be repeated to anybody."""
        return (self.credential,) if self.rota is None else self.rota.secrets()

    def reveals(self, text: str) -> bool:
        """Whether one of them stands in a text."""
        if self.rota is None:
            return self.credential in text
        return any(secret in text for secret in self.rota.secrets())


class Names(Protocol):
    """A set of names that may be endless, as patterns make it."""

    def __contains__(self, name: str, /) -> bool:
        """Whether a name is one of them."""
        ...


@dataclass(frozen=True, slots=True)
class Scope:
    """What a key may be used for, where it is not for everything.

    Attributes:
        endpoints: names of endpoints; empty = all.
        models: Telnyx ids; None = all of its tenant's.
        networks: where it may be used from; empty = everywhere.
    """

    endpoints: frozenset[str] = frozenset()
    models: Names | None = None
    networks: tuple[Network, ...] = ()

    def allows(self, model: str) -> bool:
        """Whether the key may be used with a Telnyx id, if its tenant may."""
        return self.models is None or model in self.models

    def expect_endpoint(self, name: str) -> None:
        """Raises NotPermitted for an endpoint that the key is not for."""
        if self.endpoints and name not in self.endpoints:
            raise NotPermitted(f"This key may not be used for {name}.")

    def expect_address(self, address: str | None) -> None:
        """Raises NotPermitted for a client that the key must not be used by. An address that is unknown is none."""
        if not self.networks:
            return
        try:
            given = ipaddress.ip_address((address or "").partition("%")[0])
        except ValueError:
            given = None
        mapped = getattr(given, "ipv4_mapped", None) or given  # a client of IPv4 on a socket that takes both
        if mapped is None or not any(mapped in network for network in self.networks):
            raise NotPermitted("This key may not be used from this address.")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key opens.

    Attributes:
        tenant: whose it is; key: its name, for logs; id: its public id, empty for keys of the configuration.
        expires_at: Unix seconds from which on it opens nothing; 0 for one that is revoked or disabled.
        closed: why it opens nothing any more, in words for its holder.
        scope: what it may be used for, None where it may be used for all of its tenant's.
        holder: its limits and budgets and those of its tenant, None where there are none.
    """

    tenant: Tenant
    key: str
    id: str = ""
    expires_at: float = inf
    closed: str = "it has expired"
    scope: Scope | None = None
    holder: Holder | None = None


class KeyRing:
    """Every known key, by digest. Lookup is one digest and one dictionary access, whatever the number of keys.

    Under a pepper that digest takes its time. A header that was good once is known again by another one, which takes a
    fifth of that and says as little about the key: the pepper is in it, too.

    Attributes:
        complete: whether every key there is is here. While the store cannot be asked an unknown key may be a new one.
    """

    def __init__(self, grants: Mapping[bytes, Grant], digest_of: Callable[[str], bytes] = digest) -> None:
        self._grants = dict(grants)
        self._digest = digest_of
        self._seal = blake2b(key=digest_of("")[: blake2b.MAX_KEY_SIZE], digest_size=32)
        self._seen: dict[bytes, Grant] = {}
        self._named: dict[tuple[str, str, str], Grant] | None = None  # made when it is asked for
        self.complete = True

    def __len__(self) -> int:
        return len(self._grants)

    def replace(self, grants: Mapping[bytes, Grant]) -> None:
        """Other keys from now on."""
        self._grants = dict(grants)
        self._seen.clear()
        self._named = None

    def named(self, tenant: str, key_id: str, key: str, now: float) -> Grant:
        """The grant of a key that is known by its public id, or by its name where it has none: of the configuration.

        Raises InvalidApiKey where there is no such key any more, or it opens nothing at this Unix time.
        """
        if self._named is None:
            self._named = {(each.tenant.id, each.id, each.key): each for each in self._grants.values()}
            self._named |= {(each.tenant.id, each.id, ""): each for each in self._grants.values() if each.id}
        grant = self._named.get((tenant, key_id, "" if key_id else key))
        if grant is None:
            raise InvalidApiKey("The API key of this request is not known any more.")
        if grant.expires_at <= now:
            raise InvalidApiKey(f"The API key of this request is not valid any more: {grant.closed}.")
        return grant

    def admit(self, authorization: str | None, now: float = 0.0) -> Grant:
        """The grant behind an `Authorization` header at a Unix time.

        Raises InvalidApiKey, which never repeats the key, and StoreUnavailable where it might be a good one.
        """
        seal = self._seal.copy()
        seal.update((authorization or "").encode("utf-8", "surrogateescape"))
        sealed = seal.digest()
        grant = self._seen.get(sealed) or self._look_up(authorization, sealed)
        if grant.expires_at <= now:
            raise InvalidApiKey(f"Incorrect API key provided: {grant.closed}.")
        return grant

    def _look_up(self, authorization: str | None, sealed: bytes) -> Grant:
        if not authorization:
            raise InvalidApiKey(
                "You didn't provide an API key. Provide one in an Authorization header using Bearer auth "
                "(i.e. Authorization: Bearer YOUR_KEY); it is a key of this proxy, not of OpenAI or Telnyx."
            )
        if authorization[: len(BEARER)].lower() != BEARER or not (key := authorization[len(BEARER) :].strip()):
            raise InvalidApiKey("The Authorization header must be 'Bearer' and a key of this proxy.")
        grant = self._grants.get(self._digest(key))
        if grant is None:
            raise self._unknown(key)
        if len(self._seen) >= SEEN:
            self._seen.clear()
        self._seen[sealed] = grant
        return grant

    def _unknown(self, key: str) -> InvalidApiKey | StoreUnavailable:
        if damaged(key):
            return InvalidApiKey("Incorrect API key provided: it looks mistyped or cut off (its checksum is wrong).")
        if not self.complete:
            return StoreUnavailable("Keys cannot be looked up at the moment. Please try again.", retry_after=1)
        return InvalidApiKey("Incorrect API key provided: this proxy does not know it.")
