"""Responses read again: what the query may ask for, and what their rows know better. See tests/journeys, too."""

from pathlib import Path
from typing import Any

from proxy import codec
from tests.conftest import Build
from tests.journeys.test_responses import keeping
from tests.world import KEY, MODEL

HEADERS = {"Authorization": f"Bearer {KEY}"}


async def test_the_query_is_read_as_far_as_it_means_something(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path)
    given: list[Any] = [{"role": "user", "content": f"Number {number}"} for number in range(5)]
    async with here.post({"model": MODEL, "input": given}, path="/v1/responses") as answer:
        made = await answer.json()

    async def read(path: str) -> tuple[int, Any]:
        async with here.session.get(here.url(f"/v1/responses/{made['id']}{path}"), headers=HEADERS) as answer:
            return answer.status, codec.decode(await answer.read())

    assert await read("?include[]=reasoning.encrypted_content&starting_after=3&unknown=x") == (200, made)
    assert await read("?stream=false") == (200, made)
    status, refused = await read("?stream=true")
    assert (status, refused["error"]["param"]) == (400, "stream")
    status, page = await read("/input_items?limit=2")
    assert [item["content"][0]["text"] for item in page["data"]] == ["Number 4", "Number 3"]
    status, page = await read(f"/input_items?limit=4&after={page['last_id']}")
    assert [item["content"][0]["text"] for item in page["data"]] == ["Number 2", "Number 1", "Number 0"]
    assert page["has_more"] is False
    for query in ("limit=0", "order=up", "after=msg_nobodys"):
        status, refused = await read(f"/input_items?{query}")
        assert status in {400, 404}
        assert refused["error"]["param"] == query.partition("=")[0]


async def test_deleting_says_what_openai_says(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path)
    async with here.post({"model": MODEL, "input": "x"}, path="/v1/responses") as answer:
        made = await answer.json()
    url = here.url(f"/v1/responses/{made['id']}")
    async with here.session.delete(url, headers=HEADERS) as answer:
        assert await answer.json() == {"id": made["id"], "object": "response", "deleted": True}
    async with here.session.delete(url, headers=HEADERS) as answer:
        assert answer.status == 404
