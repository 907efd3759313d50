"""What an answer from far away can be, on real sockets."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from proxy.cli import remote
from proxy.cli.desks import Misused, Refused

TOKEN = "sk-tpa-an-admin-token"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Serve(Protocol):
    def __call__(self, handler: Handler, context: ssl.SSLContext | None = None) -> Awaitable[str]: ...


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    runners: list[web.AppRunner] = []

    async def start(handler: Handler, context: ssl.SSLContext | None = None) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app)
        runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for each in runners:
        await each.cleanup()


def answering(text: str, status: int = 200, **headers: str) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=text, status=status, headers=headers)

    return handler


async def test_a_call_is_one_request_as_the_api_wants_it(serve: Serve) -> None:
    heard: list[object] = []

    async def handler(request: web.Request) -> web.Response:
        kind = request.headers.get("Content-Type")
        heard.append((request.method, request.raw_path, request.headers["Authorization"], kind, await request.text()))
        return web.json_response({"id": "a"})

    url = await serve(handler)
    async with remote.remote(url + "/", TOKEN) as desk:
        query = {"tenant": "a&b", "limit": "5"}
        assert await desk.call("GET", "/admin/v1/keys/a%2Fb", query=query) == {"id": "a"}
        assert await desk.call("POST", "/admin/v1/keys", body={"name": "é"}) == {"id": "a"}
    bearer = f"Bearer {TOKEN}"
    assert heard[0] == ("GET", "/admin/v1/keys/a%2Fb?tenant=a%26b&limit=5", bearer, None, "")
    assert heard[1] == ("POST", "/admin/v1/keys", bearer, "application/json", '{"name":"é"}')


async def test_without_a_token_none_is_sent(serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"sent": "Authorization" in request.headers})

    async with remote.remote(await serve(handler), "") as desk:
        assert await desk.call("GET", "/admin/v1/keys") == {"sent": False}


async def test_an_error_of_the_api_keeps_its_words(serve: Serve) -> None:
    body = '{"error": {"message": "There is no tenant \'a\'.", "type": "x", "param": null, "code": null}}'
    async with remote.remote(await serve(answering(body, 404)), TOKEN) as desk:
        with pytest.raises(Refused, match="There is no tenant 'a'") as caught:
            await desk.call("GET", "/admin/v1/tenants/a")
    assert caught.value.status == 404


async def test_a_refused_token_says_where_it_comes_from(serve: Serve) -> None:
    async with remote.remote(await serve(answering('{"error": {"message": "No."}}', 401)), TOKEN) as desk:
        with pytest.raises(Refused, match="TELNYX_PROXY_ADMIN_TOKEN") as caught:
            await desk.call("GET", "/admin/v1/tenants")
    assert TOKEN not in caught.value.message


@pytest.mark.parametrize(
    ("text", "status"), [("<html>", 200), ("<html>", 502), ('{"error": "x"}', 500), ("[]", 404), ("{}", 302), ("", 503)]
)
async def test_what_is_no_admin_listener_is_told_as_that(serve: Serve, text: str, status: int) -> None:
    async with remote.remote(await serve(answering(text, status)), TOKEN) as desk:
        with pytest.raises(Refused, match=f"answered {status}, but not as an admin listener does"):
            await desk.call("GET", "/admin/v1/tenants")


async def test_a_number_that_json_cannot_carry_is_told(serve: Serve) -> None:
    async with remote.remote(await serve(answering("{}")), TOKEN) as desk:
        with pytest.raises(Refused, match="too many digits"):
            await desk.call("PUT", "/admin/v1/limits", body={"requests_per_minute": 10**30})


async def test_a_redirect_is_not_followed_with_the_token(serve: Serve) -> None:
    reached: list[str] = []

    async def trap(request: web.Request) -> web.Response:
        reached.append(request.path)
        return web.json_response({})

    away = await serve(trap)
    async with remote.remote(await serve(answering("", 307, Location=away)), TOKEN) as desk:
        with pytest.raises(Refused, match="answered 307"):
            await desk.call("GET", "/admin/v1/tenants")
    assert reached == []


async def test_a_name_that_leads_nowhere_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(*args: object, **options: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    async with remote.remote("https://proxy.invalid", TOKEN) as desk:
        with pytest.raises(Refused, match=r"proxy\.invalid cannot be reached: Name or service not known"):
            await desk.call("GET", "/admin/v1/tenants")


async def test_an_answer_that_is_no_http_is_told() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server, remote.remote(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", TOKEN) as desk:
        with pytest.raises(Refused, match="cannot be reached: "):
            await desk.call("PATCH", "/admin/v1/tenants/a")


async def test_an_answer_without_end_is_given_up(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "ANSWER_LIMIT", 1000)
    async with remote.remote(await serve(answering("x" * 1001)), TOKEN) as desk:
        with pytest.raises(Refused, match="too large"):
            await desk.call("GET", "/admin/v1/tenants")


async def test_an_answer_that_never_comes_is_given_up(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    over = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        await over.wait()
        return web.json_response({})

    monkeypatch.setattr(remote, "TIMEOUT", aiohttp.ClientTimeout(total=0.01))
    async with remote.remote(await serve(handler), TOKEN) as desk:
        with pytest.raises(Refused, match="did not answer in"):
            await desk.call("GET", "/admin/v1/tenants")
    over.set()


async def test_a_certificate_that_nobody_vouches_for_is_not_accepted(serve: Serve, tmp_path: Path) -> None:
    """Also with --insecure, which allows http only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path / "own.pem"))
    url = await serve(answering("{}"), context)
    async with remote.remote(url.replace("http:", "https:"), TOKEN, insecure=True) as desk:
        with pytest.raises(Refused, match="certificate is not accepted"):
            await desk.call("GET", "/admin/v1/tenants")


