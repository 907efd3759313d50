"""Where tenants, keys, limits and the audit log are kept, and where limits are counted."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from proxy.settings.quantities import Number, Text, Whole
from proxy.settings.secrets import DemandedSecret, OptionalSecret, Secret, Surroundings, at_least, resolve
from proxy.settings.section import Section, complaint

SQLITE = "sqlite"
SCHEMES = (SQLITE, "postgresql", "postgres")


def anchored(value: str | None, info: ValidationInfo) -> str | None:
    """A database by its address; the path of a SQLite file starts at the folder of the configuration file."""
    if value is None:
        return None
    scheme, _, rest = value.partition("://")
    if scheme not in SCHEMES:
        raise complaint("is no database that can be used", "sqlite:///data/proxy.db or postgresql://USER@HOST/NAME")
    if scheme == SQLITE:
        return _file(rest, info)
    try:
        parts = urlsplit(value)
        named = parts.path.strip("/") and parts.port != 0
    except ValueError:
        named = ""
    if not named:
        raise complaint("must name a database", "postgresql://USER@HOST:5432/NAME")
    return value


def _file(rest: str, info: ValidationInfo) -> str:
    path = rest.removeprefix("/")
    if not rest.startswith("/") or not path or path == ":memory:":
        raise complaint("must name a file", "three slashes and a path: sqlite:///data/proxy.db; four: an absolute one")
    if not isinstance(info.context, Surroundings) or not info.context.resolve:
        return f"{SQLITE}:///{path}"
    return f"{SQLITE}:///{(info.context.folder / path).absolute()}"


SECRET_LENGTH = 16
"""Characters at least of what keys are digested with, or Telnyx keys encrypted: less is a word somebody thought of."""
_long_enough = at_least(SECRET_LENGTH, "openssl rand -base64 32")


def expect_redis(secret: Secret | None) -> Secret | None:
    """The address of a Redis, as the package `redis` takes it. It is not repeated: it holds a password."""
    if secret is not None and secret.resolved and not _is_redis(secret.reveal()):
        raise complaint("is no address of a Redis", "redis://HOST:6379/0, rediss:// for TLS, or unix:///PATH")
    return secret


def _is_redis(address: str) -> bool:
    try:
        parts = urlsplit(address)
        if parts.scheme == "unix":
            return bool(parts.path)
        database = parts.path.strip("/")
        usable = parts.scheme in {"redis", "rediss"} and parts.hostname and parts.port != 0
    except ValueError:
        return False
    return bool(usable) and (not database or (database.isascii() and database.isdecimal()))


class Redis(Section):
    """Where limits are counted together, if there are several processes or machines."""

    url: Annotated[OptionalSecret, AfterValidator(expect_redis)] = Field(
        default=Secret(env="TELNYX_PROXY_REDIS_URL"),
        validate_default=True,
        description="address, `redis://HOST:6379/0` or `rediss://`, with its password; a variable that is not set = "
        "limits are counted in this process",
    )
    fail: Literal["open", "closed"] = Field(
        default="open",
        description="without Redis: `open` counts in each process, with limits divided by `processes`; `closed` "
        "answers 503",
    )
    processes: Annotated[Whole, Field(ge=1, le=10_000)] = Field(
        default=1, description="proxies on other machines that share the Redis, this one included"
    )
    timeout: Annotated[Number, Field(gt=0, le=10)] = Field(default=0.25, description="seconds Redis has to answer")


class Storage(Section):
    """Where tenants, keys, limits and the audit log are kept."""

    url: Annotated[Text | None, AfterValidator(anchored)] = Field(
        default="sqlite:///data/proxy.db",
        validate_default=True,
        description="`sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/NAME`; null = nothing is kept: only what "
        "this file declares",
    )
    password: DemandedSecret = Field(
        default=None, description="password for PostgreSQL, if it shall not stand in `url`; null = none"
    )
    pepper: Annotated[DemandedSecret, _long_enough] = Field(
        default=None,
        description="secret under which keys are digested; null = a file beside the SQLite database, made on first use",
    )
    encryption_keys: tuple[Annotated[Secret, AfterValidator(resolve), _long_enough], ...] = Field(
        default=(),
        description="secrets that Telnyx keys are encrypted with: the first encrypts, all decrypt. None given = a file "
        "beside the SQLite database, made on first use",
    )
    redis: Redis = Field(default_factory=Redis, description="where limits are counted together")

    @model_validator(mode="before")
    @classmethod
    def _never_absent(cls, data: Any) -> Any:
        """A default secret is looked up only where its section is validated."""
        return {"redis": {}, **data} if isinstance(data, dict) else data
