"""Metrics: what follows from the record of a request, counted, and handed out to Prometheus.

What there is stands in `declarations`; how several worker processes answer as one, in `exposition`.
"""

import platform
import re
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from threading import Lock
from typing import TypeVar

from proxy import __version__
from proxy.accounts.ledger import Record
from proxy.accounts.limits import MICROS
from proxy.accounts.pricing import FREE, Charge
from proxy.telemetry.declarations import METRICS, metrics_chapter
from proxy.telemetry.exposition import Exposition, Numbers
from proxy.telemetry.operations import OPERATIONS
from proxy.telemetry.series import OTHER, Cell, Count, Distribution, Series
from proxy.telemetry.tally import (
    CACHED_INPUT,
    CHARGED,
    COST,
    DURATION,
    FIRST_TOKEN,
    INPUT,
    ONE,
    OUTPUT,
    OVERHEAD,
    PACE,
    REASONING,
    VIOLATIONS,
    Figures,
    Tally,
)
from proxy.usage import Usage

__all__ = ["Metrics", "metrics_chapter"]

NONE = "none"
"""The label value where there is no tenant or no model: the request failed before, or needs none."""

SERIES_LIMIT = 2000
"""Label sets per metric and process: in the worst case 5 MB of text for a histogram, which Prometheus still takes."""

KINDS_LIMIT = 1024
"""Kinds of requests, and sets of changes, whose series are remembered: at most a few MB. It starts anew when full."""

CHANGES_LIMIT = 16
"""Changes of one request, of more of which no memory is kept: long conversations are hardly ever the same."""

TOGETHER = 32
"""Records that are counted at once: the second of them finds the code at hand, and costs half of what it costs alone.
More would not make it cheaper, and a request that comes meanwhile waits for them, a tenth of a millisecond."""

PROVIDER = "telnyx"

Kind = tuple[Hashable, ...]
"""What decides on the series in which a request counts."""

Changes = tuple[tuple[str, str], ...]

KeyT = TypeVar("KeyT", bound=Hashable)

_INDEX = re.compile(r"\[\d+\]")


