"""The request of the Responses API: THE FIELD TABLE, and `translate` and `native`, which apply it.

What comes out of the table is a chat request; `translation.chat` makes Telnyx's of it. So all that is known about
Telnyx is known in one place, and a field that means the same in both APIs has chat's own row here, too. What chat
refuses or changes is told in the words of the request that the client sent (`places.py`).

A field that does not fit a row has a small function here; what fills a file stands in its own: items (`items.py`,
`contents.py`), the messages made of them (`conversation.py`), tools (`tools.py`, `names.py`), the shape of answers and
thinking (`formats.py`), what the response object repeats (`echo.py`), the request to Telnyx's own Responses API
(`onward.py`). Source: https://platform.openai.com/docs/api-reference/responses/create and the type of the official
client library.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proxy.errors import InvalidRequest
from proxy.translation import chat, checks
from proxy.translation.chat import Translated, lose_unknown
from proxy.translation.checks import INT64, boolean, integer, json_object, one_of, string
from proxy.translation.responses import onward
from proxy.translation.responses.conversation import assemble
from proxy.translation.responses.draft import ResponseDraft, ours, sealed_elsewhere
from proxy.translation.responses.echo import complete
from proxy.translation.responses.formats import (
    convert_include,
    convert_reasoning,
    convert_text,
    convert_top_logprobs,
)
from proxy.translation.responses.items import input_items
from proxy.translation.responses.outline import Item, Outline, no_seal
from proxy.translation.responses.tools import convert_tool_choice, convert_tools
from proxy.translation.rules import (
    Draft,
    Field,
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
)

__all__ = ["FIELDS", "Asked", "input_items", "native", "translate"]

MOVED = "In the Responses API, this parameter has moved to '{}'."
KEPT = "This proxy keeps what was said and sends it to Telnyx again."
STORED = "It is kept by this proxy; Telnyx does not learn of it."
ONLY_HOSTED = "It bounds the calls of OpenAI's own tools, of which there are none here."
OPENED = 1 << 23
"""Characters of all sealed reasoning of one request: two million tokens, twice what the largest model holds."""
ONE_STATE = (
    "Mutually exclusive parameters: 'previous_response_id' and 'conversation'. Ensure you are only providing one of: "
    "'previous_response_id' or 'conversation'."
)
USAGE: Mapping[str, bool] = {"include_usage": True}
"""The response object always tells the usage."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the edge knows besides the request.

    Attributes:
        id: of the response; created_at: Unix seconds; suffix: what makes its item ids unique.
        history: items before this turn, of `previous_response_id` or `conversation`.
        input: items of this turn, one for one those of the request; references are replaced, every item has an id.
        seal: reasoning -> `encrypted_content`; open: the way back, None for what was not sealed here.
        reasoning: how thinking is told: "summary" or "text" (`responses.reasoning`).
        unsupported_tools: "refuse" or "drop" tools that only run at OpenAI (`responses.unsupported_tools`).
    """

    id: str
    created_at: int
    suffix: str
    history: Sequence[Item] = ()
    input: Sequence[Item] = ()
    seal: Callable[[str], str] = dataclasses.field(default=no_seal, repr=False)
    open: Callable[[str], str | None] = dataclasses.field(default=sealed_elsewhere, repr=False)
    reasoning: str = "summary"
    unsupported_tools: str = "refuse"


def translate(request: Mapping[str, Any], model: str, policy: Policy, asked: Asked) -> tuple[Translated, Outline]:
    """The chat request to Telnyx that answers a response's request, and the outline of the response.

    The request and the items are never written to.

    Raises:
        InvalidRequest: a value OpenAI itself would refuse, or one that cannot be honoured; with the client's own path.
    """
    draft = _draft(request, policy, asked)
    return _finish(draft, model, asked)


def native(request: Mapping[str, Any], model: str, policy: Policy, asked: Asked) -> tuple[Translated, Outline]:
    """The same for Telnyx's own Responses API, which gets items instead of messages.

    Raises:
        InvalidRequest: as for `translate`.
    """
    draft = _draft(request, policy, asked)
    draft.native = True
    translated, outline = _finish(draft, model, asked)
    translated.body = onward.request(draft, translated.body)
    translated.expects.images = draft.expects.images
    return translated, outline


def without_input(request: Mapping[str, Any]) -> InvalidRequest:
    """The refusal of a request that says nothing, and may have said it as in chat."""
    if request.get("messages") is not None:
        return unsupported("messages", MOVED.format("input"))
    return checks.missing("input")


def _draft(request: Mapping[str, Any], policy: Policy, asked: Asked) -> ResponseDraft:
    source = dict(stated(request))
    continues = next((name for name in ("previous_response_id", "conversation") if name in source), None)
    if "input" not in source:
        if continues is None and "prompt" not in source:  # which is refused by its own row
            raise without_input(request)
        source["input"] = []
    draft = ResponseDraft(source, policy, asked.input)
    draft.history = (continues or "input", asked.history)
    draft.open = _bounded(asked.open)
    if draft.reasoning != "none":
        draft.reasoning = asked.reasoning
    draft.refuses_tools = asked.unsupported_tools == "refuse"
    return draft


def _bounded(opening: Callable[[str], str | None]) -> Callable[[str], str | None]:
    """The same for so much text; a small one that is sent often would open to gigabytes. Raises InvalidRequest."""
    left = OPENED

    def opened(sealed: str) -> str | None:
        nonlocal left
        text = opening(sealed)
        left -= len(text or "")
        if left < 0:
            message = f"Invalid 'input': its encrypted reasoning has more than {OPENED} characters."
            raise InvalidRequest(message, param="input", code="request_too_large")
        return text

    return opened


def _finish(draft: ResponseDraft, model: str, asked: Asked) -> tuple[Translated, Outline]:
    FIELDS.apply(draft)
    try:
        translated = chat.translate(draft.body, model, draft.policy)
    except InvalidRequest as refusal:
        raise draft.places.refusal(refusal) from None
    draft.changes.extend(draft.places.changes(translated.changes))
    translated.changes = draft.changes
    outline = Outline(
        id=asked.id,
        created_at=asked.created_at,
        model=model,
        echo=complete(draft, translated.body),
        suffix=asked.suffix,
        custom_tools=translated.expects.custom_tools,
        namespaces=draft.names.namespaces(),
        reasoning="none" if translated.expects.hide_reasoning else draft.reasoning,
        encrypt=draft.encrypt,
        seal=asked.seal,
        logprobs="logprobs" in draft.body,
    )
    return translated, outline


def _hand_on(draft: Draft, name: str, value: Any) -> None:
    """To the row that chat has for it."""
    draft.body[name] = value


def _input(draft: ResponseDraft, name: str, value: Any) -> None:
    """What is said stands in the items that the edge has found; here they become messages."""
    if not draft.items and not draft.history[1]:
        checks.array(name, [], filled=True)
    instructions = draft.source.get("instructions")
    draft.body["messages"] = onward.texts(draft) if draft.native else assemble(draft, instructions)


def _instructions(draft: ResponseDraft, name: str, value: Any) -> None:
    string(name, value)
    if not draft.native:
        draft.note("converted", name, reason="Telnyx takes them as the first message, with the role system.")


def _max_output_tokens(draft: ResponseDraft, name: str, value: Any) -> None:
    draft.body["max_tokens"] = value
    if not draft.native:
        draft.note("renamed", name, "max_tokens", "Telnyx has one cap, which counts reasoning, too.")


def _previous_response_id(draft: Draft, name: str, value: Any) -> None:
    string(name, value)
    if "conversation" in draft.source:
        raise InvalidRequest(ONE_STATE, param=name, code="mutually_exclusive_parameters")
    draft.note("emulated", name, reason=KEPT)


def _conversation(draft: ResponseDraft, name: str, value: Any) -> None:
    """An id, or an object with one."""
    known = value
    if type(value) is dict:
        known = checks.required(name, value, "id", string)
    elif type(value) is not str:
        raise checks.invalid_type(name, "one of a string or object", value)
    draft.echo[name] = {"id": known}
    draft.note("emulated", name, reason=KEPT)


def _background(draft: Draft, name: str, value: Any) -> None:
    boolean(name, value)
    if value:
        if draft.source.get("store") is False:
            message = f"Invalid value for '{name}': a response in the background is fetched later and must be stored."
            raise InvalidRequest(message, param=name)
        draft.note("emulated", name, reason="This proxy waits for Telnyx and keeps the answer.")


def _store(draft: Draft, name: str, value: Any) -> None:
    boolean(name, value)  # it is the edge that stores


def _stream_options(draft: Draft, name: str, value: Any) -> None:
    """Usage is always told; what else there is, chat has a word on."""
    json_object(name, value)
    if draft.source.get("stream") is not True:
        raise checks.only_when_enabled(name, "stream")
    draft.body[name] = {**value, **USAGE}


def _stream(draft: Draft, name: str, value: Any) -> None:
    boolean(name, value)
    draft.body[name] = value
    if value:
        draft.body.setdefault("stream_options", USAGE)


def _truncation(draft: ResponseDraft, name: str, value: Any) -> None:
    one_of("auto", "disabled")(name, value)
    if value == "auto":
        draft.lose(name, "Where a conversation is too long, nothing is left out; Telnyx refuses it.")
    else:
        draft.note("dropped", name, reason="It is how Telnyx is anyway.")
    draft.echo[name] = "disabled"


def _context_management(draft: Draft, name: str, value: Any) -> None:
    checks.array(name, value)
    if value:
        draft.lose(name, "Conversations are not made shorter here.")


_OF_CHAT = {row.name: row for row in chat.FIELDS.rows}


def _as_in_chat(name: str) -> Field:
    """A field that means the same in both APIs: chat checks it and does with it what its row says."""
    return dataclasses.replace(_OF_CHAT[name], check=None, convert=_hand_on, late=False)


def _moved(name: str, to: str) -> Field:
    """A field of chat that has another name here."""
    return refuse(name, MOVED.format(to))


# fmt: off
FIELDS = FieldTable((
    # What is asked, and of whom
    _as_in_chat("model"),
    convert("instructions",           ours(_instructions),
            "They are the first message, with the role system."),
    emulate("previous_response_id",   _previous_response_id, KEPT),
    emulate("conversation",           ours(_conversation), KEPT),
    refuse ("prompt",                 "Prompts that are stored at OpenAI are not here; send instructions and input."),

    # How the answer comes
    keep   ("stream",                 function=_stream),
    emulate("stream_options",         _stream_options,
            "Usage is always asked for and always told. There is no obfuscation.", sends=("stream_options",)),
    emulate("background",             _background,
            "This proxy waits for Telnyx and keeps the answer, which must be stored."),
    emulate("store",                  _store, STORED),
    convert("include",                ours(convert_include),
            "Log probabilities and sealed reasoning are told; the rest is about tools that run at OpenAI.",
            sends=("logprobs",)),
    convert("top_logprobs",           ours(convert_top_logprobs),
            "Sent if log probabilities are included, dropped if not.", late=True),
    rename ("max_output_tokens",      "max_tokens", integer(1, INT64 - 1),
            "Telnyx has one cap, which counts reasoning, too.", function=ours(_max_output_tokens)),
    lossy  ("truncation",             "Where a conversation is too long, Telnyx refuses it. The default is dropped.",
            function=ours(_truncation)),

    # Sampling
    _as_in_chat("temperature"),
    _as_in_chat("top_p"),
    _as_in_chat("frequency_penalty"),
    _as_in_chat("presence_penalty"),

    # Tools
    convert("tools",                  ours(convert_tools),
            "Functions and custom tools are nested as in chat, namespaces flattened; file_search is retrieval."),
    convert("tool_choice",            ours(convert_tool_choice),
            "For a named or allowed tool only these tools are sent, with required or the mode.",
            sends=("tool_choice", "tools"), late=True),
    _as_in_chat("parallel_tool_calls"),
    drop   ("max_tool_calls",         ONLY_HOSTED, check=integer(1, INT64 - 1)),

    # The shape and the style of the answer
    convert("text",                   ours(convert_text),
            "The format is chat's response_format; of verbosity Telnyx knows only the default.",
            sends=("response_format",)),
    convert("reasoning",              ours(convert_reasoning),
            "effort is reasoning_effort; for a summary the reasoning itself is told.",
            sends=("reasoning_effort",)),

    # What is said; it needs to know the tools
    convert("input",                  ours(_input),
            "Items become messages, those that belong to one turn one message.",
            sends=("messages",), late=True),
    lossy  ("context_management",     "Conversations are not made shorter here. An empty list is dropped.",
            function=_context_management),

    # Services around the model
    _as_in_chat("service_tier"),
    _as_in_chat("moderation"),
    _as_in_chat("prompt_cache_key"),
    _as_in_chat("prompt_cache_retention"),
    _as_in_chat("prompt_cache_options"),
    lossy  ("access_programs",        "They are programs of OpenAI's for its own models.", check=json_object),
    lossy  ("image",                  "Images are handed on as they are.", check=json_object),
    drop   ("client_metadata",        "It is between OpenAI's own clients and OpenAI.", check=json_object),

    # Who asks
    _as_in_chat("user"),
    _as_in_chat("safety_identifier"),
    _as_in_chat("metadata"),

    # Telnyx's own fields, and what chat takes of them and of other services
    *map(_as_in_chat, (
        "stop", "seed", "logit_bias", "enable_thinking", "guided_json", "guided_regex", "guided_choice", "min_p",
        "use_beam_search", "best_of", "length_penalty", "early_stopping", "region", "mode", "api_key_ref",
        "chat_template_kwargs", "thinking", "top_k", "repetition_penalty", "openai_api_key",
    )),

    # What belongs to chat
    _moved ("messages",               "input"),
    _moved ("max_tokens",             "max_output_tokens"),
    _moved ("max_completion_tokens",  "max_output_tokens"),
    _moved ("response_format",        "text.format"),
    _moved ("reasoning_effort",       "reasoning.effort"),
    _moved ("verbosity",              "text.verbosity"),
    _moved ("functions",              "tools"),
    _moved ("function_call",          "tool_choice"),
), unknown=lose_unknown)
# fmt: on
"""Every field of the request and its fate."""
