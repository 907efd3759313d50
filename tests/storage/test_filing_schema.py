from proxy.storage import migrating, schema
from proxy.storage.filing_schema import BATCHES, FILING, TIMES


def test_every_table_belongs_to_the_newest_schema() -> None:
    assert {table.name for table in FILING} <= migrating.TABLES
    assert {table.name for table in FILING} <= set(schema.METADATA.tables)


def test_every_state_that_is_timed_has_its_column() -> None:
    assert set(TIMES) <= set(BATCHES.c.keys())
