"""Telnyx's usage reports: what an account has used of a product, by Telnyx's own count.

    GET /v2/usage_reports/options  product -> {data: [{product, product_dimensions, product_metrics, record_types}]}
    GET /v2/usage_reports          product, dimensions, metrics, start_date, end_date, page[number], page[size]
                                   -> {data: [row], meta: {page_number, page_size, total_pages, total_results}}

Lists are joined by commas, the end is excluded, a range has at most 31 days. A row has a value for each dimension and
each metric, as a number or as a text. Source: Telnyx's OpenAPI of January 2026 (GetUsageReports,
ListUsageReportsOptions) and its guide to usage reports. What the metrics of the product `inference` are called is
nowhere published, hence `options`; nothing of it is taken for granted here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from proxy import codec
from proxy.errors import UpstreamFailed
from proxy.translation import failures
from proxy.translation.failures import Circumstances
from proxy.upstream.transport import Outgoing, Transport

PATH = "/usage_reports"
"""After `upstream.base_url`."""
PAGE_SIZE = 100
"""Rows asked for at a time: what others were seen to ask for."""
PAGES = 1000
"""Pages read at most: 100,000 rows. Beyond it, the report does not end, or is not one."""
ANSWER_LIMIT = 4 * 1024 * 1024
"""Bytes of one answer: a page of 100 rows has about 20,000."""
IDLE = 30.0
"""Seconds between pieces of an answer."""

_SUCCESS = range(200, 300)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Product:
    """What can be asked about a product."""

    name: str
    dimensions: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()


class UsageReports:
    """The usage reports of one Telnyx account."""

    def __init__(self, transport: Transport, base_url: str, credential: str) -> None:
        self._transport = transport
        self._url = base_url + PATH
        self._credential = credential

    async def products(self) -> tuple[Product, ...]:
        """Every product there are reports of. Raises UpstreamFault."""
        answer = await self._get(f"{self._url}/options")
        return tuple(product for product in map(_product, _rows(answer)) if product is not None)

    async def rows(self, product: Product, start: str, end: str) -> tuple[Row, ...]:
        """Every row of a report by all dimensions and metrics of `product`, which may be fewer than there are.

        `start`, `end`: ISO 8601 in UTC, the second one excluded. Raises UpstreamFault.
        """
        query = {
            "product": product.name,
            "dimensions": ",".join(product.dimensions),
            "metrics": ",".join(product.metrics),
            "start_date": start,
            "end_date": end,
        }
        found: list[Row] = []
        for number in range(1, PAGES + 1):
            page = {**query, "page[number]": str(number), "page[size]": str(PAGE_SIZE)}
            answer = await self._get(f"{self._url}?{urlencode(page)}")
            rows = _rows(answer)
            found += rows
            if not rows or not _goes_on(answer, number, len(rows)):
                return tuple(found)
        raise UpstreamFailed("Telnyx's usage report does not end.")

    async def _get(self, url: str) -> Row:
        answer = await self._transport.send(Outgoing("GET", url, self._credential))
        try:
            body = await answer.read(ANSWER_LIMIT, IDLE)
        finally:
            answer.close()
        if answer.status not in _SUCCESS:
            raise failures.from_response(
                answer.status, answer.headers, body, Circumstances(secrets=(self._credential,))
            )
        return _object(body)


def _object(body: bytes) -> Row:
    try:
        value = codec.decode(body)
    except codec.NotJson:
        value = None
    if not isinstance(value, dict):
        raise UpstreamFailed("Telnyx's usage report cannot be read.")
    return value


def _rows(answer: Row) -> Sequence[Row]:
    given = answer.get("data")
    if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
        raise UpstreamFailed("Telnyx's usage report cannot be read.")
    return given


def _product(row: Row) -> Product | None:
    """A product; where it tells nothing itself, what its record types have."""
    name = row.get("product")
    if not isinstance(name, str) or not name:
        return None
    types = row.get("record_types")
    sources = [row, *(each for each in (types if isinstance(types, list) else ()) if isinstance(each, dict))]
    return Product(name, _names(sources, "product_dimensions"), _names(sources, "product_metrics"))


def _names(sources: Iterable[Row], field: str) -> tuple[str, ...]:
    """What the first one tells that tells anything: what only one record type has, the product may not take."""
    for source in sources:
        names = source.get(field)
        if isinstance(names, list) and names:
            return tuple(name for name in names if isinstance(name, str))
    return ()


def _goes_on(answer: Row, number: int, rows: int) -> bool:
    """Whether another page is to be asked for. Where `meta` tells nothing, a full page may have a successor."""
    meta = answer.get("meta")
    total = meta.get("total_pages") if isinstance(meta, dict) else None
    return number < total if isinstance(total, int) else rows >= PAGE_SIZE
