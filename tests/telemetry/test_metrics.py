from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import proxy
from proxy.accounts.ledger import CLIENT_CLOSED, STREAM_ENDS, Record
from proxy.accounts.pricing import FREE, Charge
from proxy.telemetry import declarations
from proxy.telemetry import metrics as module
from proxy.telemetry.metrics import Metrics, metrics_chapter
from proxy.usage import Usage, estimate

KIMI = "moonshotai/Kimi-K2.6"
MODELS = {KIMI, "gpt-4o-mini"}
FIELDS = {"user", "metadata", "messages", "messages[].role", "messages[].content[].type"}

REQUESTS = "telnyx_proxy_requests_total"

WHOLE = Record(
    "req_1",
    1700000000.0,
    endpoint="chat.completions",
    tenant="acme",
    key="web",
    model_asked="gpt-4o-mini",
    model=KIMI,
    status=200,
    usage=Usage(input=100, output=41, cached_input=20, reasoning=7, source="upstream"),
    duration=2.5,
    waited=2.49,
)
STREAM = replace(WHOLE, stream=True, stream_end="complete", first_token=0.5)
REFUSED = Record("req_2", 1700000000.0, endpoint="chat.completions", status=401, duration=0.001)

GEN_AI = {
    "gen_ai_operation_name": "chat",
    "gen_ai_provider_name": "telnyx",
    "gen_ai_request_model": "gpt-4o-mini",
    "gen_ai_response_model": KIMI,
}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(MODELS.__contains__, FIELDS.__contains__)


class Scrape:
    """What Prometheus reads."""

    def __init__(self, metrics: Metrics) -> None:
        body, _ = metrics.render()
        self.samples = [sample for family in text_string_to_metric_families(body.decode()) for sample in family.samples]

    def value(self, name: str, **labels: str) -> float | None:
        """The value of the one series with exactly these labels."""
        for sample in self.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
        return None

    def series(self, name: str) -> list[dict[str, str]]:
        return [sample.labels for sample in self.samples if sample.name == name]


def scrape(metrics: Metrics, *records: Record) -> Scrape:
    for record in records:
        metrics.record(record)
    return Scrape(metrics)


def test_a_request_is_counted_and_timed(metrics: Metrics) -> None:
    seen = scrape(metrics, WHOLE, WHOLE)
    labels = {"tenant": "acme", "endpoint": "chat.completions", "model": KIMI}
    assert seen.value("telnyx_proxy_requests_total", **labels, status="200") == 2
    assert seen.value("telnyx_proxy_request_duration_seconds_sum", **labels) == 5
    assert seen.value("telnyx_proxy_request_duration_seconds_bucket", **labels, le="2.5") == 2
    assert seen.value("telnyx_proxy_request_duration_seconds_bucket", **labels, le="1.0") == 0
    assert seen.value("telnyx_proxy_overhead_seconds_sum", endpoint="chat.completions") == pytest.approx(0.02)


def test_a_request_without_tenant_and_model_is_none(metrics: Metrics) -> None:
    seen = scrape(metrics, REFUSED)
    assert seen.series("telnyx_proxy_requests_total") == [
        {"tenant": "none", "endpoint": "chat.completions", "model": "none", "status": "401"}
    ]


def test_a_model_that_is_not_known_is_other(metrics: Metrics) -> None:
    seen = scrape(metrics, *(replace(REFUSED, model=f"invented-{number}", status=404) for number in range(50)))
    assert (
        seen.value(
            "telnyx_proxy_requests_total", tenant="none", endpoint="chat.completions", model="other", status="404"
        )
        == 50
    )
    assert len(seen.series("telnyx_proxy_requests_total")) == 1


def test_a_client_that_left_has_its_own_status(metrics: Metrics) -> None:
    seen = scrape(metrics, replace(WHOLE, status=CLIENT_CLOSED))
    assert [labels["status"] for labels in seen.series("telnyx_proxy_requests_total")] == ["499"]


def tokens(seen: Scrape) -> dict[tuple[str, str], float]:
    return {
        (sample.labels["type"], sample.labels["source"]): sample.value
        for sample in seen.samples
        if sample.name == "telnyx_proxy_tokens_total"
    }


