"""What a model or endpoint was seen to reject, and the repair.

Strategy: a request goes out in the form that should work everywhere. If Telnyx refuses it with words that fit a row of
`QUIRKS`, the row's repair is applied, the request is sent again, and only if that succeeds is the quirk remembered for
this endpoint and model, for a day. So a limitation that Telnyx lifts is noticed, and a coincidence is not learned.
Operators can pin a row on (always repaired beforehand) or off (never repaired) per model.

What is remembered holds for every tenant; what may be lost is decided by each tenant's own policy.

Sources: the two published schemas of the chat request, and what people who ran the live service reported in public
(Telnyx's own provider plugins among them); those reports contradict each other, hence learning instead of a rule.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from proxy import codec
from proxy.translation import dialects, failures
from proxy.translation.changes import Change
from proxy.translation.dialects import Adapted, Body, without
from proxy.translation.error_shapes import Said
from proxy.translation.rules import unsupported

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Values of `reasoning_effort`, least first."""
CAPS = ("max_tokens", "max_completion_tokens")
"""The names of the output cap: Telnyx's own, and the one that OpenAI's newer models want."""

Refuses = Callable[[str], bool]
"""Whether a tenant's policy forbids that an OpenAI field loses its meaning."""


@dataclass(frozen=True, slots=True)
class Quirk:
    """One row: a known rejection and its repair.

    Attributes:
        name: what stands in `repaired=` of the changes header, in metrics and in pins.
        reason: what was observed, for people.
        fits: whether a refusal of this body means this quirk.
        repair: the body that avoids it, and what changed; the very same body if there is nothing to do.
        loses: the OpenAI fields whose meaning the repair gives up; a policy that refuses lossy changes for one of
            them forbids the repair. The same holds for every `lossy` change that the repair tells of.
    """

    name: str
    reason: str
    fits: Callable[[Said, Body], bool]
    repair: Callable[[Body, str], Adapted]
    loses: tuple[str, ...] = ()


def _words(said: Said) -> str:
    return f"{said.param or ''} {said.message[: failures.MESSAGE_LIMIT]}".lower()


def _mentions(said: Said, *words: str) -> bool:
    text = _words(said)
    return any(word in text for word in words)


def _names(said: Said, *fields: str) -> bool:
    """Whether one of the fields is named: `mode` is not in "model"."""
    words = re.findall(r"\w+", _words(said))
    return any(name in words for name in fields)


def _unknown_field(said: Said) -> bool:
    return said.code == "extra_forbidden" or _mentions(
        said, "extra inputs", "extra fields", "unknown field", "unknown parameter", "unrecognized"
    )


_ABOUT_A_VALUE = ("at most", "at least", "less than", "greater than", "exceed", "maximum", "minimum", "integer")


def _cap_with_tools(said: Said, body: Body) -> bool:
    """The pair is named, or the refusal names nothing at all: the words of code 10015 are not published."""
    if not body.get("tools"):
        return False
    if _names(said, *CAPS):
        return _mentions(said, "tool", "function") or (said.code == "10015" and not _mentions(said, *_ABOUT_A_VALUE))
    return said.code == "10015" and said.param in {None, "tools"}


def _newer_field(said: Said, body: Body) -> bool:
    """A field is unknown that only the newer dialect has. Who insists on a region is not served without it."""
    if body.get("mode") == "strict":
        return False
    return _unknown_field(said) and _names(said, *(name for name in dialects.ONLY_IN_NEWEST if name in body))


def _no_schema(said: Said, body: Body) -> bool:
    """The kind of response format is refused, not this one schema."""
    return _mentions(said, "response_format", "json_schema") and not _mentions(said, "invalid schema", "not a valid")


def _image_as_object(said: Said, body: Body) -> bool:
    """The shape is refused, not the image: what cannot be fetched as an object cannot be fetched as a string."""
    if not (_names(said, "image_url") and dialects.has_images(body, dict)):
        return False
    return _mentions(said, "string") or not _mentions(said, "download", "fetch", "load", "decode", "size")


def _image_as_string(said: Said, body: Body) -> bool:
    if not (_names(said, "image_url") and dialects.has_images(body, str)):
        return False
    return _mentions(said, "object", "dict", "mapping", "struct")


def _drop(name: str) -> Callable[[Body, str], Adapted]:
    def repair(body: Body, hint: str) -> Adapted:
        return (without(body, name), []) if name in body else (body, [])

    return repair


def _without_thinking(body: Body, hint: str) -> Adapted:
    """Silence about thoughts, where all that was said is that there be none."""
    return (without(body, "thinking"), []) if body.get("thinking") == {"type": "disabled"} else (body, [])


def _without_cap(body: Body, hint: str) -> Adapted:
    """No output cap beside tools: Telnyx then applies its own, 8192 tokens."""
    return (without(body, *CAPS), []) if body.get("tools") and any(name in body for name in CAPS) else (body, [])


def _long_cap_name(body: Body, hint: str) -> Adapted:
    if "max_tokens" not in body:
        return body, []
    body = {**body, "max_completion_tokens": body["max_tokens"]}
    return without(body, "max_tokens"), []


