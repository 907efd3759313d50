import re
from collections import Counter

import pytest

from proxy.accounts.roles import ROLES
from proxy.admin import table
from proxy.admin.operations import Operation

ROWS = table.operations()


def test_ids_and_routes_are_unique() -> None:
    assert [name for name, times in Counter(row.id for row in ROWS).items() if times > 1] == []
    routes = Counter((row.method, re.sub(r"{\w+}", "{}", row.path)) for row in ROWS)
    assert [route for route, times in routes.items() if times > 1] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_is_complete(row: Operation) -> None:
    assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", row.id)
    assert re.fullmatch(r"(/admin/v1|/v1/organization)(/[a-z_]+|/\{[a-z_]+\})+", row.path)
    assert row.method in {"GET", "POST", "PUT", "PATCH", "DELETE"}
    assert row.roles
    assert row.roles <= set(ROLES)
    assert "owner" in row.roles  # who may do everything
    assert row.summary
    assert not row.summary.endswith(".")
    assert (row.view is not None) or row.method == "DELETE"
    assert row.listed <= (row.method == "GET")
    assert (row.body is not None) <= (row.method in {"POST", "PUT", "PATCH"})
    assert all(text for text in row.query.values())
    assert row.listed <= ("limit" in row.query)


@pytest.mark.parametrize("row", [row for row in ROWS if row.method != "GET"], ids=lambda row: row.id)
def test_viewers_change_nothing(row: Operation) -> None:
    assert "viewer" not in row.roles


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_is_found_by_its_path(row: Operation) -> None:
    path = re.sub(r"\{(\w+)\}", r"the%2F\1", row.path)
    found = table.look_up(row.method, path)
    assert found is not None
    assert found[0] is row
    assert found[1] == {name: f"the/{name}" for name in re.findall(r"\{(\w+)\}", row.path)}
    assert row.method in set(table.methods(path))


@pytest.mark.parametrize("path", ["", "/", "/admin/v1", "/admin/v1/tenants/", "/admin/v1//revoke", "/admin/v1/TENANTS"])
def test_no_row_for_another_path(path: str) -> None:
    assert table.look_up("GET", path) is None
    assert list(table.methods(path)) == []