def test_tokens_are_counted_by_type_and_source(metrics: Metrics) -> None:
    seen = scrape(metrics, WHOLE, replace(WHOLE, usage=estimate(400, 40)))
    assert tokens(seen) == {
        ("input", "upstream"): 100,
        ("output", "upstream"): 41,
        ("cached_input", "upstream"): 20,
        ("reasoning", "upstream"): 7,
        ("input", "estimated"): 100,
        ("output", "estimated"): 10,
    }


def test_no_usage_is_not_zero_usage(metrics: Metrics) -> None:
    assert tokens(scrape(metrics, REFUSED)) == {}
    assert tokens(scrape(metrics, replace(WHOLE, usage=Usage(source="upstream")))) == {
        ("input", "upstream"): 0,
        ("output", "upstream"): 0,
    }


@pytest.mark.parametrize("end", STREAM_ENDS)
def test_a_stream_is_counted_by_its_end(metrics: Metrics, end: str) -> None:
    seen = scrape(metrics, replace(STREAM, stream_end=end))
    assert seen.series("telnyx_proxy_stream_ends_total") == [{"reason": end}]


def test_a_stream_has_a_first_token_and_a_pace(metrics: Metrics) -> None:
    seen = scrape(metrics, STREAM)
    assert seen.value("telnyx_proxy_time_to_first_token_seconds_sum", tenant="acme", model=KIMI) == 0.5
    # 2 seconds after the first token for the 40 that followed it
    assert seen.value("telnyx_proxy_time_per_output_token_seconds_sum", tenant="acme", model=KIMI) == 0.05
    assert seen.value("gen_ai_server_time_per_output_token_sum", **GEN_AI) == 0.05


@pytest.mark.parametrize(
    "changed",
    [
        {"stream_end": "truncated"},
        {"stream_end": "client_disconnected"},
        {"first_token": None},
        {"usage": estimate(4, 400)},
        {"usage": Usage(input=1, output=1, source="upstream")},
    ],
    ids=str,
)
def test_there_is_no_pace_where_none_can_be_told(metrics: Metrics, changed: dict[str, Any]) -> None:
    seen = scrape(metrics, replace(STREAM, **changed))
    assert seen.series("telnyx_proxy_time_per_output_token_seconds_count") == []
    assert seen.series("gen_ai_server_time_per_output_token_count") == []


def test_a_whole_answer_has_no_stream_figures(metrics: Metrics) -> None:
    seen = scrape(metrics, WHOLE)
    assert seen.series("telnyx_proxy_stream_ends_total") == []
    assert seen.series("telnyx_proxy_time_to_first_token_seconds_count") == []


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("user", "user"),
        ("messages[3].role", "messages[].role"),
        ("messages[3].content[0].type", "messages[].content[].type"),
        ("messages[12].content[7]", "messages"),
        ("metadata.favourite_colour", "metadata"),
        ("metadata.a.b.c", "metadata"),
        ("invented", "other"),
        ("invented[4].user", "other"),
        ("", "other"),
    ],
)
def test_a_changed_field_is_known_or_other(metrics: Metrics, path: str, label: str) -> None:
    seen = scrape(metrics, replace(WHOLE, changes=((path, "dropped"),)))
    assert seen.series("telnyx_proxy_field_changes_total") == [{"field": label, "verdict": "dropped"}]


def test_a_field_counts_once_per_request_and_verdict(metrics: Metrics) -> None:
    changes = (*((f"messages[{number}].role", "converted") for number in range(30)), ("user", "dropped"))
    seen = scrape(metrics, replace(WHOLE, changes=changes), replace(WHOLE, changes=changes))
    assert seen.value("telnyx_proxy_field_changes_total", field="messages[].role", verdict="converted") == 2
    assert seen.value("telnyx_proxy_field_changes_total", field="user", verdict="dropped") == 2


