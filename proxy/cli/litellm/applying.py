"""Imported keys into a store, through the admin API: nothing works before its limits and budgets are in force."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from proxy.cli.desks import Desk, Refused, listed, path
from proxy.cli.litellm.keys import Key

AT_A_TIME = 500
"""Keys of one call: well below what a body may have."""
NOT_FOUND = 404


async def apply(desk: Desk, keys: Iterable[Key]) -> tuple[list[dict[str, str]], list[Key]]:
    """Import them, tenant by tenant: what was imported (tenant, name, id), and what was there by its name already.

    Raises Refused. A key that was being imported then is switched off, so that it can do nothing without its bounds.
    """
    imported: list[dict[str, str]] = []
    known: list[Key] = []
    for tenant, group in groupby(sorted(keys, key=lambda key: key.tenant), key=lambda key: key.tenant):
        await _expect_tenant(desk, tenant)
        names = {row["name"] for row in await listed(desk, "keys", tenant=tenant)}
        every = list(group)
        known += [key for key in every if key.name in names]
        for some in _parts([key for key in every if key.name not in names]):
            imported += await _import(desk, tenant, some)
    return imported, known


async def _expect_tenant(desk: Desk, tenant: str) -> None:
    try:
        await desk.call("GET", path("tenants", tenant))
    except Refused as refusal:
        if refusal.status != NOT_FOUND:
            raise
        await desk.call("POST", path("tenants"), body={"id": tenant})


def _parts(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    return (keys[start : start + AT_A_TIME] for start in range(0, len(keys), AT_A_TIME))


async def _import(desk: Desk, tenant: str, keys: Sequence[Key]) -> list[dict[str, str]]:
    body = {"tenant": tenant, "keys": [_body(key) for key in keys]}
    rows = (await desk.call("POST", path("keys", "import"), body=body))["data"]
    for key, row in zip(keys, rows, strict=True):
        await _bound(desk, key, row["id"])
    return [{"tenant": tenant, "name": key.name, "id": row["id"]} for key, row in zip(keys, rows, strict=True)]


def _bounded(key: Key) -> bool:
    return bool(key.limits) or key.budget is not None


def _body(key: Key) -> dict[str, Any]:
    given = key.value()
    names = ("name", "sha256", "owner", "tags", "expires_at", "models")
    return {**{name: given[name] for name in names}, "disabled": key.disabled or _bounded(key)}


async def _bound(desk: Desk, key: Key, identity: str) -> None:
    for model, bounds in key.limits.items():
        await desk.call("PUT", path("limits"), body={"key": identity, "model": model, **bounds})
    if key.budget is not None:
        await desk.call("PUT", path("budgets"), body={"key": identity, **key.budget})
    if _bounded(key) and not key.disabled:
        await desk.call("PATCH", path("keys", identity), body={"disabled": False})
