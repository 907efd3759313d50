"""Who may call, in memory: what the configuration declares and what the store holds, joined.

Requests never ask the store. Whenever it has changed, everything is made anew from one snapshot and put in place at
once; a request that is under way keeps the grant it came with.
"""

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from proxy.accounts.gates import BudgetRule, Holder, LimitRule, budget_rule, limit_rule
from proxy.accounts.limits import MICROS, Budget, Limit
from proxy.accounts.tenants import Grant, Scope, Tenant
from proxy.admin.declared import key_id
from proxy.app.credentials import Complain, Credentials
from proxy.settings import Key, Settings
from proxy.settings import Tenant as Rules
from proxy.settings.bounds import Bounds, Money
from proxy.translation.models import Globs

if TYPE_CHECKING:
    from proxy.storage.store import Snapshot

Row = Mapping[str, Any]
"""A row of a table, by its columns."""
GONE = "its tenant is disabled"


@dataclass(frozen=True, slots=True)
class Members:
    """Everybody who may call.

    Attributes:
        tenants: the rules of each tenant.
        grants: what each key opens, by digest.
        credentials: every Telnyx key in use.
        limited: whether anything at all is limited.
    """

    tenants: tuple[Rules, ...]
    grants: Mapping[bytes, Grant] = field(repr=False)
    credentials: frozenset[str] = field(repr=False)
    limited: bool = False


NOTHING: Mapping[str, list[dict[str, Any]]] = MappingProxyType({})
Bounding = tuple[tuple[LimitRule, ...], tuple[BudgetRule, ...]]


class Directory:
    """Makes members of the configuration and a snapshot."""

    def __init__(
        self,
        settings: Settings,
        credentials: Credentials,
        complain: Complain,
        digest: Callable[[bytes], bytes] = lambda sha256: sha256,
    ) -> None:
        """`digest`: from the SHA-256 of a key to what the key ring knows it by."""
        self._declared = {tenant.id: tenant for tenant in settings.tenants}
        self._shared_out = bool(settings.upstream.budgets)  # then everybody is counted, also who has no limits
        self._credentials = credentials
        self._complain = complain
        self._digest = digest

    def members(self, snapshot: "Snapshot | None" = None) -> Members:
        """Everybody, as of now. Without a snapshot those that are declared."""
        rows = snapshot.rows if snapshot is not None else NOTHING
        rules, closed = dict(self._declared), set()
        of = {name: _by_tenant(rows.get(name, ())) for name in ("api_key_ref", "credential", "limit", "budget")}
        for row in rows.get("tenant", ()):
            made = self._rules(row, of["api_key_ref"].get(row["id"], ()))
            if made is not None:
                rules[made.id] = made
            if made is not None and (row["disabled"] or row["archived_at"] is not None):
                closed.add(made.id)
        tenants = self._tenants(rules, of["credential"])
        self._credentials.forget_others(rules)
        bounding = {
            name: _bounding(each, of["limit"].get(name, ()), of["budget"].get(name, ())) for name, each in rules.items()
        }
        grants: dict[bytes, Grant] = {}
        for name, each in rules.items():
            for key in each.keys:
                holder = self._holder(each, key_id(name, key.name), key.name, bounding[name])
                grants[self._digest(key.digest())] = _declared_grant(key, tenants[name], holder)
        for row in rows.get("key", ()):
            name = row["tenant"]
            if name in tenants:
                holder = self._holder(rules[name], row["id"], row["name"], bounding[name])
                grant = self._stored(row, tenants[name], holder, gone=name in closed)
                grants.setdefault(row["digest"], grant)
        secrets = {secret for tenant in tenants.values() for secret in tenant.secrets() if secret}
        limited = self._shared_out or any(any(each) for each in bounding.values())
        return Members(tuple(rules.values()), grants, frozenset(secrets), limited)

    def _rules(self, row: Row, refs: Iterable[Row]) -> Rules | None:
        """The rules of a tenant of the store; None for one that is declared, too, or that cannot be read."""
        if row["id"] in self._declared:
            self._complain("tenant_is_declared_too", tenant=row["id"])
            return None
        try:
            made = Rules.model_validate({**row["rules"], "id": row["id"]})
        except ValidationError as fault:  # written by another version
            self._complain("tenant_not_readable", tenant=row["id"], faults=fault.error_count())
            return None
        own = {ref["provider"]: ref["identifier"] for ref in refs}
        return made.model_copy(update={"api_key_refs": {**made.api_key_refs, **own}}) if own else made

    def _stored(self, row: Row, tenant: Tenant, holder: Holder | None, *, gone: bool) -> Grant:
        """What a key of the store opens. One that cannot be read opens nothing; the others go on being heard of."""
        try:
            return _stored_grant(row, tenant, holder, gone=gone)
        except ValueError:  # networks written by another version, or by hand
            self._complain("key_not_readable", tenant=tenant.id, key=row["id"])
            return Grant(tenant, row["name"], row["id"], 0.0, "it cannot be read")

    def _tenants(self, rules: Mapping[str, Rules], rows: Mapping[str, Iterable[Row]]) -> dict[str, Tenant]:
        """All tenants. Whose Telnyx key is another's, too, sees that one's jobs, unless an operator has said so."""
        found: dict[str, Tenant] = {}
        for name, each in rules.items():
            credential, rota = self._credentials.of(each, rows.get(name, ()))
            found[name] = Tenant(name, credential, tuple(each.models), rota)
        users = Counter(secret for tenant in found.values() for secret in set(tenant.secrets()))
        return {
            name: replace(tenant, tunes=_tunes(rules[name], all(users[each] == 1 for each in tenant.secrets())))
            for name, tenant in found.items()
        }

    def _holder(self, rules: Rules, key: str, name: str, bounding: Bounding) -> Holder | None:
        """What bounds a key and its tenant; None where nothing does."""
        limits = tuple(rule for rule in bounding[0] if rule.key in {"", key})
        budgets = tuple(rule for rule in bounding[1] if rule.key in {"", key})
        if not limits and not budgets and not self._shared_out:
            return None
        return Holder(rules.id, key, name, rules.weight, limits, budgets)


