"""The chat completions request: THE FIELD TABLE, and `translate`, which applies it.

What comes out is the upstream body in the newest published form of Telnyx's request (2026-10); `dialects.py` and
`quirks.py` turn it into what one model takes. Sources: OpenAI's request type, as the official client library has it,
and Telnyx's published request schema.

A field that does not fit a row of the table has a small function here; what fills a file stands in its own:
messages (`messages.py`, `parts.py`, `past_calls.py`), tools (`tools.py`), the shape of answers (`formats.py`), thinking
(`thinking.py`), and what operators add (`injections.py`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.translation import checks
from proxy.translation.changes import Change, Changes
from proxy.translation.checks import (
    INT64,
    boolean,
    integer,
    json_object,
    labels,
    number,
    one_of,
    stop_sequences,
    string,
    strings,
)
from proxy.translation.formats import convert_response_format, keep_guided_json
from proxy.translation.injections import inject
from proxy.translation.messages import convert_messages
from proxy.translation.rules import (
    Draft,
    Expectation,
    FieldTable,
    Policy,
    convert,
    drop,
    emulate,
    keep,
    lossy,
    refuse,
    rename,
    stated,
    unsupported,
    unsupported_value,
)
from proxy.translation.thinking import (
    convert_chat_template_kwargs,
    convert_reasoning,
    convert_reasoning_effort,
    convert_thinking,
)
from proxy.translation.tools import (
    convert_function_call,
    convert_functions,
    convert_parallel_tool_calls,
    convert_tool_choice,
    convert_tools,
)

TIERS: Mapping[str, str] = {"priority": "priority", "fast": "priority", "flex": "flex"}
"""OpenAI's `service_tier` -> Telnyx's."""
STRANGE = re.compile(r"[^A-Za-z0-9_.-]")
"""Characters that no field of an API has."""
INCLUDE_USAGE: Mapping[str, bool] = {"include_usage": True}

CACHING = "Caching is up to Telnyx; only the cost may differ."
LEDGER = "It is kept for the ledger and not sent to Telnyx."
KEY_REF = "Keys of outside providers are the operator's; a client may name only those that its tenant's list allows."
NO_AUDIO = "Telnyx's models answer in text."


USAGE_ASKED = Change(
    "injected",
    "stream_options.include_usage",
    "true",
    "Usage is always asked for; the chunk with it is handed on only if the client asks, too.",
)
CAP_RENAMED = Change(
    "renamed", "max_completion_tokens", "max_tokens", "Telnyx has one cap, which counts reasoning, too."
)
USER_KEPT = Change("dropped", "user", reason=LEDGER)
"""Changes that many requests have; they are the same each time."""


@dataclass(slots=True)
class Translated:
    """A translated request.

    Attributes:
        body: what Telnyx gets.
        changes: what was done, for the client, the log and the metrics.
        expects: what the answer must be turned into.
    """

    body: dict[str, Any]
    changes: Changes
    expects: Expectation


def translate(request: Mapping[str, Any], model: str, policy: Policy) -> Translated:
    """The upstream body for an OpenAI request. `model` is the Telnyx id that the caller has found for it.

    The request is never written to; parts of it that need no change stand in the body as the same objects.

    Raises:
        InvalidRequest: a value OpenAI itself would refuse, or one that cannot be honoured.
    """
    source = stated(request)
    if "messages" not in source:
        raise checks.missing("messages")
    draft = Draft(source, policy)
    draft.body["model"] = model
    expects = draft.expects
    expects.hide_reasoning = policy.reasoning == "hide"
    FIELDS.apply(draft)
    inject(draft)
    if expects.stream:
        draft.body["stream_options"] = INCLUDE_USAGE
        if not expects.include_usage:
            draft.changes.append(USAGE_ASKED)
    return Translated(draft.body, draft.changes, expects)


def check_model(draft: Draft, name: str, value: Any) -> None:
    """The row of `model` in every table: it is put into the body by the caller, who has looked it up."""
    if type(value) is not str:
        string(name, value)


def keep_stream(draft: Draft, name: str, value: Any) -> None:
    """The row of `stream`."""
    if value is not True:
        boolean(name, value)
    draft.expects.stream = value
    draft.body[name] = value


def _stream_options(draft: Draft, name: str, value: Any) -> None:
    json_object(name, value)
    if draft.source.get("stream") is not True:
        raise checks.only_when_enabled(name, "stream")
    draft.expects.include_usage = checks.optional(name, value, "include_usage", boolean) or False
    if checks.optional(name, value, "include_obfuscation", boolean):
        draft.note("dropped", f"{name}.include_obfuscation", reason="Padding against eavesdroppers is not made here.")
    draft.lose_others(f"{name}.*", name, value, ("include_usage", "include_obfuscation"))


def _max_completion_tokens(draft: Draft, name: str, value: Any) -> None:
    """Both caps mean the same; a client that sends both gets the smaller one."""
    other = draft.body.get("max_tokens")
    if other is None:
        draft.body["max_tokens"] = value
        draft.changes.append(CAP_RENAMED)
    else:
        draft.body["max_tokens"] = min(value, other)
        draft.note("converted", name, reason="Telnyx has one cap; of max_tokens and this the smaller is sent.")


def _top_logprobs(draft: Draft, name: str, value: Any) -> None:
    if draft.source.get("logprobs") is not True:
        raise checks.only_when_enabled(name, "logprobs")
    draft.body[name] = value


def _logit_bias(draft: Draft, name: str, value: Any) -> None:
    if value:
        draft.lose(name, "The numbers of OpenAI's tokens mean other tokens to Telnyx's models.")
    else:
        draft.note("dropped", name, reason="No bias is none.")


def _modalities(draft: Draft, name: str, value: Any) -> None:
    strings(name, value)
    for index, kind in enumerate(value):
        if kind == "audio":
            raise unsupported_value(name, kind, NO_AUDIO)
        one_of("text", "audio")(f"{name}[{index}]", kind)
    draft.note("dropped", name, reason="Text is what Telnyx answers anyway.")


def _service_tier(draft: Draft, name: str, value: Any) -> None:
    string(name, value)
    if value in TIERS:
        draft.body[name] = TIERS[value]
        if value != TIERS[value]:
            draft.note("converted", name, reason=f"Telnyx's name for {value} is {TIERS[value]}.")
    elif value in {"auto", "default"}:
        draft.note("dropped", name, reason="It is how Telnyx is anyway.")
    else:
        draft.lose(name, "Telnyx has the tiers priority and flex.")


def _store(draft: Draft, name: str, value: Any) -> None:
    boolean(name, value)
    if value:
        draft.lose(name, "Neither Telnyx nor this proxy keeps chat completions to be fetched later.")
    else:
        draft.note("dropped", name, reason="Nothing is stored anyway.")


def _verbosity(draft: Draft, name: str, value: Any) -> None:
    one_of("low", "medium", "high")(name, value)
    if value == "medium":
        draft.note("dropped", name, reason="It is OpenAI's default.")
    else:
        draft.lose(name, "Telnyx has no such control.")


def _safety_identifier(draft: Draft, name: str, value: Any) -> None:
    draft.expects.end_user = value
    draft.note("dropped", name, reason=LEDGER)


def _user(draft: Draft, name: str, value: Any) -> None:
    if "safety_identifier" not in draft.source:  # its successor
        draft.expects.end_user = value
    draft.changes.append(USER_KEPT)


def _metadata(draft: Draft, name: str, value: Any) -> None:
    draft.expects.metadata = value
    draft.note("dropped", name, reason=LEDGER)


def keep_api_key_ref(draft: Draft, name: str, value: Any) -> None:
    """The row of `api_key_ref`: one tenant must not spend another's secret, so the value is not repeated either."""
    string(name, value)
    if value not in draft.policy.client_api_key_refs:
        raise unsupported(name, KEY_REF)
    draft.body[name] = value


