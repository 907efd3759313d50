import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from proxy.app.ports import reserved
from proxy.settings import Settings
from tests.world import settings

NOWHERE = "http://127.0.0.1:1/v2"


def given(**sections: Any) -> Settings:
    return settings(NOWHERE, **sections)


def listening(port: int, *, shared: bool) -> socket.socket:
    return socket.create_server(("127.0.0.1", port), reuse_port=shared)


@pytest.fixture
def taken() -> Iterator[int]:
    with listening(0, shared=True) as there:
        yield there.getsockname()[1]


def test_any_port_becomes_a_real_one_that_workers_share() -> None:
    with reserved(given()) as own, ExitStack() as stack:
        ports = own.listen.port, own.admin.port
        assert 0 not in ports
        assert len(set(ports)) == 2
        for port in ports * 2:
            stack.enter_context(listening(port, shared=True))
    assert own.model_copy(update={"listen": given().listen, "admin": given().admin}) == given()


def test_connections_are_spread_over_those_who_listen_and_never_wait_elsewhere() -> None:
    with reserved(given()) as own, ExitStack() as stack:
        port = own.listen.port
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        workers = [stack.enter_context(listening(port, shared=True)) for _ in range(2)]
        came = dict.fromkeys(workers, 0)
        for _ in range(100):
            with socket.create_connection(("127.0.0.1", port)):
                for worker in select.select(workers, (), ())[0]:
                    worker.accept()[0].close()
                    came[worker] += 1
    assert all(came.values())


@pytest.mark.parametrize("section", ["listen", "admin"])
def test_somebody_else_s_port_is_refused_even_where_it_could_be_shared(section: str, taken: int) -> None:
    message = rf"cannot listen on 127\.0\.0\.1:{taken} \({section}\.host, {section}\.port\): .*in use"
    with pytest.raises(OSError, match=message), reserved(given(**{section: {"port": taken}})):
        pass


def test_sharing_with_anybody_can_be_asked_for(taken: int) -> None:
    with reserved(given(listen={"port": taken, "reuse_port": True})) as own:
        assert own.listen.port == taken


def test_a_port_whose_connections_have_just_ended_can_be_had_again() -> None:
    with ExitStack() as stack:
        own = stack.enter_context(reserved(given()))
        worker = stack.enter_context(listening(own.listen.port, shared=True))
        client = stack.enter_context(socket.create_connection(("127.0.0.1", own.listen.port)))
        worker.accept()[0].close()  # whoever closes first waits, for a minute
        assert client.recv(1) == b""
    with reserved(given(listen={"port": own.listen.port})):
        listening(own.listen.port, shared=True).close()


def test_a_name_with_several_addresses_has_one_port_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{last}", 0)) for last in (1, 2, 1)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with reserved(given(listen={"host": "localhost"})) as own:
        for host in ("127.0.0.1", "127.0.0.2"):
            with pytest.raises(OSError, match="in use"), socket.socket() as other:
                other.bind((host, own.listen.port))


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_both_kinds_of_addresses_can_be_had() -> None:
    with reserved(given(listen={"host": "::1"})) as own:
        socket.create_server(("::1", own.listen.port), family=socket.AF_INET6, reuse_port=True).close()


def test_a_host_that_nobody_has_is_an_error_that_names_the_setting() -> None:
    message = r"cannot listen on nowhere\.invalid:0 \(listen\.host, listen\.port\): \w+"
    with pytest.raises(OSError, match=message), reserved(given(listen={"host": "nowhere.invalid"})):
        pass


def test_ports_are_given_back() -> None:
    with reserved(given()) as own:
        pass
    listening(own.listen.port, shared=False).close()
