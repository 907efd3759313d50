import hashlib
from typing import Any

import pytest

from proxy.accounts.keys import digest
from proxy.admin.importing import AT_A_TIME
from tests.admin.listener import Listener

IMPORT = "/admin/v1/keys/import"
NAMES = ("one", "two", "three")


def entry(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), **more}


def entries() -> list[dict[str, Any]]:
    return [entry(name) for name in NAMES]


async def test_keys_become_known_by_their_digests(admin: Listener) -> None:
    keys = [entry("one", owner="ops", tags={"a": "b"}, expires_at=1_900_000_000), entry("two"), entry("three")]
    keys[1]["sha256"] = keys[1]["sha256"].upper()
    made = await admin.send("POST", IMPORT, {"tenant": "acme", "keys": keys})
    assert made.status == 201
    assert [row["name"] for row in made.value["data"]] == list(NAMES)
    first = made.value["data"][0]
    assert (first["owner"], first["tags"], first["expires_at"], first["redacted"]) == (
        "ops",
        {"a": "b"},
        1_900_000_000,
        "…",
    )
    snapshot = await admin.bureau.store.snapshot()
    sealing = admin.bureau.api.office.sealing
    assert {row["digest"] for row in snapshot.rows["key"]} == {sealing.digest(digest(name)) for name in NAMES}


async def test_many_at_once(admin: Listener) -> None:
    """More than are looked up in one statement; a full list of 1,000 would only take longer."""
    keys = [entry(f"k{number}") for number in range(AT_A_TIME + 1)]
    made = await admin.done("POST", IMPORT, {"tenant": "acme", "keys": keys})
    assert len(made["data"]) == len(keys)
    last = entry("again", sha256=keys[-1]["sha256"])
    more = [entry(f"m{number}") for number in range(AT_A_TIME)]
    again = await admin.send("POST", IMPORT, {"tenant": "acme", "keys": [*more, last]})
    assert (again.status, again.error["param"]) == (409, f"keys[{AT_A_TIME}].sha256")
    too_many = [entry(f"x{number}") for number in range(1001)]
    assert (await admin.send("POST", IMPORT, {"tenant": "acme", "keys": too_many})).status == 400


@pytest.mark.parametrize(
    ("spoil", "status", "param", "told"),
    [
        ({"name": "web"}, 409, "keys[1].name", "is the name of another key"),
        ({"name": "one"}, 409, "keys[0].name", "more than once"),
        ({"sha256": hashlib.sha256(b"one").hexdigest()}, 409, "keys[0].sha256", "more than once"),
        ({"sha256": hashlib.sha256(b"known").hexdigest()}, 409, "keys[1].sha256", "is known already"),
        ({"sha256": "abc"}, 400, "keys[1].sha256", "64 hexadecimal digits"),
        ({"expires_at": 1_700_000_000}, 400, "keys[1].expires_at", "in the past"),
        ({"name": ""}, 400, "keys[1].name", "letters"),
        ({"secret": "sk-mine"}, 400, "keys[1].secret", "is not a field here"),
    ],
    ids=str,
)
async def test_one_wrong_item_keeps_all_out(
    admin: Listener, spoil: dict[str, str], status: int, param: str, told: str
) -> None:
    await admin.key()
    await admin.done("POST", IMPORT, {"tenant": "beta", "keys": [entry("known")]})
    keys = entries()
    keys[1] |= spoil
    answer = await admin.send("POST", IMPORT, {"tenant": "acme", "keys": keys})
    assert (answer.status, answer.error["param"]) == (status, param)
    assert told in answer.error["message"]
    assert [row["name"] for row in (await admin.done("GET", "/admin/v1/keys"))["data"]] == ["web", "known"]


async def test_every_wrong_item_is_told(admin: Listener) -> None:
    keys = [entry(name, expires_at=1_700_000_000) for name in map("k{}".format, range(30))]
    message = (await admin.send("POST", IMPORT, {"tenant": "acme", "keys": keys})).error["message"]
    assert "'keys[0].expires_at'" in message
    assert "'keys[19].expires_at'" in message
    assert "and 10 more" in message


async def test_an_unknown_tenant_and_no_keys(admin: Listener) -> None:
    answer = await admin.send("POST", IMPORT, {"tenant": "nobody", "keys": entries()})
    assert (answer.status, answer.error["param"]) == (404, "tenant")
    answer = await admin.send("POST", IMPORT, {"tenant": "acme", "keys": []})
    assert (answer.status, answer.error["param"]) == (400, "keys")
