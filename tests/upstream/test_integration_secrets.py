import json
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

import pytest

from proxy.emulator.server import Emulator
from proxy.emulator.server import running as emulator_running
from proxy.errors import (
    Conflict,
    NotFound,
    ProxyError,
    RateLimited,
    UpstreamAuthFailed,
    UpstreamFailed,
    UpstreamRejected,
    UpstreamUnavailable,
)
from proxy.upstream import integration_secrets
from proxy.upstream.integration_secrets import Basic, Bearer, IntegrationSecret, IntegrationSecrets
from proxy.upstream.transport import Transport
from tests.upstream.origin import Line, answering, origin
from tests.upstream.sending import CREDENTIAL

TOKEN = "sk-proj-0123456789abcdefghij"
ROW = {"id": "1", "identifier": "openai-key", "record_type": "integration_secret", "created_at": "2026-01-02T03:04:05Z"}
PATH = "/v2/integration_secrets"

Connect = Callable[..., IntegrationSecrets]


@pytest.fixture
async def telnyx() -> AsyncIterator[Emulator]:
    async with emulator_running() as emulator:
        yield emulator


@pytest.fixture
def secrets(transport: Transport, telnyx: Emulator) -> IntegrationSecrets:
    return IntegrationSecrets(transport, telnyx.base_url, CREDENTIAL)


def answer(status: int, value: Any = None) -> bytes:
    """A whole HTTP answer; bytes stand for themselves."""
    body = value if isinstance(value, bytes) else b"" if value is None else json.dumps(value).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def page(rows: Sequence[Any], **meta: Any) -> bytes:
    return answer(200, {"data": list(rows), "meta": meta} if meta else {"data": list(rows)})


def numbered(first: int, last: int) -> list[dict[str, str]]:
    return [{"id": str(number), "identifier": f"i{number}"} for number in range(first, last + 1)]


async def listed(transport: Transport, *answers: bytes) -> tuple[list[str], list[str]]:
    """The identifiers that a server with these pages leads to, and what it was asked for."""
    async with origin(partial(says, answers)) as server:
        found = await IntegrationSecrets(transport, base(server.port), CREDENTIAL).every()
        return [each.identifier for each in found], [request.target for request in server.requests]


async def says(answers: Sequence[bytes], line: Line) -> None:
    await answering(line, *answers)


def base(port: int) -> str:
    return f"http://127.0.0.1:{port}/v2"


async def failure(transport: Transport, said: bytes, *, deleting: bool = False) -> ProxyError:
    """What a creation or a deletion fails with that is answered like this."""
    async with origin(partial(says, (said,))) as server:
        secrets = IntegrationSecrets(transport, base(server.port), CREDENTIAL)
        with pytest.raises(ProxyError) as caught:
            await (secrets.delete("a-b") if deleting else secrets.create("openai-key", Bearer(TOKEN)))
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.envelope())
    assert TOKEN not in told
    assert CREDENTIAL not in told
    return caught.value


async def test_a_secret_is_handed_over_found_and_deleted(secrets: IntegrationSecrets, telnyx: Emulator) -> None:
    made = await secrets.create("openai-key", Bearer(TOKEN))
    assert made.identifier == "openai-key"
    assert made.created_at
    assert await secrets.every() == (made,)
    await secrets.delete(made.id)
    assert await secrets.every() == ()
    sent = telnyx.state.requests[0]
    assert (sent.method, sent.path) == ("POST", PATH)
    assert sent.headers["authorization"] == f"Bearer {CREDENTIAL}"
    assert sent.body == {"identifier": "openai-key", "type": "bearer", "token": TOKEN}


async def test_a_user_and_a_password_are_a_secret_too(secrets: IntegrationSecrets, telnyx: Emulator) -> None:
    await secrets.create("crm", Basic("me", "geheim"))
    assert telnyx.state.requests[0].body == {
        "identifier": "crm",
        "type": "basic",
        "username": "me",
        "password": "geheim",
    }


async def test_an_identifier_that_is_there_is_refused(secrets: IntegrationSecrets) -> None:
    await secrets.create("openai-key", Bearer(TOKEN))
    with pytest.raises(UpstreamRejected, match="exists already"):
        await secrets.create("openai-key", Bearer(TOKEN))


async def test_what_is_not_there_cannot_be_deleted(secrets: IntegrationSecrets) -> None:
    with pytest.raises(NotFound, match="no-such-id"):
        await secrets.delete("no-such-id")


async def test_a_key_that_telnyx_does_not_take_is_told(transport: Transport, telnyx: Emulator) -> None:
    with pytest.raises(UpstreamAuthFailed):
        await IntegrationSecrets(transport, telnyx.base_url, "KEY_invalid").every()