def self_signed(path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(secret + made.public_bytes(pem))
    return path


async def test_nobody_at_the_address_is_told(serve: Serve, unused_tcp_port: int) -> None:
    async with remote.remote(f"http://127.0.0.1:{unused_tcp_port}", TOKEN) as desk:
        with pytest.raises(Refused, match="cannot be reached: Connection refused") as caught:
            await desk.call("GET", "/admin/v1/tenants")
    assert caught.value.status == 0


def breaking(times: int, keys: list[str | None]) -> Handler:
    """Breaks so many connections, at the beginning of the answer and in the middle of it, then answers."""

    async def handler(request: web.Request) -> web.StreamResponse:
        keys.append(request.headers.get("Idempotency-Key"))
        if len(keys) > times:
            return web.json_response({"key": "sk-tp-x"})
        assert request.transport is not None
        answer = web.StreamResponse(headers={"content-length": "100"})
        if len(keys) % 2 == 0:
            await answer.prepare(request)
            await answer.write(b"{")
        request.transport.abort()
        return answer

    return handler


@pytest.mark.parametrize("first", [0, 1])
async def test_a_secret_is_not_lost_with_its_answer(serve: Serve, first: int) -> None:
    keys: list[str | None] = [None] * first
    async with remote.remote(await serve(breaking(first + 1, keys)), TOKEN) as desk:
        assert await desk.call("POST", "/admin/v1/keys", body={}) == {"key": "sk-tp-x"}
    assert keys[first] is not None
    assert keys[first] == keys[first + 1]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_what_cannot_be_told_is_said(serve: Serve, method: str) -> None:
    keys: list[str | None] = []
    async with remote.remote(await serve(breaking(9, keys)), TOKEN) as desk:
        with pytest.raises(Refused, match="broke the connection; look whether it was done"):
            await desk.call(method, "/admin/v1/tenants")
    assert len(keys) == (1 if method == "PATCH" else 2)
    assert (keys[0] is not None) == (method == "POST")


async def test_a_listener_without_tls_is_no_https(serve: Serve) -> None:
    url = await serve(answering("{}"))
    async with remote.remote(url.replace("http:", "https:"), TOKEN) as desk:
        with pytest.raises(Refused, match="does not speak TLS as it should: "):
            await desk.call("GET", "/admin/v1/tenants")


@pytest.mark.parametrize("url", ["", "8081", "ftp://a", "http://", "http://[", "http://a:x", "http://localhost?a=b"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(Misused, match="must be an address such as"):
        remote.address(url, insecure=False)


@pytest.mark.parametrize("url", ["https://root:secret@proxy", "http://root@localhost"])
def test_an_address_has_no_room_for_secrets(url: str) -> None:
    with pytest.raises(Misused, match="must not contain a user") as caught:
        remote.address(url, insecure=False)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://proxy.internal:8081", "http://10.0.0.1", "http://127.0.0.1.example.com"])
def test_a_token_does_not_travel_readable(url: str) -> None:
    with pytest.raises(Misused, match="another machine and the address is plain http"):
        remote.address(url, insecure=False)
    assert str(remote.address(url, insecure=True)).startswith(url)


@pytest.mark.parametrize(
    "url", ["http://localhost:8081", "http://127.0.0.2", "http://[::1]:8081", "https://proxy/base"]
)
def test_loopback_and_tls_are_safe(url: str) -> None:
    assert str(remote.address(f"{url}/", insecure=False)).rstrip("/") == url


@pytest.mark.parametrize("token", ["a\nb", "é", "a\x00"])
async def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(Misused, match="TELNYX_PROXY_ADMIN_TOKEN holds characters") as caught:
        async with remote.remote("http://localhost", token):
            pass
    assert token not in str(caught.value)
