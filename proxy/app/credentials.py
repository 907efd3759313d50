"""The Telnyx keys of tenants: where they are found, and in which order they are used."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proxy.accounts.credentials import Rota, Turn
from proxy.settings import Settings
from proxy.settings import Tenant as Rules
from proxy.settings.secrets import FILE_LIMIT

if TYPE_CHECKING:
    from proxy.storage.sealing import Sealing

Row = Mapping[str, Any]
"""A row of the table `credentials`."""
Complain = Callable[..., None]
"""Says something an operator should know: an event and its details."""


class Credentials:
    """Finds the Telnyx keys of tenants, and remembers which ones Telnyx refused."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        sealing: "Sealing | None",
        complain: Complain,
    ) -> None:
        shared = settings.upstream.api_key
        self._shared = shared.reveal() if shared is not None and shared.resolved else ""
        self._environ = environ
        self._sealing = sealing
        self._complain = complain
        self._rotas: dict[str, Rota] = {}

    def of(self, tenant: Rules, rows: Iterable[Row]) -> tuple[str, Rota | None]:
        """The first Telnyx key of a tenant, and the rota where there are several. `rows`: those of the store.

        A tenant that has keys of its own, of which none can be found, gets none: not somebody else's account.
        """
        stored = list(rows)
        own = stored or tenant.upstream_api_key is not None or tenant.credentials
        turns = [*_declared(tenant), *self._stored(tenant.id, stored)]
        former = self._rotas.pop(tenant.id, None)
        if not turns:
            return ("" if own else self._shared), None
        if len(turns) == 1:
            return turns[0].secret, None
        rota = Rota(turns)
        if former is not None:
            rota.adopt(former)
        self._rotas[tenant.id] = rota
        return turns[0].secret, rota

    def forget_others(self, tenants: Container[str]) -> None:
        """Tenants that are no more shall leave no key in memory."""
        self._rotas = {name: rota for name, rota in self._rotas.items() if name in tenants}

    def _stored(self, tenant: str, rows: Iterable[Row]) -> Iterator[Turn]:
        for row in rows:
            if row["disabled"]:
                continue
            secret = self._find(row)
            if secret is None:
                self._complain("telnyx_key_not_found", tenant=tenant, credential=row["name"], kind=row["kind"])
            else:
                yield Turn(row["name"], secret, row["weight"])

    def _find(self, row: Row) -> str | None:
        """The secret of a row, None where it is not there or cannot be a header."""
        if row["kind"] == "env":
            text = self._environ.get(row["reference"], "")
        elif row["kind"] == "file":
            text = _read(Path(row["reference"]))
        else:
            text = self._open(row["sealed"])
        text = text.strip()
        return text if text and text.isascii() and text.isprintable() else None

    def _open(self, sealed: bytes) -> str:
        try:
            return self._sealing.open(sealed).decode() if self._sealing is not None else ""
        except ValueError:  # another encryption key has sealed it
            return ""


def _declared(tenant: Rules) -> Iterator[Turn]:
    """The keys of the configuration. A program beside the server may not have been told all of them."""
    if tenant.upstream_api_key is not None and tenant.upstream_api_key.resolved:
        yield Turn("upstream_api_key", tenant.upstream_api_key.reveal())
    for each in tenant.credentials:
        if each.api_key is not None and each.api_key.resolved:
            yield Turn(each.name, each.api_key.reveal(), each.weight)


def _read(path: Path) -> str:
    """The text of a secret file, empty where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(FILE_LIMIT).decode()
    except (OSError, ValueError):
        return ""
