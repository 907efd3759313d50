"""What every answer has is tested over HTTP in `test_serving`; here is what a handler of ours makes of faults."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from proxy.admin.dashboard import answers
from proxy.errors import NotFound


async def test_a_fault_is_a_page_or_json_with_all_headers() -> None:
    async def fail(request: web.Request) -> web.Response:
        raise NotFound("There is <nothing>.")

    for path, kind in (("/dashboard/x", "text/html"), (answers.LIVE, "application/json")):
        answer = await answers.guarded(fail)(make_mocked_request("GET", path))
        assert (answer.status, answer.content_type) == (404, kind)
        assert isinstance(answer.body, bytes)
        assert answers.HEADERS.items() <= answer.headers.items()


async def test_a_bug_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(request: web.Request) -> web.Response:
        raise RuntimeError("a secret")

    answer = await answers.guarded(fail)(make_mocked_request("GET", "/dashboard?token=secret"))
    assert answer.status == 500
    assert b"secret" not in bytes(answer.body or b"")  # type: ignore[arg-type]
    assert "RuntimeError: a secret" in caplog.text
    assert "token=secret" not in caplog.text


async def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    assert "unsafe" not in answers.POLICY
    assert "http" not in answers.POLICY
    assert "*" not in answers.POLICY
