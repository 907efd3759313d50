"""What OpenAI's administration API has and this proxy does not: told apart from paths that nobody has."""

from proxy.errors import UnknownUrl, UnsupportedEndpoint

ROOT = "/v1/organization/"
PROJECT_STEPS = 2
"""Parts of a path before those below a project: `projects`, its id."""

REASONS = {
    "users": "This proxy has tokens for operators and keys for applications, and no accounts of people.",
    "invites": "This proxy has no accounts of people; give an operator a token (/admin/v1/tokens).",
    "groups": "This proxy has no accounts of people, so no groups of them.",
    "roles": "The roles are fixed: owner, operator, viewer, tenant_admin.",
    "certificates": "TLS certificates of clients are for what stands before this proxy.",
    "data_retention": "Prompts and answers are not kept here.",
    "external_keys": "Telnyx keys are kept under storage.encryption_keys.",
    "external_storage": "Prompts and answers are not kept here.",
    "spend_alerts": "A budget warns from a percentage on (`soft` at /admin/v1/budgets).",
    "spend_limit": "Budgets are of tenants and keys; the organisation's is kept by Telnyx.",
    "workload_identity_providers": "Applications come with keys.",
    "hosted_tool_permissions": "There are no hosted tools here.",
    "service_tier_settings": "The tier is the field service_tier of a tenant's or a model's `force`.",
}
"""The first word of a path below the organisation or a project -> why there is no such thing."""


def refusal(path: str) -> UnknownUrl | UnsupportedEndpoint | None:
    """Why a path of OpenAI's administration API is not served; None for paths outside of it."""
    if not path.startswith(ROOT):
        return None
    steps = path.removeprefix(ROOT).split("/")
    if steps[0] == "projects":
        steps = steps[PROJECT_STEPS:]
    reason = REASONS.get(steps[0]) if steps else None
    if reason is None:
        return UnknownUrl("There is no such path in the admin API.")
    return UnsupportedEndpoint(f"{reason} This proxy does not serve {ROOT}{steps[0] if steps else ''}.")
