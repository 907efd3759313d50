"""One request's story, from its row in the ledger: what was changed and why, where the time went, how its cost adds up.

Nothing is looked up here: a row and the figures of its price go in, sentences and numbers come out. Times are
microseconds, money is micro-dollars, prices are micro-dollars for a million tokens or characters, or a minute of audio.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import ceil
from typing import Any, NamedTuple

from proxy.accounts.pricing import PER
from proxy.admin.dashboard import reasons
from proxy.admin.dashboard.outcomes import Outcome, outcome
from proxy.admin.dashboard.reasons import Meaning

SCALE = 1000
"""Units of a bar's width."""
NARROWEST = 4
"""Units of a part that took any time at all, so that it can be seen."""
SOURCES: Mapping[str, str] = {
    "upstream": "reported by Telnyx",
    "estimated": "estimated from the size of the text, because Telnyx reported nothing",
    "none": "nothing was used",
}
"""Where the figures are from."""
HEARD = "told by the head of the recording, because Telnyx reported nothing"
SPOKEN = "those of the text that was to be spoken"
MINUTE = 60_000
"""Milliseconds, which audio is charged by."""


class Told(NamedTuple):
    """A change: what was done to which field, and why; `loss`: the application should know of it."""

    field: str
    kind: str
    done: str
    why: str
    loss: bool


class Part(NamedTuple):
    """A part of a bar: its name, how long it took, and where it lies, in units of SCALE."""

    name: str
    label: str
    us: int
    at: int
    width: int

    @property
    def percent(self) -> float:
        """Of the whole."""
        return self.width * 100 / SCALE


class Item(NamedTuple):
    """A line of a bill: an amount, and its price for so many (PER, or a MINUTE of milliseconds)."""

    what: str
    amount: int
    price: int
    per: int = PER

    @property
    def exact(self) -> Fraction:
        """Micro-dollars; only the sum of all is rounded, up."""
        return Fraction(self.amount * self.price, self.per)

    @property
    def micros(self) -> float:
        """The same for people."""
        return float(self.exact)


class Bill(NamedTuple):
    """How a cost adds up. `whole`: whether the items make the cost that was kept."""

    items: tuple[Item, ...]
    whole: bool
    origin: str


class Sign(NamedTuple):
    """An id by which the request is found elsewhere."""

    name: str
    value: str
    where: str


class Story(NamedTuple):
    """All of it. `reached`: Telnyx is known to have been asked; `error` is None where there was none."""

    outcome: Outcome
    reached: bool
    changes: tuple[Told, ...]
    repairs: tuple[tuple[str, str], ...]
    error: Meaning | None
    spent: tuple[Part, ...]
    streamed: tuple[Part, ...]
    bill: Bill | None
    signs: tuple[Sign, ...]
    source: str


def story(row: Mapping[str, Any], figures: Mapping[str, Any] | None = None) -> Story:
    """The story of a row. `figures`: of its price, None where they are not known."""
    seen = reached(row)
    code = row["error_code"]
    return Story(
        outcome=outcome(row),
        reached=seen,
        changes=tuple(
            told(field, kind, row["endpoint"]) for field, kind in row["changes"] if not _is_repair(row, field, kind)
        ),
        repairs=tuple((name, reasons.quirk(name)) for name in row["repairs"]),
        error=reasons.meaning(code, row["status"], reached=seen) if code else None,
        spent=where_time_went(row),
        streamed=when_it_came(row),
        bill=bill(row, figures),
        signs=tuple(signs(row)),
        source=_source(row),
    )


def _source(row: Mapping[str, Any]) -> str:
    if row["source"] == "estimated" and (row["audio_ms"] or row["characters"]):
        return HEARD if row["audio_ms"] else SPOKEN
    return SOURCES.get(row["source"], str(row["source"]))


def reached(row: Mapping[str, Any]) -> bool:
    """Whether Telnyx is known to have been asked: it gave an id, something was used, or the fault is its own."""
    if row["upstream_request_id"] or row["source"] != "none" or row["repairs"]:
        return True
    return row["error_code"] in reasons.upstream_codes()


def _is_repair(row: Mapping[str, Any], field: str, kind: str) -> bool:
    """Whether it was done only after a refusal, which is told where the request is sent; not what was known before."""
    return kind == "repaired" and field in row["repairs"]


def told(field: str, kind: str, endpoint: str) -> Told:
    """A change in words."""
    done, why = reasons.KINDS.get(kind, "Changed."), reasons.why(field, kind, endpoint)
    return Told(field, kind, done, why, loss=kind in reasons.LOSSES)


def where_time_went(row: Mapping[str, Any]) -> tuple[Part, ...]:
    """Waiting for Telnyx and the client, and here."""
    here = min(row["overhead_us"], row["duration_us"])
    return parts(
        ("waiting", "Waiting for Telnyx, or for the client to send and read", row["duration_us"] - here),
        ("here", "Here, in this proxy", here),
    )


def when_it_came(row: Mapping[str, Any]) -> tuple[Part, ...]:
    """Until the first token, and the rest of the stream; nothing for whole answers."""
    first = row["first_token_us"]
    if first is None:
        return ()
    first = min(first, row["duration_us"])
    return parts(
        ("first", "Until the first token", first),
        ("rest", "From the first token to the end", row["duration_us"] - first),
    )


def parts(*given: tuple[str, str, int]) -> tuple[Part, ...]:
    """Durations as parts of one bar that is SCALE wide. No part that took time is too narrow to be seen."""
    total = sum(us for _, _, us in given)
    widths = [0 if not us else max(NARROWEST, us * SCALE // total) for _, _, us in given]
    if total:
        widths[widths.index(max(widths))] += SCALE - sum(widths)
    found, at = [], 0
    for (name, label, us), width in zip(given, widths, strict=True):
        found.append(Part(name, label, us, at, width))
        at += width
    return tuple(found)


def bill(row: Mapping[str, Any], figures: Mapping[str, Any] | None) -> Bill | None:
    """How the cost adds up; None where there is none, or where the figures of its price are not known."""
    if row["cost_micros"] is None or row["source"] == "none" or figures is None:
        return None
    items = tuple(_items(row, figures))
    total = sum((item.exact for item in items), start=Fraction())
    return Bill(items, ceil(total) == row["cost_micros"], str(figures.get("source", "")))


def _items(row: Mapping[str, Any], figures: Mapping[str, Any]) -> Iterator[Item]:
    cached = min(row["cached_input_tokens"], row["input_tokens"])
    for what, name, amount, per in (
        ("Input", "input", row["input_tokens"] - cached, PER),
        ("Input from the cache", "cached_input", cached, PER),
        ("Output", "output", row["output_tokens"], PER),
        ("Audio", "audio", row["audio_ms"], MINUTE),
        ("Characters", "characters", row["characters"], PER),
    ):
        price = figures.get(name)
        if amount and isinstance(price, int):
            yield Item(what, amount, price, per)


_SIGNS: Sequence[tuple[str, str, str]] = (
    ("id", "Request id", "in this proxy's log, and in the header x-request-id of the answer"),
    ("upstream_request_id", "Telnyx's request id", "what Telnyx's support asks for"),
    ("client_request_id", "The client's request id", "what the application sent in x-client-request-id"),
    ("trace_id", "Trace id", "in your tracing system"),
)


def signs(row: Mapping[str, Any]) -> Iterator[Sign]:
    """The ids that are known."""
    return (Sign(label, row[name], where) for name, label, where in _SIGNS if row[name])
