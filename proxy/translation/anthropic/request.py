"""The Messages request: THE FIELD TABLE, and `translate`, which applies it.

Telnyx has an endpoint of the same form, so most of a request goes on as it came. What does not: what belongs to an
account at Anthropic, what would bring foreign secrets or other routes along, and what only Anthropic's own models do.
These get it: Telnyx lists some (`anthropic/...`).

Sources: the request type of Anthropic's official client library, beta fields included, and Telnyx's published schema.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from proxy.translation import checks
from proxy.translation.anthropic.prompt import check_messages, check_system, expect_at_hand, weigh
from proxy.translation.anthropic.tools import convert_tool_choice, convert_tools
from proxy.translation.chat import (
    KEY_REF,
    LEDGER,
    STRANGE,
    Translated,
    check_model,
    keep_api_key_ref,
    keep_stream,
)
from proxy.translation.checks import INT64, array, integer, json_object, number, one_of, string
from proxy.translation.injections import inject
from proxy.translation.rules import (
    Convert,
    Draft,
    FieldTable,
    Policy,
    convert,
    drop,
    keep,
    lossy,
    refuse,
    stated,
    unsupported,
    unsupported_value,
)

CLAUDE = "anthropic/"
"""How the ids of Anthropic's own models begin at Telnyx."""
APPLIES = frozenset({"max_tokens", "temperature", "top_p", "service_tier", "region", "mode", "thinking"})
"""Fields of the operator's `defaults`, `force` and `cap` that this endpoint has, too."""
NAMED_ELSE: Mapping[str, str] = {"stop": "stop_sequences"}
"""Those that it has under another name."""
TIERS = ("priority", "flex", "default")
"""Telnyx's service tiers."""

ACCOUNT = "It belongs to an account at Anthropic."
ONLY_CLAUDE = "Only Anthropic's own models know it."
ROUTES = "Where requests go and who pays for them is up to the operator of this proxy."


def translate(request: Mapping[str, Any], model: str, policy: Policy) -> Translated:
    """The upstream body for a Messages request. `model` is the Telnyx id that the caller has found for it.

    The request is never written to; parts of it that need no change stand in the body as the same objects.

    Raises InvalidRequest for a value that Anthropic itself would refuse, or one that cannot be honoured.
    """
    source = read(request)
    draft = Draft(source, policy)
    draft.body["model"] = model
    expects = draft.expects
    expects.hide_reasoning = policy.reasoning == "hide"
    FIELDS.apply(draft)
    if not _is_claude(draft):
        expect_at_hand("messages", source["messages"])
    draft.policy = _applicable(draft)
    inject(draft)
    if "max_tokens" not in draft.body:
        raise checks.missing("max_tokens")
    weight = weigh(source)
    expects.input_bytes, expects.images = weight.text, weight.images
    return Translated(draft.body, draft.changes, expects)