async def test_an_id_cannot_leave_its_place_in_the_path(transport: Transport) -> None:
    async with origin(partial(says, (answer(204),))) as server:
        await IntegrationSecrets(transport, base(server.port), CREDENTIAL).delete("../x?y=1#z")
        assert [request.target for request in server.requests] == [f"{PATH}/..%2Fx%3Fy%3D1%23z"]


async def test_every_page_is_read(transport: Transport) -> None:
    pages = [page(numbered(1, 2), total_pages=3), page(numbered(3, 4), total_pages=3), page(numbered(5, 5))]
    found, asked = await listed(transport, *pages)
    assert found == ["i1", "i2", "i3", "i4", "i5"]
    assert asked == [f"{PATH}?page%5Bnumber%5D={number}&page%5Bsize%5D=250" for number in (1, 2, 3)]


async def test_without_meta_a_full_page_has_a_successor(transport: Transport) -> None:
    found, asked = await listed(transport, page(numbered(1, 250)), page(numbered(251, 252)))
    assert (len(found), len(asked)) == (252, 2)


@pytest.mark.parametrize("meta", [{"total_pages": None}, {"total_pages": "2"}, {"page_number": 1}])
async def test_a_meta_that_says_nothing_is_none(transport: Transport, meta: dict[str, Any]) -> None:
    found, asked = await listed(transport, page(numbered(1, 2), **meta))
    assert (len(found), len(asked)) == (2, 1)


async def test_a_server_that_knows_no_pages_is_asked_twice_at_most(transport: Transport) -> None:
    """It answers with the whole list to whatever is asked."""
    found, asked = await listed(transport, page(numbered(1, 300)))
    assert (len(found), len(asked)) == (300, 2)


async def test_a_list_without_end_is_given_up(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integration_secrets, "PAGES", 3)
    pages = [page(numbered(number, number), total_pages=99) for number in range(1, 6)]
    with pytest.raises(UpstreamFailed, match="does not end"):
        await listed(transport, *pages)


async def test_rows_that_cannot_be_read_are_left_out(transport: Transport) -> None:
    odd: list[Any] = [
        None,
        5,
        [],
        {},
        {"id": "1"},
        {"identifier": "x"},
        {"id": 1, "identifier": "x"},
        {"id": "", "identifier": "x"},
    ]
    odd += [{"id": "1", "identifier": None}]
    found, _ = await listed(transport, page([*odd, {**ROW, "created_at": None, "new": 1}]))
    assert found == ["openai-key"]


def test_a_row_has_its_times_if_telnyx_gives_them() -> None:
    assert integration_secrets._row(ROW) == IntegrationSecret("1", "openai-key", "2026-01-02T03:04:05Z", "")


@pytest.mark.parametrize("said", [b"", b"<html>", b"[]", b'{"data": {}}', b"{}", b"null"])
async def test_a_list_that_is_none_is_told(transport: Transport, said: bytes) -> None:
    with pytest.raises(UpstreamFailed, match="cannot be read"):
        await listed(transport, answer(200, said))


@pytest.mark.parametrize("said", [b"", b"<html>", b'{"data": []}', b'{"data": {"id": "1"}}'])
async def test_an_answer_to_a_creation_that_cannot_be_read_is_told(transport: Transport, said: bytes) -> None:
    assert isinstance(await failure(transport, answer(201, said)), UpstreamFailed)


@pytest.mark.parametrize(
    ("status", "fault"),
    [(401, UpstreamAuthFailed), (409, Conflict), (422, UpstreamRejected), (429, RateLimited), (500, UpstreamFailed)],
)
async def test_a_refusal_is_in_our_words_and_without_secrets(
    transport: Transport, status: int, fault: type[ProxyError]
) -> None:
    echo = f"What is {TOKEN}, sent with {CREDENTIAL}?"
    said = answer(status, {"errors": [{"code": "10015", "title": "No", "detail": echo}]})
    assert type(await failure(transport, said)) is fault


@pytest.mark.parametrize(("status", "fault"), [(404, NotFound), (503, UpstreamUnavailable), (302, UpstreamFailed)])
async def test_a_deletion_can_fail_too(transport: Transport, status: int, fault: type[ProxyError]) -> None:
    assert type(await failure(transport, answer(status), deleting=True)) is fault


async def test_where_no_server_is_nothing_is_leaked(transport: Transport) -> None:
    async with origin(partial(says, (answer(200),))) as server:
        port = server.port
    with pytest.raises(UpstreamUnavailable) as caught:
        await IntegrationSecrets(transport, base(port), CREDENTIAL).create("openai-key", Bearer(TOKEN))
    told = "".join(traceback.format_exception(caught.value))
    assert TOKEN not in told


def test_what_holds_a_secret_does_not_show_it() -> None:
    assert TOKEN not in repr(Bearer(TOKEN))
    assert repr(Basic("me", "geheim")) == "Basic(username='me')"
