"""The older completions request -> a chat request; the chat answers -> a completion. PURE.

Telnyx serves chat only, so a text to be continued is put to a chat model, with a system message that asks for nothing
but the continuation. What comes of that is the work of a model that was trained to converse: the best that can be had,
and told to the client as `emulated=prompt`. From there on it is chat: `chat.translate` writes what Telnyx hears, and
what Telnyx answers goes through `answers` or `streaming.chat` before it is retold here.

Several prompts are as many chat requests; `Shape` is what they share. OpenAI numbers the choices prompt by prompt:
the choice `i` of the prompt `p` has the index `p * n + i`.

Source of the shapes: OpenAI's request type, as the official client library has it, and
https://platform.openai.com/docs/api-reference/completions
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proxy import codec
from proxy.errors import InvalidRequest
from proxy.translation import answers, chat, checks, thinking
from proxy.translation.answers import Answer, Identity
from proxy.translation.chat import LEDGER, Translated
from proxy.translation.checks import INT64, boolean, integer, json_object, number, stop_sequences, string
from proxy.translation.rules import (
    Draft,
    Expectation,
    FieldTable,
    Policy,
    drop,
    emulate,
    keep,
    lossy,
    refuse,
    stated,
    unsupported,
    unsupported_value,
)
from proxy.usage import size, total

CONTINUE = (
    "Continue the text that the user gives you. Reply with what comes next and with nothing else: do not repeat the "
    "text, do not comment on it, do not speak to its author, and put no quotation marks and no Markdown fence around "
    "your words. Where the text breaks off in a word or a sentence, go on from there, and begin with a space or a new "
    "line where one is missing. Where the text is a question or an instruction, what comes next is its answer or its "
    "result."
)
"""What makes a chat model complete a text."""
BEGIN = "There is no text yet. Begin one."
"""Stands for a prompt that is empty or missing. OpenAI then samples a new document; a chat model cannot without a word
of the user."""
OUTPUT = 16
"""OpenAI's default of `max_tokens` at this endpoint."""
MOST = 128
"""Choices of one request, over all its prompts: the most `n` can ask for. It bounds what is asked and kept at once."""
THINKING = frozenset({*thinking.FIELDS, "chat_template_kwargs", "thinking", "reasoning"})
"""Fields by which a request says something about thinking."""
FINISHES = frozenset({"stop", "length", "content_filter"})

TOKENS = "Token ids mean other texts to Telnyx's models. Send the prompt as text."
LOGPROBS = "What is known is the probability of a chat model's answer, not that of the text with its prompt."


@dataclass(slots=True)
class Shape:
    """What an answer is shaped by beside what Telnyx says.

    Attributes:
        prompts: the texts, in their order.
        echo: each choice begins with its prompt.
        choices: how many there are of each prompt.
        include_usage: a stream ends with its usage.
        sizes: UTF-8 bytes of the chat request of each prompt.
    """

    prompts: tuple[str, ...]
    echo: bool = False
    choices: int = 1
    include_usage: bool = False
    sizes: tuple[int, ...] = ()

    def lead(self, prompt: int) -> str:
        """What the choices of a prompt begin with."""
        return self.prompts[prompt] if self.echo else ""


def shape_of(request: Mapping[str, Any]) -> Shape:
    """The prompts of a request, the rest as it is before `translate` has looked. Raises InvalidRequest."""
    prompt = request.get("prompt")
    if prompt is None and request.get("messages") is not None:
        raise unsupported("messages", "Completions take a prompt; send messages to /v1/chat/completions.")
    if prompt is None or type(prompt) is str:
        return Shape((prompt or "",))
    if type(prompt) is not list:
        raise checks.invalid_type("prompt", "one of a string or array of strings", prompt)
    checks.array("prompt", prompt, MOST, filled=True)
    for index, text in enumerate(prompt):
        if type(text) is int or (type(text) is list and all(type(token) is int for token in text)):
            raise unsupported("prompt", TOKENS)
        if type(text) is not str:
            raise checks.invalid_type(f"prompt[{index}]", "a string", text)
    return Shape(tuple(prompt))


