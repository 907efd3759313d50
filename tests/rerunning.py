"""Failed tests run once more at no cost for the others.

pytest-rerunfailures has its processes tell each other of every test, in two messages at a time. Without the option that
is set here, the second of them waits for the first one's acknowledgement: 20 ms for each test, of which there are
thousands (Nagle's algorithm and delayed acknowledgements, RFC 1122, section 4.2.3.4).
"""

import socket

import pytest


@pytest.hookimpl(trylast=True)  # the plugin has connected by then
def pytest_configure(config: pytest.Config) -> None:
    """See `pytest.hookspec`."""
    connection: object = getattr(getattr(config, "failures_db", None), "sock", None)
    if isinstance(connection, socket.socket):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
