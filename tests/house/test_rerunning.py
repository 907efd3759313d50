"""The option is set where it has to be: the plugin may come to keep its connection under another name."""

import socket

import pytest


def test_what_is_told_of_every_test_goes_out_at_once(pytestconfig: pytest.Config) -> None:
    if not hasattr(pytestconfig, "workerinput"):
        pytest.skip("tests run in one process here")
    connection = pytestconfig.failures_db.sock  # type: ignore[attr-defined]
    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
