"""Starting where nobody has configured a tenant: a `default` one with a fresh key."""

import os

from proxy.accounts.keys import RANDOM_BYTES, digest, mint
from proxy.settings import ConfigurationError, Fault, Key, Settings, Tenant

DEFAULT_TENANT = "default"
DEFAULT_KEY = "first"


def with_tenant(settings: Settings, tenant: str = DEFAULT_TENANT) -> tuple[Settings, str | None]:
    """The settings with at least one tenant, and the key minted for it (None where the configuration has its own).

    The key lives as long as the process. Thinking is off for the new tenant: an OpenAI app expects answers as quick
    as it is used to, and a client that wants reasoning says so.
    """
    if settings.tenants:
        return settings, None
    key = mint(os.urandom(RANDOM_BYTES))
    made = Tenant(
        id=tenant,
        defaults={"enable_thinking": False},
        keys=(Key(name=DEFAULT_KEY, sha256=digest(key).hex()),),
    )
    return settings.model_copy(update={"tenants": (made,)}), key


def expect_credential(settings: Settings) -> None:
    """Raises ConfigurationError where a tenant's requests would have no Telnyx API key."""
    if settings.upstream.api_key is None and any(tenant.upstream_api_key is None for tenant in settings.tenants):
        raise ConfigurationError(
            [Fault("upstream.api_key", "is not set", "set the environment variable TELNYX_API_KEY to a Telnyx API key")]
        )