def test_repairs_violations_and_upstream_errors_are_counted(metrics: Metrics) -> None:
    record = replace(
        WHOLE, repairs=("stream_options", "tools"), schema_violations=3, error_kind="rate_limit", status=429
    )
    seen = scrape(metrics, record, WHOLE)
    assert seen.value("telnyx_proxy_quirk_repairs_total", model=KIMI, quirk="stream_options") == 1
    assert seen.value("telnyx_proxy_quirk_repairs_total", model=KIMI, quirk="tools") == 1
    assert seen.value("telnyx_proxy_schema_violations_total", tenant="acme", model=KIMI) == 3
    assert seen.value("telnyx_proxy_upstream_errors_total", kind="rate_limit") == 1


def test_a_call_has_opentelemetrys_names(metrics: Metrics) -> None:
    seen = scrape(metrics, STREAM)
    assert seen.value("gen_ai_client_token_usage_sum", **GEN_AI, gen_ai_token_type="input") == 100
    assert seen.value("gen_ai_client_token_usage_sum", **GEN_AI, gen_ai_token_type="output") == 41
    assert seen.value("gen_ai_client_token_usage_bucket", **GEN_AI, gen_ai_token_type="output", le="64.0") == 1
    assert seen.value("gen_ai_server_request_duration_sum", **GEN_AI, error_type="") == 2.5
    assert seen.value("gen_ai_server_time_to_first_token_sum", **GEN_AI) == 0.5


def test_estimated_tokens_stay_out_of_opentelemetrys_metric(metrics: Metrics) -> None:
    seen = scrape(metrics, replace(WHOLE, usage=estimate(400, 40)))
    assert seen.series("gen_ai_client_token_usage_count") == []
    assert len(seen.series("gen_ai_server_request_duration_count")) == 1


@pytest.mark.parametrize("changed", [{"waited": 0.0}, {"endpoint": "models"}, {"endpoint": "unknown"}], ids=str)
def test_what_asked_no_model_is_no_call(metrics: Metrics, changed: dict[str, Any]) -> None:
    seen = scrape(metrics, replace(STREAM, **changed))
    assert not [sample.name for sample in seen.samples if sample.name.startswith("gen_ai_")]


def test_an_alias_by_wildcard_counts_under_what_it_stands_for(metrics: Metrics) -> None:
    """Whatever fits `gpt-4*` would be a series of its own; the call to Telnyx named another model anyway."""
    seen = scrape(metrics, replace(WHOLE, model_asked="gpt-4-whatever"))
    assert [labels["gen_ai_request_model"] for labels in seen.series("gen_ai_server_request_duration_count")] == [KIMI]


@pytest.mark.parametrize(
    ("changed", "error_type"),
    [
        ({"status": 429, "error_kind": "rate_limit"}, "rate_limit"),
        ({"stream_end": "truncated"}, "truncated"),
        ({"status": 499, "stream_end": "client_disconnected"}, "client_disconnected"),
        ({"status": 499, "stream_end": None}, "499"),
        ({"status": 400, "stream_end": None}, "400"),
        ({}, ""),
    ],
    ids=str,
)
def test_a_failed_call_says_how(metrics: Metrics, changed: dict[str, Any], error_type: str) -> None:
    seen = scrape(metrics, replace(STREAM, **changed))
    (labels,) = seen.series("gen_ai_server_request_duration_count")
    assert labels["error_type"] == error_type


def test_series_are_bounded_whatever_comes() -> None:
    """Also where the catalogue itself is endless; what was there before goes on, the total stays right."""
    metrics = Metrics(lambda name: True, lambda path: True, series_limit=10)
    records = [
        replace(
            STREAM,
            tenant=f"t{number % 7}",
            model=f"m{number}",
            model_asked=f"a{number}",
            changes=((f"f{number}", "dropped"),),
        )
        for number in range(300)
    ]
    seen = scrape(metrics, *records, records[0])
    for name in ("telnyx_proxy_requests_total", "telnyx_proxy_field_changes_total", "gen_ai_client_token_usage_count"):
        assert len(seen.series(name)) <= 12
    labels = {"endpoint": "chat.completions", "status": "200"}
    assert seen.value("telnyx_proxy_requests_total", tenant="t0", model="m0", **labels) == 2
    assert seen.value("telnyx_proxy_requests_total", tenant="other", model="other", **labels) == 290
    assert seen.value("telnyx_proxy_dropped_series_total", metric="telnyx_proxy_requests_total") == 290


