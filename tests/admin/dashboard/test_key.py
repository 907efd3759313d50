from typing import Any

import pytest

from tests.admin.dashboard.records import Visitor
from tests.admin.dashboard.test_key_making import secret_of
from tests.admin.dashboard.visitors import visitor

__all__ = ["visitor"]

LIMITS, BUDGETS = "/admin/v1/limits", "/admin/v1/budgets"


@pytest.fixture
async def key(visitor: Visitor) -> Any:
    return await visitor.admin.key(owner="ops", expires_in_seconds=864_000)


async def test_a_key_is_rotated_and_the_new_one_shown_once(visitor: Visitor, key: Any) -> None:
    await visitor.admin.done("PUT", LIMITS, {"key": key["id"], "requests_per_minute": 60})
    form = await visitor.see(f"/keys/{key['id']}")
    fields = {"once": form.hidden("once"), "grace": "3600", "expires": "5"}
    page = await visitor.do(f"/keys/{key['id']}", "rotate", **fields)
    secret = secret_of(page)
    assert "ends in an hour" in page.words
    old, new = (await visitor.admin.done("GET", "/admin/v1/keys"))["data"]
    if old["id"] != key["id"]:
        old, new = new, old
    now = visitor.admin.bureau.now
    assert (old["status"], old["name"], old["expires_at"]) == ("rotating", "web-rotated-1", now + 3600)
    assert (new["name"], new["rotated_from"], new["expires_at"]) == ("web", old["id"], now + 5 * 86_400)
    assert len((await visitor.admin.done("GET", f"{LIMITS}?key={new['id']}"))["data"]) == 1
    again = await visitor.do(f"/keys/{key['id']}", "rotate", **fields)
    assert secret not in again.text
    assert len((await visitor.admin.done("GET", "/admin/v1/keys"))["data"]) == 2
    assert "until 2027-01-15 09:00:00" in (await visitor.see(f"/keys/{old['id']}")).words
    assert f"/dashboard/keys/{old['id']}" in (await visitor.see(f"/keys/{new['id']}")).links()


@pytest.mark.parametrize(
    ("fields", "field"), [({"grace": "99999999"}, "grace"), ({"grace": "soon"}, "grace"), ({"expires": "x"}, "expires")]
)
async def test_a_rotation_that_cannot_be(visitor: Visitor, key: Any, fields: dict[str, str], field: str) -> None:
    page = await visitor.do(f"/keys/{key['id']}", "rotate", once="x" * 8, **fields)
    assert page.status == 400
    assert f'id="h-{field}"' in page.text
    assert (await visitor.admin.done("GET", f"/admin/v1/keys/{key['id']}"))["revision"] == 1


async def test_an_unusual_grace_is_told_in_seconds(visitor: Visitor, key: Any) -> None:
    assert "in 77 seconds" in (await visitor.do(f"/keys/{key['id']}", "rotate", once="a", grace="77")).words


async def test_revoking_asks_first(visitor: Visitor, key: Any) -> None:
    path = f"/keys/{key['id']}/revoke"
    asked = await visitor.see(path)
    assert "will be refused at once and for ever" in asked.words
    assert (await visitor.admin.done("GET", f"/admin/v1/keys/{key['id']}"))["status"] == "active"
    done = await visitor.do(path, "revoke")
    assert "The key web is revoked" in done.words
    assert (await visitor.admin.done("GET", f"/admin/v1/keys/{key['id']}"))["status"] == "revoked"
    assert "is revoked already" in (await visitor.see(path)).words
    page = await visitor.see(f"/keys/{key['id']}")
    assert "✕ revoked" in page.words
    assert 'name="action"' not in page.text
    assert (await visitor.do(f"/keys/{key['id']}", "rotate", once="b")).status == 409


async def test_off_and_on_again(visitor: Visitor, key: Any) -> None:
    path = f"/keys/{key['id']}"
    assert "web is off" in (await visitor.do(path, "switch", disabled="true")).words
    off = await visitor.see(path)
    assert "‖ disabled" in off.words
    assert off.hidden("disabled") == "false"
    assert "web is on again" in (await visitor.do(path, "switch", disabled="false")).words
    assert "✓ active" in (await visitor.see(path)).words