def _supported_effort(body: Body, hint: str) -> Adapted:
    """The nearest value the refusal names as supported, or on/off where it names none.

    The hint may come from an earlier request with another value: then it may say that this one is supported, or
    nothing about it, and the request is not touched.
    """
    asked = body.get("reasoning_effort")
    if asked not in EFFORTS:
        return body, []
    supported, named = _values_supported(hint)
    if asked in supported or (named and not supported and asked not in named):
        return body, []
    if not supported:
        return dialects.think_or_not(body)
    wanted = EFFORTS.index(asked)
    best = min(supported, key=lambda value: (abs(EFFORTS.index(value) - wanted), EFFORTS.index(value)))
    reason = f"this model does not take {asked}"
    return {**body, "reasoning_effort": best}, [Change("converted", "reasoning_effort", best, reason)]


_BEFORE_VALUES = re.compile(r"support|should be|must be|one of|allowed|valid values|expected")
_AFTER_VALUES = re.compile(r"[.(\[]|\b(?:got|but|received)\b")


def _values_supported(hint: str) -> tuple[set[str], set[str]]:
    """The efforts behind the last "supported values are", "should be" or the like, and all that are named at all."""
    text = hint[: failures.MESSAGE_LIMIT].lower()
    parts = _BEFORE_VALUES.split(text)
    listed = _AFTER_VALUES.split(parts[-1])[0] if len(parts) > 1 else ""
    # `max_tokens` is one word here, and does not name "max".
    supported, named = ({word for word in re.findall(r"\w+", part) if word in EFFORTS} for part in (listed, text))
    return supported, named


def _schema_as_words(body: Body, hint: str) -> Adapted:
    """The schema as an instruction instead of constrained decoding, which can keep a model from calling its tools."""
    schema = body.get("guided_json", dialects.schema_of(body))
    if schema is None or not body.get("tools"):
        return body, []
    words = (
        "Unless you call a tool, answer with one JSON value and nothing else. It must conform to this JSON schema: "
        + codec.encode_text(schema)
    )
    body = without(body, "response_format", "guided_json")
    body["messages"] = [{"role": "system", "content": words}, *body["messages"]]
    return body, [Change("emulated", "response_format", reason="the schema is given to the model in words")]


def _one_system_message(body: Body, hint: str) -> Adapted:
    """All system messages in one, at the start."""
    messages = body["messages"]
    systems = [message for message in messages if message.get("role") == "system"]
    if not systems or (len(systems) == 1 and messages[0] is systems[0]):
        return body, []
    others = [message for message in messages if message.get("role") != "system"]
    return {**body, "messages": [{"role": "system", "content": _joined(systems)}, *others]}, [
        Change("converted", "messages", reason="this model takes one system message, at the start")
    ]


def _joined(messages: list[dict[str, Any]]) -> Any:
    """The contents of several messages as one: a text, or a list of parts where there is more than text."""
    contents = [message.get("content") or "" for message in messages]
    lists = [[{"type": "text", "text": each}] if isinstance(each, str) else each for each in contents]
    if any(part.get("type") != "text" for parts in lists for part in parts):
        return [part for parts in lists for part in parts]
    return "\n\n".join("\n".join(part["text"] for part in parts) for parts in lists)


QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "stream_options",
        "stream_options is in no published schema; without it usage is estimated where upstream gives none",
        lambda said, body: _names(said, "stream_options"),
        _drop("stream_options"),
    ),
    Quirk(
        "max_completion_tokens",
        "models of OpenAI behind Telnyx may know the output cap only under its newer name",
        lambda said, body: _names(said, "max_completion_tokens") and not _mentions(said, "tool", "function"),
        _long_cap_name,
    ),
    Quirk(
        "schema_with_tools",
        "constrained output together with tools is refused; the schema is given in words",
        lambda said, body: (
            _mentions(said, "tool") and _mentions(said, "guided", "response_format", "json_schema", "structured output")
        ),
        _schema_as_words,
        loses=("response_format",),
    ),
    Quirk(
        "dialect",
        "fields of the newer published schema are unknown here; the earlier dialect is spoken",
        _newer_field,
        lambda body, hint: dialects.speak_earlier(body),
    ),
    Quirk(
        "response_format",
        "response_format json_schema is refused; the schema goes as guided_json",
        _no_schema,
        lambda body, hint: dialects.guide_by_schema(body),
    ),
    Quirk(
        "reasoning_effort",
        "this value of reasoning_effort is refused; the nearest supported one is sent",
        lambda said, body: _mentions(said, "reasoning_effort", "reasoning effort"),
        _supported_effort,
        loses=("reasoning_effort",),
    ),
    Quirk(
        "enable_thinking",
        "enable_thinking is refused",
        lambda said, body: _names(said, "enable_thinking"),
        _drop("enable_thinking"),
        loses=("enable_thinking",),
    ),
    Quirk(
        "thinking",
        "thinking, though disabled, is refused at /v1/messages",
        lambda said, body: _names(said, "thinking", "enable_thinking"),
        _without_thinking,
        loses=("thinking",),
    ),
    Quirk(
        "image_url_string",
        "image_url as an object is refused; the address goes as a string, as the published schema has it",
        _image_as_object,
        lambda body, hint: dialects.images_as_strings(body),
    ),
    Quirk(
        "image_url_object",
        "image_url as a string is refused; the address goes in an object, as OpenAI has it",
        _image_as_string,
        lambda body, hint: dialects.images_as_objects(body),
    ),
    Quirk(
        "system_messages",
        "this model's template takes one system message, at the start",
        lambda said, body: _mentions(said, "system") and _mentions(said, "first", "beginning", "only one", "multiple"),
        _one_system_message,
    ),
    Quirk(  # last, because its code is the code of every bad request
        "cap_with_tools",
        "an output cap together with function tools is refused (code 10015); Telnyx's default cap of 8192 applies",
        _cap_with_tools,
        _without_cap,
        loses=CAPS,
    ),
)
"""Tried in this order; names are a contract (pins, metrics)."""

