"""What only shows when settings are seen together: the same key twice, an unencrypted upstream, an open admin port.

They look at what could be read, so that their faults come in the same report as those of single settings.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from proxy.settings.faults import Fault
from proxy.settings.model import Settings
from proxy.settings.quantities import is_loopback
from proxy.settings.tenants import Key

EVERY = frozenset({"0.0.0.0", "::"})  # noqa: S104 - recognised here, not listened on
"""Addresses that stand for every address of the machine."""


LINUX: bool = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class Readable:
    """The parts of a configuration that are valid by themselves.

    Attributes:
        settings: everything but the tenants; what is not valid has its default.
        ids: tenant ids by index.
        names: key names by index of the tenant and of the key.
        keys: the keys themselves.
        borrowers: indices of tenants that have no Telnyx key of their own.
        upstream_key: whether it can be said that `upstream.api_key` is there or not.
        token: the same of `admin.token`.
        resolved: whether secrets were looked up.
    """

    settings: Settings
    ids: Mapping[int, str] = field(default_factory=dict)
    names: Mapping[tuple[int, int], str] = field(default_factory=dict)
    keys: Mapping[tuple[int, int], Key] = field(default_factory=dict)
    borrowers: tuple[int, ...] = ()
    upstream_key: bool = True
    token: bool = True
    resolved: bool = True


def check(readable: Readable) -> list[Fault]:
    """Every fault that shows only in what belongs together."""
    found = (_upstream, _admin, _listeners, _workers, _sizes, _allowed, _ids, _key_names, _digests, _borrowers)
    return [fault for look in found for fault in look(readable)]


def _upstream(readable: Readable) -> Iterator[Fault]:
    upstream = readable.settings.upstream
    parts = urlsplit(upstream.base_url)
    if parts.scheme == "http" and not upstream.allow_http and not is_loopback(parts.hostname or ""):
        yield Fault(
            "upstream.base_url",
            "is plain http: keys and prompts would travel unencrypted",
            "use https, or set upstream.allow_http: true",
        )
    if "ai" in parts.path.split("/") and upstream.chat_path.startswith("/ai/"):
        yield Fault(
            "upstream.base_url",
            "ends in what upstream.chat_path begins with",
            "usually https://api.telnyx.com/v2, without /ai",
        )
    elif (parts.hostname or "").startswith("api.telnyx.") and not parts.path:
        yield Fault("upstream.base_url", "lacks the version of Telnyx's API", f"usually {upstream.base_url}/v2")


def _admin(readable: Readable) -> Iterator[Fault]:
    admin = readable.settings.admin
    if readable.token and admin.token is None and not is_loopback(admin.host):
        yield Fault(
            "admin.token",
            "is required where admin.host is not a loopback address",
            "set the variable that admin.token names, TELNYX_PROXY_ADMIN_TOKEN by default, or admin.host: 127.0.0.1",
        )


def _listeners(readable: Readable) -> Iterator[Fault]:
    listen, admin = readable.settings.listen, readable.settings.admin
    same = listen.host == admin.host or not EVERY.isdisjoint({listen.host, admin.host})
    if same and listen.port == admin.port != 0:
        yield Fault("admin.port", "is the same as listen.port", "the two listeners need a port each")


def _workers(readable: Readable) -> Iterator[Fault]:
    """Elsewhere SO_REUSEPORT is missing, or hands every connection to one and the same process."""
    workers = readable.settings.server.workers
    if workers != "auto" and workers > 1 and not LINUX:
        message = "needs Linux: no other system spreads the connections of one port over processes"
        yield Fault("server.workers", message, "1, or auto, which is 1 there")


def _sizes(readable: Readable) -> Iterator[Fault]:
    """What a tenant may have together holds at least one of what it may have."""
    responses, batches = readable.settings.responses, readable.settings.batches
    for one, many, path in (
        (responses.size, responses.tenant_size, "responses.size"),
        (batches.file_size, batches.tenant_size, "batches.file_size"),
    ):
        if one > many:
            whole = f"{path.partition('.')[0]}.tenant_size"
            yield Fault(path, f"is more than {whole}", "one that is as large would never fit")


def _allowed(readable: Readable) -> Iterator[Fault]:
    """Allow-lists hold Telnyx's ids. Aliases are looked up first, so that an app's name in a list would never match."""
    aliases = readable.settings.models.aliases
    for index, tenant in enumerate(readable.settings.tenants):
        for place, name in enumerate(tenant.models):
            if name not in aliases.values() and any(_covers(alias, name) for alias in aliases):
                path = f"tenants[{index}].models[{place}]"
                yield Fault(path, "is an alias, not a Telnyx model id", "write the id it stands for in models.aliases")


def _covers(alias: str, name: str) -> bool:
    """Whether an alias takes a name away. A name with a slash is an id already; `*` would be like everything."""
    return "/" not in name and alias[0] not in "*?[" and fnmatchcase(name, alias)


def _ids(readable: Readable) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index, name in readable.ids.items():
        if first.setdefault(name, index) != index:
            yield Fault(f"tenants[{index}].id", f"is the same as tenants[{first[name]}].id", "ids must differ")


def _key_names(readable: Readable) -> Iterator[Fault]:
    first: dict[tuple[int, str], int] = {}
    for (tenant, index), name in readable.names.items():
        earlier = first.setdefault((tenant, name), index)
        if earlier != index:
            path = f"tenants[{tenant}].keys"
            yield Fault(f"{path}[{index}].name", f"is the same as {path}[{earlier}].name", "names must differ")


def _digests(readable: Readable) -> Iterator[Fault]:
    first: dict[bytes, str] = {}
    for (tenant, index), key in readable.keys.items():
        if key.secret is not None and not key.secret.resolved:
            continue
        path = f"tenants[{tenant}].keys[{index}]"
        earlier = first.setdefault(key.digest(), path)
        if earlier != path:
            yield Fault(path, f"is the same key as {earlier}", "a key belongs to one tenant and has one name")


def _borrowers(readable: Readable) -> Iterator[Fault]:
    if not readable.borrowers or not readable.upstream_key or not readable.resolved:
        return
    if readable.settings.upstream.api_key is None:
        which = ", ".join(f"tenants[{index}]" for index in readable.borrowers)
        yield Fault(
            "upstream.api_key",
            f"is not set, and {which} has no upstream_api_key",
            "set the variable that upstream.api_key names, TELNYX_API_KEY by default",
        )
