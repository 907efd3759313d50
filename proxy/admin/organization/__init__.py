"""The admin API in OpenAI's own shape, below `/v1/organization`: existing tools work by changing their base URL.

    project             a tenant; its id is the tenant's
    service account     a name that keys of a project are made for
    project API key     a virtual key
    rate limit          the limits of a tenant with a model
    spend limit         the monthly budget of a tenant
    model permissions   the models a tenant may use
    admin API key       an admin token with the role of owner
    audit log           ours, under OpenAI's names
    usage, costs        the ledger

What there is more (scopes, owners, other budgets, roles) has its place at `/admin/v1`; both work on the same rows.
Shapes: the official SDK's `openai.types.admin.organization` (3.52).
"""

from proxy.admin.operations import Operation
from proxy.admin.organization import (
    admin_api_keys,
    audit_logs,
    costs,
    model_permissions,
    project_api_keys,
    projects,
    rate_limits,
    service_accounts,
    spend_limits,
    usage,
)
from proxy.admin.organization.unsupported import refusal

__all__ = ["OPERATIONS", "refusal"]

OPERATIONS: tuple[Operation, ...] = (
    *projects.OPERATIONS,
    *service_accounts.OPERATIONS,
    *project_api_keys.OPERATIONS,
    *rate_limits.OPERATIONS,
    *spend_limits.OPERATIONS,
    *model_permissions.OPERATIONS,
    *admin_api_keys.OPERATIONS,
    *audit_logs.OPERATIONS,
    *usage.OPERATIONS,
    *costs.OPERATIONS,
)
