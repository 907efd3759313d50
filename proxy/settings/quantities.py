"""Numbers and texts as settings use them: each with its bounds, none of them fooled by YAML's `yes`."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, ValidationInfo

from proxy.settings.secrets import Surroundings
from proxy.settings.section import complaint

DAY = 86_400


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


def anchor(path: Path | None, info: ValidationInfo) -> Path | None:
    """A path from the folder of the configuration file."""
    if path is None or not isinstance(info.context, Surroundings):
        return path
    return info.context.folder / path


def expect_file(path: Path | None, info: ValidationInfo) -> Path | None:
    """A file that must be there when the proxy starts."""
    if path is not None and isinstance(info.context, Surroundings) and info.context.resolve and not path.is_file():
        raise complaint("is no file", "relative paths start at the folder of the configuration file")
    return path


FilePath = Annotated[Path | None, AfterValidator(anchor)]
ExistingFile = Annotated[FilePath, AfterValidator(expect_file)]


def lower_hex(value: str) -> str:
    """A SHA-256 in hexadecimal, lower case."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise complaint(
            "must be the 64 hexadecimal digits of a SHA-256", 'printf %s "$KEY" | sha256sum, without the trailing dash'
        )
    return value.lower()


Sha256 = Annotated[str, AfterValidator(lower_hex)]


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this very machine."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
