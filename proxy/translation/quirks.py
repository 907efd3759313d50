"""What a model or endpoint was seen to reject, and the repair.

Strategy: a request goes out in the form that should work everywhere. If Telnyx refuses it with words that fit a row of
`QUIRKS`, the row's repair is applied, the request is sent again, and only if that succeeds is the quirk remembered for
this endpoint and model, for a day. So a limitation that Telnyx lifts is noticed, and a coincidence is not learned.
Operators can pin a row on (always repaired beforehand) or off (never repaired) per model.

Sources: the two published schemas of the chat request, and what people who ran the live service reported in public
(Telnyx's own provider plugins among them); those reports contradict each other, hence learning instead of a rule.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from proxy import codec
from proxy.translation import dialects
from proxy.translation.dialects import Adapted, Body, without
from proxy.translation.failures import Said
from proxy.translation.rules import Change

MEMORY_SECONDS = 86_400.0
"""How long a quirk is remembered: one refused call per model and day is the price of noticing that it has gone."""
MEMORY_LIMIT = 4096
"""Remembered quirks at most. Only models that answered get in, so real catalogues stay far below."""
HINT_LIMIT = 500
"""Characters of the refusal kept beside a remembered quirk, for repairs that read the supported values out of it."""
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Values of `reasoning_effort`, least first."""


@dataclass(frozen=True, slots=True)
class Quirk:
    """One row: a known rejection and its repair.

    Attributes:
        name: what stands in `repaired=` of the changes header, in metrics and in pins.
        reason: what was observed, for people.
        fits: whether a refusal of this body means this quirk.
        repair: the body that avoids it, and what changed; the very same body if there is nothing to do.
        loses: the OpenAI field whose meaning the repair gives up, None if nothing is lost; a policy that refuses
            lossy changes for it forbids the repair.
    """

    name: str
    reason: str
    fits: Callable[[Said, Body], bool]
    repair: Callable[[Body, str], Adapted]
    loses: str | None = None


def _mentions(said: Said, *words: str) -> bool:
    text = f"{said.param or ''} {said.message}".lower()
    return any(word in text for word in words)


def _unknown_field(said: Said) -> bool:
    return said.code == "extra_forbidden" or _mentions(said, "extra inputs", "extra fields", "unknown field")


def _drop(name: str) -> Callable[[Body, str], Adapted]:
    def repair(body: Body, hint: str) -> Adapted:
        return (without(body, name), []) if name in body else (body, [])

    return repair


def _without_cap(body: Body, hint: str) -> Adapted:
    """No output cap beside function tools: Telnyx then applies its own, 8192 tokens."""
    return (without(body, "max_tokens"), []) if body.get("tools") and "max_tokens" in body else (body, [])


def _long_cap_name(body: Body, hint: str) -> Adapted:
    if "max_tokens" not in body:
        return body, []
    body = {**body, "max_completion_tokens": body["max_tokens"]}
    return without(body, "max_tokens"), []


def _supported_effort(body: Body, hint: str) -> Adapted:
    """The nearest value the refusal names as supported, or on/off where it names none."""
    asked = body.get("reasoning_effort")
    if asked not in EFFORTS:
        return body, []
    wanted = EFFORTS.index(asked)
    named = re.findall(r"\b[a-z]+\b", hint.lower().rpartition("support")[2] if "support" in hint.lower() else "")
    supported = [index for index, value in enumerate(EFFORTS) if value in named and value != asked]
    if not supported:
        return dialects.think_or_not(body)
    best = EFFORTS[min(supported, key=lambda index: (abs(index - wanted), index))]
    reason = f"this model does not take {asked}"
    return {**body, "reasoning_effort": best}, [Change("converted", "reasoning_effort", best, reason)]


def _schema_as_words(body: Body, hint: str) -> Adapted:
    """The schema as an instruction instead of constrained decoding, which can keep a model from calling its tools."""
    form = body.get("response_format")
    schema = form["json_schema"]["schema"] if isinstance(form, dict) and form.get("type") == "json_schema" else None
    schema = body.get("guided_json", schema)
    if schema is None or not body.get("tools"):
        return body, []
    words = (
        "Unless you call a tool, answer with one JSON value and nothing else. It must conform to this JSON schema: "
        + codec.encode_text(schema)
    )
    body = without(without(body, "response_format"), "guided_json")
    body["messages"] = [{"role": "system", "content": words}, *body["messages"]]
    return body, [Change("emulated", "response_format", reason="the schema is given to the model in words")]


def _one_system_message(body: Body, hint: str) -> Adapted:
    """All system messages in one, at the start."""
    messages = body["messages"]
    systems = [message for message in messages if message.get("role") == "system"]
    if not systems or (len(systems) == 1 and messages[0] is systems[0]):
        return body, []
    text = "\n\n".join(_text(message.get("content")) for message in systems)
    others = [message for message in messages if message.get("role") != "system"]
    return {**body, "messages": [{"role": "system", "content": text}, *others]}, [
        Change("converted", "messages", reason="this model takes one system message, at the start")
    ]


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content or ())


def _tools_and_schema(body: Body) -> bool:
    return bool(body.get("tools")) and ("guided_json" in body or "response_format" in body)


QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "cap_with_tools",
        "an output cap together with function tools is refused (code 10015); Telnyx's default cap of 8192 applies",
        lambda said, body: bool(body.get("tools")) and "max_tokens" in body
        and (said.code == "10015" or (_mentions(said, "max_tokens", "completion_tokens") and _mentions(said, "tool"))),
        _without_cap,
        loses="max_tokens",
    ),
    Quirk(
        "stream_options",
        "stream_options is in no published schema; without it usage is estimated where upstream gives none",
        lambda said, body: "stream_options" in body and _mentions(said, "stream_options"),
        _drop("stream_options"),
    ),
    Quirk(
        "max_completion_tokens",
        "models of OpenAI behind Telnyx may know the output cap only under its newer name",
        lambda said, body: "max_tokens" in body and _mentions(said, "max_completion_tokens")
        and not _mentions(said, "tool"),
        _long_cap_name,
    ),
    Quirk(
        "schema_with_tools",
        "constrained output together with tools is refused; the schema is given in words",
        lambda said, body: _tools_and_schema(body) and _mentions(said, "tool")
        and _mentions(said, "guided", "response_format", "schema"),
        _schema_as_words,
        loses="response_format",
    ),
    Quirk(
        "dialect",
        "fields of the newer published schema are unknown here; the earlier dialect is spoken",
        lambda said, body: _unknown_field(said) and _mentions(said, *dialects.ONLY_IN_NEWEST),
        lambda body, hint: dialects.speak_earlier(body),
    ),
    Quirk(
        "response_format",
        "response_format json_schema is refused; the schema goes as guided_json",
        lambda said, body: _is_schema(body) and _mentions(said, "response_format", "json_schema"),
        lambda body, hint: dialects.guide_by_schema(body),
    ),
    Quirk(
        "reasoning_effort",
        "this value of reasoning_effort is refused; the nearest supported one is sent",
        lambda said, body: "reasoning_effort" in body and _mentions(said, "reasoning_effort", "reasoning effort"),
        _supported_effort,
        loses="reasoning_effort",
    ),
    Quirk(
        "enable_thinking",
        "enable_thinking is refused",
        lambda said, body: "enable_thinking" in body and _mentions(said, "enable_thinking"),
        _drop("enable_thinking"),
    ),
    Quirk(
        "image_url_string",
        "image_url as an object is refused; the address goes as a string, as the published schema has it",
        lambda said, body: _mentions(said, "image_url") and dialects.has_images(body, dict),
        lambda body, hint: dialects.images_as_strings(body),
    ),
    Quirk(
        "image_url_object",
        "image_url as a string is refused; the address goes in an object, as OpenAI has it",
        lambda said, body: _mentions(said, "image_url") and dialects.has_images(body, str),
        lambda body, hint: dialects.images_as_objects(body),
    ),
    Quirk(
        "system_messages",
        "this model's template takes one system message, at the start",
        lambda said, body: _mentions(said, "system") and _mentions(said, "first", "beginning", "only one", "multiple"),
        _one_system_message,
    ),
)  # fmt: skip
"""Tried in this order; names are a contract (pins, metrics)."""

BY_NAME: Mapping[str, Quirk] = {quirk.name: quirk for quirk in QUIRKS}


def _is_schema(body: Body) -> bool:
    form = body.get("response_format")
    return isinstance(form, dict) and form.get("type") == "json_schema"


@dataclass(frozen=True, slots=True)
class Manner:
    """How one model is spoken to, as configured.

    Attributes:
        dialect: "auto" (the newest, falling back as quirks teach), or one of the two published ones.
        image_url: "auto" (object in 2026-10, string in 2026-06), "object" or "string".
        on, off: pinned quirks.
    """

    dialect: str = "auto"
    image_url: str = "auto"
    on: frozenset[str] = frozenset()
    off: frozenset[str] = frozenset()


def adapt(body: Body, manner: Manner, learned: Iterable[tuple[str, str]]) -> Adapted:
    """The body as this model takes it: dialect, image shape, pinned and remembered quirks.

    `learned` holds (quirk name, hint) pairs. A change `repaired` stands for every quirk that altered something.
    """
    changes: list[Change] = []
    if manner.dialect == dialects.EARLIER:
        body, changes = dialects.speak_earlier(body)
    if manner.image_url == "string":
        body, _ = dialects.images_as_strings(body)
    elif manner.image_url == "object":
        body, _ = dialects.images_as_objects(body)
    known = dict.fromkeys(manner.on, "") | {name: hint for name, hint in learned if name not in manner.off}
    if known:
        for quirk in QUIRKS:
            if quirk.name in known:
                body, done = repair(quirk, body, known[quirk.name])
                changes += done
    return body, changes


def diagnose(said: Said, body: Body, manner: Manner, refuses: Callable[[str], bool]) -> Quirk | None:
    """The first quirk that fits a refusal (400 or 422) of this body and may be repaired."""
    for quirk in QUIRKS:
        forbidden = quirk.name in manner.off or (quirk.loses is not None and refuses(quirk.loses))
        if not forbidden and quirk.fits(said, body):
            return quirk
    return None


def repair(quirk: Quirk, body: Body, hint: str) -> Adapted:
    """Apply one repair; the very same body and no change if there is nothing to do."""
    repaired, changes = quirk.repair(body, hint)
    if repaired is body:
        return body, []
    return repaired, [Change("repaired", quirk.name, reason=quirk.reason), *changes]


class QuirkMemory:
    """Which quirks were seen, per endpoint and model, until when. `now` is in seconds of any steady clock."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], dict[str, tuple[float, str]]] = {}

    def learn(self, endpoint: str, model: str, quirk: str, *, hint: str, now: float) -> None:
        """Remember a quirk whose repair succeeded."""
        if len(self._seen) >= MEMORY_LIMIT and (endpoint, model) not in self._seen:
            self._seen.pop(next(iter(self._seen)))
        self._seen.setdefault((endpoint, model), {})[quirk] = (now + MEMORY_SECONDS, hint[:HINT_LIMIT])

    def recall(self, endpoint: str, model: str, now: float) -> list[tuple[str, str]]:
        """(quirk, hint) pairs that still hold."""
        seen = self._seen.get((endpoint, model))
        if not seen:
            return []
        return [(name, hint) for name, (until, hint) in seen.items() if until > now]
