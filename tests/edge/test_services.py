"""One record in, one count and one line out."""

import asyncio

from proxy.accounts.ledger import Record
from tests.conftest import Build


async def test_a_record_goes_to_metrics_and_log_once(build: Build) -> None:
    here = await build()
    here.proxy.services.record(Record("req_1", 0.0, endpoint="models.list", tenant="acme", status=200))
    await asyncio.sleep(0)  # lines of one turn of the event loop are written together
    assert [line["request_id"] for line in here.lines()] == ["req_1"]
    assert await here.metric("telnyx_proxy_requests_total", tenant="acme", endpoint="models.list") == 1
