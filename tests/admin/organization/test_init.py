from proxy.admin import table
from proxy.admin.operations import EVERYBODY, OWNERS
from proxy.admin.organization import OPERATIONS


def test_every_operation_is_in_the_table_once() -> None:
    assert [row for row in table.operations() if row.path.startswith("/v1/organization")] == list(OPERATIONS)
    assert len({row.id for row in OPERATIONS}) == len({(row.method, row.path) for row in OPERATIONS}) == len(OPERATIONS)


def test_everybody_reads_all_but_tokens_and_nobody_changes_by_reading() -> None:
    for row in OPERATIONS:
        reads = OWNERS if "admin_api_keys" in row.path else EVERYBODY
        assert (row.roles == reads) if row.method == "GET" else "viewer" not in row.roles
