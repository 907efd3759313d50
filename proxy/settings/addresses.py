"""Addresses and their parts, as configured."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from proxy.settings.section import complaint


def plain_url(value: str) -> str:
    """An http or https address with a host and at most a path; without the slash at its end."""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise complaint("must be an address such as https://api.telnyx.com/v2")
    if parts.username is not None or parts.password is not None:
        raise complaint("must not contain a user or password", "keys belong under upstream.api_key")
    if parts.query or parts.fragment:
        raise complaint("must end with its path: no ? and no #")
    return value.rstrip("/")


def rooted(value: str) -> str:
    """A path that is appended to the base address."""
    if not value.startswith("/") or set(value) & set("?# "):
        raise complaint("must be a path that begins with / and has no ?, # or blank")
    return value


def collector_url(value: str) -> str:
    """The address that spans are sent to: http or https, with its path and without a user."""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and parts.username is None
    except ValueError:
        usable = False
    if not usable:
        raise complaint(
            "must be an address such as http://127.0.0.1:4318/v1/traces",
            "headers with secrets go into the variable OTEL_EXPORTER_OTLP_HEADERS",
        )
    return value


BaseUrl = Annotated[str, AfterValidator(plain_url)]
UrlPath = Annotated[str, AfterValidator(rooted)]
CollectorUrl = Annotated[str, AfterValidator(collector_url)]
