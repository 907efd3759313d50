"""What holds for one tenant and one model: settings, laid over each other once and kept.

Precedence, strongest first: `force` (tenant, then model profile), the client, `defaults` of the model profile,
`defaults` of the tenant, the product's own defaults. Of several profiles that match a model, the more specific wins.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce

from proxy.errors import InvalidApiKey
from proxy.settings import ModelProfile, Settings, Tenant, laid_over, overridden
from proxy.settings.endpoints import Embedding
from proxy.translation.changes import Change
from proxy.translation.models import Aliases, Globs, most_specific
from proxy.translation.quirks import Manner
from proxy.translation.rules import Policy

KEPT = 10_000
"""Pairs of tenant and model kept at most, and names. Both come from clients; on overflow all are forgotten at once."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a tenant's request for a model is treated.

    Attributes:
        allowed: whether it may be asked at all.
        policy, manner: what was decided about the request, and how the model is spoken to.
        tags: names in the request's metadata that the ledger keeps.
        drain: whether a request whose client has left is read to its end.
        embedding: what an operator says of an embedding model.
        native: its Responses API is Telnyx's own, and not made here from chat completions.
    """

    allowed: bool
    policy: Policy
    manner: Manner
    tags: tuple[str, ...] = ()
    drain: bool = False
    native: bool = False
    embedding: Embedding | None = None


class TermsBook:
    """Looks terms up, making them on first use.

    Attributes:
        aliases: names an app may use; default_model: what is meant where it gives none.
        meanings: what names were found to mean by the aliases alone: the Telnyx id, and the change to tell.
    """

    def __init__(self, settings: Settings) -> None:
        self.aliases = Aliases(settings.models.aliases)
        self.default_model = settings.models.default
        self._settings = settings
        self._profiles = most_specific(settings.models.profiles)[::-1]  # the most specific is laid on last
        self._kept: dict[tuple[str, str], Terms] = {}
        self.replace(settings.tenants)
        self.meanings: dict[str, tuple[str, Change | None]] = {}

    def replace(self, tenants: Iterable[Tenant]) -> None:
        """Other tenants from now on, or the same ones with other rules."""
        self._tenants = {tenant.id: tenant for tenant in tenants}
        self._globs = {name: Globs(tenant.models) for name, tenant in self._tenants.items()}
        self._passing = {name: Globs(tenant.passthrough) for name, tenant in self._tenants.items()}
        self._kept.clear()

    @property
    def several(self) -> bool:
        """Whether there is more than one tenant."""
        return len(self._tenants) > 1

    def spelled_out(self) -> frozenset[str]:
        """Telnyx ids that stand in the configuration, letter by letter."""
        names = set(self.aliases.targets) | set(self._settings.models.profiles) | {self.default_model or ""}
        return frozenset(name for name in names if name and not set(name) & set("*?["))

    def allows(self, tenant: str, model: str) -> bool:
        """Whether the tenant's allow-list covers a Telnyx id. A tenant that has gone meanwhile may use none."""
        globs = self._globs.get(tenant)
        return globs is not None and model in globs

    def passes(self, tenant: str, path: str) -> bool:
        """Whether the tenant may call one of Telnyx's own routes, by its path without a slash before it."""
        globs = self._passing.get(tenant)
        return globs is not None and path in globs

    def remember(self, name: str, meaning: tuple[str, Change | None]) -> tuple[str, Change | None]:
        """Keep what a name means by the aliases, which hold for as long as the settings do. Gives it back."""
        if len(self.meanings) >= KEPT:
            self.meanings.clear()
        self.meanings[name] = meaning
        return meaning

    def look_up(self, tenant: str, model: str) -> Terms:
        """The terms of a tenant for a Telnyx id. Raises InvalidApiKey for a tenant that has gone meanwhile."""
        terms = self._kept.get((tenant, model))
        if terms is None:
            if tenant not in self._tenants:
                raise InvalidApiKey("Incorrect API key provided: its tenant has just been removed.")
            if len(self._kept) >= KEPT:
                self._kept.clear()
            terms = self._kept[tenant, model] = self._make(self._tenants[tenant], model)
        return terms

    def _make(self, tenant: Tenant, model: str) -> Terms:
        matching = (profile for pattern, profile in self._profiles if pattern.match(model))
        profile = reduce(laid_over, matching, ModelProfile())
        return Terms(
            self.allows(tenant.id, model),
            self._policy(tenant, model, profile),
            self._manner(profile),
            tenant.metadata_tags,
            tenant.on_disconnect == "drain",
            profile.responses == "native",
            profile.embedding,
        )

    def _policy(self, tenant: Tenant, model: str, profile: ModelProfile) -> Policy:
        translation = overridden(self._settings.translation, tenant.translation)
        return Policy(
            unsupported=translation.unsupported,
            fields=translation.fields,
            temperature=translation.temperature,
            defaults={**tenant.defaults, **profile.defaults},
            force={**profile.force, **tenant.force},
            cap=_least(tenant.cap, profile.cap),
            api_key_ref=tenant.api_key_refs.get(model.partition("/")[0]),
            client_api_key_refs=frozenset(tenant.client_api_key_refs),
            buckets=tenant.buckets,
            reasoning=translation.reasoning,
            reasoning_efforts=profile.reasoning_efforts,
        )

    def _manner(self, profile: ModelProfile) -> Manner:
        upstream = self._settings.upstream
        return Manner(
            dialect=profile.dialect or upstream.dialect,
            image_url=profile.image_url or upstream.image_url,
            on=frozenset(name for name, pinned in profile.quirks.items() if pinned),
            off=frozenset(name for name, pinned in profile.quirks.items() if not pinned),
        )


def _least(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """The tighter bound of each name."""
    return {name: min(mapping[name] for mapping in (one, other) if name in mapping) for name in {**one, **other}}
