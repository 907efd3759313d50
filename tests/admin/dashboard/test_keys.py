import pytest

from tests.admin.dashboard.records import Visitor, keep, request
from tests.admin.dashboard.visitors import visiting_as, visitor
from tests.admin.test_keys import FILED

__all__ = ["visitor"]

KEY = "key_4Vd9sLq0aPz8XkT2bYw3cR"


async def test_keys_with_all_that_is_known_of_them(visitor: Visitor) -> None:
    admin = visitor.admin
    admin.bureau.declared.rows["keys"] = [FILED]
    now = int(admin.bureau.now)
    await admin.bureau.add_key(
        KEY, "acme", name="web", last4="h7Qz", owner="Search", tags={"team": "search"}, models=["a/*"],
        last_used_at=now - 7200, expires_at=now + 86_400,
    )  # fmt: skip
    await admin.done("PUT", "/admin/v1/limits", {"key": KEY, "requests_per_minute": 600, "concurrent": 5})
    await admin.done("PUT", "/admin/v1/budgets", {"key": KEY, "usd": 25, "per": "month"})
    await admin.done("PUT", "/admin/v1/budgets", {"key": KEY, "usd": 99, "per": "total"})
    await keep(
        admin,
        request("req_1", key_id=KEY, cost_micros=1_250_000, charged_micros=2_000_000),
        request("req_2", key_id=KEY, cost_micros=None, charged_micros=None),
        request("req_3", key_id=KEY, ago=40 * 86_400, cost_micros=9_000_000),
    )
    page = await visitor.see("/keys")
    assert page.status == 200
    for words in (
        "app acme ✓ active in the configuration …",
        "web acme ✓ active sk-tp-…h7Qz Search team: search",
        "600 req/min, 5 at a time; $25.00 a month, $99.00 in all models: a/*",
        "$1.25 and 1 unpriced 2 h ago 2027-01-16 08:00:00",
    ):
        assert words in page.words, words
    assert f"/dashboard/keys/{KEY}" in page.links()
    assert not any("filed" in link for link in page.links()), "a declared key has no page to change it on"


async def test_every_state_has_a_word_and_a_sign(visitor: Visitor) -> None:
    admin = visitor.admin
    made = {name: await admin.key(name=name) for name in ("on", "off", "gone", "turned")}
    await admin.key(name="over", expires_in_seconds=1)
    admin.bureau.now += 2
    await admin.done("PATCH", f"/admin/v1/keys/{made['off']['id']}", {"disabled": True})
    await admin.done("POST", f"/admin/v1/keys/{made['gone']['id']}/revoke")
    await admin.done("POST", f"/admin/v1/keys/{made['turned']['id']}/rotate", {"grace_seconds": 60})
    page = await visitor.see("/keys", state="all")
    for words in ("✓ active", "‖ disabled", "○ expired", "✕ revoked", "↻ rotating until 2027-01-15 08:01:02"):
        assert words in page.words, words
    without = await visitor.see("/keys")
    assert "revoked sk" not in without.words
    assert "Show revoked keys, too" in without.words


async def test_pages_of_keys(visitor: Visitor) -> None:
    names = [f"k{number:02}" for number in range(55)]
    for name in names:
        await visitor.admin.bureau.add_key(f"key_{name}", "acme", name=name)
    first = await visitor.see("/keys", tenant="acme")
    onwards = next(link for link in first.links() if "after=" in link)
    assert "tenant=acme" in onwards
    second = await visitor.see(onwards.removeprefix("/dashboard"))
    assert [name in first.words for name in names] == [True] * 50 + [False] * 5
    assert [name in second.words for name in names] == [False] * 50 + [True] * 5
    assert "First page" in second.words


async def test_empty_states_teach(visitor: Visitor) -> None:
    page = await visitor.see("/keys")
    assert "No keys yet" in page.words
    assert "/dashboard/keys/new" in page.links()
    of_one = await visitor.see("/keys", tenant="beta")
    assert "No keys of beta" in of_one.words
    assert "/dashboard/keys/new?tenant=beta" in of_one.links()


async def test_without_a_tenant_it_says_how_to_make_one(visitor: Visitor) -> None:
    for name in ("acme", "beta"):
        await visitor.admin.done("DELETE", f"/admin/v1/tenants/{name}")
    page = await visitor.see("/keys")
    assert "No tenants yet" in page.words
    assert "telnyx-proxy tenants create" in page.words


