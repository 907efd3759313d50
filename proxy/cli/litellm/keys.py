"""LiteLLM's virtual keys as ours: digests, so that applications keep the keys they have, with limits and budgets.

LiteLLM keeps the SHA-256 of a key, which is what a bulk import takes. A team is a tenant. Where a restriction has no
equal here, the key is imported switched off: nothing becomes wider without somebody's decision.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from proxy.admin.organization.projects import slug, unique
from proxy.admin.values import MOST, MOST_TAGS, TAG_NAME, TAG_VALUE
from proxy.cli.litellm.draft import TENANT, acceptable
from proxy.cli.litellm.report import Place, Report
from proxy.cli.litellm.tables import Row, shown
from proxy.cli.litellm.windows import period
from proxy.settings.bounds import Bounds, Money
from proxy.settings.tenants import RESERVED

_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_GLOB = re.compile(r"[!-~]{1,256}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
EVERY = frozenset({"all-proxy-models", "all-team-models", "*"})
"""Names that stand for every model."""
RATES: Mapping[str, str] = {
    "rpm_limit": "requests_per_minute",
    "tpm_limit": "tokens_per_minute",
    "max_parallel_requests": "concurrent",
}
MODEL_RATES: Mapping[str, str] = {"model_rpm_limit": "requests_per_minute", "model_tpm_limit": "tokens_per_minute"}
"""In `metadata`: model -> rate."""
RESTRICTING: Mapping[str, str] = {
    "allowed_routes": "its endpoints: `keys update --endpoint`",
    "permissions": "what it may do beside calling models",
    "model_max_budget": "budgets by model: here they are of a key or a tenant",
    "budget_limits": "budgets by model: here they are of a key or a tenant",
    "policies": "there are no policies here",
    "object_permission_id": "what it may do beside calling models",
    "budget_id": "a budget that stands in another table",
    "access_group_ids": "models of a group that stands in another table",
}
"""Columns that narrow a key, and have no equal."""
LOST: Mapping[str, str] = {
    "spend": "what was spent there is not counted here: budgets begin anew",
    "model_spend": "what was spent there is not counted here: budgets begin anew",
    "soft_budget": "a budget warns from a percentage on",
    "aliases": "model names are of the whole proxy: models.aliases",
    "config": "settings are of tenants and models",
    "router_settings": "settings are of tenants and models",
    "allowed_cache_controls": "answers are not kept",
    "auto_rotate": "a key is rotated by `keys rotate`",
    "rotation_interval": "a key is rotated by `keys rotate`",
    "key_rotation_at": "a key is rotated by `keys rotate`",
    "organization_id": "tenants are not grouped",
    "project_id": "a key belongs to a tenant only",
    "agent_id": "there are no agents here",
}
ADMINISTRATIVE = frozenset({
    "key_name", "soft_budget_cooldown", "budget_reset_at", "created_at", "created_by", "updated_at", "updated_by",
    "last_active", "rotation_count", "last_rotation_at", "litellm_budget_table",
})  # fmt: skip
"""Columns about the row itself, not about what a key may do."""


@dataclass(slots=True)
class Key:
    """A key to import.

    Attributes:
        place: the row in the report.
        tenant, name, sha256, owner, tags, models, expires_at: as the admin API has them.
        disabled: whether it is to be switched off.
        limits: pattern of models -> bounds; budget: dollars and period.
    """

    place: Place
    tenant: str
    name: str
    sha256: str
    owner: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    models: list[str] = field(default_factory=list)
    expires_at: int | None = None
    disabled: bool = False
    limits: dict[str, dict[str, int]] = field(default_factory=dict)
    budget: dict[str, Any] | None = None

    def value(self) -> dict[str, Any]:
        """For scripts."""
        limits = [{"model": model, **bounds} for model, bounds in self.limits.items()]
        names = ("tenant", "name", "sha256", "owner", "tags", "models", "expires_at", "disabled")
        return {**{name: getattr(self, name) for name in names}, "limits": limits, "budget": self.budget}


def convert_keys(rows: Sequence[Row], names: Mapping[str, str], now: int, report: Report) -> list[Key]:
    """The keys that can be imported. `names`: LiteLLM's model names -> Telnyx ids."""
    found: list[Key] = []
    seen: set[str] = set()
    for index, row in enumerate(rows):
        place: Place = ("keys", index)
        key = _key(row, place, found, report)
        if key is None or key.sha256 in seen:
            report.lost(place, f"{shown(row)}: {'it stands twice' if key else 'it has no token'}")
        elif _expired(row, now):
            report.lost(place, f"{shown(row)}: it has expired")
        else:
            seen.add(key.sha256)
            found.append(key)
            _Conversion(key, row, names, report).read()
            report.cover(row, place)
    return found


def _key(row: Row, place: Place, others: Sequence[Key], report: Report) -> Key | None:
    token = row.get("token")
    if not isinstance(token, str) or not token:
        return None
    # Old versions keep the key itself.
    sha256 = token.lower() if _DIGEST.fullmatch(token) else hashlib.sha256(token.encode()).hexdigest()
    tenant = TENANT
    if row.get("team_id"):
        tenant = slug(str(row["team_id"])) or TENANT
        tenant = f"team-{tenant}"[:63] if tenant in RESERVED else tenant
    alias = str(row.get("key_alias") or "")
    wanted = alias if _NAME.fullmatch(alias) else slug(alias) or f"litellm-{sha256[:8]}"
    name = unique(wanted, frozenset(each.name for each in others if each.tenant == tenant))
    report.mapped((*place, "token"), f"a key of the tenant {tenant}, called {name}")
    report.mapped((*place, "team_id"), f"tenant {tenant}")
    report.mapped((*place, "key_alias"), f"name {name}")
    return Key(place, tenant, name, sha256)


