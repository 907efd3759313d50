"""Model names: which one a request means, and the list a tenant sees."""

from collections.abc import Collection, Mapping
from typing import Any

from proxy.accounts.tenants import Grant, Tenant
from proxy.edge.exchange import NAME_LIMIT, Exchange
from proxy.edge.services import Services
from proxy.edge.terms import Terms, TermsBook
from proxy.errors import InvalidRequest, ModelNotAllowed, ModelNotFound, UpstreamAuthFailed
from proxy.translation import embeddings
from proxy.translation.changes import Change
from proxy.translation.checks import text
from proxy.translation.models import NEAREST, alias_row, complete, nearest
from proxy.upstream.catalogue import OWN

MODEL_LIMIT = 256
"""Characters of a model's name. Names are remembered with their terms and repeated in errors and logs, so one of
megabytes would stay in memory; the longest at Telnyx, of fine-tuned models, have some 100."""
_text = text(MODEL_LIMIT)

Meaning = tuple[str, Change | None]
"""The Telnyx id that a name means, and the change where it is another name."""


def choose(exchange: Exchange, grant: Grant, asked: Any) -> tuple[str, Change | None, Terms]:
    """The Telnyx id that a request means, the change if that is another name, and the tenant's terms for it.

    The record has it then. Raises InvalidRequest, ModelNotAllowed.
    """
    services, record = exchange.services, exchange.record
    record.model_asked = str(asked or "")[:NAME_LIMIT]
    model, alias = resolve(services, grant.tenant, asked)
    terms = services.terms.look_up(grant.tenant.id, model)
    if not terms.allowed or (grant.scope is not None and not grant.scope.allows(model)):
        expect_allowed(model, allowed=False)
    record.model, record.provider = model, services.catalogue.providers.get(model, OWN)
    return model, alias, terms


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


def may_use(services: Services, grant: Grant, model: str) -> bool:
    """Whether the key and its tenant may use a Telnyx id."""
    return services.terms.allows(grant.tenant.id, model) and (grant.scope is None or grant.scope.allows(model))


def alternatives(services: Services, grant: Grant, asked: str, model: str = "", endpoint: str = "") -> tuple[str, ...]:
    """Names like the one asked for, of other models than this one that this key may use.

    For embeddings they are names of models that embed, whatever was asked; at other endpoints of others, and of both
    where none is named.
    """
    exact, embed = services.terms.aliases.exact, endpoint == "embeddings"
    names = _names(services, grant, services.catalogue.known(grant.tenant.credential))
    targets = [(name, exact.get(name, name)) for name in names]
    if endpoint:
        targets = [each for each in targets if (each[1] in embeddings.MODELS) is embed]
    fit = [name for name, target in targets if target != model]
    return nearest(asked, fit) or (tuple(fit[:NEAREST]) if embed else ())


def _names(services: Services, grant: Grant, rows: Mapping[str, Any]) -> list[str]:
    exact = services.terms.aliases.exact
    names = [*rows, *(alias for alias, target in exact.items() if may_use(services, grant, target))]
    return [name for name in names if name in exact or may_use(services, grant, name)]


async def listing(services: Services, grant: Grant) -> dict[str, Any]:
    """OpenAI's list object: Telnyx's rows the key may use, then the exact aliases."""
    rows = await _rows(services, grant.tenant)
    exact = services.terms.aliases.exact
    shown = [row for name, row in rows.items() if may_use(services, grant, name)]
    shown += [alias_row(a, t) for a, t in exact.items() if a not in rows and may_use(services, grant, t)]
    return {"object": "list", "data": shown}


async def single(services: Services, grant: Grant, name: str) -> dict[str, Any]:
    """One row, by id or by any alias. Raises ModelNotAllowed, ModelNotFound."""
    rows = await _rows(services, grant.tenant)
    target = services.terms.aliases.target(name)
    if name in rows or target is not None:
        expect_allowed(name, allowed=may_use(services, grant, name if target is None else target))
        return rows[name] if target is None else alias_row(name, target)
    close = alternatives(services, grant, name)
    hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    raise ModelNotFound(f"The model '{name[:200]}' does not exist.{hint}", param="model")


async def _rows(services: Services, tenant: Tenant) -> Mapping[str, Any]:
    """The model list, by any of the tenant's Telnyx keys that Telnyx takes. Raises UpstreamFault."""
    *others, last = tenant.secrets()
    for credential in others:
        try:
            return await services.catalogue.rows(credential)
        except UpstreamAuthFailed:
            continue
    return await services.catalogue.rows(last)
