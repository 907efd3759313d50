"""Model names: which one a request means, and the list a tenant sees."""

from collections.abc import Collection, Mapping
from typing import Any

from proxy.accounts.tenants import Tenant
from proxy.edge.services import Services
from proxy.edge.terms import TermsBook
from proxy.errors import InvalidRequest, ModelNotAllowed, ModelNotFound
from proxy.translation.changes import Change
from proxy.translation.checks import text
from proxy.translation.models import alias_row, complete, nearest

MODEL_LIMIT = 256
"""Characters of a model's name. Names are remembered with their terms and repeated in errors and logs, so one of
megabytes would stay in memory; the longest at Telnyx, of fine-tuned models, have some 100."""
_text = text(MODEL_LIMIT)

Meaning = tuple[str, Change | None]
"""The Telnyx id that a name means, and the change where it is another name."""


def resolve(services: Services, tenant: Tenant, asked: Any) -> Meaning:
    """The Telnyx id that a request of this tenant means by its `model`. Raises InvalidRequest."""
    meaning = services.terms.meanings.get(asked) if type(asked) is str else None
    return meaning or meant(services.terms, services.catalogue.known(tenant.credential), asked)


def meant(terms: TermsBook, known: Collection[str], asked: Any) -> Meaning:
    """The Telnyx id that a request's `model` means, and the change if it is another name.

    Exact alias, pattern alias, a known id, a known id whose last part is the name, else the name as it is: Telnyx
    knows best which models there are. Raises InvalidRequest.
    """
    if asked is None:
        asked = terms.default_model
        if asked is None:
            raise InvalidRequest(
                "Missing required parameter: 'model'.", param="model", code="missing_required_parameter"
            )
    if not isinstance(asked, str) or not asked:
        raise InvalidRequest(
            "Invalid type for 'model': expected a non-empty string.", param="model", code="invalid_type"
        )
    _text("model", asked)
    target = terms.aliases.target(asked)
    if target is not None:  # what the aliases say holds for every tenant and every list
        return terms.remember(asked, _meaning(asked, target))
    return _meaning(asked, None if asked in known else complete(asked, known))


def _meaning(asked: str, target: str | None) -> Meaning:
    if target is None or target == asked:
        return asked, None
    return target, Change("aliased", asked[:200], target, "the name is an alias of a Telnyx model")


def expect_allowed(model: str, *, allowed: bool) -> None:
    """Raises ModelNotAllowed where the tenant's allow-list does not cover the model."""
    if not allowed:
        raise ModelNotAllowed(f"Your key may not use the model '{model}'.", param="model")


def alternatives(services: Services, tenant: Tenant, asked: str) -> tuple[str, ...]:
    """Names like the one asked for that this tenant may use."""
    return nearest(asked, _names(services, tenant, services.catalogue.known(tenant.credential)))


def _names(services: Services, tenant: Tenant, rows: Mapping[str, Any]) -> list[str]:
    exact = services.terms.aliases.exact
    names = [*rows, *(alias for alias, target in exact.items() if services.terms.allows(tenant.id, target))]
    return [name for name in names if name in exact or services.terms.allows(tenant.id, name)]


async def listing(services: Services, tenant: Tenant) -> dict[str, Any]:
    """OpenAI's list object: Telnyx's rows the tenant may use, then its exact aliases."""
    rows = await services.catalogue.rows(tenant.credential)
    terms = services.terms
    shown = [row for name, row in rows.items() if terms.allows(tenant.id, name)]
    shown += [alias_row(a, t) for a, t in terms.aliases.exact.items() if a not in rows and terms.allows(tenant.id, t)]
    return {"object": "list", "data": shown}


async def single(services: Services, tenant: Tenant, name: str) -> dict[str, Any]:
    """One row, by id or by any alias. Raises ModelNotAllowed, ModelNotFound."""
    rows = await services.catalogue.rows(tenant.credential)
    target = services.terms.aliases.target(name)
    if name in rows or target is not None:
        expect_allowed(name, allowed=services.terms.allows(tenant.id, name if target is None else target))
        return rows[name] if target is None else alias_row(name, target)
    close = alternatives(services, tenant, name)
    hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    raise ModelNotFound(f"The model '{name[:200]}' does not exist.{hint}", param="model")
