"""The values that bodies of the admin API are made of: each with its bounds, told in the document, too."""

import ipaddress
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from proxy.endpoints import AREAS
from proxy.settings.quantities import lower_hex
from proxy.settings.section import complaint
from proxy.settings.tenants import expect_id, expect_name

MOST = 100
"""Items of a list and lines of a page at most."""
MOST_STARS = 8
"""Of one pattern."""
MOST_TAGS, TAG_NAME, TAG_VALUE = 16, 64, 256
EARLIEST, LATEST = 1_000_000_000, 32_503_680_000
"""Moments between 2001 and 3000: what is outside is no Unix time in seconds, but one in milliseconds or a duration."""
LONGEST = 10 * 366 * 86_400
"""Ten years in seconds: a key that is to last longer can be made without an end."""
_CONTROL = r"\x00-\x1f\x7f-\x9f"
_PRINTABLE = f"^[^{_CONTROL}]*$"
_CIDR_EXAMPLE = "10.0.0.0/8"


def expect_number(value: Any) -> Any:
    """What JSON calls a number. Python counts True as 1, and pydantic reads text."""
    if value is not None and type(value) not in {int, float}:
        raise complaint("must be a whole number")
    return value


def expect_printable(value: str) -> str:
    """Text that can stand in a table or a log line. Line breaks cannot, and PostgreSQL keeps no NUL."""
    if re.search(f"[{_CONTROL}]", value):
        raise complaint("must not contain control characters")
    return value


def expect_network(value: str) -> str:
    """An address or a network, in its usual spelling. Bits behind the prefix are a slip: 10.0.0.1/8."""
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise complaint("must be a network", f"{_CIDR_EXAMPLE}, 192.0.2.7 or 2001:db8::/32; no bits after it") from None


def expect_endpoint(value: str) -> str:
    """The name of a row of endpoints.py."""
    if value not in ENDPOINT_NAMES:
        raise complaint("is no endpoint", f"endpoints are: {', '.join(ENDPOINT_NAMES)}")
    return value


def expect_few_stars(value: str) -> str:
    """A pattern that is compiled quickly: a hundred with a hundred stars each take half a second of everybody's."""
    if value.count("*") > MOST_STARS:
        raise complaint(f"must have at most {MOST_STARS} *")
    return value


ENDPOINT_NAMES = AREAS


def _like(pattern: str, **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, **more})


_Printable = AfterValidator(expect_printable)
TenantId = Annotated[str, AfterValidator(expect_id), _like(r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Name = Annotated[str, AfterValidator(expect_name), _like(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
"""Stands in logs and paths."""
Label = Annotated[str, Field(max_length=256), _Printable, _like(_PRINTABLE, maxLength=256)]
"""For people: anything that can be printed."""
Glob = Annotated[
    str,
    Field(min_length=1, max_length=256),
    _Printable,
    AfterValidator(expect_few_stars),
    _like(f"^[^*{_CONTROL}]*(\\*[^*{_CONTROL}]*){{0,{MOST_STARS}}}$", minLength=1, maxLength=256),
]
_Number = BeforeValidator(expect_number)
Whole = Annotated[int, _Number]
"""2 and 2.0, which JSON has as one number; neither "2" nor true."""
Switch = Annotated[bool, Field(strict=True)]
Moment = Annotated[int, Field(ge=EARLIEST, le=LATEST), _Number]
"""Unix seconds."""
Seconds = Annotated[int, Field(ge=1, le=LONGEST), _Number]
Endpoint = Annotated[
    str, AfterValidator(expect_endpoint), WithJsonSchema({"type": "string", "enum": list(ENDPOINT_NAMES)})
]
Network = Annotated[
    str,
    Field(max_length=49),
    AfterValidator(expect_network),
    WithJsonSchema({"type": "string", "format": "cidr", "examples": [_CIDR_EXAMPLE]}),
]
Sha256 = Annotated[str, AfterValidator(lower_hex), _like(r"^[0-9a-fA-F]{64}$")]
_TagName = Annotated[str, Field(min_length=1, max_length=TAG_NAME), _Printable]
_TagValue = Annotated[str, Field(max_length=TAG_VALUE), _Printable]
_TAGS: dict[str, Any] = {
    "type": "object",
    "maxProperties": MOST_TAGS,
    "propertyNames": {"minLength": 1, "maxLength": TAG_NAME, "pattern": _PRINTABLE},
    "additionalProperties": {"type": "string", "maxLength": TAG_VALUE, "pattern": _PRINTABLE},
    "examples": [{"team": "search"}],
}
Tags = Annotated[dict[_TagName, _TagValue], Field(max_length=MOST_TAGS), WithJsonSchema(_TAGS)]
Endpoints = Annotated[tuple[Endpoint, ...], Field(max_length=MOST)]
Globs = Annotated[tuple[Glob, ...], Field(max_length=MOST)]
Networks = Annotated[tuple[Network, ...], Field(max_length=MOST)]
