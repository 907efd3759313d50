"""Who may change what: operators, their roles, and the actor of a change."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["owner", "operator", "viewer", "tenant_admin"]
"""owner: everything, admin tokens included · operator: tenants, keys, limits, budgets, credentials · viewer: reads ·
tenant_admin: reads its own tenant, and makes, changes, rotates and revokes its keys."""

ROLES: tuple[Role, ...] = ("owner", "operator", "viewer", "tenant_admin")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, for permissions and for the audit log.

    Attributes:
        id: of the admin token, or `bootstrap` (the token of the configuration) or `cli`.
        name: for people.
        role: what it may do; tenant: the one tenant of a tenant_admin, None for the others.
        address: where the request came from, empty on the command line.
    """

    id: str
    name: str
    role: Role
    tenant: str | None = None
    address: str = ""


COMMAND_LINE = Actor("cli", "command line", "owner")
"""Whoever can open the database file may do everything."""
