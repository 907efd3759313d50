"""Roles and actors."""

from typing import get_args

from proxy.accounts.roles import COMMAND_LINE, ROLES, Actor, Role


def test_every_role_is_listed_once() -> None:
    assert sorted(ROLES) == sorted(get_args(Role))


def test_whoever_can_open_the_database_may_do_everything() -> None:
    assert Actor("cli", "command line", "owner") == COMMAND_LINE
    assert COMMAND_LINE.tenant is None
