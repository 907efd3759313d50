import pytest

from tests.admin.dashboard.records import Visitor, keep, price, request
from tests.admin.dashboard.visitors import visiting_as, visitor

__all__ = ["visitor"]


async def test_the_whole_story(visitor: Visitor) -> None:
    await keep(
        visitor.admin,
        request(
            "req_1",
            end_user="9f86d081884c7d65",
            tags={"team": "search"},
            service_tier="priority",
            region="EU",
            stream=1,
            stream_end="complete",
            input_tokens=1000,
            cached_input_tokens=400,
            output_tokens=100,
            reasoning_tokens=30,
            cost_micros=670,
            charged_micros=737,
            price="v1",
            duration_us=6_420_000,
            overhead_us=740,
            first_token_us=812_000,
            retries=1,
            violations=1,
            repairs=("cap_with_tools",),
            changes=(("max_completion_tokens", "renamed"), ("logit_bias", "lossy")),
            upstream_request_id="up-1",
            client_request_id="job-7",
            trace_id="4bf9",
        ),
    )
    await price(visitor.admin, "v1", input=600_000, cached_input=150_000, output=2_500_000)
    page = await visitor.see("/requests/req_1")
    assert page.status == 200
    for words in (
        "✓ complete The whole stream was handed on.",
        "2027-01-15 07:59:00 , from the client openai-python , which tried for the 2nd time.",
        "for the model gpt-4o , streamed",
        "End user 9f86d081884c7d65",
        "team: search",
        "max_completion_tokens renamed Sent under Telnyx's name for the same thing. Telnyx has one cap",
        "logit_bias lossy Not sent; the answer may differ.",
        "service tier priority , region EU",
        "cap_with_tools repaired An output cap together with function tools",
        "812 ms after the request came in.",
        "1 part of the answer did not conform",
        "0.74 ms Here, in this proxy",
        "These figures are reported by Telnyx.",
        "Input 600 $0.60 $0.000360 Input from the cache 400 $0.15 $0.000060 Output 100 $2.50 $0.000250",
        "Cost, rounded up $0.00067",
        "The tenant is charged $0.000737",
        "Price version v1",
        "Telnyx's request id up-1",
        "job-7",
        "4bf9",
        "The prompt and the answer are not kept",
    ):
        assert words in page.words, words
    assert 'aria-label="Where it was spent: Waiting for Telnyx' in page.text


async def test_a_refusal_says_what_to_do(visitor: Visitor) -> None:
    row = request("req_1", status=401, error_code="invalid_api_key", source="none", cost_micros=0, charged_micros=0)
    await keep(visitor.admin, row)
    page = await visitor.see("/requests/req_1")
    assert "Not sent to Telnyx" in page.words
    assert "invalid_api_key The bearer key is missing" in page.words
    assert "What to do: Check the key" in page.words
    assert "Nothing: no figures" in page.words


async def test_an_aborted_one_whose_price_is_not_known(visitor: Visitor) -> None:
    row = request(
        "req_1", status=0, stream_end="aborted", duration_us=0, cost_micros=None, source="estimated", audio_ms=3000
    )
    await keep(visitor.admin, row)
    page = await visitor.see("/requests/req_1")
    assert "? aborted The process of the proxy was killed" in page.words
    assert "What the client got of the answer, and when, is not known." in page.words
    assert "bytes sent to the client" not in page.words, "it may have been any number"
    assert "Price unknown." in page.words
    assert "not counted as zero" in page.words
    assert "Not known: the process was killed" in page.words
    assert "Audio 3.00 s" in page.words


async def test_a_price_whose_figures_were_not_kept(visitor: Visitor) -> None:
    await keep(
        visitor.admin, request("req_1", cost_micros=42, price="lost"), request("req_2", cost_micros=42, price="")
    )
    for name in ("req_1", "req_2"):
        assert "$0.000042" in (await visitor.see(f"/requests/{name}")).words


@pytest.mark.parametrize("name", ["req_none", "x" * 65, "..%2F..", "%00"])
async def test_one_that_is_not_there(visitor: Visitor, name: str) -> None:
    page = await visitor.see(f"/requests/{name}")
    assert page.status == 404
    assert "There is no request" in page.words or "no such page" in page.words


async def test_another_tenants_is_not_there_in_the_same_words(visitor: Visitor) -> None:
    await keep(visitor.admin, request("req_mine", charged_micros=1_500_000), request("req_theirs", tenant="beta"))
    async with visiting_as(visitor.admin, "tenant_admin", "acme") as tom:
        theirs, nobodys = await tom.see("/requests/req_theirs"), await tom.see("/requests/req_nobodys")
        assert (theirs.status, nobodys.status) == (404, 404)
        assert theirs.words.replace("theirs", "nobodys") == nobodys.words
        mine = await tom.see("/requests/req_mine")
        assert "$1.50 charged." in mine.words
        assert "$0.000007" not in mine.words