BY_NAME: Mapping[str, Quirk] = {quirk.name: quirk for quirk in QUIRKS}
EVERY = frozenset(BY_NAME)
NONE: frozenset[str] = frozenset()
"""The names of all rows, and of none: which of them an endpoint's requests are repaired for."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How one model is spoken to, as configured.

    Attributes:
        dialect: "auto" (the newest, falling back as quirks teach), or one of the two published ones.
        image_url: "auto" (object in 2026-10, string in 2026-06), "object" or "string".
        on, off: pinned quirks.
        plain: nothing of the above asks for another form of the request than translation writes.
    """

    dialect: str = "auto"
    image_url: str = "auto"
    on: frozenset[str] = frozenset()
    off: frozenset[str] = frozenset()
    plain: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        plain = self.dialect != dialects.EARLIER and self.image_url == "auto" and not self.on
        object.__setattr__(self, "plain", plain)


@lru_cache(maxsize=256)  # asked for with every message; there is one for each profile of a model
def narrowed(manner: Manner, names: frozenset[str]) -> Manner:
    """The same for an endpoint that is no chat: these quirks only, and its requests in their own form."""
    return Manner(on=manner.on & names, off=manner.off | (EVERY - names))


def _refuses_nothing(name: str) -> bool:
    return False


def adapt(
    body: Body, manner: Manner, learned: Iterable[tuple[str, str]], refuses: Refuses = _refuses_nothing
) -> Adapted:
    """The body as this model takes it: dialect, image shape, pinned and remembered quirks.

    `learned` holds (quirk name, hint) pairs. A change `repaired` stands for every quirk that altered something.

    A learned quirk whose repair would lose what `refuses` forbids to lose is left alone: Telnyx has the word. Raises
    InvalidRequest where the operator has configured such a loss, as for every other field that cannot be honoured.
    """
    changes: list[Change] = []
    if manner.dialect == dialects.EARLIER:
        pinned = body.get("mode") == "strict"  # the client may have to keep its data in a region by law
        body, changes = dialects.speak_earlier(body)
        _expect_kept(_lost(changes), lambda name: refuses(name) or (pinned and name == "region"))
    if manner.image_url == "string":
        body, _ = dialects.images_as_strings(body)
    elif manner.image_url == "object":
        body, _ = dialects.images_as_objects(body)
    known = dict.fromkeys(manner.on, "") | {name: hint for name, hint in learned if name not in manner.off}
    for quirk in QUIRKS if known else ():
        if quirk.name in known:
            repaired, done = repair(quirk, body, known[quirk.name])
            lost = _lost(done, quirk)
            if quirk.name in manner.on:
                _expect_kept(lost, refuses)
            if not any(map(refuses, lost)):
                body = repaired
                changes += done
    return body, changes


def _lost(changes: list[Change], quirk: Quirk | None = None) -> list[str]:
    """The fields that changes give up; a quirk that changed nothing gives up none."""
    return [
        *(quirk.loses if quirk is not None and changes else ()),
        *(change.field for change in changes if change.kind == "lossy"),
    ]


def _expect_kept(lost: list[str], refuses: Refuses) -> None:
    for name in lost:
        if refuses(name):
            raise unsupported(name, "The form of the request that is configured for this model cannot express it.")


def diagnose(said: Said, body: Body, manner: Manner, refuses: Refuses) -> Quirk | None:
    """The first quirk that fits a refusal (400 or 422) of this body, changes something, and may be repaired."""
    if failures.beyond_repair(said):
        return None
    for quirk in QUIRKS:
        if quirk.name not in manner.off and quirk.fits(said, body):
            repaired, changes = repair(quirk, body, said.message)
            if repaired is not body and not any(map(refuses, _lost(changes, quirk))):
                return quirk
    return None


def repair(quirk: Quirk, body: Body, hint: str) -> Adapted:
    """Apply one repair; the very same body and no change if there is nothing to do."""
    repaired, changes = quirk.repair(body, hint)
    if repaired is body:
        return body, []
    return repaired, [Change("repaired", quirk.name, reason=quirk.reason), *changes]
