"""The same requests counted one by one with prometheus_client itself: nothing is lost by a shorter way."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from proxy.accounts.ledger import STREAM_ENDS, Record
from proxy.telemetry import metrics as module
from proxy.telemetry.declarations import LABELS, METRICS
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.operations import OPERATIONS
from proxy.usage import NOTHING, Usage
from tests.trying import examples

FIELDS = {"user", "metadata", "messages[].role"}


class Direct:
    """The metrics by the book: one call of prometheus_client for each observation."""

    def __init__(self, known: Callable[[str], bool], limit: int) -> None:
        self.known = known
        self.limit = limit
        self.registry = CollectorRegistry()
        self.sets: dict[str, set[tuple[str, ...]]] = {row.name: set() for row in METRICS}
        self.metrics: dict[str, Counter | Histogram] = {}
        for row in METRICS:
            if row.type == "counter":
                self.metrics[row.name] = Counter(row.name, row.meaning, row.labels, registry=self.registry)
            elif row.type == "histogram":
                self.metrics[row.name] = Histogram(
                    row.name, row.meaning, row.labels, registry=self.registry, buckets=row.buckets
                )
            else:
                Gauge(row.name, row.meaning, row.labels, registry=self.registry)

    def add(self, name: str, labels: tuple[str, ...], amount: float = 1) -> None:
        if labels not in self.sets[name] and len(self.sets[name]) >= self.limit:
            declared = next(row.labels for row in METRICS if row.name == name)
            spilled = tuple("other" if LABELS[n].free else v for n, v in zip(declared, labels, strict=True))
            if spilled != labels:
                self.add("telnyx_proxy_dropped_series_total", (name,))
            labels = spilled
        else:
            self.sets[name].add(labels)
        child = self.metrics[name].labels(*labels)
        if isinstance(child, Counter):
            child.inc(amount)
        else:
            child.observe(amount)

    def record(self, record: Record) -> None:
        tenant = record.tenant or "none"
        model = (record.model if self.known(record.model) else "other") if record.model else "none"
        self.add("telnyx_proxy_requests_total", (tenant, record.endpoint, model, str(record.status)))
        self.add("telnyx_proxy_request_duration_seconds", (tenant, record.endpoint, model), record.duration)
        self.add("telnyx_proxy_overhead_seconds", (record.endpoint,), record.overhead)
        if record.error_kind:
            self.add("telnyx_proxy_upstream_errors_total", (record.error_kind,))
        if record.schema_violations:
            self.add("telnyx_proxy_schema_violations_total", (tenant, model), record.schema_violations)
        self.tokens(record.usage, (tenant, model))
        self.changes(record, model)
        if record.stream_end:
            self.add("telnyx_proxy_stream_ends_total", (record.stream_end,))
        if record.first_token is not None:
            self.add("telnyx_proxy_time_to_first_token_seconds", (tenant, model), record.first_token)
        pace = self.pace(record)
        if pace is not None:
            self.add("telnyx_proxy_time_per_output_token_seconds", (tenant, model), pace)
        if record.endpoint in OPERATIONS and record.waited:
            self.gen_ai(record, model, pace)

    def changes(self, record: Record, model: str) -> None:
        for quirk in record.repairs:
            self.add("telnyx_proxy_quirk_repairs_total", (model, quirk))
        for path, verdict in record.changes:
            self.add("telnyx_proxy_field_changes_total", (path if path in FIELDS else "other", verdict))

    def tokens(self, usage: Usage, labels: tuple[str, str]) -> None:
        if usage.source != "none":
            for kind, tokens in (("input", usage.input), ("output", usage.output)):
                self.add("telnyx_proxy_tokens_total", (*labels, kind, usage.source), tokens)
            for kind, tokens in (("cached_input", usage.cached_input), ("reasoning", usage.reasoning)):
                if tokens:
                    self.add("telnyx_proxy_tokens_total", (*labels, kind, usage.source), tokens)

    def gen_ai(self, record: Record, model: str, pace: float | None) -> None:
        asked = record.model_asked if self.known(record.model_asked) else model
        labels = (OPERATIONS[record.endpoint], "telnyx", asked, model)
        broken = record.stream_end if record.stream_end != "complete" else None
        failed = record.error_kind or broken or (str(record.status) if record.status >= 400 else "")
        self.add("gen_ai_server_request_duration", (*labels, failed), record.duration)
        if record.usage.source == "upstream":
            self.add("gen_ai_client_token_usage", (*labels, "input"), record.usage.input)
            self.add("gen_ai_client_token_usage", (*labels, "output"), record.usage.output)
        if record.first_token is not None:
            self.add("gen_ai_server_time_to_first_token", labels, record.first_token)
        if pace is not None:
            self.add("gen_ai_server_time_per_output_token", labels, pace)

    @staticmethod
    def pace(record: Record) -> float | None:
        if record.first_token is None or record.stream_end != "complete":
            return None
        if record.usage.source != "upstream" or record.usage.output < 2:
            return None
        return max(0.0, record.duration - record.first_token) / (record.usage.output - 1)


models = st.sampled_from(("", "a", "b", "c", "invented-1", "invented-2", "none", "other"))
seconds = st.one_of(st.floats(0, 700), st.floats(0, 0.1), st.sampled_from((0.0, 0.1, 1.0, 600.0)))
tokens = st.one_of(st.sampled_from((0, 1, 2)), st.integers(0, 10**8))
records = st.builds(
    Record,
    request_id=st.just("r"),
    started_at=st.just(0.0),
    endpoint=st.sampled_from(("chat.completions", "models", "unknown")),
    tenant=st.sampled_from(("", "acme", "globex", "other")),
    model_asked=models,
    model=models,
    status=st.sampled_from((200, 400, 499, 502)),
    error_kind=st.sampled_from((None, "failed")),
    stream_end=st.sampled_from((None, "complete", *STREAM_ENDS[:3])),
    usage=st.one_of(
        st.just(NOTHING), st.builds(Usage, tokens, tokens, tokens, tokens, st.sampled_from(("upstream", "estimated")))
    ),
    changes=st.lists(
        st.tuples(st.sampled_from(("user", "metadata", "x", "y")), st.sampled_from(("dropped", "renamed"))),
        max_size=3,
        unique_by=lambda change: (change[0] if change[0] in FIELDS else "other", change[1]),
    ).map(tuple),
    repairs=st.sampled_from(((), ("tools",), ("tools", "stream_options"))),
    schema_violations=st.sampled_from((0, 0, 2)),
    duration=seconds,
    waited=st.one_of(st.just(0.0), seconds),
    client_waited=seconds,
    first_token=st.one_of(st.none(), seconds),
)


def lines(text: bytes) -> set[str]:
    """Samples of what is counted: gauges are another matter, and times of creation are left out."""
    return {
        line
        for line in text.decode().splitlines()
        if not line.startswith("#")
        and "_created" not in line
        and not any(line.startswith(row.name) for row in METRICS if row.type == "gauge")
    }


@given(
    st.lists(st.tuples(records, st.sampled_from(("", "a", "ab", "abc"))), max_size=12),
    st.sampled_from((0, 1, 2, 5, 2000)),
    st.sampled_from((1, 3, 1024)),
)
@settings(max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_sample_is_the_same(
    monkeypatch: pytest.MonkeyPatch, given_records: list[tuple[Record, str]], limit: int, kinds: int
) -> None:
    """With a catalogue that grows meanwhile, few or many series, and much or little memory for kinds of requests."""
    monkeypatch.setattr(module, "KINDS_LIMIT", kinds)
    known: set[str] = set()
    metrics, direct = Metrics(known.__contains__, FIELDS.__contains__, limit), Direct(known.__contains__, limit)
    for record, names in given_records:
        if names:
            metrics.observe_loop_lag(0.0)  # what waits is counted, with the names that are known up to now
        known.update(names)
        metrics.record(record)
        direct.record(record)
    assert lines(metrics.render()[0]) == lines(generate_latest(direct.registry))


@settings(max_examples=examples(10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(records, min_size=1, max_size=8), st.integers(0, 8))
def test_in_shared_files_each_sample_is_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, given_records: list[Record], cut: int
) -> None:
    """Written in two portions: what was written once goes on to be written."""
    alone, direct = Metrics({"a", "b"}.__contains__, FIELDS.__contains__), Direct({"a", "b"}.__contains__, 2000)
    with monkeypatch.context() as patch:
        patch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path_factory.mktemp("shared")))
        shared = Metrics({"a", "b"}.__contains__, FIELDS.__contains__)
    for number, record in enumerate(given_records):
        if number == cut:
            shared.observe_loop_lag(0.0)
        for counting in (shared, alone, direct):
            counting.record(replace(record, model="", model_asked=""))
            counting.record(record)
    by_files = lines(shared.render()[0])
    shared.close()
    assert by_files == lines(alone.render()[0]) == lines(generate_latest(direct.registry))
