"""THE TABLE OF OPERATIONS: every row of the admin API, and how a path finds its row.

To add one: a function in the module of its resource, and a row there; this file only joins them.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from urllib.parse import unquote

from proxy.admin import (
    api_key_refs,
    audit,
    budgets,
    credentials,
    importing,
    keys,
    limits,
    organization,
    requests,
    rotation,
    tenants,
    tokens,
    usage,
)
from proxy.admin.operations import Operation


def operations() -> tuple[Operation, ...]:
    """Every row, in the order of the document."""
    return (
        *tenants.OPERATIONS,
        *keys.OPERATIONS,
        *rotation.OPERATIONS,
        *importing.OPERATIONS,
        *credentials.OPERATIONS,
        *limits.OPERATIONS,
        *budgets.OPERATIONS,
        *api_key_refs.OPERATIONS,
        *tokens.OPERATIONS,
        *audit.OPERATIONS,
        *usage.OPERATIONS,
        *requests.OPERATIONS,
        *organization.OPERATIONS,
    )


@cache
def _by_shape() -> Mapping[tuple[str, int], tuple[Operation, ...]]:
    found: dict[tuple[str, int], tuple[Operation, ...]] = {}
    for row in operations():
        shape = row.method, row.path.count("/")
        found[shape] = (*found.get(shape, ()), row)
    return found


def look_up(method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
    """The row for a method and a path (still percent-encoded), and the parts of the path it names."""
    for row in _by_shape().get((method, path.count("/")), ()):
        params = _match(row.path, path)
        if params is not None:
            return row, params
    return None


def methods(path: str) -> Iterator[str]:
    """The methods that a path has."""
    return (method for method, slashes in _by_shape() if slashes == path.count("/") and look_up(method, path))


def _match(pattern: str, path: str) -> dict[str, str] | None:
    params = {}
    for expected, given in zip(pattern.split("/"), path.split("/"), strict=True):
        if expected.startswith("{") and given:
            params[expected[1:-1]] = unquote(given)
        elif expected != given:
            return None
    return params