def messages(prompt: str) -> list[dict[str, str]]:
    """The chat about one prompt."""
    return [{"role": "system", "content": CONTINUE}, {"role": "user", "content": prompt or BEGIN}]


def translate(shape: Shape, request: Mapping[str, Any], model: str, policy: Policy) -> Translated:
    """The upstream body of the first prompt; those of the others differ in `messages` only. Fills in the shape.

    Raises InvalidRequest as `chat.translate` does, in terms of this request.
    """
    draft = Draft(stated(request), policy)
    FIELDS.apply(draft)
    if "" in shape.prompts and "prompt" not in draft.source:
        _prompt(draft, "prompt", "")
    _complete(draft)
    draft.body["messages"] = messages(shape.prompts[0])
    translated = chat.translate(draft.body, model, policy)
    translated.changes[:0] = draft.changes
    expects = translated.expects
    expects.hide_reasoning = True  # there is no place for it
    shape.echo = draft.source.get("echo") is True
    shape.include_usage, expects.include_usage = expects.include_usage, False
    shape.choices = translated.body.get("n", 1)
    if shape.choices * len(shape.prompts) > MOST:
        raise InvalidRequest(f"Too many choices: n times the prompts may be {MOST} at most.", param="n")
    around = expects.input_bytes - size(shape.prompts[0] or BEGIN)
    shape.sizes = tuple(around + size(prompt or BEGIN) for prompt in shape.prompts)
    expects.input_bytes = sum(shape.sizes)
    return translated


def answer(shape: Shape, raw: bytes, expects: Expectation, identity: Identity, model: str) -> Answer:
    """The whole answer to a request with one prompt. Raises as `answers.answer`."""
    return joined(shape, [answers.answer(raw, expects, identity, model)], identity)


def joined(shape: Shape, parts: Sequence[Answer], identity: Identity) -> Answer:
    """One completion of the chat answers to all prompts, in their order."""
    values = [codec.decode(part.body) for part in parts]
    first = values[0]
    usage = total(part.usage for part in parts)
    made = {
        "id": name(first["id"]),
        "object": "text_completion",
        "created": first["created"],
        "model": first["model"],
        "choices": [
            row(shape, prompt, choice["index"], (choice["message"]["content"] or "", choice["finish_reason"]))
            for prompt, value in enumerate(values)
            for choice in value["choices"]
        ],
        "usage": first["usage"] if len(values) == 1 else usage.openai(),
    }
    if "system_fingerprint" in first:
        made["system_fingerprint"] = first["system_fingerprint"]
    estimated = any(part.estimated for part in parts)
    return Answer(codec.encode(made), usage, parts[0].model, 0, estimated)


def row(shape: Shape, prompt: int, index: int, said: tuple[str, str | None]) -> dict[str, Any]:
    """A choice: its whole text, and its finish reason."""
    text, reason = said
    return choice_of(prompt * shape.choices + index, shape.lead(prompt) + text, reason)


def choice_of(index: int, text: str, reason: str | None) -> dict[str, Any]:
    """A choice as OpenAI has it. A chat model's other reasons do not occur without tools; should one, it did end."""
    known = reason if reason is None or reason in FINISHES else "stop"
    return {"text": text, "index": index, "logprobs": None, "finish_reason": known}


def name(chat_name: str) -> str:
    """The id of a completion, from that of the chat answer."""
    return f"cmpl-{chat_name.removeprefix('chatcmpl-').removeprefix('cmpl-')}"


def clients_param(param: str | None) -> str | None:
    """A place in the chat request -> the field that the client sent."""
    return "prompt" if param is not None and param.startswith("messages") else param


def _complete(draft: Draft) -> None:
    """OpenAI's defaults of this endpoint, where neither the client nor the operator says anything."""
    policy, said = draft.policy, set(draft.source)
    said.update(policy.defaults, policy.force)
    if "max_tokens" not in said:
        draft.body["max_tokens"] = OUTPUT
        draft.note("injected", "max_tokens", str(OUTPUT), "It is OpenAI's default for completions.")
    if said.isdisjoint(THINKING):
        draft.body["enable_thinking"] = False
        reason = "A completion has no place for thoughts, and its few tokens would be spent on them."
        draft.note("injected", "enable_thinking", "false", reason)


