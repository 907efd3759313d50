import asyncio
import dataclasses
from typing import Any

import pytest

from proxy.storage.sealing import sealing
from tests.admin.listener import Listener

KEYS = "/admin/v1/keys"
NEW: dict[str, Any] = {"tenant": "acme", "name": "web", "models": ["nope"]}


async def test_a_repeated_post_gets_the_same_answer_and_does_nothing(admin: Listener) -> None:
    admin.bureau.models.add("a/b")
    first = await admin.send("POST", KEYS, NEW, Idempotency_Key="once")
    again = await admin.send("POST", KEYS, NEW, Idempotency_Key="once")
    assert (first.status, again.status) == (201, 201)
    assert again.text == first.text
    for name in ("etag", "x-telnyx-proxy-warnings"):
        assert again.headers[name] == first.headers[name]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len((await admin.done("GET", KEYS))["data"]) == 1
    assert len(await admin.bureau.audit("key")) == 1


async def test_the_answer_is_kept_sealed(admin: Listener) -> None:
    made = await admin.send("POST", KEYS, NEW, Idempotency_Key="once")
    assert made.value["key"].encode() not in admin.bureau.path.read_bytes()


@pytest.mark.parametrize(
    ("path", "body"),
    [(KEYS, {**NEW, "name": "job"}), (f"{KEYS}/KEY/rotate", None), (f"{KEYS}/KEY/revoke", None)],
    ids=["body", "rotate", "revoke"],
)
async def test_another_request_under_the_same_key_is_refused(admin: Listener, path: str, body: Any) -> None:
    made = await admin.send("POST", KEYS, NEW, Idempotency_Key="once")
    answer = await admin.send("POST", path.replace("KEY", made.value["id"]), body, Idempotency_Key="once")
    assert (answer.status, answer.error["code"]) == (409, "idempotency_key_reused")
    assert len(await admin.bureau.audit("key")) == 1


async def test_a_key_is_one_actors_own(admin: Listener) -> None:
    token = await admin.token("operator")
    await admin.send("POST", KEYS, NEW, Idempotency_Key="once")
    other = await admin.send("POST", KEYS, {**NEW, "name": "job"}, token, Idempotency_Key="once")
    assert (other.status, other.value["name"]) == (201, "job")


async def test_a_failure_is_not_remembered(admin: Listener) -> None:
    late = {**NEW, "tenant": "gamma"}
    assert (await admin.send("POST", KEYS, late, Idempotency_Key="once")).status == 404
    await admin.done("POST", "/admin/v1/tenants", {"id": "gamma"})
    assert (await admin.send("POST", KEYS, late, Idempotency_Key="once")).status == 201


async def test_a_day_later_it_is_forgotten(admin: Listener) -> None:
    await admin.send("POST", KEYS, NEW, Idempotency_Key="once")
    admin.bureau.now += 86_400
    assert (await admin.send("POST", KEYS, {**NEW, "name": "job"}, Idempotency_Key="once")).status == 201


async def test_of_many_at_the_same_time_one_is_done(admin: Listener) -> None:
    answers = await asyncio.gather(*(admin.send("POST", KEYS, NEW, Idempotency_Key="once") for _ in range(10)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.value["key"] for answer in answers}) == 1
    assert len(await admin.bureau.audit("key")) == 1


async def test_an_answer_that_cannot_be_opened_is_not_made_up(admin: Listener) -> None:
    await admin.send("POST", KEYS, NEW, Idempotency_Key="once")
    api = admin.bureau.api
    api.office = dataclasses.replace(api.office, sealing=sealing("pepper", ["another key"]))
    answer = await admin.send("POST", KEYS, NEW, Idempotency_Key="once")
    assert (answer.status, answer.error["code"]) == (409, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["a b", "ä", "k" * 256, ""])
async def test_what_is_no_key_is_refused(admin: Listener, key: str) -> None:
    answer = await admin.send("POST", KEYS, NEW, Idempotency_Key=key)
    assert (answer.status, answer.error["param"]) == (400, "Idempotency-Key")


async def test_other_methods_do_not_know_it(admin: Listener) -> None:
    for name in ("a", "b"):
        changed = await admin.send("PATCH", "/admin/v1/tenants/acme", {"name": name}, Idempotency_Key="once")
        assert changed.value["name"] == name