def _expired(row: Row, now: int) -> bool:
    end = moment(row.get("expires"))
    return end is not None and end <= now


def moment(value: Any) -> int | None:
    """Unix seconds of a time as LiteLLM writes it (UTC where it names no zone); None where it is none."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


class _Conversion:
    """One row on its way into one key."""

    def __init__(self, key: Key, row: Row, names: Mapping[str, str], report: Report) -> None:
        self._key = key
        self._row = row
        self._names = names
        self._report = report

    def read(self) -> None:
        """All columns."""
        special = {"models": self._models, "expires": self._expires, "metadata": self._metadata}
        special |= {"user_id": self._owner, "blocked": self._blocked, "max_budget": self._budget}
        for name, value in self._row.items():
            if name in special and value is not None and value not in ([], {}):
                special[name](value)
            elif name in RATES and value is not None:
                self._rate(name, value)
            elif self._empty(value) or name in ADMINISTRATIVE:
                self._report.mapped(self._at(name), "nothing to map")
            elif name in RESTRICTING:
                self._hold(name, RESTRICTING[name])
            elif name in LOST:
                self._report.lost(self._at(name), LOST[name])

    def _at(self, *names: str) -> Place:
        return (*self._key.place, *names)

    @staticmethod
    def _empty(value: Any) -> bool:
        return value is None or value is False or value in ("", 0, [], {})

    def _hold(self, name: str, why: str) -> None:
        self._key.disabled = True
        self._report.check(self._at(name), f"no equal ({why}): the key is imported switched off")

    def _models(self, value: Any) -> None:
        given = [str(each) for each in value] if isinstance(value, list) else [str(value)]
        if not EVERY.isdisjoint(given):
            self._report.mapped(self._at("models"), "every model of the tenant")
            return
        # A name that is not known stays: it matches nothing, and without it the key might be for every model.
        wanted = [self._names.get(each, each) for each in given]
        self._key.models = [each for each in wanted if _GLOB.fullmatch(each)][:MOST]
        if len(self._key.models) < len(wanted):
            self._hold("models", "names that no model can have, or too many of them")
            return
        unknown = [each for each in given if each not in self._names and "/" not in each]
        if unknown:
            self._report.check(self._at("models"), f"no model of model_list: {', '.join(unknown)[:200]}")
        else:
            self._report.mapped(self._at("models"), "models")

    def _expires(self, value: Any) -> None:
        self._key.expires_at = moment(value)
        if self._key.expires_at is None:
            self._hold("expires", "it is no time")
        else:
            self._report.mapped(self._at("expires"), "expires_at")

    def _owner(self, value: Any) -> None:
        self._key.owner = "".join(each for each in str(value) if each.isprintable())[:256]
        self._report.mapped(self._at("user_id"), "owner")

    def _blocked(self, value: Any) -> None:
        self._key.disabled = self._key.disabled or bool(value)
        self._report.mapped(self._at("blocked"), "switched off" if value else "nothing to map")

    def _rate(self, name: str, value: Any) -> None:
        if not self._bound("*", RATES[name], value):
            self._hold(name, "it is no number above 0")
        else:
            self._report.mapped(self._at(name), f"limits: {RATES[name]}")

    def _bound(self, model: str, name: str, value: Any) -> bool:
        if type(value) is not int or not _GLOB.fullmatch(model) or not acceptable(Bounds, **{name: value}):
            return False
        self._key.limits.setdefault(model, {})[name] = value
        return True

    def _budget(self, value: Any) -> None:
        per, told = period(self._row.get("budget_duration"))
        places = [name for name in ("max_budget", "budget_duration") if name in self._row]
        if per is None or not acceptable(Money, usd=value, per=per):
            for name in places:
                self._hold(name, told if per is None else "it is no amount of money above 0")
            return
        self._key.budget = {"usd": value, "per": per}
        for name in places:
            self._report.mapped(self._at(name), f"budget for each {per}; {told}")

    def _metadata(self, value: Any) -> None:
        for name, each in (value if isinstance(value, dict) else {}).items():
            if name in MODEL_RATES and isinstance(each, dict):
                self._model_rates(name, each)
            elif self._tag(name, each):
                self._report.mapped(self._at("metadata", name), f"tags: {name}")
            else:
                self._report.lost(self._at("metadata", name), "tags are short texts, at most 16 of them")

    def _model_rates(self, name: str, rates: Mapping[str, Any]) -> None:
        for model, value in rates.items():
            if self._bound(self._names.get(model, model), MODEL_RATES[name], value):
                self._report.mapped(self._at("metadata", name, model), f"limits: {MODEL_RATES[name]}")
            else:
                self._key.disabled = True
                told = "it is no number above 0: the key is imported switched off"
                self._report.check(self._at("metadata", name, model), told)

    def _tag(self, name: str, value: Any) -> bool:
        if isinstance(value, dict | list) or value is None:
            return False
        text = str(value)
        short = 0 < len(name) <= TAG_NAME and len(text) <= TAG_VALUE and (name + text).isprintable()
        if not short or len(self._key.tags) >= MOST_TAGS:
            return False
        self._key.tags[name] = text
        return True
