from proxy.accounts.entries import COLUMNS
from proxy.storage import ledger_schema
from proxy.storage.ledger_schema import DIMENSIONS, LEDGER, REQUESTS, SUMS, USAGE_DAILY, USAGE_HOURLY
from proxy.storage.schema import METADATA


def test_a_request_has_the_columns_of_an_entry_in_their_order() -> None:
    assert tuple(REQUESTS.c.keys()) == COLUMNS


def test_usage_is_kept_apart_by_columns_of_a_request_and_has_every_sum() -> None:
    assert set(DIMENSIONS) <= set(COLUMNS)
    for table in (USAGE_HOURLY, USAGE_DAILY):
        assert tuple(table.c.keys()) == ("bucket", *DIMENSIONS, *SUMS)
        assert tuple(table.primary_key.columns.keys()) == ("bucket", *DIMENSIONS)


def test_hours_and_days_have_the_same_columns() -> None:
    for kind in ("USAGE", "LATENCY", "CHANGES"):
        hourly, daily = (getattr(ledger_schema, f"{kind}_{width}") for width in ("HOURLY", "DAILY"))
        assert [(each.name, str(each.type)) for each in hourly.c] == [(each.name, str(each.type)) for each in daily.c]


def test_every_table_is_in_the_schema() -> None:
    assert {table.name for table in LEDGER} <= set(METADATA.tables)


def test_what_is_kept_apart_fits_as_it_is_in_a_request() -> None:
    """A sum whose key were cut shorter than the request's would be of several."""
    for name in DIMENSIONS:
        assert getattr(USAGE_DAILY.c[name].type, "length", 0) >= getattr(REQUESTS.c[name].type, "length", 0), name
