"""Where a database is: `storage.url` read once, and told without its password."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from proxy.storage.refusals import BadAddress

SQLITE = "sqlite:"
POSTGRES = ("postgresql", "postgres")
WRONG_POSTGRES = "storage.url is no address such as postgresql://USER@HOST:5432/NAME"


@dataclass(frozen=True, slots=True)
class Location:
    """Where a database is.

    Attributes:
        path: the SQLite file, None for PostgreSQL.
        dsn: the connection string for PostgreSQL, password included; empty for SQLite.
        shown: what messages call it.
    """

    path: Path | None
    dsn: str = field(repr=False)
    shown: str

    def __str__(self) -> str:
        return self.shown


def locate(url: str, folder: Path, password: str | None = None) -> Location:
    """Read a database URL; relative paths of SQLite files start at `folder`. Raises BadAddress.

    `password`: for PostgreSQL, used where the URL has none.
    """
    scheme = url.partition(":")[0]
    if scheme in POSTGRES:
        return _postgres(url, password)
    if scheme == SQLITE[:-1]:
        return _sqlite(url, folder)
    raise BadAddress("storage.url must begin with sqlite:/// or postgresql://")


def _sqlite(url: str, folder: Path) -> Location:
    rest = url.removeprefix(SQLITE)
    if not rest.startswith("///") or rest == "///":
        raise BadAddress(
            "storage.url must name a file: sqlite:///PATH. A database in memory would forget every key at the end, "
            "and other processes could not see it"
        )
    if "?" in rest or "\0" in rest or rest.endswith("/") or ":memory:" in rest:
        raise BadAddress("storage.url must be sqlite:/// and the path of a file, nothing behind it")
    path = (folder / rest[3:]).absolute()
    return Location(path, "", str(path))


def _postgres(url: str, password: str | None) -> Location:
    try:
        parts = urlsplit(url)
        place = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
        given = parts.password
    except ValueError:
        # urlsplit's own message may repeat the address with its password
        raise BadAddress(WRONG_POSTGRES) from None
    rest = url.partition("://")[2]
    if not rest:
        raise BadAddress(WRONG_POSTGRES)
    if password is not None and given is None:
        rest = _with_password(parts.netloc, password) + rest.removeprefix(parts.netloc)
    return Location(None, f"{POSTGRES[0]}://{rest}", f"{POSTGRES[0]}://{place}{parts.path}")


def _with_password(netloc: str, password: str) -> str:
    user, _, host = netloc.rpartition("@")
    if not user:
        raise BadAddress("storage.url must name the user that storage.password belongs to: postgresql://USER@HOST/NAME")
    return f"{user.rstrip(':')}:{quote(password, safe='')}@{host}"
