"""What an answer is to look like and how much thought goes into it: `text`, `reasoning`, `include`, as chat says it."""

from typing import Any

from proxy.translation import checks
from proxy.translation.responses.draft import ResponseDraft

FORMATS = ("json_object", "json_schema", "text")
SCHEMA_FIELDS = ("name", "description", "schema", "strict")
SUMMARIES = ("auto", "concise", "detailed")
LOGPROBS = "message.output_text.logprobs"
ENCRYPTED = "reasoning.encrypted_content"
INCLUDABLE = (
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    ENCRYPTED,
    LOGPROBS,
)
"""In the order in which OpenAI's error message names them."""

SUMMARY = "Telnyx writes no summaries; what the model thought is told in their place."
CONTEXT = "Telnyx's models are not told what they thought in earlier turns."


def convert_text(draft: ResponseDraft, name: str, value: Any) -> None:
    """The row of `text`: its format is chat's `response_format`, flat."""
    checks.json_object(name, value)
    form = checks.optional(name, value, "format", checks.json_object)
    echo: dict[str, Any] = {"format": {"type": "text"}}
    if form is not None:
        kind = checks.required(f"{name}.format", form, "type", checks.one_of(*FORMATS))
        echo["format"] = {"type": kind}
        if kind == "json_schema":
            echo["format"] = _by_schema(draft, f"{name}.format", form)
        else:
            draft.body["response_format"] = {"type": kind}
            draft.leave_out(f"{name}.format", f"{name}.format", form, frozenset({"type"}))
    verbosity = checks.optional(name, value, "verbosity", checks.one_of("low", "medium", "high"))
    if verbosity is not None:
        echo["verbosity"] = draft.body["verbosity"] = verbosity
    draft.lose_others(f"{name}.*", name, value, ("format", "verbosity"))
    draft.echo[name] = echo


def _by_schema(draft: ResponseDraft, at: str, form: dict[str, Any]) -> dict[str, Any]:
    """A schema the answer must conform to; what the response object repeats of it."""
    checks.required(at, form, "name", checks.string)
    checks.required(at, form, "schema", checks.json_object)
    sent = {key: form[key] for key in SCHEMA_FIELDS if form.get(key) is not None}
    draft.body["response_format"] = {"type": "json_schema", "json_schema": sent}
    draft.leave_out(at, at, form, frozenset(("type", *SCHEMA_FIELDS)))
    return {"type": "json_schema", "description": None, **sent, "strict": form.get("strict") or False}


def convert_reasoning(draft: ResponseDraft, name: str, value: Any) -> None:
    """The row of `reasoning`: how much a model thinks, and how it is told."""
    checks.json_object(name, value)
    effort = checks.optional(name, value, "effort", checks.string)
    if effort is not None:
        draft.body["reasoning_effort"] = effort
    summary = None
    for key in ("summary", "generate_summary"):  # the second is the older name
        given = checks.optional(name, value, key, checks.one_of(*SUMMARIES))
        if given is not None:
            summary = summary or given
            draft.note_once("emulated", f"{name}.{key}", SUMMARY)
    if summary is not None and draft.reasoning == "text":
        draft.reasoning = "summary"
    context = checks.optional(name, value, "context", checks.one_of("auto", "current_turn", "all_turns"))
    if context == "all_turns":
        draft.lose(f"{name}.context", CONTEXT, name)
    mode = checks.optional(name, value, "mode", checks.string)
    if mode not in {None, "standard"}:
        draft.lose(f"{name}.mode", "Telnyx's models have one way to think.", name)
    known = ("effort", "summary", "generate_summary", "context", "mode")
    draft.lose_others(f"{name}.*", name, value, known)
    draft.echo["summary"] = summary


def convert_include(draft: ResponseDraft, name: str, value: Any) -> None:
    """The row of `include`: log probabilities and sealed reasoning; the rest tells of tools that run at OpenAI."""
    checks.strings(name, value)
    for index, one in enumerate(value):
        checks.one_of(*INCLUDABLE)(f"{name}[{index}]", one)
        if one == LOGPROBS:
            draft.body["logprobs"] = True
        elif one == ENCRYPTED:
            draft.encrypt = True
        else:
            draft.note_once("dropped", f"{name}.{one}", "No such thing is in any answer here.")


def convert_top_logprobs(draft: ResponseDraft, name: str, value: Any) -> None:
    """The row of `top_logprobs`. Late: without the log probabilities in `include` nobody sees them."""
    if draft.body.get("logprobs"):
        draft.body[name] = value
    else:
        draft.note("dropped", name, reason=f"Log probabilities are told where {LOGPROBS} is included.")
