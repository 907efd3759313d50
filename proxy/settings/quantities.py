"""Numbers and texts as settings use them: each with its bounds, none of them fooled by YAML's `yes`."""

import ipaddress
import re
import ssl
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, ValidationInfo

from proxy.settings.secrets import BELOW_THE_FILE, Surroundings
from proxy.settings.section import complaint

DAY = 86_400
MOST_WORKERS = 256
"""Worker processes at most: more than the processors of nearly every machine; above it, it is a slip."""


def not_a_switch(value: Any) -> Any:
    """Python counts True as 1; a number that is given as `true` is a slip."""
    if isinstance(value, bool):
        raise complaint("must be a number, not true or false")
    return value


_Number = BeforeValidator(not_a_switch)

Number = Annotated[float, Field(allow_inf_nan=False), _Number]
Whole = Annotated[int, _Number]
Seconds = Annotated[Number, Field(gt=0, le=DAY)]
SecondsOrNone = Annotated[Number, Field(ge=0, le=DAY)]
"""Seconds, where 0 switches the thing off."""
Size = Annotated[ByteSize, Field(gt=0), _Number]
"""Bytes, as a number or with a unit: 512KiB, 32MiB, 1GB."""
Port = Annotated[Whole, Field(ge=0, le=65_535)]
"""0 lets the system choose a free one."""
Text = Annotated[str, Field(min_length=1)]


def expect_workers(value: Any) -> Any:
    """`auto` or a number of processes."""
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if value == "auto" or (type(value) is int and 1 <= value <= MOST_WORKERS):
        return value
    raise complaint(
        f"must be a whole number from 1 to {MOST_WORKERS}, or auto", "auto = one per processor this process may use"
    )


Workers = Annotated[Literal["auto"] | int, BeforeValidator(expect_workers)]


def anchor(path: Path | None, info: ValidationInfo) -> Path | None:
    """A path from the folder of the configuration file."""
    if path is None or not isinstance(info.context, Surroundings):
        return path
    return info.context.folder / path


def looked_up(info: ValidationInfo) -> bool:
    """Whether files that settings name are looked at: not where a configuration is read without its surroundings."""
    return isinstance(info.context, Surroundings) and info.context.resolve


def expect_authorities(path: Path | None, info: ValidationInfo) -> Path | None:
    """A file of certificates that must be there when the proxy starts."""
    if path is None or not looked_up(info):
        return path
    if not path.is_file():
        raise complaint("is no file", BELOW_THE_FILE)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError:  # not readable, or an ssl.SSLError, which is one
        hint = "a readable PEM file is expected: -----BEGIN CERTIFICATE-----"
        raise complaint("holds no certificates", hint) from None
    return path


def expect_place(path: Path | None, info: ValidationInfo) -> Path | None:
    """A file that need not be there yet: its folder has to be."""
    if path is None or not looked_up(info):
        return path
    if path.is_dir():
        raise complaint("is a folder", "the name of a file in it is expected")
    if not path.parent.is_dir():
        raise complaint("is in a folder that does not exist", BELOW_THE_FILE)
    return path


def expect_no_file(folder: str, info: ValidationInfo) -> str:
    """A folder that need not be there yet: nothing else may be in its place."""
    place = Path(folder)
    if looked_up(info) and place.exists() and not place.is_dir():
        raise complaint("is a file", "the name of a folder is expected")
    return folder


FilePath = Annotated[Path | None, AfterValidator(anchor)]
Authorities = Annotated[FilePath, AfterValidator(expect_authorities)]
LogFile = Annotated[FilePath, AfterValidator(expect_place)]


def lower_hex(value: str) -> str:
    """A SHA-256 in hexadecimal, lower case."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise complaint(
            "must be the 64 hexadecimal digits of a SHA-256", 'printf %s "$KEY" | sha256sum, without the trailing dash'
        )
    return value.lower()


Sha256 = Annotated[str, AfterValidator(lower_hex)]


HOST_NAME = r"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?"
HOST_LENGTH = 253
"""RFC 1035, section 2.3.4. Longer names are looked up by nobody."""


def expect_host(value: str) -> str:
    """An address or a name, bare: the port is a setting of its own."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        if not re.fullmatch(HOST_NAME, value) or len(value) > HOST_LENGTH:
            hint = "without scheme, port and brackets: 127.0.0.1, 0.0.0.0, ::1; the port has a setting of its own"
            raise complaint("must be an address or the name of a host", hint) from None
    return value


Host = Annotated[Text, AfterValidator(expect_host)]


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this very machine."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
