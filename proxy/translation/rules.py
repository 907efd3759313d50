"""The vocabulary of translation: verdicts, drafts and the table of fields.

Theory of operation: an endpoint's request is a `FieldTable`, one `Field` per name the client may send. `apply` walks
the client's own keys once. A `keep` costs one dictionary look-up; everything else names what happens and why, and is
told to the client in the header `x-telnyx-proxy-changes`. Whatever is not in the table is treated as `unknown` says.
Rows that look at what others wrote are `late`: they wait until the rest is done and then run in the order of the table,
so the order in which a client writes its keys never matters. Input is never changed in place: the client's dictionary
stays as it was.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from operator import itemgetter
from typing import Any

from proxy.errors import InvalidRequest
from proxy.translation.changes import Change, Changes


class Verdict(StrEnum):
    """The fate of a field."""

    KEEP = "keep"
    """Sent as it is."""
    RENAME = "rename"
    """Sent under Telnyx's name for the same thing."""
    CONVERT = "convert"
    """Sent in another shape with the same meaning."""
    EMULATE = "emulate"
    """Telnyx has no such thing; the proxy does it."""
    DROP = "drop"
    """Not sent; the meaning of the request does not change."""
    LOSSY = "lossy"
    """Not sent; quality, cost or style may change. `translation.unsupported: refuse` turns it into a refusal."""
    REFUSE = "refuse"
    """No honest answer in the promised shape is possible."""


NOTE_LIMIT = 100
"""Different places one request is told about with `note_once`: a body full of invented keys must not grow a list."""
NAME_LIMIT = 64
"""Characters of a field name that a client made up."""
FIELD_LIMIT = 256
"""Fields of one request. OpenAI has 37; every field that is not in a table costs a note to the client."""