def read(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request without nulls, which mean nothing. Raises InvalidRequest where there are no messages."""
    source = stated(request)
    if "messages" not in source:
        raise checks.missing("messages")
    return source


def _is_claude(draft: Draft) -> bool:
    return str(draft.body["model"]).startswith(CLAUDE)


def _applicable(draft: Draft) -> Policy:
    """The policy as far as this endpoint has its fields; what it lacks is told."""
    policy = draft.policy
    if policy.defaults or policy.force or policy.cap:
        policy = replace(
            policy,
            defaults=_known(draft, policy.defaults),
            force=_known(draft, policy.force),
            cap=_known(draft, policy.cap),
        )
    if policy.temperature is not None and (_is_claude(draft) or "thinking" in draft.body):
        policy = replace(policy, temperature=None)  # Anthropic's default is 1, and some of its models take none
    return policy


def _known(draft: Draft, fields: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if name in APPLIES:
            found[name] = value
        elif name in NAMED_ELSE:
            found[NAMED_ELSE[name]] = value
        elif name == "enable_thinking" and value is False:
            found["thinking"] = {"type": "disabled"}
        elif value is not None:
            draft.note("dropped", name, reason="The operator's setting has no counterpart in the Messages API.")
    return found


def _messages(draft: Draft, name: str, value: Any) -> None:
    check_messages(name, value)
    draft.body[name] = value


def _system(draft: Draft, name: str, value: Any) -> None:
    check_system(name, value)
    draft.body[name] = value


def _metadata(draft: Draft, name: str, value: Any) -> None:
    """Anthropic knows `user_id` only; what else is there may be one of the tenant's tags."""
    json_object(name, value)
    user = checks.optional(name, value, "user_id", string)
    if user is not None:
        draft.expects.end_user = user
    draft.expects.metadata = {key: text for key, text in value.items() if key != "user_id" and type(text) is str}
    draft.note("dropped", name, reason=LEDGER)


def _stop_sequences(param: str, value: Any) -> None:
    array(param, value, 8191)  # Anthropic's own bound
    checks.strings(param, value)


def _thinking(draft: Draft, name: str, value: Any) -> None:
    json_object(name, value)
    checks.required(name, value, "type", one_of("enabled", "disabled", "adaptive"))
    checks.measure(name, value)
    draft.body[name] = value


def _service_tier(draft: Draft, name: str, value: Any) -> None:
    string(name, value)
    if value in TIERS:
        draft.body[name] = value
    elif value in {"auto", "standard_only"}:
        draft.note("dropped", name, reason="It is how Telnyx is anyway.")
    else:
        draft.lose(name, "Telnyx has the tiers priority, flex and default.")


def _output_config(draft: Draft, name: str, value: Any) -> None:
    """`effort` can be missed, a promised form cannot."""
    json_object(name, value)
    checks.measure(name, value)
    if _is_claude(draft):
        draft.body[name] = value
        return
    if value.get("format") is not None:
        raise unsupported(f"{name}.format", "Telnyx does not promise a form here. Use a tool with a schema.")
    draft.lose(name, ONLY_CLAUDE)


def _output_format(draft: Draft, name: str, value: Any) -> None:
    if not _is_claude(draft):
        raise unsupported(name, "Telnyx does not promise a form here. Use a tool with a schema.")
    checks.measure(name, value)
    draft.body[name] = value


def _cache_control(draft: Draft, name: str, value: Any) -> None:
    json_object(name, value)
    if _is_claude(draft):
        draft.body[name] = value
    else:
        draft.note("dropped", name, reason="Caching is up to Telnyx; only the cost may differ.")


def _inference_geo(draft: Draft, name: str, value: Any) -> None:
    string(name, value)
    if value != "global":
        raise unsupported_value(name, checks.shorten(value), "Use Telnyx's own fields, region and mode.")
    draft.note("dropped", name, reason="Anywhere is what Telnyx does without a region.")


def _speed(draft: Draft, name: str, value: Any) -> None:
    string(name, value)
    if value == "standard":
        draft.note("dropped", name, reason="It is how Telnyx is anyway.")
    else:
        draft.lose(name, "Telnyx has no such control; service_tier priority may be what is meant.")


def _max_retries(draft: Draft, name: str, value: Any) -> None:
    integer(0, INT64 - 1)(name, value)
    if value:
        draft.lose(name, "Trying again is up to the client, to whom every refusal is told.")
    else:
        draft.body[name] = value


def _lose_unknown(draft: Draft, name: str, value: Any) -> None:
    # The name is the client's: it must not look like another change in the header.
    draft.lose(STRANGE.sub("?", checks.shorten(name)), "Neither Anthropic nor Telnyx is known to have this field.")


def _unless_empty(reason: str) -> Convert:
    """Refuses what says something."""

    def fate(draft: Draft, name: str, value: Any) -> None:
        if value:
            raise unsupported(name, reason)
        draft.note("dropped", name, reason="It says nothing.")

    return fate


SECRETS = (
    "Servers that Telnyx calls with a client's secrets need the operator; call them from the application as tools."
)

# fmt: off
FIELDS = FieldTable((
    # What is asked, and of whom
    convert("model",                  check_model,
            "The name is looked up among the aliases; Telnyx gets its own id."),
    keep   ("messages",               function=_messages),
    keep   ("system",                 function=_system),
    keep   ("max_tokens",             integer(1, INT64 - 1)),

    # How the answer comes
    keep   ("stream",                 function=keep_stream),
    keep   ("stop_sequences",         _stop_sequences),
    lossy  ("output_config",          f"{ONLY_CLAUDE} A format is refused.", function=_output_config),
    refuse ("output_format",          ONLY_CLAUDE, function=_output_format),

    # Sampling
    keep   ("temperature",            number(0, 1),
            reason="If absent, Anthropic's default of 1 is sent."),
    keep   ("top_p",                  number(0, 1)),
    keep   ("top_k",                  integer(0, INT64 - 1)),

    # Tools and thinking
    convert("tools",                  convert_tools,
            "Tools with a schema are sent; those that run at Anthropic are lost (web search and fetch) or refused."),
    convert("tool_choice",            convert_tool_choice,
            "Sent as it is, where there are tools.", late=True),
    keep   ("thinking",               function=_thinking),

    # Services around the model
    convert("service_tier",           _service_tier,
            "priority, flex and default are sent; auto and standard_only are dropped, the others are lost."),
    lossy  ("speed",                  "Telnyx has no such control. standard is dropped.", function=_speed),
    drop   ("cache_control",          "Caching is up to Telnyx; only the cost may differ.", function=_cache_control),
    drop   ("diagnostics",            "It is about Anthropic's cache.", check=json_object),
    lossy  ("context_management",     ONLY_CLAUDE, check=json_object),
    refuse ("compaction",             "Telnyx summarises no conversation; ask for a summary in words."),
    refuse ("container",              f"{ACCOUNT} Tools that run there are not to be had."),
    refuse ("thread",                 f"{ACCOUNT} Send the whole conversation."),
    refuse ("inference_geo",          "Use Telnyx's own fields, region and mode. global is dropped.",
            function=_inference_geo),

    # Who asks, who pays, and where else it might go
    drop   ("metadata",               LEDGER, function=_metadata),
    drop   ("user_profile_id",        ACCOUNT, check=string),
    drop   ("workspace_id",           ACCOUNT, check=string),
    refuse ("billing_policy",         ROUTES),
    refuse ("fallbacks",              ROUTES, function=_unless_empty(ROUTES)),
    refuse ("fallback_credit_token",  ACCOUNT),
    refuse ("mcp_servers",            SECRETS, function=_unless_empty(SECRETS)),
    drop   ("betas",                  "What is in beta at Anthropic says nothing to Telnyx."),

    # Telnyx's own fields
    keep   ("region",                 one_of("USA", "EU", "AUS", "UAE")),
    keep   ("mode",                   one_of("preferred", "strict")),
    keep   ("timeout",                number(1, 3600)),
    lossy  ("max_retries",            "Trying again is up to the client, to whom every refusal is told.",
            function=_max_retries),
    refuse ("api_key_ref",            KEY_REF, function=keep_api_key_ref, sends=("api_key_ref",)),
    refuse ("billing_group_id",       ROUTES),
    refuse ("fallback_config",        ROUTES, function=_unless_empty(ROUTES)),
), unknown=_lose_unknown)
# fmt: on
"""Every field of the request and its fate."""
