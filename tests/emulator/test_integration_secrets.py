from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from proxy.emulator.failures import Refused
from proxy.emulator.integration_secrets import Vaults

PATH = "/v2/integration_secrets"
BEARER = {"identifier": "openai-key", "type": "bearer", "token": "sk-of-openai"}
BASIC = {"identifier": "other", "type": "basic", "username": "u", "password": "p"}
KEY, OTHER = "KEY_one", "KEY_two"

Create = Callable[..., Awaitable[Any]]


@pytest.fixture
def create(caller: Any) -> Create:
    async def created(body: Any = BEARER, key: str | None = KEY) -> Any:
        return await caller.send("POST", PATH, key=key, json=body)

    return created


async def test_a_secret_is_created_and_never_told(caller: Any, create: Create) -> None:
    answer = await create()
    assert answer.status == 201
    row = answer.json["data"]
    assert row.keys() == {"id", "identifier", "record_type", "created_at", "updated_at"}
    assert (row["identifier"], row["record_type"]) == ("openai-key", "integration_secret")
    listed = await caller.send("GET", PATH, key=KEY)
    assert listed.json["data"] == [row]
    assert b"sk-of-openai" not in answer.data + listed.data


async def test_each_account_has_its_own(caller: Any, create: Create) -> None:
    made = (await create()).json["data"]
    assert (await create(key=OTHER)).status == 201
    assert (await caller.send("DELETE", f"{PATH}/{made['id']}", key=OTHER)).status == 404
    assert (await caller.send("DELETE", f"{PATH}/{made['id']}", key=KEY)).status == 204
    assert (await caller.send("GET", PATH, key=KEY)).json["data"] == []
    assert len((await caller.send("GET", PATH, key=OTHER)).json["data"]) == 1


async def test_what_is_deleted_is_gone_and_its_name_is_free(caller: Any, create: Create) -> None:
    made = (await create()).json["data"]
    assert (await caller.send("DELETE", f"{PATH}/{made['id']}", key=KEY)).data == b""
    again = await caller.send("DELETE", f"{PATH}/{made['id']}", key=KEY)
    assert (again.status, again.json["errors"][0]["code"]) == (404, "10005")
    assert (await create()).json["data"]["id"] != made["id"]


async def test_an_identifier_is_there_once(create: Create) -> None:
    await create()
    answer = await create({**BASIC, "identifier": "openai-key"})
    assert answer.status == 400
    assert answer.json["errors"][0]["source"] == {"pointer": "/identifier"}


@pytest.mark.parametrize("key", [None, "sk-of-openai", "KEY_invalid"])
async def test_a_bad_key_is_refused(caller: Any, create: Create, key: str | None) -> None:
    answers = [
        await create(key=key),
        await caller.send("GET", PATH, key=key),
        await caller.send("DELETE", f"{PATH}/x", key=key),
    ]
    assert [(answer.status, answer.json["errors"][0]["code"]) for answer in answers] == [(401, "10009")] * 3


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"type": "bearer", "token": "t"}, ["body", "identifier"]),
        ({"identifier": "i", "token": "t"}, ["body", "type"]),
        ({"identifier": "i", "type": "other"}, ["body", "type"]),
        ({"identifier": "i", "type": "bearer"}, ["body", "token"]),
        ({"identifier": "i", "type": "bearer", "token": ""}, ["body", "token"]),
        ({"identifier": "i", "type": "bearer", "token": 5}, ["body", "token"]),
        ({"identifier": "i", "type": "basic", "username": "u"}, ["body", "password"]),
        ([], ["body"]),
    ],
)
async def test_a_body_that_is_none_is_unprocessable(create: Create, body: Any, loc: list[str]) -> None:
    answer = await create(body)
    assert (answer.status, answer.json["detail"][0]["loc"]) == (422, loc)


async def test_no_json_is_unprocessable(caller: Any) -> None:
    answer = await caller.send("POST", PATH, key=KEY, data=b"{")
    assert (answer.status, answer.json["detail"][0]["type"]) == (422, "json_invalid")


async def test_lists_come_in_pages(caller: Any, create: Create) -> None:
    for number in range(5):
        await create({**BEARER, "identifier": f"i{number}"})

    async def page(**query: str) -> Any:
        return (await caller.send("GET", PATH, key=KEY, params=query)).json

    first = await page(**{"page[size]": "2"})
    assert [row["identifier"] for row in first["data"]] == ["i0", "i1"]
    assert first["meta"] == {"page_number": 1, "page_size": 2, "total_pages": 3, "total_results": 5}
    last = await page(**{"page[size]": "2", "page[number]": "3"})
    assert [row["identifier"] for row in last["data"]] == ["i4"]
    assert (await page(**{"page[number]": "9"}))["data"] == []
    whole = await page(**{"page[size]": "9999"})
    assert (len(whole["data"]), whole["meta"]["page_size"]) == (5, 250)


async def test_nothing_is_no_page(caller: Any) -> None:
    meta = (await caller.send("GET", PATH, key=KEY)).json["meta"]
    assert meta == {"page_number": 1, "page_size": 20, "total_pages": 0, "total_results": 0}


async def test_a_list_can_be_of_one_type(caller: Any, create: Create) -> None:
    await create()
    await create(BASIC)
    listed = await caller.send("GET", PATH, key=KEY, params={"filter[type]": "basic"})
    assert [row["identifier"] for row in listed.json["data"]] == ["other"]


@pytest.mark.parametrize("text", ["0", "-1", "x", "", "1.5", "٣", "99999999"])
def test_a_page_is_a_number(text: str) -> None:
    with pytest.raises(Refused) as caught:
        Vaults(lambda: 0.0).listed(KEY, {"page[number]": text})
    assert caught.value.failure.status == 400


def test_what_is_kept_is_not_shown_by_repr() -> None:
    vaults = Vaults(lambda: 1_800_000_000.0)
    vaults.create(KEY, BEARER)
    (kept,) = vaults.kept(KEY)
    assert kept.given["token"] == "sk-of-openai"
    assert kept.row["created_at"] == "2027-01-15T08:00:00+00:00"
    assert "sk-of-openai" not in repr(kept)


async def test_a_failure_of_everything_is_one_of_secrets_too(caller: Any, create: Create) -> None:
    assert (await create(key="KEY_unavailable")).status == 201
    await caller.choose("unavailable", where="all")
    assert (await create()).status == 503
