"""The row of a request: every column from the record, and bins that percentiles can be read from."""

from dataclasses import replace
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from proxy.accounts.entries import ABORTED, COLUMNS, TEXT, Charge, Entry, bin_of, bounds_of, entry
from proxy.accounts.ledger import Record
from proxy.storage.ledger_schema import REQUESTS
from proxy.usage import Usage

RECORD = Record(
    "req_1", 1_763_757_956.25, "chat.completions", "POST", tenant="acme", key="web", key_id="key_1",
    model_asked="gpt-5", model="zai-org/GLM-5.2",
    status=200, stream=True, stream_end="complete", duration=2.5, waited=2.0, first_token=0.5,
    tags={"team": "search"}, provider="telnyx", service_tier="flex", region="EU", repairs=("cap_with_tools",),
    changes=(("store", "dropped"),), retry_count=1, bytes_in=10, bytes_out=20, end_user="ab12", schema_violations=1,
    upstream_request_id="up_1", client_request_id="mine", trace_id="4b" * 16, client="openai-python",
)  # fmt: skip
USAGE = Usage(100, 20, 40, 5, "upstream", 3, 60_000, 7)


def test_a_row_says_everything_in_the_order_of_the_table() -> None:
    made = Entry(*entry(RECORD, USAGE, Charge(12, 15, "list:1")))
    assert [column.name for column in REQUESTS.columns] == list(COLUMNS)
    assert made == Entry(
        id="req_1", started_us=1_763_757_956_250_000, tenant="acme", key_id="key_1", key="web", end_user="ab12",
        tags={"team": "search"}, endpoint="chat.completions", model_asked="gpt-5", model="zai-org/GLM-5.2",
        provider="telnyx", service_tier="flex", region="EU", status=200, error_code="", stream=1, stream_end="complete",
        input_tokens=100, cached_input_tokens=40, cache_write_tokens=3, output_tokens=20, reasoning_tokens=5,
        audio_ms=60_000, characters=7, source="upstream", cost_micros=12, charged_micros=15, price="list:1",
        duration_us=2_500_000, overhead_us=500_000, first_token_us=500_000, duration_bin=bin_of(2_500_000),
        first_token_bin=bin_of(500_000), retries=1, repairs=("cap_with_tools",), changes=(("store", "dropped"),),
        violations=1, client="openai-python", upstream_request_id="up_1", client_request_id="mine", trace_id="4b" * 16,
        bytes_in=10, bytes_out=20,
    )  # fmt: skip


def test_what_is_not_known_is_empty_or_nothing_and_never_zero_dollars() -> None:
    made = Entry(*entry(Record("req_2", 1.0, tenant="acme", key="web"), Usage(), Charge()))
    assert (made.cost_micros, made.charged_micros, made.first_token_us, made.first_token_bin) == (None,) * 4
    assert (made.error_code, made.end_user, made.trace_id, made.stream_end) == ("",) * 4
    assert made.key_id == "acme/web", "a key of the configuration has the id that the admin API gives it"


def test_a_provisional_row_says_that_it_was_aborted() -> None:
    assert Entry(*entry(replace(RECORD, stream_end=None), USAGE, Charge(), end=ABORTED)).stream_end == ABORTED


def test_texts_of_clients_are_cut_to_what_a_column_holds() -> None:
    made = Entry(*entry(replace(RECORD, model_asked="x" * 1000, model="y" * 1000), USAGE, Charge()))
    assert (len(made.model_asked), len(made.model)) == (TEXT, TEXT)


@given(st.integers(0, 10**13))
def test_a_duration_lies_within_its_bin(microseconds: int) -> None:
    low, high = bounds_of(bin_of(microseconds))
    assert (low if microseconds > 1 else -inf) <= microseconds < high * (1 + 1e-9)
    assert high / low < 1.2


@given(st.integers(0, 10**13), st.integers(0, 10**13))
def test_bins_keep_the_order(one: int, other: int) -> None:
    assert (bin_of(min(one, other))) <= bin_of(max(one, other))
