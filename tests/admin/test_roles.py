"""Every role at every operation, over HTTP: 403 exactly where the table says so, before anything else is looked at."""

from pathlib import Path

import pytest

from proxy.accounts.roles import ROLES, Role
from proxy.admin import table
from tests.admin.listener import Listener, listener

EXPECTED: dict[Role, str] = {
    "viewer": "reads everything but admin tokens, changes nothing",
    "tenant_admin": "reads, and has the keys of its tenant",
    "operator": "everything but admin tokens",
    "owner": "everything",
}
TENANT_ADMINS = frozenset({"keys.create", "keys.update", "keys.rotate", "keys.revoke"})
"""What a tenant_admin may change by the native API."""


def test_every_role_is_described() -> None:
    assert set(EXPECTED) == set(ROLES)


def test_the_native_rows_are_what_the_roles_promise() -> None:
    rows = [row for row in table.operations() if row.path.startswith("/admin/v1")]
    for row in rows:
        tokens = row.id.startswith("tokens.")
        assert ("operator" in row.roles) == (not tokens), row.id
        assert ("viewer" in row.roles) == (row.method == "GET" and not tokens), row.id
        if row.method != "GET":
            assert ("tenant_admin" in row.roles) == (row.id in TENANT_ADMINS), row.id


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_may_what_the_table_says(tmp_path: Path, role: Role) -> None:
    async with listener(tmp_path) as opened:
        token = await opened.token(role, "acme" if role == "tenant_admin" else None)
        wrong = []
        for row in table.operations():
            path = row.path.replace("{", "no-").replace("}", "")
            answer = await opened.send(row.method, path, {} if row.body is not None else None, token)
            assert answer.status < 500, (row.id, answer.text)
            if (answer.status == 403) != (role not in row.roles):
                wrong.append((row.id, answer.status))
        assert wrong == []


@pytest.mark.parametrize("token", [None, "sk-admin-unknown"])
async def test_nobody_may_nothing(admin: Listener, token: str | None) -> None:
    for row in table.operations():
        assert (await admin.send(row.method, row.path, token=token)).status == 401, row.id
