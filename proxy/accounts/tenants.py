"""Who may call: tenants, and the grant that a known key opens."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.accounts.keys import damaged, digest
from proxy.errors import InvalidApiKey

BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Tenant:
    """A group of applications that share one Telnyx credential and one set of rules.

    Attributes:
        id: its name in configuration, metrics and logs.
        credential: the Telnyx API key its requests are sent with; never shown.
        models: patterns of the Telnyx ids it may use.
    """

    id: str
    credential: str = field(repr=False)
    models: tuple[str, ...] = ("*",)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key opens: a tenant, and the name of the key for logs."""

    tenant: Tenant
    key: str


class KeyRing:
    """Every known key, by digest. Lookup is one SHA-256 and one dictionary access, whatever the number of keys."""

    def __init__(self, grants: Mapping[bytes, Grant]) -> None:
        self._grants = dict(grants)

    def __len__(self) -> int:
        return len(self._grants)

    def admit(self, authorization: str | None) -> Grant:
        """The grant behind an `Authorization` header. Raises InvalidApiKey, which never repeats the key."""
        if not authorization:
            raise InvalidApiKey(
                "You didn't provide an API key. Provide one in an Authorization header using Bearer auth "
                "(i.e. Authorization: Bearer YOUR_KEY); it is a key of this proxy, not of OpenAI or Telnyx."
            )
        if authorization[: len(BEARER)].lower() != BEARER or not (key := authorization[len(BEARER) :].strip()):
            raise InvalidApiKey("The Authorization header must be 'Bearer' and a key of this proxy.")
        grant = self._grants.get(digest(key))
        if grant is not None:
            return grant
        if damaged(key):
            raise InvalidApiKey("Incorrect API key provided: it looks mistyped or cut off (its checksum is wrong).")
        raise InvalidApiKey("Incorrect API key provided: this proxy does not know it.")