def lose_unknown(draft: Draft, name: str, value: Any) -> None:
    """What is done with a field that is in no row."""
    # The name is the client's: it must not look like another change in the header.
    draft.lose(STRANGE.sub("?", checks.shorten(name)), "Neither OpenAI nor Telnyx is known to have this field.")


# fmt: off
FIELDS = FieldTable((
    # What is asked, and of whom
    convert("model",                  check_model,
            "The name is looked up among the aliases; Telnyx gets its own id."),
    convert("messages",               convert_messages,
            "Six roles become the four of Telnyx; content is never null; parts are text or images."),

    # How the answer comes
    keep   ("stream",                 function=keep_stream),
    emulate("stream_options",         _stream_options,
            "Usage is always asked for; its chunk is handed on if the client asks. There is no obfuscation.",
            sends=("stream_options",)),
    keep   ("n",                      integer(1, 128)),
    keep   ("stop",                   stop_sequences),
    keep   ("logprobs",               boolean),
    keep   ("top_logprobs",           integer(0, 20), function=_top_logprobs),
    keep   ("max_tokens",             integer(1, INT64 - 1)),
    rename ("max_completion_tokens",  "max_tokens", integer(1, INT64 - 1),
            "Telnyx has one cap, which counts reasoning, too. If both are given, the smaller is sent.",
            function=_max_completion_tokens),

    # Sampling
    keep   ("temperature",            number(0, 2),
            reason="If absent, OpenAI's default of 1 is sent; Telnyx's own is 0.1."),
    keep   ("top_p",                  number(0, 1)),
    keep   ("frequency_penalty",      number(-2, 2)),
    keep   ("presence_penalty",       number(-2, 2)),
    keep   ("seed",                   integer(-INT64, INT64 - 1)),
    lossy  ("logit_bias",             "The numbers of OpenAI's tokens mean other tokens here. An empty one is dropped.",
            check=json_object, function=_logit_bias),

    # Tools
    convert("tools",                  convert_tools,
            "Functions are sent without strict; custom tools become functions; retrieval needs an allowed bucket."),
    convert("tool_choice",            convert_tool_choice,
            "For a named or allowed tool only these tools are sent, with required or the mode.",
            sends=("tool_choice", "tools"), late=True),
    emulate("parallel_tool_calls",    convert_parallel_tool_calls,
            "Telnyx may make several calls; for false only the first is handed on."),
    convert("functions",              convert_functions,
            "The older form of tools; calls go back as function_call.",
            sends=("tools",)),
    convert("function_call",          convert_function_call,
            "The older form of tool_choice.",
            sends=("tool_choice", "tools"), late=True),

    # The shape and the style of the answer
    convert("response_format",        convert_response_format,
            "json_object and json_schema are sent, and the answer is checked; text is the default."),
    convert("reasoning_effort",       convert_reasoning_effort,
            "Sent as it is, or as the nearest value that the model takes."),
    lossy  ("verbosity",              "Telnyx has no such control. The default, medium, is dropped.",
            function=_verbosity),
    drop   ("modalities",             "Text is what Telnyx answers anyway; audio is refused.",
            function=_modalities),
    refuse ("audio",                  NO_AUDIO),
    drop   ("prediction",             "It only makes OpenAI's answers come faster.", check=json_object),

    # Services around the model
    convert("service_tier",           _service_tier,
            "priority and fast are priority, flex is flex; auto and default are dropped, the others are lost."),
    lossy  ("store",                  "Nothing is kept to be fetched later. False is dropped.",
            function=_store),
    lossy  ("web_search_options",     "Telnyx does not search the web.", check=json_object),
    refuse ("moderation",             "An answer that was to be moderated and is not would be worse than none."),
    drop   ("prompt_cache_key",       CACHING, check=string),
    drop   ("prompt_cache_retention", CACHING, check=string),
    drop   ("prompt_cache_options",   CACHING, check=json_object),

    # Who asks
    drop   ("user",                   LEDGER, check=string, function=_user),
    drop   ("safety_identifier",      LEDGER, check=string, function=_safety_identifier),
    drop   ("metadata",               LEDGER, check=labels, function=_metadata),

    # Telnyx's own fields, which a client may use
    keep   ("enable_thinking",        boolean),
    keep   ("guided_json",            function=keep_guided_json),
    keep   ("guided_regex",           string),
    keep   ("guided_choice",          strings),
    keep   ("min_p",                  number(0, 1)),
    keep   ("use_beam_search",        boolean),
    keep   ("best_of",                integer(1, INT64 - 1)),
    keep   ("length_penalty",         number()),
    keep   ("early_stopping",         boolean),
    keep   ("region",                 one_of("USA", "EU", "AUS", "UAE")),
    keep   ("mode",                   one_of("preferred", "strict")),
    refuse ("api_key_ref",            KEY_REF, function=keep_api_key_ref, sends=("api_key_ref",)),

    # What clients of other services send
    convert("chat_template_kwargs",   convert_chat_template_kwargs,
            "enable_thinking is sent under its own name; the rest is lost.",
            sends=("enable_thinking",), late=True),
    convert("thinking",               convert_thinking,
            "Its type becomes enable_thinking; the rest is lost.",
            sends=("enable_thinking",), late=True),
    convert("reasoning",              convert_reasoning,
            "effort becomes reasoning_effort, enabled enable_thinking, exclude is done here; the rest is lost.",
            sends=("enable_thinking", "reasoning_effort"), late=True),
    lossy  ("top_k",                  "Telnyx has no such control.", check=number()),
    lossy  ("repetition_penalty",     "Telnyx has no such control.", check=number()),
    refuse ("openai_api_key",
            "Keys of outside providers do not belong in a request; the operator sets api_key_ref."),
), unknown=lose_unknown)
# fmt: on
"""Every field of the request and its fate."""
