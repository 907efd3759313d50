"""`litellm_settings`, `router_settings`, `general_settings` and whatever else stands beside the model list.

A table for each: what has an equal here and how it gets there, and why the others have none.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from proxy.cli.litellm.draft import Draft, acceptable
from proxy.cli.litellm.report import Place
from proxy.cli.litellm.windows import period
from proxy.settings.bounds import Bounds, Money
from proxy.settings.model import Limits, Timeouts
from proxy.settings.request import RequestFields

Read = Callable[[Draft, Any, Place], None]
MIB = 1024 * 1024
_FALLBACKS = "a model is not replaced by another when it fails; clients are told, and decide"
_RETRIES = "client libraries retry by themselves; what is sent to Telnyx is repaired, not repeated"
_ROUTING = "there is one way to a model, so nothing to choose among"
_CACHE = "answers are not kept"
_PROMPTS = "prompts and answers are never logged"
_LOGS = "requests are one log line each and metrics for Prometheus: logging, metrics"
_KEYS = "every key is made with its own: `keys create --expires --model`, `limits set --key`, `budgets set --key`"
_BOUNDS = "nothing bounds what an operator gives a key; a tenant's own limits and budgets hold beside those of its keys"
_TEAMS = "a team is a tenant: `tenants create`, `limits set --tenant`, `budgets set --tenant`"
_ROLES = "this proxy has tokens for operators and keys for applications, and no accounts of people"
_OWN = "this proxy has a database of its own: storage.url"
_REDIS = "storage.redis.url is a whole address, redis://:PASSWORD@HOST:PORT/0: put it into TELNYX_PROXY_REDIS_URL"

LITELLM: Mapping[str, str] = {
    "fallbacks": _FALLBACKS, "default_fallbacks": _FALLBACKS, "context_window_fallbacks": _FALLBACKS,
    "content_policy_fallbacks": _FALLBACKS, "num_retries": _RETRIES, "allowed_fails": _ROUTING, "cache": _CACHE,
    "cache_params": _CACHE, "success_callback": _LOGS, "failure_callback": _LOGS, "callbacks": _LOGS,
    "service_callbacks": _LOGS, "turn_off_message_logging": _PROMPTS, "redact_user_api_key_info": _PROMPTS,
    "redact_messages_in_exceptions": _PROMPTS, "telemetry": "nothing is sent to anybody but Telnyx",
    "default_key_generate_params": _KEYS, "upperbound_key_generate_params": _BOUNDS, "key_generation_settings": _ROLES,
    "default_team_settings": _TEAMS, "default_team_params": _TEAMS, "default_internal_user_params": _ROLES,
    "max_internal_user_budget": _ROLES, "internal_user_budget_duration": _ROLES, "max_user_budget": _ROLES,
    "max_end_user_budget": "end users have no budgets; keys and tenants have",
    "modify_params": "requests are changed as little as Telnyx needs, and the answer's header says how",
    "enable_json_schema_validation": "structured answers are always checked against the schema that was asked for",
    "force_ipv4": "addresses of both kinds are tried, and the first that answers is used",
    "mcp_aliases": "there are no MCP servers here",
    "ssl_verify": "certificates are always checked; upstream.ca_file names other authorities",
}  # fmt: skip
ROUTER: Mapping[str, str] = {
    "fallbacks": _FALLBACKS, "default_fallbacks": _FALLBACKS, "context_window_fallbacks": _FALLBACKS,
    "content_policy_fallbacks": _FALLBACKS, "max_fallbacks": _FALLBACKS, "num_retries": _RETRIES,
    "retry_policy": _RETRIES, "retry_after": _RETRIES, "model_group_retry_policy": _RETRIES,
    "routing_strategy": _ROUTING, "routing_strategy_args": _ROUTING, "allowed_fails": _ROUTING,
    "allowed_fails_policy": _ROUTING, "cooldown_time": _ROUTING, "disable_cooldowns": _ROUTING,
    "enable_pre_call_checks": _ROUTING, "enable_pre_call_check": _ROUTING, "enable_tag_filtering": _ROUTING,
    "tag_filtering_match_any": _ROUTING, "optional_pre_call_checks": _ROUTING, "provider_budget_config": _ROUTING,
    "cache_responses": _CACHE, "caching_groups": _CACHE, "cache_kwargs": _CACHE, "redis_host": _REDIS,
    "redis_port": _REDIS, "redis_password": _REDIS, "redis_db": _REDIS, "set_verbose": "see logging.level",
    "debug_level": "see logging.level", "default_max_parallel_requests": "set it for a tenant: tenants[].limits",
}  # fmt: skip
GENERAL: Mapping[str, str] = {
    "database_url": _OWN, "database_connection_pool_limit": _OWN, "database_connection_timeout": _OWN,
    "store_model_in_db": "models are in the configuration file", "disable_spend_logs": _LOGS,
    "store_prompts_in_spend_logs": _PROMPTS, "alerting": "alerts are made from metrics, by Prometheus",
    "alerting_threshold": "alerts are made from metrics, by Prometheus", "alert_types": "alerts are made from metrics",
    "alerting_args": "alerts are made from metrics, by Prometheus",
    "alert_to_webhook_url": "alerts are made from metrics, by Prometheus",
    "allow_requests_on_db_unavailable": "known keys always go on working, and unknown ones never do",
    "allowed_ips": "networks are set for each key: `keys create --cidr`",
    "max_parallel_requests": "set it for a tenant: tenants[].limits", "custom_auth": "keys are checked here only",
    "litellm_key_header_name": "a key comes in the Authorization header", "enable_jwt_auth": _ROLES,
    "background_health_checks": "/readyz asks nobody; metrics tell how Telnyx answers",
    "health_check_interval": "/readyz asks nobody; metrics tell how Telnyx answers",
    "enforce_user_param": "`user` may be left out", "key_management_system": "secrets are in the environment or files",
    "key_management_settings": "secrets are in the environment or files", "allowed_routes": "keys name their endpoints",
    "pass_through_endpoints": "only OpenAI's paths are served", "forward_client_headers_to_llm_api": "none are",
    "proxy_batch_write_at": _OWN, "ui_access_mode": "there is no user interface to log in to",
    "use_x_forwarded_for": "networks of keys are those of the connection",
}  # fmt: skip
TOP: Mapping[str, str] = {
    "environment_variables": "variables are set where the process is started; their values are not copied",
    "callback_settings": _LOGS,
    "credential_list": "credentials are not named here: upstream.api_key, tenants[].credentials",
    "guardrails": "there are no guardrails here",
    "mcp_servers": "there are no MCP servers here",
    "vector_store_registry": "there are no vector stores here",
    "include": "other files are not read: import each by itself",
    "assistant_settings": "there are no assistants here",
    "files_settings": "there are no files here",
    "finetune_settings": "there is no fine-tuning here",
    "search_tools": "there is no search here",
}


def read_section(draft: Draft, given: Any, place: Place, table: tuple[Mapping[str, Read], Mapping[str, str]]) -> None:
    """Every setting of a section that is known. `table`: what has an equal, and what has none."""
    equals, reasons = table
    for name, value in (given if isinstance(given, dict) else {}).items():
        if name in equals:
            equals[name](draft, value, (*place, name))
        elif name in reasons:
            draft.report.lost((*place, name), reasons[name])


def put(path: str, section: type[BaseModel]) -> Read:
    """A setting that is `path` here (`upstream.timeouts.total`), if its section takes the value."""
    *names, last = path.split(".")

    def read(draft: Draft, value: Any, place: Place) -> None:
        if acceptable(section, **{last: value}):
            draft.section(*names)[last] = value
            draft.report.mapped(place, path)
        else:
            draft.report.lost(place, f"{path} takes no such value")

    return read


def switch(path: str, meaning: Mapping[bool, str | None]) -> Read:
    """A switch that is a word of `path` here; None where that word is the default."""
    *names, last = path.split(".")

    def read(draft: Draft, value: Any, place: Place) -> None:
        if not isinstance(value, bool):
            draft.report.lost(place, "true or false is expected")
            return
        if meaning[value] is not None:
            draft.section(*names)[last] = meaning[value]
        draft.report.mapped(place, path if meaning[value] is not None else f"{path}, as it is anyway")

    return read


def _mebibytes(path: str) -> Read:
    inner = put(path, Limits)

    def read(draft: Draft, value: Any, place: Place) -> None:
        whole = isinstance(value, int | float) and not isinstance(value, bool)
        inner(draft, int(value * MIB) if whole else value, place)

    return read


def _master_key(draft: Draft, value: Any, place: Place) -> None:
    reference, told = draft.secrets.reference(value, "TELNYX_PROXY_ADMIN_TOKEN")
    draft.section("admin")["token"] = reference
    draft.report.check(place, f"admin.token; {told}. It opens the admin API only: applications need keys")


def _default_model(draft: Draft, value: Any, place: Place) -> None:
    target = draft.names.get(str(value))
    if target is None:
        draft.report.lost(place, "it names no model of model_list that is served here")
    else:
        draft.section("models")["default"] = target
        draft.report.mapped(place, "models.default")


def _concurrent(draft: Draft, value: Any, place: Place) -> None:
    if acceptable(Bounds, concurrent=value):
        draft.limits.setdefault("*", {})["concurrent"] = value
        draft.report.mapped(place, "tenants[].limits: concurrent")
    else:
        draft.report.lost(place, "it is no number of requests")


def _defaults(draft: Draft, value: Any, place: Place) -> None:
    for name, each in (value if isinstance(value, dict) else {}).items():
        ours = "max_tokens" if name == "max_completion_tokens" else name
        if acceptable(RequestFields, **{ours: each}):
            draft.defaults[ours] = each
            draft.report.mapped((*place, name), f"tenants[].defaults.{ours}")
        else:
            draft.report.lost((*place, name), "it is no field of a request to Telnyx, or takes no such value")


def _group_aliases(draft: Draft, value: Any, place: Place) -> None:
    for name, each in (value if isinstance(value, dict) else {}).items():
        wanted = each.get("model") if isinstance(each, dict) else each
        target = draft.names.get(str(wanted))
        if target is None:
            draft.report.lost((*place, name), "it names no model of model_list that is served here")
        elif draft.aliases.setdefault(name, target) != target:
            draft.report.lost((*place, name), f"the name stands for {draft.aliases[name]} already")
        else:
            draft.names.setdefault(name, target)
            draft.report.mapped((*place, name), f"models.aliases: {name}")


def _redis_url(draft: Draft, value: Any, place: Place) -> None:
    reference, told = draft.secrets.reference(value, "TELNYX_PROXY_REDIS_URL")
    draft.section("storage", "redis")["url"] = reference
    draft.report.mapped(place, f"storage.redis.url; {told}")


def read_budget(draft: Draft, given: Any, place: Place) -> None:
    """`max_budget` and `budget_duration`, of the whole proxy there and of the tenant here."""
    if not isinstance(given, dict) or "max_budget" not in given:
        return
    places = [(*place, name) for name in ("max_budget", "budget_duration") if name in given]
    per, told = period(given.get("budget_duration"))
    usd = given["max_budget"]
    if per is None or not acceptable(Money, usd=usd, per=per):
        for each in places:
            draft.report.lost(each, told if per is None else "it is no amount of money above 0")
        return
    draft.budgets.append({"usd": usd, "per": per})
    for each in places:
        draft.report.check(each, f"tenants[].budgets: {per}; {told}, and of the tenant, not of the proxy")


def _timeout(draft: Draft, value: Any, place: Place) -> None:
    """Both `router_settings.timeout` and `litellm_settings.request_timeout` are this; the router's wins there."""
    put("upstream.timeouts.total", Timeouts)(draft, value, place)


