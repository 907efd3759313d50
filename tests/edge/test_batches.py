"""What the official client does not see of batches; the rest is in `journeys/test_batches`."""

from pathlib import Path
from typing import Any

import pytest

from proxy.edge import routes
from proxy.translation.batches import ENDPOINTS
from tests.journeys.test_batches import CHAT, begin, jsonl, kept, request
from tests.world import CREDENTIAL, KEY, world


def tenant(*endpoints: str) -> dict[str, Any]:
    key = {"name": "web", "secret": {"value": KEY}, "endpoints": list(endpoints)}
    return {"id": "acme", "upstream_api_key": {"value": CREDENTIAL}, "keys": [key]}


async def test_a_key_makes_batches_only_of_what_it_is_for(tmp_path: Path) -> None:
    tenants = [tenant("files", "batches", "models.list")]
    async with world(tmp_path / "log.jsonl", tenants=tenants, **kept(tmp_path)) as here:
        body = {"input_file_id": "file-1", "endpoint": CHAT, "completion_window": "24h"}
        async with here.post(body, path="/v1/batches") as answer:
            assert answer.status == 403
            assert "chat.completions" in (await answer.json())["error"]["message"]


async def test_what_is_not_served_is_not_batched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = routes.look_up
    monkeypatch.setattr(routes, "look_up", lambda path: (None, ()) if path == "/v1/embeddings" else real(path))
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        body = {"input_file_id": "file-1", "endpoint": "/v1/embeddings", "completion_window": "24h"}
        async with here.post(body, path="/v1/batches") as answer:
            assert "/v1/embeddings is not served here" in (await answer.json())["error"]["message"]


async def test_an_input_that_goes_in_this_very_moment_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        client = await here.openai()
        batch = await begin(client, jsonl(request("a")))

        async def gone(*_: Any) -> None:
            return None

        monkeypatch.setattr(here.proxy.services.batches, "create", gone)
        body = {"input_file_id": batch.input_file_id, "endpoint": CHAT, "completion_window": "24h"}
        async with here.post(body, path="/v1/batches") as answer:
            assert (await answer.json())["error"]["param"] == "input_file_id"


def test_what_can_be_batched_is_an_endpoint_of_openai() -> None:
    assert all(path.startswith("/v1/") for path in ENDPOINTS)
    assert CHAT in ENDPOINTS