def stated(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a request says: a null is the same as nothing, and some clients write out every field they know.

    Without any it is the same object. Raises InvalidRequest for too many fields.
    """
    if len(request) > FIELD_LIMIT:
        raise too_many_fields()
    for value in request.values():
        if value is None:
            return {name: value for name, value in request.items() if value is not None}
    return request


def too_many_fields() -> InvalidRequest:
    """The request has more than FIELD_LIMIT."""
    return InvalidRequest(f"Too many fields: a request may have {FIELD_LIMIT} at most.")


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator decided about translation, for one tenant and one model (settings, already merged).

    Attributes:
        unsupported: what happens to lossy drops, "drop" or "refuse".
        fields: the same for single fields, by name.
        temperature: sent when the client gives none (OpenAI's default is 1, Telnyx's 0.1); None leaves it to Telnyx.
        defaults: injected where the client says nothing (model defaults already laid over the tenant's).
        force: always sent, whatever the client says.
        cap: numbers the client may not exceed.
        api_key_ref: the integration secret for this model's provider, or None.
        client_api_key_refs: values a client may send itself.
        buckets: retrieval bucket ids (globs) a client may name.
        reasoning: "keep" or "hide" the model's reasoning in answers.
        reasoning_efforts: the values this model accepts; empty means all.
        told: what injections of this policy were told as, by (kind, field, reason): the same ones at every request.
    """

    unsupported: str = "drop"
    fields: Mapping[str, str] = field(default_factory=dict)
    temperature: float | None = 1
    defaults: Mapping[str, Any] = field(default_factory=dict)
    force: Mapping[str, Any] = field(default_factory=dict)
    cap: Mapping[str, float] = field(default_factory=dict)
    api_key_ref: str | None = None
    client_api_key_refs: frozenset[str] = frozenset()
    buckets: tuple[str, ...] = ()
    reasoning: str = "keep"
    reasoning_efforts: tuple[str, ...] = ()
    told: dict[tuple[str, str, str], Change] = field(default_factory=dict, init=False, repr=False, compare=False)


@dataclass(slots=True)
class Expectation:
    """What the client expects of the answer, read from its request: the other half of every emulation.

    Attributes:
        stream: server-sent events.
        include_usage: `stream_options.include_usage`.
        legacy_functions: the client sent `functions`; it reads `message.function_call`.
        custom_tools: names of tools declared `custom`; their calls go back as `custom: {name, input}`.
        named_choice: a tool was named in `tool_choice`; OpenAI then finishes with `stop`.
        single_call: `parallel_tool_calls: false`; only the first call is handed on.
        json_text: the text was asked for as JSON; a Markdown fence around it is taken off.
        schema: the JSON schema the text must conform to, or None.
        tool_schemas: parameters of tools declared `strict`, by name.
        hide_reasoning: leave `reasoning_content` out.
        input_bytes: UTF-8 bytes of the text sent, for the estimate where upstream reports no usage.
        images: how many images are sent.
        end_user: hash input for the ledger: `safety_identifier` or `user`, never sent upstream.
        metadata: the client's tags, for the ledger, never sent upstream.
    """

    stream: bool = False
    include_usage: bool = False
    legacy_functions: bool = False
    custom_tools: frozenset[str] = frozenset()
    named_choice: bool = False
    single_call: bool = False
    json_text: bool = False
    schema: Mapping[str, Any] | None = None
    tool_schemas: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    hide_reasoning: bool = False
    input_bytes: int = 0
    images: int = 0
    end_user: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


class Draft:
    """A translation under way: what converters read and write.

    Attributes:
        source: the client's request without its nulls. Never written to.
        body: what Telnyx will get.
        policy, expects, changes: as their types say.
        noted: what `note_once` has told; None as long as it has told nothing.
    """

    __slots__ = ("body", "changes", "expects", "noted", "policy", "source")

    def __init__(self, source: Mapping[str, Any], policy: Policy) -> None:
        self.source = source
        self.policy = policy
        self.body: dict[str, Any] = {}
        self.expects = Expectation()
        self.changes = Changes()
        self.noted: set[tuple[str, str, str]] | None = None

    def note(self, kind: str, name: str, detail: str = "", reason: str = "") -> None:
        """Remember one change."""
        self.changes.append(Change(kind, name, detail, reason))

    def note_once(self, kind: str, name: str, reason: str) -> None:
        """Remember a change that may happen at every message or tool, once."""
        change = (kind, name, reason)
        if self.noted is None:
            self.noted = set()
        if change not in self.noted and len(self.noted) < NOTE_LIMIT:
            self.noted.add(change)
            self.note(kind, name, reason=reason)

    def lose(self, name: str, reason: str, column: str | None = None, param: str | None = None) -> None:
        """Leave something out that may matter: a lossy drop, or a refusal where the policy says so.

        `column` is the field whose setting decides, when `name` is a path inside it; `param` is the exact place
        (`messages[2].name`) for the refusal.
        """
        if self.policy.fields.get(column or name, self.policy.unsupported) == "refuse":
            raise unsupported(param or name, reason)
        self.note_once("lossy", name, reason)

    def lose_others(self, name: str, at: str, value: Mapping[str, Any], known: Container[str]) -> None:
        """Leave out what an object holds besides known fields: `name` is noted (`tools[].*`), `at` is exact."""
        for key in value:
            if key not in known and value[key] is not None:
                column = name.partition(".")[0].partition("[")[0]
                self.lose(name, "Telnyx knows no such field.", column, f"{at}.{key[:NAME_LIMIT]}")


Check = Callable[[str, Any], None]
"""Raises InvalidRequest for a value OpenAI itself would refuse: (param, value)."""
Convert = Callable[[Draft, str, Any], None]
"""Puts what Telnyx should get into `draft.body` and notes what it changed: (draft, name, value)."""


@dataclass(frozen=True, slots=True)
class Field:
    """One row: a field of the OpenAI request and its fate.

    Attributes:
        name: OpenAI's name.
        verdict: its fate.
        reason: why, for every verdict but `keep`; a sentence shown to people.
        check: what a valid value is, or None where the converter checks.
        to: Telnyx's name, for a rename.
        convert: the function that does it, for `convert` and `emulate`; on other rows, for what depends on the value.
        sends: the fields of the upstream request that the function may write, for the completeness tests.
        late: the function reads what other rows wrote and runs after them, in the order of the table.
    """

    name: str
    verdict: Verdict
    reason: str = ""
    check: Check | None = None
    to: str | None = None
    convert: Convert | None = None
    sends: tuple[str, ...] = ()
    late: bool = False


def keep(name: str, check: Check | None = None, *, reason: str = "", function: Convert | None = None) -> Field:
    """A row that is sent as it is; a function may look at it on the way, and then has to send it."""
    return Field(name, Verdict.KEEP, reason, check, convert=function)


def rename(name: str, to: str, check: Check, reason: str, *, function: Convert) -> Field:
    """A row that is sent under another name; the function does it, and sees whether both names are given at once."""
    return Field(name, Verdict.RENAME, reason, check, to, convert=function, late=True)


def convert(
    name: str, function: Convert, reason: str, *, sends: tuple[str, ...] | None = None, late: bool = False
) -> Field:
    """A row that is sent in another shape, under its own name unless `sends` says otherwise."""
    return Field(name, Verdict.CONVERT, reason, convert=function, sends=sends or (name,), late=late)


def emulate(name: str, function: Convert, reason: str, *, sends: tuple[str, ...] = (), late: bool = False) -> Field:
    """A row that the proxy does itself."""
    return Field(name, Verdict.EMULATE, reason, convert=function, sends=sends, late=late)


def drop(name: str, reason: str, *, check: Check | None = None, function: Convert | None = None) -> Field:
    """A row that is not sent and not missed; with a function where some values are."""
    return Field(name, Verdict.DROP, reason, check, convert=function)


def lossy(name: str, reason: str, *, check: Check | None = None, function: Convert | None = None) -> Field:
    """A row that is not sent and may be missed; with a function where some values are not."""
    return Field(name, Verdict.LOSSY, reason, check, convert=function)


def refuse(name: str, reason: str, *, function: Convert | None = None, sends: tuple[str, ...] = ()) -> Field:
    """A row that makes the request fail; with a function where some values do not."""
    return Field(name, Verdict.REFUSE, reason, convert=function, sends=sends)


class FieldTable:
    """Every field of one endpoint, each with exactly one row."""

    def __init__(self, rows: tuple[Field, ...], unknown: Convert) -> None:
        self.rows = rows
        self.unknown = unknown
        self._steps = {row.name: (row.check, _fate(row), index if row.late else None) for index, row in enumerate(rows)}
        if len(self._steps) != len(rows):
            raise ValueError("a field has two rows")

    def __contains__(self, name: str) -> bool:
        return name in self._steps

    def sends(self) -> frozenset[str]:
        """Every field of the upstream request that some row may write."""
        found: set[str] = set()
        for row in self.rows:
            found.update(row.sends)
            if row.verdict in {Verdict.KEEP, Verdict.RENAME}:
                found.add(row.to or row.name)
        return frozenset(found)

    def apply(self, draft: Draft) -> None:
        """Give every field of `draft.source` its fate. Raises InvalidRequest for what cannot be honoured."""
        late: list[tuple[int, Convert, str, Any]] = []
        steps, body = self._steps, draft.body
        for name, value in draft.source.items():
            try:
                check, fate, place = steps[name]
            except KeyError:
                check, fate, place = None, self.unknown, None
            if check is not None:
                check(name, value)
            if fate is None:  # what most fields meet, and spelled out here: a call would be most of what it takes
                body[name] = value
            elif place is not None:
                late.append((place, fate, name, value))
            else:
                fate(draft, name, value)
        if late:
            late.sort(key=itemgetter(0))
            for _, fate, name, value in late:
                fate(draft, name, value)


def _drop(row: Field) -> Convert:
    change = Change("dropped", row.name, reason=row.reason)
    return lambda draft, name, value: draft.changes.append(change)


def _lossy(row: Field) -> Convert:
    return lambda draft, name, value: draft.lose(name, row.reason)


def _refuse(row: Field) -> Convert:
    def fate(draft: Draft, name: str, value: Any) -> None:
        raise unsupported(name, row.reason)

    return fate


_FATES: Mapping[Verdict, Callable[[Field], Convert | None]] = {
    Verdict.KEEP: lambda _: None,
    Verdict.DROP: _drop,
    Verdict.LOSSY: _lossy,
    Verdict.REFUSE: _refuse,
}


def _fate(row: Field) -> Convert | None:
    """What is done for a row; its own function comes first. None: the field is sent as it is."""
    if row.convert is not None:
        return row.convert
    if row.verdict not in _FATES:
        raise ValueError(f"the row of {row.name} has no function")
    return _FATES[row.verdict](row)


def unsupported(param: str, reason: str) -> InvalidRequest:
    """The refusal in the words OpenAI itself uses, with our reason behind them."""
    message = f"Unsupported parameter: '{param}' is not supported with this model."
    return InvalidRequest(f"{message} {reason}".rstrip(), param=param, code="unsupported_parameter")


def unsupported_value(param: str, value: str, reason: str) -> InvalidRequest:
    """The same for a single value of a field that is otherwise supported."""
    message = f"Unsupported value: '{param}' does not support '{value}' with this model."
    return InvalidRequest(f"{message} {reason}", param=param, code="unsupported_value")
