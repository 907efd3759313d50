"""A request that has been let in: nothing of it is changed on its way."""

from typing import Any, cast

import pytest

from proxy.accounts.tenants import Grant, Tenant
from proxy.edge.visit import Visit
from proxy.endpoints import ENDPOINTS

GRANT = Grant(Tenant("acme", "KEY_hush"), "web")


def visit(*names: str) -> Visit:
    return Visit(cast("Any", None), ENDPOINTS[0], GRANT, *((names,) if names else ()))


def test_who_wants_what() -> None:
    assert visit("org/name").names == ("org/name",)
    assert visit().names == ()
    assert visit().grant is GRANT


def test_it_shows_no_secret_and_has_room_for_nothing_else() -> None:
    with pytest.raises(AttributeError):
        visit().model = "x"  # type: ignore[attr-defined]
    assert "hush" not in repr(visit())
