"""Reading Telnyx's usage reports: leniently where it does not matter, and never half a report."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from proxy.emulator.server import running as emulator_running
from proxy.errors import ProxyError, UpstreamAuthFailed, UpstreamFailed
from proxy.upstream import usage_reports
from proxy.upstream.transport import Transport
from proxy.upstream.usage_reports import Product, UsageReports
from tests.upstream.origin import Line, answering, origin
from tests.upstream.sending import CREDENTIAL

ASKED = Product("inference", ("model", "currency"), ("cost",))
START, END = "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"


def answer(value: Any, status: int = 200) -> bytes:
    """A whole HTTP answer; bytes stand for themselves."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return (
        f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    )


def page(rows: Sequence[Any], **meta: Any) -> bytes:
    return answer({"data": list(rows), "meta": meta} if meta else {"data": list(rows)})


async def says(answers: Sequence[bytes], line: Line) -> None:
    await answering(line, *answers)


async def read(transport: Transport, *answers: bytes) -> tuple[list[Any], list[str]]:
    """The rows that a server with these pages leads to, and what it was asked for."""
    async with origin(partial(says, answers)) as server:
        reports = UsageReports(transport, f"http://127.0.0.1:{server.port}/v2", CREDENTIAL)
        return list(await reports.rows(ASKED, START, END)), [request.target for request in server.requests]


async def products(transport: Transport, *given: Any) -> tuple[Product, ...]:
    async with origin(partial(says, (answer({"data": list(given)}),))) as server:
        return await UsageReports(transport, f"http://127.0.0.1:{server.port}/v2", CREDENTIAL).products()


async def test_a_report_is_asked_for_as_telnyx_wants_it(transport: Transport) -> None:
    rows, asked = await read(transport, page([{"model": "m", "cost": 1.5}], total_pages=1))
    assert rows == [{"model": "m", "cost": 1.5}]
    (target,) = asked
    assert target == (
        "/v2/usage_reports?product=inference&dimensions=model%2Ccurrency&metrics=cost"
        "&start_date=2026-11-20T00%3A00%3A00Z&end_date=2026-11-21T00%3A00%3A00Z"
        "&page%5Bnumber%5D=1&page%5Bsize%5D=100"
    )


async def test_pages_are_followed_with_and_without_meta(transport: Transport) -> None:
    rows, asked = await read(transport, page([{"cost": 1}], total_pages=2), page([{"cost": 2}], total_pages=2))
    assert ([row["cost"] for row in rows], len(asked)) == ([1, 2], 2)
    full = [{"cost": number} for number in range(100)]
    rows, asked = await read(transport, page(full), page([{"cost": 100}]))
    assert (len(rows), len(asked)) == (101, 2)
    rows, asked = await read(transport, page(full), page([]))
    assert (len(rows), len(asked)) == (100, 2)


async def test_a_report_without_end_is_a_failure(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_reports, "PAGES", 2)
    with pytest.raises(UpstreamFailed, match="does not end"):
        await read(transport, *[page([{"cost": 1}], total_pages=9)] * 2)


@pytest.mark.parametrize("said", [b"<html>", [], {"data": {}}, {"data": [1]}, {}])
async def test_what_is_no_report_is_a_failure(transport: Transport, said: Any) -> None:
    with pytest.raises(UpstreamFailed, match="cannot be read"):
        await read(transport, answer(said))


async def test_a_refusal_tells_neither_more_nor_the_key(transport: Transport) -> None:
    errors = {"errors": [{"code": "10009", "title": "Authentication failed", "detail": f"{CREDENTIAL} is unknown"}]}
    with pytest.raises(ProxyError) as caught:
        await read(transport, answer(errors, 401))
    assert isinstance(caught.value, UpstreamAuthFailed)
    assert CREDENTIAL not in caught.value.message


async def test_options_are_read_from_wherever_they_stand(transport: Transport) -> None:
    lists = {"product_dimensions": ["model", 5], "product_metrics": ["cost"]}
    found = await products(
        transport,
        {"product": "plain", **lists},
        {"product": "below", "product_dimensions": [], "record_types": ["x", {"record_type": "below", **lists}]},
        {"product": "bare", "record_types": None},
        {"product": ""},
        {"product_metrics": ["cost"]},
    )
    assert found == (
        Product("plain", ("model",), ("cost",)),
        Product("below", ("model",), ("cost",)),
        Product("bare"),
    )


async def test_the_emulator_is_understood(transport: Transport) -> None:
    async with emulator_running() as telnyx:
        reports = UsageReports(transport, telnyx.base_url, CREDENTIAL)
        (product,) = await reports.products()
        assert product.name == "inference"
        assert await reports.rows(product, START, END) == ()