def test_a_model_that_becomes_known_counts_from_then_on() -> None:
    """The catalogue is loaded while requests already come in."""
    catalogue: set[str] = set()
    metrics = Metrics(catalogue.__contains__, FIELDS.__contains__)
    scrape(metrics, WHOLE)
    catalogue.add(KIMI)
    seen = scrape(metrics, WHOLE, WHOLE)
    counted = {sample.labels["model"]: sample.value for sample in seen.samples if sample.name == REQUESTS}
    assert counted == {"other": 1, KIMI: 2}


def test_names_that_clients_invent_take_no_memory(metrics: Metrics) -> None:
    for number in range(100):
        metrics.record(replace(WHOLE, model=f"invented-{number}", model_asked=f"asked-{number}"))
        metrics.record(replace(WHOLE, changes=tuple((f"x{number}[{index}]", "dropped") for index in range(17))))
    assert len(metrics._tallies) == 2
    assert metrics._changes == {}


def test_a_name_that_is_not_known_is_asked_about_once_for_all_that_wait() -> None:
    asked: list[str] = []

    def known(name: str) -> bool:
        asked.append(name)
        return False

    metrics = Metrics(known, FIELDS.__contains__)
    scrape(metrics, WHOLE, WHOLE, REFUSED, WHOLE)
    assert sorted(asked) == sorted([KIMI, "gpt-4o-mini", ""])


def test_records_do_not_wait_for_long(metrics: Metrics) -> None:
    """Memory stays small where nobody asks for the metrics."""
    for number in range(1, 100):
        metrics.record(WHOLE)
        assert len(metrics._waiting) == number % module.TOGETHER
    metrics.observe_loop_lag(0.0)
    assert not metrics._waiting
    assert scrape(metrics).value(REQUESTS, tenant="acme", endpoint="chat.completions", model=KIMI, status="200") == 99


