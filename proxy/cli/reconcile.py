"""`telnyx-proxy reconcile`: a day of the ledger beside Telnyx's own usage reports, and how far they are apart.

A usage report is of a whole Telnyx account. Tenants whose requests go out with the same Telnyx key are compared
together, and so is all that any of their keys paid for; what else uses the account shows as drift.
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proxy.cli.desks import Misused, Refused, Told, enlisted, tell
from proxy.cli.figures import compact, money
from proxy.cli.parties import Party, Place, connected, gathered
from proxy.cli.tables import Column, Row, Screen, printable, table

if TYPE_CHECKING:
    from proxy.cli.drift import Figures, Line, Names, Wanted

DAY = 86_400
TOLERANCE = 1.0
"""Per cent."""
WORDS = {"requests": "requests", "input": "input_tokens", "output": "output_tokens", "cost": "cost_micros"}
"""What `--metric` calls a measure -> its name here."""
TITLES = {measure: word if word in {"requests", "cost"} else f"{word} tokens" for word, measure in WORDS.items()}

COLUMNS = (
    Column("ACCOUNT OF", lambda row, now: row["shown_account"]),
    Column("MODEL", lambda row, now: row["shown_model"], kept=True),
    Column("", lambda row, now: TITLES[row["measure"]], kept=True),
    Column("LEDGER", lambda row, now: _amount(row, "here"), right=True),
    Column("TELNYX", lambda row, now: _amount(row, "there"), right=True),
    Column("DRIFT", lambda row, now: _apart(row), right=True),
)


@dataclass(slots=True)
class Ours:
    """What the ledger has of an account's day.

    Attributes:
        models: what was answered, by model.
        estimated, unpriced, aborted: requests among them whose usage Telnyx did not report, whose price is not known,
            which were left by the client or the process.
        answerless: requests that consumed nothing, which are not compared.
    """

    models: "dict[str, Figures]" = field(default_factory=dict)
    estimated: int = 0
    unpriced: int = 0
    aborted: int = 0
    answerless: int = 0


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    about = "Compare a day of the ledger with Telnyx's usage reports; 1 where they are further apart than --tolerance."
    parser = subparsers.add_parser(
        "reconcile", help="compare a day of the ledger with Telnyx's usage reports", description=about
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the YAML file")
    parser.add_argument("--day", type=_day, metavar="DATE", help="such as 2026-11-20, in UTC (default: yesterday)")
    parser.add_argument("--tenant", metavar="ID", help="only the Telnyx account of this tenant")
    parser.add_argument(
        "--tolerance", type=_percent, default=TOLERANCE, metavar="PERCENT", help=f"default {TOLERANCE:g}"
    )
    names = parser.add_argument_group("what Telnyx calls things, where that cannot be found out")
    names.add_argument("--product", default="", metavar="NAME", help="the product, such as inference")
    names.add_argument("--model-dimension", default="", metavar="NAME", help="the dimension that holds the model")
    names.add_argument(
        "--metric",
        action="append",
        type=_metric,
        default=[],
        metavar="WHAT=NAME",
        help=f"the metric that holds {', '.join(WORDS)}; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON value and nothing else")
    parser.set_defaults(run=run)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day, such as 2026-11-20") from None


def _percent(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of per cent, such as 0.5")
    return value


def _metric(text: str) -> tuple[str, str]:
    what, _, name = text.partition("=")
    if what not in WORDS or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not WHAT=NAME with one of {', '.join(WORDS)}")
    return WORDS[what], name


def run(args: argparse.Namespace) -> int:
    """Compare. 0 within the tolerance, 1 beyond it or refused, 2 misused."""
    from proxy.errors import ProxyError

    try:
        told, code = asyncio.run(_done(args))
    except Misused as fault:
        return _complain(str(fault), 2)
    except (Refused, ProxyError) as fault:
        return _complain(fault.message, 1)
    tell(told, json=args.json)
    return code


def _complain(message: str, code: int) -> int:
    told = "\n".join(map(printable, message.split("\n")))
    sys.stderr.write(f"telnyx-proxy reconcile: {told}\n")
    return code


async def _done(args: argparse.Namespace) -> tuple[Told, int]:
    from proxy.cli.drift import Wanted
    from proxy.clock import SYSTEM

    today = datetime.fromtimestamp(SYSTEM.wall(), UTC).date()
    day = args.day or today - timedelta(days=1)
    if day > today:
        raise Misused(f"{day} has not begun")
    notes = [f"{day} is not over: figures of both sides still grow, Telnyx's later than ours."] if day == today else []
    wanted = Wanted(args.product, args.model_dimension, dict(args.metric))
    rows: list[Row] = []
    async with gathered(args.config) as place:
        accounts = _accounts(place, args.tenant)
        for parties in accounts:
            rows += await _compared(place, parties, Day.of(day), wanted, notes)
        if args.tenant is None:
            notes += await _strangers(place, Day.of(day))
    beyond = [row for row in rows if row["line"].drifts(args.tolerance)]
    return _told(rows, beyond, day, notes, args.tolerance), 1 if beyond else 0


@dataclass(frozen=True, slots=True)
class Day:
    """A day of UTC, in Unix seconds and as Telnyx wants it; the end is excluded."""

    start: int

    @classmethod
    def of(cls, day: date) -> "Day":
        """The day of the calendar."""
        return cls(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()))

    @property
    def end(self) -> int:
        """The first second of the next day."""
        return self.start + DAY

    def texts(self) -> tuple[str, str]:
        """Both ends as ISO 8601."""
        first, last = (datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for at in (self.start, self.end))
        return first, last


def _accounts(place: Place, tenant: str | None) -> list[list[Party]]:
    """Tenants that are compared together: all of them, or those with the one that is named. Raises Misused."""
    wanted = {party.tenant for party in place.wanted(tenant)}
    return [group for group in connected(place.parties.values()) if wanted & {party.tenant for party in group}]


async def _compared(place: Place, parties: Sequence[Party], day: Day, wanted: "Wanted", notes: list[str]) -> list[Row]:
    """The lines of an account, and what is to be known beside them. Raises Refused, Misused, UpstreamFault."""
    from proxy.cli.drift import compared, read

    names = [party.tenant for party in parties]
    account = ", ".join(names)
    ours = await _ours(place, names, day)
    if not parties[0].credentials:
        if ours.models:
            notes.append(f"{account}: not compared, no Telnyx key is found here; see telnyx-proxy credentials list")
        return []
    called, theirs, same = await _theirs(place, parties, day, wanted)
    report = read(theirs, called)
    notes += _remarks(account, ours, called, report.foreign, same=same)
    return [
        {"account": names, "model": line.model, "measure": line.measure, "line": line, "names": called}
        for line in compared(ours.models, report, called)
    ]


async def _ours(place: Place, tenants: Sequence[str], day: Day) -> Ours:
    from proxy.storage import reports

    asked = reports.Question(day.start, day.end, "all", ("model", "source"), {"tenant": tenants})
    found = Ours()
    async with place.store.reading() as session:
        rows = await reports.usage(session.connection, asked)
    for row in rows:
        if row["source"] == "none":
            found.answerless += row["requests"]
            continue
        found.estimated += row["requests"] if row["source"] == "estimated" else 0
        found.unpriced += row["unpriced"]
        found.aborted += row["aborted"]
        sums = found.models.setdefault(row["model"], {})
        for measure in WORDS.values():
            sums[measure] = (sums.get(measure) or 0) + row[measure]
    return found


async def _theirs(place: Place, parties: Sequence[Party], day: Day, wanted: "Wanted") -> "tuple[Names, list[Row], int]":
    """What Telnyx calls things, every row of every key's report, and how many keys gave the same one as another.

    Keys of one account give the same report, which counts once. Two accounts that used exactly the same to the
    micro-dollar would be taken for one, so that is told.
    """
    from proxy.cli.drift import found_names
    from proxy.upstream.usage_reports import UsageReports

    keys = list(dict.fromkeys(key for party in parties for key in party.credentials))
    names: Names | None = None
    different: list[Sequence[Row]] = []
    same = 0
    for key in keys:
        reports = UsageReports(place.transport, place.base_url, key)
        if names is None:
            names = found_names(await reports.products(), wanted)
        rows = await reports.rows(names.asked(), *day.texts())
        same += bool(rows) and rows in different
        different += [] if rows in different else [rows]
    if names is None:
        raise Refused("there is no Telnyx key to ask with")
    return names, [row for rows in different for row in rows], same


def _remarks(account: str, ours: Ours, names: "Names", foreign: int, *, same: int) -> list[str]:
    """What was compared by which names, and what could not be."""
    from proxy.cli.drift import MEASURES

    called = ", ".join(f"{TITLES[measure]} = {metric}" for measure, metric in names.metrics.items())
    missing = ", ".join(TITLES[measure] for measure in MEASURES if measure not in names.metrics)
    remarks = (
        (True, f"Telnyx's product {names.product}: {called}"),
        (missing, f"not told by Telnyx, so not compared: {missing}"),
        (not names.model, "Telnyx does not tell models apart, so only the sums are compared"),
        (same, f"{same + 1} Telnyx keys gave the same report, which is counted once, as that of one account"),
        (foreign, f"{foreign} rows of Telnyx's report are not in US dollars; their cost is left out"),
        (ours.estimated, f"{_requests(ours.estimated)} with usage that was estimated here, as Telnyx told none"),
        (ours.unpriced, f"{_requests(ours.unpriced)} whose price is not known here, so that they cost nothing above"),
        (ours.aborted, f"{_requests(ours.aborted)} left before their end; what Telnyx charges for them is not known"),
        (ours.answerless, f"{_requests(ours.answerless)} without an answer, not counted here"),
    )
    return [f"{account}: {said}" for holds, said in remarks if holds]


def _requests(count: int) -> str:
    return f"{count} request{'' if count == 1 else 's'}"


async def _strangers(place: Place, day: Day) -> list[str]:
    """Tenants that used something and are no more: no key tells their account."""
    from proxy.storage import reports

    async with place.store.reading() as session:
        rows = await reports.usage(
            session.connection, reports.Question(day.start, day.end, "all", ("tenant", "source"))
        )
    gone = sorted({row["tenant"] for row in rows if row["source"] != "none"} - set(place.parties))
    return [f"{', '.join(gone)}: not compared, there is no such tenant any more"] if gone else []


def _told(rows: Sequence[Row], beyond: Sequence[Row], day: date, notes: Sequence[str], tolerance: float) -> Told:
    several = len({tuple(row["account"]) for row in rows}) > 1
    value = {**enlisted([_plain(row) for row in rows]), "day": day.isoformat(), "tolerance": tolerance}
    value |= {"drifts": bool(beyond), "notes": list(notes)}
    worst = f"{len(beyond)} of {len(rows)} figures are" if len(beyond) > 1 else f"One of {len(rows)} figures is"
    verdict = f"{worst} further apart than {tolerance:g} %." if beyond else f"All within {tolerance:g} %."
    if not rows:
        verdict = f"Nothing to compare on {day}: no tenant with a Telnyx key."
    return Told(value, lambda screen: _text(rows, several=several, screen=screen), (*notes, verdict))


def _plain(row: Row) -> Mapping[str, Any]:
    line: Line = row["line"]
    return {
        "account": row["account"],
        "model": line.model,
        "measure": line.measure,
        "here": line.here,
        "there": line.there,
        "percent": None if line.percent is None else round(line.percent, 4),
        "telnyx_metric": row["names"].metrics.get(line.measure),
    }


def _text(rows: Sequence[Row], *, several: bool, screen: Screen) -> str:
    shown: list[Row] = []
    account = model = object()  # nothing is the same as it
    for row in rows:
        new = row["account"] != account
        names = {
            "shown_account": ", ".join(row["account"]) if several and new else "",
            "shown_model": _called(row["model"]) if new or row["model"] != model else "",
        }
        shown.append({**row, **names})
        account, model = row["account"], row["model"]
    return table(COLUMNS, shown, screen) if shown else ""


def _called(model: str | None) -> str:
    return "total" if model is None else model or "?"


def _amount(row: Row, side: str) -> str:
    value = getattr(row["line"], side)
    if value is None:
        return "?"
    return money(value) if row["measure"] == "cost_micros" else compact(value)


def _apart(row: Row) -> str:
    line: Line = row["line"]
    if line.there is None:
        return ""
    if line.percent is None:
        return "only here"
    return (
        "only there" if line.there and not line.here else f"{line.percent:+.1f} %" if line.here != line.there else "0 %"
    )
