from proxy.storage import schema
from proxy.storage.store import RESOURCES


def test_whatever_the_admin_api_changes_has_an_id_a_time_and_a_revision() -> None:
    for resource in RESOURCES:
        assert {"id", "created_at", "revision"} <= set(resource.table.c.keys()), resource.name


def test_secret_columns_are_columns() -> None:
    for resource in RESOURCES:
        assert resource.secret <= set(resource.table.c.keys()), resource.name


def test_every_column_with_a_digest_or_something_sealed_is_secret() -> None:
    for resource in RESOURCES:
        assert {name for name in ("digest", "sealed") if name in resource.table.c} == resource.secret


def test_names_of_constraints_are_the_same_everywhere() -> None:
    for table in schema.METADATA.tables.values():
        assert table.primary_key.name == f"pk_{table.name}"
