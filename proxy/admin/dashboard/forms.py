"""What a browser sends: the query of an address, and forms. Bounded in size, fields and time."""

import asyncio
from urllib.parse import parse_qs

from aiohttp import web

from proxy.admin.dashboard.frame import Values
from proxy.errors import BodyTooLarge, InvalidRequest, RequestTimeout

LIMIT = 64 * 1024
"""Bytes of a form: more than any of ours takes."""
FIELDS = 200
TIMEOUT = 30.0
"""Seconds for a browser to send it."""
KIND = "application/x-www-form-urlencoded"


def query(request: web.Request) -> Values:
    """The parameters of the address."""
    found: dict[str, list[str]] = {}
    for name, value in request.rel_url.query.items():
        found.setdefault(name, []).append(value.replace("\x00", ""))
    return found


async def read(request: web.Request) -> Values:
    """A form. Raises InvalidRequest, BodyTooLarge, RequestTimeout."""
    if request.content_type != KIND or "Content-Encoding" in request.headers:
        raise InvalidRequest("A form is sent as a form.")
    try:
        async with asyncio.timeout(TIMEOUT):
            data = await request.content.read(LIMIT + 1)
            while len(data) <= LIMIT and (more := await request.content.read(LIMIT + 1 - len(data))):
                data += more
    except TimeoutError:
        raise RequestTimeout(f"The form did not arrive within {TIMEOUT:g} seconds.") from None
    except web.RequestPayloadError:
        raise InvalidRequest("The form is broken in its transfer encoding.") from None
    if len(data) > LIMIT:
        raise BodyTooLarge(f"The form is larger than {LIMIT} bytes.")
    try:
        found = parse_qs(data.decode(), keep_blank_values=True, max_num_fields=FIELDS, errors="strict")
    except ValueError:
        raise InvalidRequest("The form is no text, or has too many fields.") from None
    return {name: [value.replace("\x00", "") for value in values] for name, values in found.items()}