class Metrics:
    """All metrics of one process. Several instances do not disturb each other, unless they share a directory.

    Args:
        known_model: whether a name stands in the model catalogue or, spelled out, in the configuration. A name that
            merely fits a wildcard is *not* known: clients could invent series. A name that was known has its series and
            keeps it.
        known_field: whether a path without indices (`messages[].role`) is a request field; the same at all times. Where
            a path is not, its parents are asked, so that `metadata.x` may count as `metadata`; a path without a known
            parent is `other`.
        series_limit: label sets per metric; the ones that come later are counted as `other`.

    Attributes:
        requests_under_way, streams_under_way: gauges; whoever begins or ends one changes their value.
    """

    def __init__(
        self, known_model: Callable[[str], bool], known_field: Callable[[str], bool], series_limit: int = SERIES_LIMIT
    ) -> None:
        self._known_model = known_model
        self._known_field = known_field
        self._counts = {row.name: Series(row, Count, series_limit, self._dropped) for row in METRICS if not row.buckets}
        self._distributions = {
            row.name: Series(row, Distribution, series_limit, self._dropped) for row in METRICS if row.buckets
        }
        self._exposition = Exposition([*self._counts.values(), *self._distributions.values()])
        self._tallies: dict[Hashable, Tally] = {}
        self._changes: dict[Changes, Tally] = {}
        self._waiting: deque[Record] = deque()
        self._changed: deque[Tally] = deque()
        self._lock, self._counting = Lock(), Lock()
        build = self._counts["telnyx_proxy_build_info"].cell((__version__, platform.python_version()), [])
        build.value = 1
        self._alone = {row.name: self._counts[row.name].cell((), []) for row in METRICS if not row.labels}
        self.requests_under_way = self._alone["telnyx_proxy_in_flight_requests"]
        self.streams_under_way = self._alone["telnyx_proxy_open_streams"]
        self._loop_lag = self._alone["telnyx_proxy_event_loop_lag_seconds"]
        self._exposition.write([build, *self._alone.values()])

    def observe_loop_lag(self, seconds: float) -> None:
        """The lag of the event loop; `loop_lag.watch` measures it. Also shows other processes what was counted."""
        self._loop_lag.value = seconds
        self._count_waiting()
        self._exposition.write(self._since_last_time())

    def lose_log_line(self) -> None:
        """A log line could not be written. Safe in several threads, as logging is."""
        with self._lock:
            self._alone["telnyx_proxy_log_lines_lost_total"].value += 1

    def count(self, name: str, *labels: str, by: int = 1) -> None:
        """Something that is no request, and rare: raises a counter, at once."""
        with self._counting:
            tally = self._new_tally()
            self._count(tally, ONE, name, labels)
            for count, _ in tally.counts:
                count.value += by
            self._exposition.write(tally.cells())

    def show(self, name: str, value: float, *labels: str) -> None:
        """Sets a gauge."""
        with self._counting:
            cell = self._counts[name].cell(labels, [])
            cell.value = value
            self._exposition.write([cell])

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition and its content type, for the Accept header of the scrape. Safe in another thread."""
        self._count_waiting()
        self._exposition.write(self._since_last_time())
        return self._exposition.render(accept)

    def numbers(self, *names: str) -> Mapping[str, Numbers]:
        """Counters and gauges as they stand, by metric and label values: over all processes. Safe in another thread."""
        self._count_waiting()
        self._exposition.write(self._since_last_time())
        return self._exposition.numbers(names)

    def close(self) -> None:
        """The process is ending: its gauges leave the sum over the processes. Nothing may be recorded afterwards."""
        self._count_waiting()
        self._exposition.write(self._since_last_time())
        self._exposition.close()

    def record(self, record: Record) -> None:
        """Counts what follows from one finished request, which must not change any more. No I/O, no await.

        It may wait for others to be counted with it: at most until somebody asks, or looks at the lag of the loop.
        """
        waiting = self._waiting
        waiting.append(record)
        if len(waiting) >= TOGETHER:
            self._count_waiting()

    def _count_waiting(self) -> None:
        """Counts the records that wait; safe in several threads, while another goes on recording.

        What a request counts in follows from a few of its properties, so it is looked up once, under all of them.
        """
        with self._counting:
            waiting = self._waiting
            found: dict[Kind, tuple[Tally, list[Figures]]] = {}  # this time only: a name may be known by the next
            while waiting:
                record = waiting.popleft()
                duration, waited, first_token = record.duration, record.waited, record.first_token
                read, written, cached_input, reasoning, source = record.usage[:5]
                violations = record.schema_violations
                cost, charged, _ = record.charge or FREE
                pace = None if first_token is None else _seconds_per_token(record)
                kind = (
                    record.model, record.model_asked, record.tenant, record.endpoint, record.status, record.error_kind,
                    record.stream_end, record.repairs, source, not cached_input, not reasoning, not waited,
                    not violations, first_token is None, pace is None, not cost, cost is None,
                )  # fmt: skip
                same = found.get(kind)
                if same is None:
                    same = found[kind] = self._tallies.get(kind) or self._look_up(kind, record), []
                overhead = duration - waited - record.client_waited
                same[1].append((
                    1, duration, overhead if overhead > 0 else 0.0, read, written, cached_input, reasoning,
                    violations, first_token or 0.0, pace or 0.0, (cost or 0) / MICROS, (charged or 0) / MICROS,
                ))  # fmt: skip
                if record.changes:
                    self._count_changes(record.changes)
            for tally, figures in found.values():
                tally.add(figures)
                if not tally.noted:  # asked after everything was added: whoever clears it reads the numbers afterwards
                    self._note(tally)

    def _count_changes(self, changes: Changes) -> None:
        tally = self._changes.get(changes)
        if tally is None:
            tally = self._new_tally()
            # Once per request: a long conversation in which every message changes is one fact, not a hundred.
            for labels in dict.fromkeys((self._field(path), verdict) for path, verdict in changes):
                self._count(tally, ONE, "telnyx_proxy_field_changes_total", labels)
            if len(changes) <= CHANGES_LIMIT:
                _keep(self._changes, changes, tally)
        for count, _ in tally.counts:
            count.value += 1
        if not tally.noted:
            self._note(tally)

    def _look_up(self, kind: Kind, record: Record) -> Tally:
        """The tally of a kind that is new, or in which a name stands that is not known (any more)."""
        model = self._model(record.model) if record.model else ""
        # A name that a wildcard mapped is no bounded label; the request that went to Telnyx bore the other name.
        asked = record.model_asked if self._known_model(record.model_asked) else model
        # Kept under what became of the names, so that those which clients invent take no memory. They are asked about
        # each time, since the catalogue may have learned them.
        kind = (model, asked, *kind[2:])
        tally = self._tallies.get(kind)
        if tally is None:
            tally = self._new_tally()
            self._fill(tally, record, model or NONE)
            self._fill_stream(tally, record, model or NONE)
            self._fill_gen_ai(tally, record, asked or NONE, model or NONE)
            _keep(self._tallies, kind, tally)
        return tally

    def _fill(self, tally: Tally, record: Record, model: str) -> None:
        tenant, endpoint, usage = record.tenant or NONE, record.endpoint, record.usage
        labels = (tenant, endpoint, model)
        self._count(tally, ONE, "telnyx_proxy_requests_total", (*labels, str(record.status)))
        self._observe(tally, DURATION, "telnyx_proxy_request_duration_seconds", labels)
        self._observe(tally, OVERHEAD, "telnyx_proxy_overhead_seconds", (endpoint,))
        if record.error_kind:
            self._count(tally, ONE, "telnyx_proxy_upstream_errors_total", (record.error_kind,))
        if record.schema_violations:
            self._count(tally, VIOLATIONS, "telnyx_proxy_schema_violations_total", (tenant, model))
        for quirk in record.repairs:
            self._count(tally, ONE, "telnyx_proxy_quirk_repairs_total", (model, quirk))
        if usage.source != "none":
            self._fill_tokens(tally, usage, (tenant, model))
        self._fill_money(tally, record.charge or FREE, (tenant, model))

    def _fill_money(self, tally: Tally, charge: Charge, labels: tuple[str, str]) -> None:
        if charge.cost is None:
            self._count(tally, ONE, "telnyx_proxy_unpriced_requests_total", labels[1:])
        elif charge.cost:
            self._count(tally, COST, "telnyx_proxy_cost_usd_total", labels)
            self._count(tally, CHARGED, "telnyx_proxy_charged_usd_total", labels)

    def _fill_tokens(self, tally: Tally, usage: Usage, labels: tuple[str, str]) -> None:
        name = "telnyx_proxy_tokens_total"
        self._count(tally, INPUT, name, (*labels, "input", usage.source))
        self._count(tally, OUTPUT, name, (*labels, "output", usage.source))
        if usage.cached_input:
            self._count(tally, CACHED_INPUT, name, (*labels, "cached_input", usage.source))
        if usage.reasoning:
            self._count(tally, REASONING, name, (*labels, "reasoning", usage.source))

    def _fill_stream(self, tally: Tally, record: Record, model: str) -> None:
        labels = (record.tenant or NONE, model)
        if record.stream_end:
            self._count(tally, ONE, "telnyx_proxy_stream_ends_total", (record.stream_end,))
        if record.first_token is not None:
            self._observe(tally, FIRST_TOKEN, "telnyx_proxy_time_to_first_token_seconds", labels)
        if _seconds_per_token(record) is not None:
            self._observe(tally, PACE, "telnyx_proxy_time_per_output_token_seconds", labels)

    def _fill_gen_ai(self, tally: Tally, record: Record, asked: str, model: str) -> None:
        operation = OPERATIONS.get(record.endpoint)
        if operation is None or not record.waited:  # the convention counts calls of a model, not refusals before it
            return
        labels = (operation, PROVIDER, asked, model)
        observe = partial(self._observe, tally)
        observe(DURATION, "gen_ai_server_request_duration", (*labels, _error_type(record)))
        if record.usage.source == "upstream":  # where tokens are not counted, the metric "MUST NOT" be reported
            observe(INPUT, "gen_ai_client_token_usage", (*labels, "input"))
            observe(OUTPUT, "gen_ai_client_token_usage", (*labels, "output"))
        if record.first_token is not None:
            observe(FIRST_TOKEN, "gen_ai_server_time_to_first_token", labels)
        if _seconds_per_token(record) is not None:
            observe(PACE, "gen_ai_server_time_per_output_token", labels)

    def _new_tally(self) -> Tally:
        return Tally(noted=not self._exposition.shared)

    def _count(self, tally: Tally, figure: int, name: str, labels: tuple[str, ...]) -> None:
        """Requests of this kind raise a counter by a figure."""
        dropped: list[Count] = []
        tally.counts.append((self._counts[name].cell(labels, dropped), figure))
        tally.counts += [(count, ONE) for count in dropped]

    def _observe(self, tally: Tally, figure: int, name: str, labels: tuple[str, ...]) -> None:
        """A figure of requests of this kind is observed in a histogram."""
        dropped: list[Count] = []
        tally.observe(self._distributions[name].cell(labels, dropped), figure)
        tally.counts += [(count, ONE) for count in dropped]

    def _dropped(self, name: str) -> Count:
        return self._counts["telnyx_proxy_dropped_series_total"].cell((name,), [])

    def _note(self, tally: Tally) -> None:
        tally.noted = True
        self._changed.append(tally)

    def _since_last_time(self) -> Iterator[Cell]:
        """What may have changed. Only ever run by one thread at a time, the others may count meanwhile."""
        yield from self._alone.values()
        while self._changed:
            tally = self._changed.popleft()
            tally.noted = False  # before the numbers are read: what is added from now on is noted anew
            yield from tally.cells()

    def _model(self, name: str) -> str:
        return name if self._known_model(name) else OTHER

    def _field(self, path: str) -> str:
        path = _INDEX.sub("[]", path)
        while path:
            if self._known_field(path):
                return path
            path = path.removesuffix("[]") if path.endswith("[]") else path.rpartition(".")[0]
        return OTHER


def _seconds_per_token(record: Record) -> float | None:
    """Seconds per output token after the first; None where there is no honest figure.

    A guessed number of tokens says nothing about speed, and neither does a stream that broke.
    """
    usage = record.usage
    if record.first_token is None or record.stream_end != "complete" or usage.source != "upstream" or usage.output <= 1:
        return None
    return max(0.0, record.duration - record.first_token) / (usage.output - 1)


def _error_type(record: Record) -> str:
    """`error.type`: the kind of failure, how a broken stream ended, or the status. Empty on success."""
    if record.error_kind:
        return record.error_kind
    if record.stream_end and record.stream_end != "complete":
        return record.stream_end
    return str(record.status) if record.status >= HTTPStatus.BAD_REQUEST else ""


def _keep(memory: dict[KeyT, Tally], key: KeyT, tally: Tally) -> None:
    """Nothing is lost with a tally that is forgotten: the numbers belong to the series, it is only found again."""
    if len(memory) >= KINDS_LIMIT:
        memory.clear()
    memory[key] = tally
