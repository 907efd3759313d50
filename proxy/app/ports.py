"""Ports that several processes of ours share, and nobody else.

SO_REUSEPORT alone would also let a second proxy in, started by mistake: each would get half of the connections. So a
port is first taken without it, which fails where anybody else has it, and only then opened to sharing. The sockets here
never listen; they keep the ports until the block is left, also while no worker listens on them.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from proxy.app.running import cannot_listen
from proxy.settings import Settings
from proxy.settings.model import Admin, Listen


@contextmanager
def reserved(settings: Settings) -> Iterator[Settings]:
    """The settings with real ports instead of 0, both kept for processes that share them.

    Raises OSError as `running` does. `listen.reuse_port` lets others in, as it does with one process.
    """
    with ExitStack() as stack:
        listen = _reserve(stack, settings.listen, "listen", shared=settings.listen.reuse_port)
        admin = _reserve(stack, settings.admin, "admin")
        yield settings.model_copy(
            update={
                "listen": settings.listen.model_copy(update={"port": listen}),
                "admin": settings.admin.model_copy(update={"port": admin}),
            }
        )


def _reserve(stack: ExitStack, where: Listen | Admin, section: str, *, shared: bool = False) -> int:
    """Keep a port on every address of a host, the same one where it may be any. Returns it."""
    port = where.port
    try:
        found = socket.getaddrinfo(where.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            kept = stack.enter_context(socket.socket(family, kind, protocol))
            kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:  # as listeners do: the older protocol has sockets of its own
                kept.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if shared:
                kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            kept.bind((address[0], port, *address[2:]))
            kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            port = kept.getsockname()[1]
    except OSError as fault:
        raise cannot_listen(where, section, fault) from fault
    return port