def test_memory_that_is_full_begins_anew(metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KINDS_LIMIT", 3)
    records = [replace(WHOLE, status=status, changes=(("user", str(status)),)) for status in range(400, 420)]
    seen = scrape(metrics, *records, *records)
    assert max(len(metrics._tallies), len(metrics._changes)) <= 3
    assert [sample.value for sample in seen.samples if sample.name == REQUESTS] == [2] * 20


def test_nothing_is_lost_between_two_threads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The loop records and looks at its lag while another thread answers scrapes."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    metrics = Metrics(MODELS.__contains__, FIELDS.__contains__)
    with ThreadPoolExecutor(1) as others:
        scrapes = [others.submit(metrics.render) for _ in range(20)]
        for number in range(3000):
            metrics.record(replace(WHOLE, status=200 + number % 7))
            if number % 100 == 0:
                metrics.observe_loop_lag(0.0)
    assert all(scrape.result()[0] for scrape in scrapes)
    seen = Scrape(metrics)
    metrics.close()
    assert sum(sample.value for sample in seen.samples if sample.name == REQUESTS) == 3000


def test_gauges_go_up_and_down(metrics: Metrics) -> None:
    metrics.requests_under_way.value += 1
    metrics.requests_under_way.value += 1
    metrics.streams_under_way.value += 1
    metrics.requests_under_way.value -= 1
    metrics.observe_loop_lag(0.2)
    metrics.observe_loop_lag(0.1)
    seen = scrape(metrics)
    assert seen.value("telnyx_proxy_in_flight_requests") == 1
    assert seen.value("telnyx_proxy_open_streams") == 1
    assert seen.value("telnyx_proxy_event_loop_lag_seconds") == 0.1
    metrics.streams_under_way.value -= 1
    assert scrape(metrics).value("telnyx_proxy_open_streams") == 0
    metrics.requests_under_way.value += 2
    metrics.streams_under_way.value += 3
    seen = scrape(metrics)
    assert seen.value("telnyx_proxy_in_flight_requests") == 3
    assert seen.value("telnyx_proxy_open_streams") == 3


def test_money_is_counted_in_dollars_and_what_is_unpriced_apart(metrics: Metrics) -> None:
    labels = {"tenant": "acme", "model": KIMI}
    priced = [replace(WHOLE, charge=Charge(cost, cost * 2, "config:1")) for cost in (8478, 1, 1_000_000)]
    unpriced = [replace(WHOLE, charge=Charge()), replace(WHOLE, tenant="beta", charge=Charge())]
    free = [replace(WHOLE, tenant=tenant, charge=charge) for tenant, charge in (("c", FREE), ("d", None))]
    seen = scrape(metrics, *priced, *unpriced, *free)
    assert seen.value("telnyx_proxy_cost_usd_total", **labels) == pytest.approx(1.008479, abs=1e-12)
    assert seen.value("telnyx_proxy_charged_usd_total", **labels) == pytest.approx(2.016958, abs=1e-12)
    assert seen.value("telnyx_proxy_unpriced_requests_total", model=KIMI) == 2
    assert seen.series("telnyx_proxy_cost_usd_total") == [labels]
    assert seen.series("telnyx_proxy_charged_usd_total") == [labels]


def test_what_is_charged_nothing_still_costs(metrics: Metrics) -> None:
    seen = scrape(metrics, replace(WHOLE, charge=Charge(2_000_000, 0, "config:1")))
    assert seen.value("telnyx_proxy_cost_usd_total", tenant="acme", model=KIMI) == 2
    assert seen.value("telnyx_proxy_charged_usd_total", tenant="acme", model=KIMI) == 0


def test_lost_log_lines_are_counted(metrics: Metrics) -> None:
    metrics.lose_log_line()
    assert scrape(metrics).value("telnyx_proxy_log_lines_lost_total") == 1


def test_the_build_is_named(metrics: Metrics) -> None:
    (labels,) = scrape(metrics).series("telnyx_proxy_build_info")
    assert labels["version"] == proxy.__version__


def test_every_declared_metric_can_have_a_value() -> None:
    metrics = Metrics(lambda name: True, lambda path: True, series_limit=1)
    full = replace(STREAM, changes=(("user", "dropped"),), repairs=("quirk",), schema_violations=1, error_kind="failed")
    metrics.lose_log_line()
    metrics.count("telnyx_proxy_limit_refusals_total", "acme", "requests")
    metrics.count("telnyx_proxy_credential_refusals_total", "acme", "old")
    metrics.count("telnyx_proxy_store_failures_total", "redis")
    metrics.count("telnyx_proxy_state_failures_total", "acme")
    metrics.show("telnyx_proxy_budget_used_ratio", 0.5, "acme", "tenant:acme:day")
    priced, unpriced = replace(full, charge=Charge(5, 6, "x")), replace(full, charge=Charge())
    seen = scrape(metrics, full, replace(full, tenant="globex"), priced, unpriced)
    filled = {sample.name.removesuffix("_count") for sample in seen.samples}
    assert {row.name for row in declarations.METRICS} - filled == set()


def test_what_is_rare_is_counted_and_shown_at_once(metrics: Metrics) -> None:
    for _ in range(2):
        metrics.count("telnyx_proxy_store_failures_total", "redis")
    for part in (0.25, 0.5):
        metrics.show("telnyx_proxy_budget_used_ratio", part, "acme", "tenant:acme:day")
    seen = scrape(metrics)
    assert seen.value("telnyx_proxy_store_failures_total", store="redis") == 2
    assert seen.value("telnyx_proxy_budget_used_ratio", tenant="acme", budget="tenant:acme:day") == 0.5


def test_several_instances_do_not_clash(metrics: Metrics) -> None:
    other = Metrics(MODELS.__contains__, FIELDS.__contains__)
    other.record(WHOLE)
    other.close()
    assert scrape(metrics).series("telnyx_proxy_requests_total") == []
    assert len(scrape(other).series("telnyx_proxy_requests_total")) == 1


def test_openmetrics_is_given_to_those_who_ask(metrics: Metrics) -> None:
    assert metrics.render("application/openmetrics-text; version=1.0.0")[1].startswith("application/openmetrics-text")
    assert metrics.render()[1].startswith("text/plain")


def test_the_chapter_is_at_hand() -> None:
    assert metrics_chapter is declarations.metrics_chapter
