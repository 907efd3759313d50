"""Files and batches, as the official client sees them."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import openai
import pytest
from openai import AsyncOpenAI
from openai.types import Batch

from proxy import codec
from tests.conftest import Build
from tests.journeys.operating import TOKEN, eventually
from tests.journeys.operating import kept as operating
from tests.world import HELLO, KEY, MODEL, OTHER_KEY, world

ENDED = {"completed", "failed", "expired", "cancelled"}
PATIENCE = 60.0
CHAT: Final = "/v1/chat/completions"


def request(name: str, text: str = "hi", **body: Any) -> dict[str, Any]:
    asked = {"model": MODEL, "messages": [{"role": "user", "content": text}], **body}
    return {"custom_id": name, "method": "POST", "url": CHAT, "body": asked}


def jsonl(*lines: Any) -> bytes:
    return b"".join(codec.encode(line) + b"\n" for line in lines)


def kept(tmp_path: Path, **batches: Any) -> dict[str, Any]:
    return {
        "storage": {"url": f"sqlite:///{tmp_path}/proxy.db"},
        "batches": {"folder": str(tmp_path / "files"), **batches},
    }


async def begin(client: AsyncOpenAI, content: bytes, endpoint: Any = CHAT, **others: Any) -> Batch:
    file = await client.files.create(file=("in.jsonl", content), purpose="batch")
    return await client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h", **others)


async def ended(client: AsyncOpenAI, batch: Batch, until: Callable[[Batch], object] | None = None) -> Batch:
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await client.batches.retrieve(batch.id)
            if until(found) if until else found.status in ENDED:
                return found
            await asyncio.sleep(0.02)


async def lines(client: AsyncOpenAI, file: str | None) -> list[dict[str, Any]]:
    if file is None:
        return []
    return [codec.decode(line) for line in (await client.files.content(file)).content.splitlines()]


async def test_a_batch_from_its_file_to_its_output(tmp_path: Path) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        client = await here.openai()
        content = jsonl(request("a"), request("b", stream=True), request("c", model="no/such"), request("d"))
        batch = await begin(client, content, metadata={"night": "1"})
        assert batch.status == "validating"
        assert batch.expires_at == batch.created_at + 24 * 3600
        done = await ended(client, batch)
        assert done.status == "completed", done
        assert done.request_counts is not None
        assert done.request_counts.model_dump() == {"total": 4, "completed": 2, "failed": 2}
        assert done.metadata == {"night": "1"}
        good, bad = await lines(client, done.output_file_id), await lines(client, done.error_file_id)
        assert [line["custom_id"] for line in good] == ["a", "d"]
        assert good[0]["response"]["body"]["object"] == "chat.completion"
        assert good[0]["error"] is None
        assert [(line["custom_id"], line["response"]["status_code"]) for line in bad] == [("b", 400), ("c", 404)]
        assert bad[0]["response"]["body"]["error"]["param"] == "stream"
        logged = {line["request_id"]: line["client"] for line in here.lines() if line["endpoint"] == "chat.completions"}
        assert logged == {line["response"]["request_id"]: "batch" for line in (*good, bad[1])}


async def test_files_as_the_client_sees_them(tmp_path: Path) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        client = await here.openai()
        content = b"".join(b"%d\n" % number for number in range(100_000))
        made = await client.files.create(
            file=("../../etc/n\u00e4cht.jsonl", content),
            purpose="batch",
            expires_after={"anchor": "created_at", "seconds": 3600},
        )
        assert (made.object, made.bytes, made.purpose, made.status) == ("file", len(content), "batch", "processed")
        assert made.expires_at == made.created_at + 3600
        assert made.filename == "n\u00e4cht.jsonl"
        assert await client.files.retrieve(made.id) == made
        answer = await client.files.with_raw_response.content(made.id)
        assert (await answer.aread() if hasattr(answer, "aread") else answer.content) == content
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"] == (
            "attachment; filename=\"n_cht.jsonl\"; filename*=UTF-8''n%C3%A4cht.jsonl"
        )
        others = [(await client.files.create(file=("x", b"x"), purpose="batch")).id for _ in range(4)]
        newest = [file.id async for file in client.files.list(limit=2)]
        assert newest == [*reversed(others), made.id]
        oldest = await client.files.list(order="asc", limit=1, purpose="batch")
        assert ([file.id for file in oldest.data], oldest.has_more) == ([made.id], True)
        assert (await client.files.list(purpose="batch_output")).data == []
        assert (await client.files.delete(made.id)).deleted
        for call in (client.files.retrieve, client.files.content, client.files.delete):
            with pytest.raises(openai.NotFoundError, match="No such File object"):
                await call(made.id)
        stored = list((tmp_path / "files").iterdir())
        assert sorted(path.name for path in stored) == sorted(others)
        assert {path.stat().st_mode & 0o777 for path in stored} == {0o600}


@pytest.mark.parametrize(
    ("purpose", "why"),
    [("fine-tune", "its own storage buckets"), ("user_data", "with the request"), ("x", "cannot be used")],
)
async def test_what_a_file_is_for_has_to_be_of_use(tmp_path: Path, purpose: Any, why: str) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        client = await here.openai()
        with pytest.raises(openai.BadRequestError, match=why) as refused:
            await client.files.create(file=("x", b"x"), purpose=purpose)
        assert refused.value.param == "purpose"
        assert (await client.files.list()).data == []


async def test_files_have_their_bounds(tmp_path: Path) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path, file_size=1000, tenant_size=1500)) as here:
        client = await here.openai()
        with pytest.raises(openai.APIStatusError, match="larger than 1000 bytes") as refused:
            await client.files.create(file=("x", b"x" * 1001), purpose="batch")
        assert refused.value.status_code == 413
        await client.files.create(file=("x", b"x" * 1000), purpose="batch")
        with pytest.raises(openai.BadRequestError, match="together may have 1500 bytes"):
            await client.files.create(file=("x", b"x" * 501), purpose="batch")
        await client.files.create(file=("x", b"x" * 500), purpose="batch")
        assert len(list((tmp_path / "files").iterdir())) == 2


async def test_another_tenant_sees_nothing(tmp_path: Path) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        client, other = await here.openai(), await here.openai(OTHER_KEY)
        batch = await begin(client, jsonl(request("a")))
        done = await ended(client, batch)
        assert done.output_file_id is not None
        for file in (batch.input_file_id, done.output_file_id):
            for call in (other.files.retrieve, other.files.content, other.files.delete):
                with pytest.raises(openai.NotFoundError):
                    await call(file)
        with pytest.raises(openai.BadRequestError, match="No such File object"):
            await other.batches.create(input_file_id=batch.input_file_id, endpoint=CHAT, completion_window="24h")
        for look in (other.batches.retrieve, other.batches.cancel):
            with pytest.raises(openai.NotFoundError, match="No such Batch object"):
                await look(batch.id)
        assert (await other.batches.list()).data == []
        assert (await other.files.list()).data == []


async def test_batches_are_listed_in_parts(tmp_path: Path) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        client = await here.openai()
        made = [(await begin(client, jsonl(request("a")))).id for _ in range(3)]
        assert [batch.id async for batch in client.batches.list(limit=2)] == made[::-1]
        for limit in (0, 101):
            with pytest.raises(openai.BadRequestError, match=r"Invalid .limit."):
                await client.batches.list(limit=limit)
        for each in made:
            assert (await ended(client, await client.batches.retrieve(each))).status == "completed"
        with pytest.raises(openai.ConflictError, match="status 'completed'"):
            await client.batches.cancel(made[0])


async def test_only_so_many_batches_wait(tmp_path: Path) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path, queued=2)) as here:
        client = await here.openai(max_retries=2)
        here.telnyx.state.choose("slow-headers", {"seconds": 3600, "where": "chat"})
        made = [await begin(client, jsonl(request("a"))) for _ in range(2)]
        with pytest.raises(openai.RateLimitError, match=r"batches\.queued") as refused:
            await begin(client, jsonl(request("a")))
        assert refused.value.code == "too_many_batches"
        assert refused.value.response.headers["x-should-retry"] == "false"
        for batch in made:
            await client.batches.cancel(batch.id)
            await ended(client, batch)
        here.telnyx.state.choose("default")
        assert (await ended(client, await begin(client, jsonl(request("a"))))).status == "completed"


async def test_what_a_batch_is_made_of_is_checked(tmp_path: Path) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        client = await here.openai()
        done = await ended(client, await begin(client, jsonl(request("a"))))
        good = {"input_file_id": done.input_file_id, "endpoint": CHAT, "completion_window": "24h"}
        for param, wrong in (
            ("completion_window", {"completion_window": "1h"}),
            ("endpoint", {"endpoint": "/v1/moderations"}),
            ("input_file_id", {"input_file_id": "file-none"}),
            ("input_file_id", {"input_file_id": done.output_file_id}),
            ("input_file_id", {"input_file_id": 7}),
            ("metadata.a", {"metadata": {"a": 1}}),
            ("output_expires_after.seconds", {"output_expires_after": {"anchor": "created_at", "seconds": 1}}),
            ("priority", {"priority": "high"}),
            ("completion_window", {"completion_window": None}),
        ):
            async with here.post(good | wrong, path="/v1/batches") as answer:
                assert answer.status == 400, wrong
                assert (await answer.json())["error"]["param"] == param


HOSTILE = (
    jsonl(
        request("a"),
        {"method": "POST"},
        request("a"),
        {**request("b"), "url": "/v1/embeddings"},
        {**request("c"), "method": "GET"},
    )
    + b'{"custom_id": "\xff"}\n[1]\n{"custom_id": "x", "method": "POST", "url": "/v1/chat/completions", "body": 1}'
)


async def test_faults_of_the_input_are_told_line_by_line(tmp_path: Path) -> None:
    limits = {"body": 100_000}
    async with world(tmp_path / "log.jsonl", limits=limits, **kept(tmp_path, requests=9)) as here:
        client = await here.openai()
        failed = await ended(client, await begin(client, HOSTILE))
        assert failed.status == "failed"
        assert failed.failed_at is not None
        assert failed.errors is not None
        assert [(each.line, each.code, each.param) for each in failed.errors.data or ()] == [
            (2, "missing_required_parameter", "custom_id"),
            (3, "duplicate_custom_id", "custom_id"),
            (4, "invalid_url", "url"),
            (5, "invalid_method", "method"),
            (6, "invalid_json_line", None),
            (7, "invalid_json_line", None),
            (8, "invalid_type", "body"),
        ]
        for content, code in (
            (b"", "empty_file"),
            (b"\n\r\n", "empty_file"),
            (jsonl(request("a", "x" * 10_000_000)), "line_too_long"),
            (jsonl(*(request(str(number)) for number in range(10))), "too_many_requests"),
            ("\ufeff".encode("utf-16") + b"{}", "invalid_json_line"),
        ):
            failed = await ended(client, await begin(client, content))
            assert failed.errors is not None
            assert [each.code for each in failed.errors.data or ()] == [code]
        assert here.sent() == []


async def test_what_editors_do_to_a_file_is_no_fault(tmp_path: Path) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        client = await here.openai()
        content = b"\xef\xbb\xbf" + jsonl(request("a")).replace(b"\n", b"\r\n\r\n") + jsonl(request("b")).strip()
        done = await ended(client, await begin(client, content))
        assert {line["custom_id"] for line in await lines(client, done.output_file_id)} == {"a", "b"}


async def test_a_batch_is_cancelled_with_what_it_has(tmp_path: Path) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path, concurrent=2)) as here:
        client = await here.openai()
        content = jsonl(*(request(str(number)) for number in range(20)))
        here.telnyx.state.choose("slow-headers", {"seconds": 0.1})
        batch = await begin(client, content)
        await ended(client, batch, lambda found: found.request_counts and found.request_counts.completed >= 2)
        here.telnyx.state.choose("slow-headers", {"seconds": 3600})
        assert (await client.batches.cancel(batch.id)).status in {"cancelling", "cancelled"}
        done = await ended(client, batch)
        assert (done.status, done.cancelled_at is not None) == ("cancelled", True)
        good, bad = await lines(client, done.output_file_id), await lines(client, done.error_file_id)
        assert len(good) >= 2
        assert {line["error"]["code"] for line in bad} == {"batch_cancelled"}
        assert sorted(int(line["custom_id"]) for line in (*good, *bad)) == list(range(20))
        counts = done.request_counts
        assert counts is not None
        assert (counts.total, counts.completed, counts.failed) == (20, len(good), len(bad))


async def test_limits_are_waited_for_and_budgets_are_not(tmp_path: Path) -> None:
    tenants = [
        {
            "id": "acme",
            "upstream_api_key": {"value": "KEY_acme-telnyx-0001"},
            "keys": [{"name": "web", "secret": {"value": KEY}, "limits": [{"concurrent": 1}]}],
        },
        {
            "id": "beta",
            "upstream_api_key": {"value": "KEY_other-telnyx-0002"},
            "budgets": [{"usd": 0.000001, "per": "day"}],
            "keys": [{"name": "app", "secret": {"value": OTHER_KEY}}],
        },
    ]
    async with world(tmp_path / "log.jsonl", tenants=tenants, **kept(tmp_path)) as here:
        client, poor = await here.openai(), await here.openai(OTHER_KEY)
        content = jsonl(*(request(str(number)) for number in range(3)))
        first, second = await begin(client, content), await begin(poor, content)
        rich, spent = await ended(client, first), await ended(poor, second)
        assert len(await lines(client, rich.output_file_id)) == 3
        assert rich.error_file_id is None
        codes = {line["response"]["body"]["error"]["code"] for line in await lines(poor, spent.error_file_id)}
        assert codes <= {"insufficient_quota", "price_unknown"}
        assert spent.request_counts is not None
        assert spent.request_counts.failed == 3


async def test_without_a_database_it_is_said_what_is_missing(tmp_path: Path) -> None:
    async with world(tmp_path / "log.jsonl") as here:
        client = await here.openai()
        for call in (client.files.list(), client.batches.list(), client.files.create(file=b"x", purpose="batch")):
            with pytest.raises(openai.NotFoundError, match=r"storage\.url") as refused:
                await call
            assert refused.value.code == "unsupported_endpoint"


async def test_contents_can_be_in_the_database(tmp_path: Path) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path, store="database")) as here:
        client = await here.openai()
        done = await ended(client, await begin(client, jsonl(*(request(str(number)) for number in range(5)))))
        assert [line["custom_id"] for line in await lines(client, done.output_file_id)] == list("01234")
        assert not (tmp_path / "files").exists()


async def test_the_usage_api_keeps_batches_apart(build: Build, tmp_path: Path) -> None:
    here = await build(**operating(tmp_path, batches={"folder": str(tmp_path / "files")}))
    client = await here.openai()
    for _ in range(2):
        await client.chat.completions.create(model=MODEL, messages=HELLO)
    await ended(client, await begin(client, jsonl(*(request(str(number)) for number in range(3)))))
    admin = AsyncOpenAI(base_url=f"{here.proxy.addresses.admin}/v1", admin_api_key=TOKEN, api_key="", max_retries=0)
    admin = await here.stack.enter_async_context(admin)
    usage, since = admin.admin.organization.usage, int(time.time()) - 3600

    async def found(**query: Any) -> dict[Any, int]:
        page = await usage.completions(start_time=since, bucket_width="1d", **query)
        rows: Any = [each for bucket in page.data for each in bucket.results]
        return {each.batch: each.num_model_requests for each in rows}

    async def shipped() -> bool:
        return await found() == {None: 5}

    await eventually(shipped)
    assert await found(group_by=["batch"]) == {True: 3, False: 2}
    assert await found(batch=True) == {None: 3}
    assert await found(batch=False) == {None: 2}