async def test_the_limit_is_set_changed_and_lifted(visitor: Visitor, key: Any) -> None:
    path = f"/keys/{key['id']}"
    assert (await visitor.do(path, "limit")).status == 400
    await visitor.do(path, "limit", requests_per_minute="60", concurrent="5", queue="2")
    page = await visitor.see(path)
    assert "60 req/min, 5 at a time, 2 may wait" in page.words
    assert 'name="concurrent" type="text" value="5"' in page.text
    limit, revision = page.hidden("limit"), page.hidden("revision")
    await visitor.do(path, "limit", limit=limit, revision=revision, requests_per_day="1000")
    stale = await visitor.do(path, "limit", limit=limit, revision=revision, requests_per_minute="7")
    assert stale.status == 412
    page = await visitor.see(path)
    assert "1,000 req/day" in page.words
    assert "60 req/min" not in page.words
    wrong = await visitor.do(path, "limit", requests_per_minute="x")
    assert wrong.status == 400
    assert "<details open>" in wrong.text
    await visitor.do(path, "limit", limit=limit, revision=page.hidden("revision"))
    assert (await visitor.admin.done("GET", LIMITS))["data"] == []


async def test_budgets_are_set_and_lifted(visitor: Visitor, key: Any) -> None:
    path = f"/keys/{key['id']}"
    assert (await visitor.do(path, "budget", usd="")).status == 400
    assert (await visitor.do(path, "budget", usd="lots")).status == 400
    await visitor.do(path, "budget", usd="$25", per="day", soft="50")
    await visitor.do(path, "budget", usd="10", per="total")
    rows = (await visitor.admin.done("GET", f"{BUDGETS}?key={key['id']}"))["data"]
    assert [(row["usd"], row["per"], row["soft"]) for row in rows] == [("25.00", "day", 50), ("10.00", "total", 80)]
    visitor.admin.bureau.spent[f"key:{key['id']}:total", 0] = 9_000_000
    page = await visitor.see(path)
    assert "$9.00 of $10.00 in all (90 %) nearly spent" in page.words
    assert "Counted anew at 2027-01-16 00:00:00" in page.words
    visitor.admin.bureau.spent[f"key:{key['id']}:total", 0] = 11_000_000
    assert "(110 %) spent" in (await visitor.see(path)).words
    await visitor.do(path, "lift", budget=rows[1]["id"])
    assert [row["per"] for row in (await visitor.admin.done("GET", BUDGETS))["data"]] == ["day"]


async def test_a_form_of_one_key_lifts_nothing_of_another(visitor: Visitor, key: Any) -> None:
    other = await visitor.admin.key(name="other")
    budget = await visitor.admin.done("PUT", BUDGETS, {"key": other["id"], "usd": 5, "per": "day"})
    limit = await visitor.admin.done("PUT", LIMITS, {"key": other["id"], "concurrent": 5})
    assert (await visitor.do(f"/keys/{key['id']}", "lift", budget=budget["id"])).status == 400
    assert (await visitor.do(f"/keys/{key['id']}", "limit", limit=limit["id"])).status == 400
    assert len((await visitor.admin.done("GET", BUDGETS))["data"]) == 1
    assert len((await visitor.admin.done("GET", LIMITS))["data"]) == 1


async def test_a_limit_for_some_models_is_told_and_left_alone(visitor: Visitor, key: Any) -> None:
    await visitor.admin.done("PUT", LIMITS, {"key": key["id"], "model": "zai-org/*", "concurrent": 5})
    path = f"/keys/{key['id']}"
    assert "zai-org/* : 5 at a time" in (await visitor.see(path)).words
    await visitor.do(path, "limit", concurrent="9")
    assert len((await visitor.admin.done("GET", LIMITS))["data"]) == 2


async def test_one_that_is_not_there(visitor: Visitor) -> None:
    assert (await visitor.see("/keys/key_nobodys")).status == 404
    assert (await visitor.do("/keys/key_nobodys/revoke", "revoke")).status == 404