async def test_a_viewer_sees_no_buttons_and_is_refused(visitor: Visitor) -> None:
    key = await visitor.admin.key()
    async with visiting_as(visitor.admin, "viewer") as vera:
        for path in ("/keys", f"/keys/{key['id']}"):
            page = await vera.see(path)
            assert page.status == 200
            assert page.text.count("<button>") == (1 if path == "/keys" else 0), "only the filter's"
            assert "New key" not in page.words
            assert 'name="action"' not in page.text
        assert (await vera.see("/keys/new")).status == 403
        assert (await vera.see(f"/keys/{key['id']}/revoke")).status == 403
        for path, action in (
            ("/keys/new", "make"),
            (f"/keys/{key['id']}", "rotate"),
            (f"/keys/{key['id']}", "switch"),
            (f"/keys/{key['id']}", "limit"),
            (f"/keys/{key['id']}", "budget"),
            (f"/keys/{key['id']}", "lift"),
            (f"/keys/{key['id']}/revoke", "revoke"),
        ):
            assert (await vera.do(path, action, tenant="acme", name="x", usd="1")).status == 403, action
    assert (await visitor.admin.done("GET", f"/admin/v1/keys/{key['id']}"))["revision"] == 1


async def test_a_tenant_admin_has_the_keys_of_its_tenant(visitor: Visitor) -> None:
    mine, theirs = await visitor.admin.key(), await visitor.admin.key("beta", "theirs")
    await keep(visitor.admin, request("req_1", key_id=mine["id"], cost_micros=1_000_000, charged_micros=3_000_000))
    async with visiting_as(visitor.admin, "tenant_admin", "acme") as tom:
        page = await tom.see("/keys")
        assert "$3.00" in page.words
        assert "$1.00" not in page.words
        assert "theirs" not in page.words
        assert "beta" not in page.words
        assert (await tom.see("/keys", tenant="beta")).status == 404
        for path in (f"/keys/{theirs['id']}", f"/keys/{theirs['id']}/revoke", "/keys/key_nobodys"):
            assert (await tom.see(path)).status == 404
        for path, action in (("", "rotate"), ("", "switch"), ("/revoke", "revoke")):
            gone = await tom.do(f"/keys/{theirs['id']}{path}", action)
            assert gone.status == 404, action
        for action in ("limit", "budget", "lift"):
            assert (await tom.do(f"/keys/{mine['id']}", action, usd="1", requests_per_minute="1")).status == 403
        own = await tom.see(f"/keys/{mine['id']}")
        assert "Set a limit" not in own.words
        assert "Rotate" in own.words
    assert (await visitor.admin.done("GET", f"/admin/v1/keys/{theirs['id']}"))["revision"] == 1


@pytest.mark.parametrize("csrf", ["", "0" * 32, "ü"])
async def test_a_form_without_its_token_does_nothing(visitor: Visitor, csrf: str) -> None:
    key = await visitor.admin.key()
    visitor.csrf = csrf
    for path, action in (
        ("/keys/new", "make"),
        (f"/keys/{key['id']}", "rotate"),
        (f"/keys/{key['id']}/revoke", "revoke"),
    ):
        assert (await visitor.do(path, action, tenant="acme", name="x")).status == 403
    (kept,) = (await visitor.admin.done("GET", "/admin/v1/keys"))["data"]
    assert kept["status"] == "active"


async def test_what_people_typed_is_never_markup(visitor: Visitor) -> None:
    evil = '"><script>alert(1)</script>'
    key = await visitor.admin.key(owner=evil, tags={evil: evil}, models=[evil])
    await visitor.admin.bureau.add_key("key_evil", "acme", name=evil, last4="<i>", tags={"t": evil})
    seen = [
        await visitor.see("/keys"),
        await visitor.see("/keys", tenant=evil, after=evil),
        await visitor.see(f"/keys/{key['id']}"),
        await visitor.see("/keys/key_evil"),
        await visitor.see("/keys/key_evil/revoke"),
        await visitor.see("/keys/new", tenant=evil),
        await visitor.do("/keys/new", "make", tenant=evil, name=evil, owner=evil, tags=evil, models=evil, usd=evil),
        await visitor.do("/keys/new", evil),
        await visitor.do(f"/keys/{key['id']}", "limit", requests_per_minute=evil, limit=evil, revision=evil),
        await visitor.do("/keys/key_evil", "rotate", grace="0", once=evil),
    ]
    for page in seen:
        assert "<script>alert" not in page.text, page.words
        assert "<i>" not in page.text
