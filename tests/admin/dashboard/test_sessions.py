from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from proxy.admin.authorisation import Authorisation
from proxy.admin.dashboard.frame import Said
from proxy.admin.dashboard.sessions import COOKIE, LASTS, LONGEST, Pass, Sessions, cookie_name
from proxy.errors import InvalidApiKey
from tests.admin.listener import TOKEN, Listener


def sessions(admin: Listener, token: str | None = TOKEN) -> Sessions:
    office = admin.bureau.api.office
    return Sessions(office, Authorisation(token, office), token)


def with_cookies(answer: web.Response) -> Any:
    header = "; ".join(f"{name}={each.value}" for name, each in answer.cookies.items())
    return make_mocked_request("GET", "/dashboard", headers={"Cookie": header})


@pytest.mark.parametrize("secure", [False, True])
async def test_a_pass_there_and_back(admin: Listener, *, secure: bool) -> None:
    at_work = sessions(admin)
    made, actor = await at_work.sign_in(f" {TOKEN} ", "192.0.2.1")
    answer = web.Response()
    at_work.keep(answer, made, secure=secure)
    request = with_cookies(answer)
    assert sessions(admin).read(request, secure=secure) == made
    assert at_work.read(request, secure=not secure) is None
    assert await at_work.actor(made, "192.0.2.1") == actor


async def test_a_pass_says_neither_token_nor_secret(admin: Listener) -> None:
    made, _ = await sessions(admin).sign_in(TOKEN, "")
    assert made.csrf not in repr(made)
    assert made.check not in repr(made)


def test_a_pass_runs_out() -> None:
    made = Pass("t", "c", "s", began=0, renewed=100)
    assert made.lasts(100 + LASTS - 1)
    assert not made.lasts(100 + LASTS)
    assert not Pass("t", "c", "s", began=0, renewed=LONGEST).lasts(LONGEST)


async def test_a_token_that_was_made_anew_under_the_same_id_is_another(admin: Listener) -> None:
    at_work = sessions(admin)
    value = await admin.token("viewer")
    made, _ = await at_work.sign_in(value, "")
    with pytest.raises(InvalidApiKey):
        await at_work.actor(Pass(made.token, "0" * 32, made.csrf, made.began, made.renewed), "")
    with pytest.raises(InvalidApiKey):
        await at_work.actor(Pass("token_gone", made.check, made.csrf, made.began, made.renewed), "")


async def test_who_is_no_more_in_the_configuration(admin: Listener) -> None:
    made, _ = await sessions(admin).sign_in(TOKEN, "")
    for token in (None, "another"):
        with pytest.raises(InvalidApiKey):
            await sessions(admin, token).actor(made, "")


async def test_what_is_said_is_said_to_this_session(admin: Listener) -> None:
    at_work = sessions(admin)
    made, _ = await at_work.sign_in(TOKEN, "")
    other, _ = await at_work.sign_in(TOKEN, "")
    answer = web.Response()
    at_work.say(answer, made, Said("Done. " * 200, "note", "sk-1"), secure=False)
    found = at_work.said(with_cookies(answer), made, secure=False)
    assert found is not None
    assert (found.text, found.tone, found.secret) == (("Done. " * 200)[:500], "note", "sk-1")
    assert at_work.said(with_cookies(answer), other, secure=False) is None


async def test_signing_out_takes_every_cookie_back(admin: Listener) -> None:
    answer = web.Response()
    sessions(admin).end(answer, secure=True)
    assert len(answer.cookies) == 3
    assert all(name.startswith("__Secure-telnyx_proxy_") for name in answer.cookies)
    assert all(
        (each.value, str(each["max-age"]), each["path"]) == ("", "0", "/dashboard") for each in answer.cookies.values()
    )


async def test_a_form_belongs_to_its_cookie(admin: Listener) -> None:
    at_work = sessions(admin)
    answer = web.Response()
    at_work.offer(answer, "0" * 32, secure=False)
    request = with_cookies(answer)
    assert at_work.is_offered(request, at_work.form_token("0" * 32), secure=False)
    assert not at_work.is_offered(request, at_work.form_token("1" * 32), secure=False)
    assert not at_work.is_offered(make_mocked_request("GET", "/"), at_work.form_token(""), secure=False)


def test_names_of_cookies() -> None:
    assert cookie_name(COOKIE, secure=False) == "telnyx_proxy_session"
    assert cookie_name(COOKIE, secure=True) == "__Secure-telnyx_proxy_session"