_EQUALS: Mapping[str, Mapping[str, Read]] = {
    "litellm_settings": {
        "drop_params": switch("translation.unsupported", {True: "drop", False: "refuse"}),
        "request_timeout": _timeout,
        "json_logs": switch("logging.format", {True: "json", False: None}),
        "set_verbose": switch("logging.level", {True: "debug", False: None}),
        "default_litellm_params": _defaults,
        "model_group_alias": _group_aliases,
    },
    "router_settings": {
        "model_group_alias": _group_aliases,
        "timeout": _timeout,
        "stream_timeout": put("upstream.timeouts.between_chunks", Timeouts),
        "default_litellm_params": _defaults,
        "redis_url": _redis_url,
    },
    "general_settings": {
        "master_key": _master_key,
        "completion_model": _default_model,
        "global_max_parallel_requests": _concurrent,
        "max_request_size_mb": _mebibytes("limits.body"),
        "max_response_size_mb": _mebibytes("limits.answer"),
    },
}
_REASONS: Mapping[str, Mapping[str, str]] = {
    "litellm_settings": LITELLM,
    "router_settings": ROUTER,
    "general_settings": GENERAL,
}


def read_sections(draft: Draft, given: Mapping[str, Any]) -> None:
    """All of them, the router's last: where the same stands twice, LiteLLM takes the router's."""
    for name in ("litellm_settings", "general_settings", "router_settings"):
        read_section(draft, given.get(name), (name,), (_EQUALS[name], _REASONS[name]))
        read_budget(draft, given.get(name), (name,))
    read_section(draft, given, (), ({}, TOP))