def _tunes(rules: Rules, alone: bool) -> bool:  # noqa: FBT001 - an answer, not a switch
    return alone if rules.fine_tuning is None else rules.fine_tuning


def _by_tenant(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["tenant"], []).append(row)
    return found


def _bounding(rules: Rules, limit_rows: Iterable[Row], budget_rows: Iterable[Row]) -> Bounding:
    """Every limit and budget of a tenant and its keys, of both sources."""
    limits, budgets = list(map(limit_rule, limit_rows)), list(map(budget_rule, budget_rows))
    holders: list[tuple[str, Rules | Key]] = [("", rules), *((key_id(rules.id, key.name), key) for key in rules.keys)]
    for holder, section in holders:
        limits += [LimitRule(holder, each.model, _limit(each)) for each in section.limits]
        budgets += [BudgetRule(holder, _budget(each)) for each in section.budgets]
    return tuple(limits), tuple(budgets)


def _limit(bounds: Bounds) -> Limit:
    return Limit(**bounds.model_dump(exclude={"model"}))


def _budget(money: Money) -> Budget:
    return Budget(int(money.usd * MICROS), money.per, money.soft)


def _declared_grant(key: Key, tenant: Tenant, holder: Holder | None) -> Grant:
    return Grant(
        tenant,
        key.name,
        expires_at=key.expires_at.timestamp() if key.expires_at is not None else inf,
        scope=_scope(key.endpoints, key.models, key.networks),
        holder=holder,
    )


def _stored_grant(row: Row, tenant: Tenant, holder: Holder | None, *, gone: bool) -> Grant:
    expires_at, closed = _end(row, gone=gone)
    scope = _scope(row["endpoints"], row["models"], row["networks"])
    return Grant(tenant, row["name"], row["id"], expires_at, closed, scope, holder)


def _end(row: Mapping[str, Any], *, gone: bool) -> tuple[float, str]:
    """Until when a key of the store is good, and what its holder hears afterwards."""
    if row["revoked_at"] is not None:
        return 0.0, "it has been revoked"
    if row["disabled"]:
        return 0.0, "it is disabled"
    if gone:
        return 0.0, GONE
    return (row["expires_at"] if row["expires_at"] is not None else inf), "it has expired"


def _scope(endpoints: Iterable[str], models: Iterable[str], networks: Iterable[str]) -> Scope | None:
    names, patterns = frozenset(endpoints), tuple(models)
    ranges = tuple(ipaddress.ip_network(each) for each in networks)
    if not names and not patterns and not ranges:
        return None
    return Scope(names, Globs(patterns) if patterns else None, ranges)