def _hand_on(draft: Draft, name: str, value: Any) -> None:
    """The table of chat has the word, and tells what it does."""
    draft.body[name] = value


def _prompt(draft: Draft, name: str, value: Any) -> None:
    draft.note("emulated", name, reason="Telnyx serves chat only: a system message asks for what comes next.")


def _suffix(draft: Draft, name: str, value: Any) -> None:
    string(name, value)
    if value:
        raise unsupported(name, "A chat model cannot be held to what comes behind its text.")
    draft.note("dropped", name, reason="It is empty.")


def _best_of(draft: Draft, name: str, value: Any) -> None:
    wanted = draft.source.get("n", 1)
    integer(1, 20)(name, value)
    if type(wanted) is int and value < wanted:
        raise InvalidRequest("Invalid 'best_of': it must be at least 'n'.", param=name)
    if value != wanted:
        raise unsupported_value(name, str(value), "Which of the candidates is the best, Telnyx does not tell.")
    draft.note("dropped", name, reason="As many candidates are made as are asked for.")


def _echo(draft: Draft, name: str, value: Any) -> None:
    boolean(name, value)
    if value:
        draft.note("emulated", name, reason="The proxy puts the prompt in front of each choice.")


def _unknown(draft: Draft, name: str, value: Any) -> None:
    if name in chat.FIELDS:
        draft.lose(name, "Chat has this field, completions have not.")
    else:
        draft.body[name] = value


# fmt: off
FIELDS = FieldTable((
    # What is asked, and of whom
    keep   ("model",                  string),
    emulate("prompt",                 _prompt,
            "A text, or several. A system message asks a chat model to continue it. Token ids are refused.",
            sends=("messages",)),
    refuse ("suffix",                 "A chat model cannot be held to what follows its text. An empty one is dropped.",
            function=_suffix),

    # How the answer comes
    keep   ("stream",                 boolean),
    emulate("stream_options",         _hand_on,
            "Usage is always asked for; its chunk is handed on if the client asks. There is no obfuscation.",
            sends=("stream_options",)),
    keep   ("n",                      integer(1, 128)),
    refuse ("best_of",                "Telnyx does not tell which candidate is the best. As many as n are no question.",
            function=_best_of),
    emulate("echo",                   _echo,
            "The proxy puts the prompt in front of each choice."),
    refuse ("logprobs",               LOGPROBS),
    keep   ("stop",                   stop_sequences),
    keep   ("max_tokens",             integer(1, INT64 - 1),
            reason="If absent, OpenAI's default of 16 is sent."),

    # Sampling
    keep   ("temperature",            number(0, 2),
            reason="If absent, OpenAI's default of 1 is sent; Telnyx's own is 0.1."),
    keep   ("top_p",                  number(0, 1)),
    keep   ("frequency_penalty",      number(-2, 2)),
    keep   ("presence_penalty",       number(-2, 2)),
    keep   ("seed",                   integer(-INT64, INT64 - 1)),
    lossy  ("logit_bias",             "The numbers of OpenAI's tokens mean other tokens here. An empty one is dropped.",
            check=json_object, function=_hand_on),

    # Who asks
    drop   ("user",                   LEDGER, check=string, function=_hand_on),
    drop   ("safety_identifier",      LEDGER, check=string, function=_hand_on),
    drop   ("metadata",               LEDGER, check=json_object, function=_hand_on),

    # Fields of Telnyx's chat request that make sense here, treated as chat treats them
    keep   ("enable_thinking",        reason="If nothing is said about thinking, false is sent."),
    keep   ("reasoning_effort"),
    keep   ("service_tier"),
    keep   ("guided_json"),
    keep   ("guided_regex"),
    keep   ("guided_choice"),
    keep   ("min_p"),
    keep   ("use_beam_search"),
    keep   ("length_penalty"),
    keep   ("early_stopping"),
    keep   ("region"),
    keep   ("mode"),
    keep   ("chat_template_kwargs"),
    keep   ("thinking"),
    keep   ("reasoning"),
    keep   ("api_key_ref"),
), unknown=_unknown)
# fmt: on
"""Every field of the request and its fate. What is kept goes into a chat request, whose own table follows."""
