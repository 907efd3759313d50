"""Conversations with the official client: made, gone on from, read in pages, forgotten."""

from pathlib import Path
from typing import Any

import openai
import pytest

from tests.conftest import Build
from tests.journeys.test_responses import keeping, messages
from tests.world import MODEL


async def test_a_conversation_grows_with_its_responses(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path)
    client = await here.openai()
    opening: Any = [{"type": "message", "role": "system", "content": "Be brief."}]
    talk = await client.conversations.create(items=opening, metadata={"topic": "greetings"})
    assert (talk.object, talk.metadata) == ("conversation", {"topic": "greetings"})
    for given in (talk.id, {"id": talk.id}):
        answer = await client.responses.create(model=MODEL, input="Hello there", conversation=given)  # type: ignore[arg-type]
        assert answer.conversation is not None
        assert answer.conversation.id == talk.id
    assert [each["role"] for each in messages(here)] == ["system", "user", "assistant", "user"]
    async with client.responses.stream(model=MODEL, input="Hello again", conversation=talk.id, store=False) as stream:
        final = await stream.get_final_response()
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(final.id)
    kinds = [item.type async for item in client.conversations.items.list(talk.id, limit=2, order="asc")]
    said = 1 + 3 * (1 + len(final.output))
    assert len(kinds) == said, "in pages of two, also what was not stored by itself"
    newest = await client.conversations.items.list(talk.id, limit=1)
    assert newest.data[0].to_dict()["id"] == final.output[-1].to_dict()["id"]
    assert newest.has_more


async def test_its_items_and_metadata_are_the_clients(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path)
    client = await here.openai()
    talk = await client.conversations.create()
    added = await client.conversations.items.create(
        talk.id, items=[{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
    )
    first, second = [str(item.id) for item in added.data]
    assert (added.first_id, added.last_id, added.has_more) == (first, second, False)
    item: Any = await client.conversations.items.retrieve(first, conversation_id=talk.id)
    assert item.content[0].text == "Hello"
    left = await client.conversations.items.delete(first, conversation_id=talk.id)
    assert left.id == talk.id
    assert [item.id async for item in client.conversations.items.list(talk.id)] == [second]
    changed = await client.conversations.update(talk.id, metadata={"a": "b"})
    assert changed.metadata == {"a": "b"}
    assert (await client.conversations.retrieve(talk.id)).metadata == {"a": "b"}
    gone = await client.conversations.delete(talk.id)
    assert (gone.id, gone.deleted, gone.object) == (talk.id, True, "conversation.deleted")
    with pytest.raises(openai.NotFoundError, match="Conversation with id"):
        await client.responses.create(model=MODEL, input="x", conversation=talk.id)


BAD: list[tuple[str, Any, str | None]] = [
    ("/v1/conversations", {"items": "Hello"}, "items"),
    ("/v1/conversations", {"items": [{"role": "user", "content": "x"}] * 21}, "items"),
    ("/v1/conversations", {"items": [{"role": "nobody", "content": "x"}]}, "items[0].role"),
    ("/v1/conversations", {"items": [{"type": "item_reference", "id": "msg_1"}]}, "items[0]"),
    ("/v1/conversations", {"metadata": {"a": 1}}, "metadata.a"),
    ("/v1/conversations/{id}", {}, "metadata"),
    ("/v1/conversations/{id}/items", {}, "items"),
    ("/v1/responses", {"input": "x", "conversation": "{id}", "previous_response_id": "resp_1"}, "previous_response_id"),
    ("/v1/responses", {"input": "x", "conversation": 5}, "conversation"),
    ("/v1/responses", {"input": "x", "conversation": {"id": 5}}, "conversation.id"),
    ("/v1/responses", {"input": "x", "previous_response_id": ["resp_1"]}, "previous_response_id"),
    ("/v1/responses", {"input": [{"type": "item_reference", "id": 5}]}, "input[0].id"),
    ("/v1/responses", {}, "input"),
]


async def test_what_cannot_be_is_refused_by_its_place(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path)
    talk = await (await here.openai()).conversations.create()
    for path, body, param in BAD:
        async with here.post({"model": MODEL, **body}, path=path.replace("{id}", talk.id)) as answer:
            told = await answer.json()
        assert (answer.status, told["error"]["param"]) == (400, param), told
    headers = {"Authorization": "Bearer sk-an-old-key-of-the-app-0001"}
    for query in ("limit=0", "limit=101", "limit=x", "order=sideways"):
        async with here.session.get(here.url(f"/v1/conversations/{talk.id}/items?{query}"), headers=headers) as answer:
            assert answer.status == 400
    assert here.sent() == []
