import re
from dataclasses import replace

import pytest

from proxy.accounts.keys import damaged
from proxy.errors import StoreUnavailable
from tests.admin.dashboard.records import Seen, Visitor
from tests.admin.dashboard.visitors import visiting_as, visitor

__all__ = ["visitor"]

PATH = "/keys/new"
FULL = {
    "tenant": "acme",
    "name": "web",
    "owner": "Search",
    "tags": "team=search, env=prod",
    "expires": "30",
    "models": "a/*, b",
    "requests_per_minute": "60",
    "tokens_per_minute": "250,000",
    "concurrent": "5",
    "usd": "$25",
}


def secret_of(page: Seen) -> str:
    found = re.search(r'<input[^>]*value="(sk-tp-[^"]+)" id="secret"', page.text)
    assert found is not None, page.words
    return found[1]


async def make(visitor: Visitor, **fields: str) -> Seen:
    form = await visitor.see(PATH)
    return await visitor.do(PATH, "make", once=form.hidden("once"), **fields)


async def test_a_key_with_its_bounds(visitor: Visitor) -> None:
    visitor.admin.bureau.api.office = replace(visitor.admin.bureau.api.office, listens=("0.0.0.0", 8080))  # noqa: S104
    page = await make(visitor, **FULL)
    assert (page.status, page.headers["cache-control"]) == (200, "no-store")
    secret = secret_of(page)
    assert not damaged(secret)
    assert f"export OPENAI_BASE_URL=http://127.0.0.1:8080/v1 export OPENAI_API_KEY={secret}" in page.words
    assert "curl" in page.words
    assert "client = OpenAI()" in page.words
    assert "set-cookie" not in page.headers
    (key,) = (await visitor.admin.done("GET", "/admin/v1/keys"))["data"]
    assert (key["owner"], key["tags"], key["models"]) == ("Search", {"team": "search", "env": "prod"}, ["a/*", "b"])
    assert key["expires_at"] == visitor.admin.bureau.now + 30 * 86_400
    assert key["redacted"].endswith(secret[-4:])
    (limit,) = (await visitor.admin.done("GET", "/admin/v1/limits"))["data"]
    assert (limit["requests_per_minute"], limit["tokens_per_minute"], limit["concurrent"]) == (60, 250_000, 5)
    (budget,) = (await visitor.admin.done("GET", "/admin/v1/budgets"))["data"]
    assert (budget["key"], budget["usd"], budget["per"]) == (key["id"], "25.00", "month")
    assert secret not in (await visitor.see(f"/keys/{key['id']}")).text
    made = (await visitor.admin.bureau.audit("key"))[-1]
    assert (made["action"], made["actor_name"]) == ("key.created", "admin.token of the configuration")


async def test_sending_the_form_again_makes_no_second_key_and_shows_none(visitor: Visitor) -> None:
    form = await visitor.see(PATH)
    fields = {"once": form.hidden("once"), "tenant": "acme", "name": "web"}
    first = await visitor.do(PATH, "make", **fields)
    secret = secret_of(first)
    again = await visitor.do(PATH, "make", **fields)
    assert again.status == 200
    assert secret not in again.text
    assert "was made then" in again.words
    assert len((await visitor.admin.done("GET", "/admin/v1/keys"))["data"]) == 1
    (link,) = [each for each in again.links() if re.search(r"/keys/key_\w+$", each)][:1]
    assert (await visitor.see(link.removeprefix("/dashboard"))).status == 200


async def test_every_form_is_for_one_key(visitor: Visitor) -> None:
    assert (await visitor.see(PATH)).hidden("once") != (await visitor.see(PATH)).hidden("once")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "a b", "must be letters"),
        ("name", "", "must be letters"),
        ("tenant", "nobody", "no tenant 'nobody'"),
        ("tags", "team", "pairs such as"),
        ("expires", "soon", "must be a whole number"),
        ("expires", "0", "must be at least 1"),
        ("models", "*" * 9, "at most 8 *"),
        ("requests_per_minute", "many", "must be a whole number"),
        ("concurrent", "0", "must be at least 1"),
        ("usd", "-5", "US dollars"),
        ("usd", "0.0000001", "US dollars"),
    ],
)
async def test_a_fault_stands_at_its_field_and_nothing_is_made(
    visitor: Visitor, field: str, value: str, words: str
) -> None:
    page = await make(visitor, **{**FULL, field: value})
    assert page.status in {400, 404}
    options = r"\s*(?:<datalist.*?</datalist>\s*)?"
    said = re.search(
        rf'<input id="f-{field}"[^>]*aria-invalid="true"[^>]*>{options}<span class="hint bad" id="h-{field}">',
        page.text,
        re.DOTALL,
    )
    assert said is not None, page.text
    assert words in page.words
    assert 'value="Search"' in page.text, "what was typed stays"
    assert (await visitor.admin.done("GET", "/admin/v1/keys"))["data"] == []


async def test_a_name_that_is_taken(visitor: Visitor) -> None:
    await visitor.admin.key()
    page = await make(visitor, tenant="acme", name="web")
    assert page.status == 409
    assert "has a key 'web' already" in page.words


async def test_a_warning_of_the_api_is_shown(visitor: Visitor) -> None:
    visitor.admin.bureau.models.add("moonshotai/Kimi-K2.6")
    page = await make(visitor, tenant="acme", name="web", models="nope")
    assert "no known model matches 'nope'" in page.words
    secret_of(page)


async def test_a_key_that_was_made_is_shown_even_if_what_bounds_it_fails(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = visitor.admin.bureau.api
    call = api.call

    async def failing(method: str, path: str, *args: object, **more: object) -> object:
        if method == "PUT":
            raise StoreUnavailable("The database does not answer.")
        return await call(method, path, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(api, "call", failing)
    page = await make(visitor, **FULL)
    secret_of(page)
    assert page.words.count("The database does not answer.") == 2


async def test_a_tenant_admin_makes_keys_and_does_not_bound_them(visitor: Visitor) -> None:
    async with visiting_as(visitor.admin, "tenant_admin", "acme") as tom:
        form = await tom.see(PATH)
        assert 'name="usd"' not in form.text
        assert 'value="acme"' in form.text
        assert "Limits and budgets are set by operators." in form.words
        refused = await make(tom, tenant="acme", name="web", usd="25")
        assert refused.status == 403
        assert (await make(tom, tenant="beta", name="web")).status == 404
        assert (await visitor.admin.done("GET", "/admin/v1/keys"))["data"] == []
        secret_of(await make(tom, tenant="acme", name="web"))


@pytest.mark.parametrize(
    ("listens", "url"),
    [
        (("", 0), "http://127.0.0.1/v1"),
        (("::", 8080), "http://127.0.0.1:8080/v1"),
        (("10.0.0.7", 8080), "http://10.0.0.7:8080/v1"),
        (("::1", 8080), "http://[::1]:8080/v1"),
    ],
)
async def test_the_address_that_applications_need(visitor: Visitor, listens: tuple[str, int], url: str) -> None:
    visitor.admin.bureau.api.office = replace(visitor.admin.bureau.api.office, listens=listens)
    assert f"OPENAI_BASE_URL={url} " in (await make(visitor, tenant="acme", name="web")).words
