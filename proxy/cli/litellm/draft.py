"""The configuration that is being made: sections as plain data, in the order of our own file."""

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from proxy.cli.litellm.references import Secrets
from proxy.cli.litellm.report import Report

TENANT = "default"
ORDER = ("admin", "upstream", "limits", "translation", "models", "tenants", "storage", "logging")


@dataclass(slots=True)
class Draft:
    """What has been found so far.

    Attributes:
        report: what became of each setting.
        secrets: where secrets are to be found.
        sections: of our configuration, all but the tenants and the models.
        aliases: a name that apps use -> Telnyx id.
        names: every model_name of LiteLLM's -> Telnyx id; what keys may use is told by these.
        profiles: Telnyx id -> what is special about it.
        limits: Telnyx id, or `*` -> bounds of the tenant.
        budgets, defaults, credentials: of the tenant.
    """

    report: Report = field(default_factory=Report)
    secrets: Secrets = field(default_factory=Secrets)
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    limits: dict[str, dict[str, int]] = field(default_factory=dict)
    budgets: list[dict[str, Any]] = field(default_factory=list)
    defaults: dict[str, Any] = field(default_factory=dict)
    credentials: list[dict[str, Any]] = field(default_factory=list)

    def section(self, *names: str) -> dict[str, Any]:
        """A section, made where there is none."""
        found: dict[str, Any] = self.sections
        for name in names:
            found = found.setdefault(name, {})
        return found

    def configuration(self) -> dict[str, Any]:
        """The whole of it, without empty sections."""
        tenant = {
            "id": TENANT,
            "credentials": self.credentials if len(self.credentials) > 1 else [],
            "limits": [{"model": model, **bounds} for model, bounds in self.limits.items()],
            "budgets": self.budgets,
            "defaults": self.defaults,
        }
        models = {**self.sections.get("models", {}), "aliases": self.aliases, "profiles": self.profiles}
        whole = {
            **self.sections,
            "models": {name: value for name, value in models.items() if value},
            "tenants": [{name: value for name, value in tenant.items() if value}],
        }
        return {name: whole[name] for name in ORDER if whole.get(name)}


def acceptable(section: type[BaseModel], **values: Any) -> bool:
    """Whether a section takes these settings: judged by its own declaration, bounds included."""
    try:
        section.model_validate(values)
    except ValidationError:
        return False
    return True
