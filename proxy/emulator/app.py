"""The emulated Telnyx as an aiohttp application: its routes, and the path of a chat request from top to bottom."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson
from aiohttp import web

from proxy.emulator import (
    anthropic,
    catalogue,
    completions,
    control,
    embeddings,
    failures,
    refusals,
    response_requests,
    responses,
    scenarios,
    speech,
    streaming,
    transcriptions,
    validation,
    wire,
)
from proxy.emulator.answers import Completion, compose
from proxy.emulator.behaviour import Behaviour
from proxy.emulator.control import STATE
from proxy.emulator.failures import FAILURES, Failure, Refused
from proxy.emulator.fine_tuning import Jobs
from proxy.emulator.integration_secrets import Vaults
from proxy.emulator.patterns import Unsupported
from proxy.emulator.schema import request_schema
from proxy.emulator.state import Received, State
from proxy.emulator.usage_reports import Served

VAULTS = web.AppKey("vaults", Vaults)
SERVED = web.AppKey("served", Served)
JOBS = web.AppKey("jobs", Jobs)
_RECEIVED = web.RequestKey("received", Received)
_BEHAVIOUR = web.RequestKey("behaviour", Behaviour)

_LARGEST_BODY = 64 * 2**20
"""Larger than the proxy's own default, so that the proxy's limit is the one that is met."""

_UPLOADS = "/v2/ai/audio/transcriptions"
"""Where bodies are not read whole."""

_STREAM_HEADERS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}

_HTTP_FAULTS: Mapping[int, Failure] = MappingProxyType(
    {404: failures.NO_SUCH_PATH, 405: failures.METHOD_NOT_ALLOWED, 413: failures.TOO_LARGE}
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_app(
    scenario: str = "default",
    *,
    options: Mapping[str, Any] | None = None,
    now: Callable[[], float] = time.time,
) -> web.Application:
    """A new emulator. Raises scenarios.UnknownScenario or behaviour.BadOption.

    `now` is the clock of `created`. The live state is under `control.STATE`, the integration secrets under `VAULTS`,
    what usage reports are made from under `SERVED`.
    """
    # cancelling the handler is how a client that hangs up is noticed while an answer waits
    app = web.Application(
        middlewares=[_note], client_max_size=_LARGEST_BODY, handler_args={"handler_cancellation": True}
    )
    app[STATE] = State(scenario, options or {}, now)
    app[VAULTS] = Vaults(now)
    app[SERVED] = Served(now)
    app[JOBS] = Jobs(now)
    app.on_response_prepare.append(_maybe_close)
    app.on_shutdown.append(_let_go)
    for base in ("/v2/ai/openai", "/v2/ai"):
        app.router.add_post(f"{base}/chat/completions", _chat)
        app.router.add_get(f"{base}/models", _models)
    app.router.add_post("/v2/ai/openai/embeddings", _embeddings)  # /v2/ai/embeddings is about buckets
    app.router.add_get("/v2/ai/openai/embeddings/models", _embedding_models)
    app.router.add_post("/v2/ai/anthropic/v1/messages", _messages)
    app.router.add_post("/v2/ai/openai/responses", _responses)
    app.router.add_post(_UPLOADS, _transcriptions)
    app.router.add_post("/v2/text-to-speech/speech", _speech)
    for path in ("", "/{id}", "/{id}/cancel"):
        app.router.add_route("*", f"/v2/ai/fine_tuning/jobs{path}", _fine_tuning)
    app.router.add_post("/v2/integration_secrets", _new_secret)
    app.router.add_get("/v2/integration_secrets", _secrets)
    app.router.add_delete("/v2/integration_secrets/{id}", _no_more_secret)
    app.router.add_get("/v2/usage_reports", _report)
    app.router.add_get("/v2/usage_reports/options", _report_options)
    control.add_routes(app.router)
    return app


async def _let_go(app: web.Application) -> None:
    app[STATE].release.set()


@web.middleware
async def _note(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Records what arrives and how its answer ends. Answers are written here, so that their end is seen."""
    if request.path.startswith("/_"):
        return await handler(request)
    state = request.app[STATE]
    received = state.receive(request.method, request.path, request.query_string, _headers(request), request.transport)
    request[_RECEIVED] = received
    try:
        response = await _answered(request, handler)
        received.status = response.status
        await response.prepare(request)
        await response.write_eof()
    except wire.BrokenOff:
        state.end(received, "broken off")
        return web.Response()  # goes nowhere
    except (asyncio.CancelledError, ConnectionError):
        state.end(received, "hung up")
        raise
    state.end(received, "complete")
    return response


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        if request.path != _UPLOADS:
            request[_RECEIVED].body = _readable(await request.read())
        request[_BEHAVIOUR] = _behaviour(request)
        request[_RECEIVED].scenario = request[_BEHAVIOUR].scenario
        response = await handler(request)
    except web.HTTPException as fault:
        response = _failed(_HTTP_FAULTS[fault.status])
    except Refused as refused:
        response = _failed(refused.failure)
    return response


async def _maybe_close(request: web.Request, response: web.StreamResponse) -> None:
    """Announces the end of the connection, where the scenario wants one after each answer."""
    if _BEHAVIOUR in request and request[_BEHAVIOUR].connection == "close":
        response.force_close()
        response.headers["connection"] = "close"


def _headers(request: web.Request) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in request.headers.items():
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined


def _readable(data: bytes) -> Any:
    if not data:
        return None
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return data.decode("utf-8", "replace")


def _key(request: web.Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _behaviour(request: web.Request) -> Behaviour:
    """The scenario in force, or the one that the key chooses for this request.

    `KEY_<scenario>` chooses; `KEY_<scenario>.<anything>` does too, so that several keys can choose the same.
    """
    name = _key(request).removeprefix("KEY_").partition(".")[0]
    if _key(request).startswith("KEY_") and all(part in scenarios.SCENARIOS for part in name.split("+")):
        return scenarios.resolve(name)
    return request.app[STATE].behaviour


def _failed(failure: Failure) -> web.Response:
    response = web.Response(status=failure.status, body=failure.body, headers=dict(failure.headers))
    if failure.content_type is not None:
        response.content_type = failure.content_type
    return response


def _expect_key(request: web.Request) -> None:
    key = _key(request)
    if not key.startswith("KEY") or key == "KEY_invalid":
        raise Refused(failures.UNAUTHENTICATED)


async def _admit(request: web.Request, endpoint: str) -> Behaviour:
    """Authenticates, then goes wrong as the scenario wants for this endpoint. Raises Refused or wire.BrokenOff."""
    _expect_key(request)
    behaviour, state = request[_BEHAVIOUR], request.app[STATE]
    if not behaviour.concerns(endpoint):
        return behaviour
    reused = request[_RECEIVED].nth > 1
    resets = behaviour.connection == "reset" or (behaviour.connection == "reset-reused" and reused)
    if resets and state.spend(behaviour):
        await wire.reset(request)
        raise wire.BrokenOff
    if behaviour.pause == "headers":
        await state.pause(behaviour.seconds)
    if behaviour.failure and state.spend(behaviour):
        failure = FAILURES[behaviour.failure]
        raise Refused(failure if behaviour.retry_after is None else failure.with_retry_after(behaviour.retry_after))
    return behaviour


async def _models(request: web.Request) -> web.StreamResponse:
    behaviour = await _admit(request, "models")
    return web.Response(body=orjson.dumps(catalogue.listing(behaviour)), content_type="application/json")


async def _embedding_models(request: web.Request) -> web.StreamResponse:
    await _admit(request, "models")
    return web.Response(body=orjson.dumps(catalogue.embedding_listing()), content_type="application/json")


async def _embeddings(request: web.Request) -> web.StreamResponse:
    behaviour = await _admit(request, "embeddings")
    return web.Response(body=embeddings.answer(await request.read(), behaviour), content_type="application/json")


async def _transcriptions(request: web.Request) -> web.StreamResponse:
    behaviour = await _admit(request, "transcriptions")
    recording = await transcriptions.receive(request, behaviour)
    request[_RECEIVED].body = recording.described()
    return web.Response(body=transcriptions.answer(recording, behaviour), content_type="application/json")


async def _speech(request: web.Request) -> web.StreamResponse:
    behaviour = await _admit(request, "speech")
    asked = speech.read(await request.read())
    sound = speech.pieces(asked, behaviour)
    if speech.wants_json(asked, behaviour):
        return web.Response(body=speech.in_json(sound), content_type="application/json")
    response = web.StreamResponse(headers={"content-type": speech.TYPES[speech.format_of(asked, behaviour)]})
    line = wire.Line(request, response, behaviour, request.app[STATE])
    request[_RECEIVED].status = response.status
    await line.events(sound)
    return response


async def _new_secret(request: web.Request) -> web.StreamResponse:
    await _admit(request, "integration_secrets")
    body, faults = validation.decode(await request.read())
    if faults:
        raise Refused(failures.unprocessable(faults))
    row = request.app[VAULTS].create(_key(request), body)
    return web.Response(status=201, body=orjson.dumps(row), content_type="application/json")


async def _secrets(request: web.Request) -> web.StreamResponse:
    await _admit(request, "integration_secrets")
    page = request.app[VAULTS].listed(_key(request), request.query)
    return web.Response(body=orjson.dumps(page), content_type="application/json")


async def _no_more_secret(request: web.Request) -> web.StreamResponse:
    await _admit(request, "integration_secrets")
    request.app[VAULTS].delete(_key(request), request.match_info["id"])
    return web.Response(status=204)


async def _report(request: web.Request) -> web.StreamResponse:
    behaviour = await _admit(request, "usage_reports")
    page = request.app[SERVED].report(behaviour.reports, _key(request), request.query)
    return web.Response(body=orjson.dumps(page), content_type="application/json")


async def _report_options(request: web.Request) -> web.StreamResponse:
    behaviour = await _admit(request, "usage_reports")
    options = request.app[SERVED].options(behaviour.reports, request.query)
    return web.Response(body=orjson.dumps(options), content_type="application/json")


async def _fine_tuning(request: web.Request) -> web.StreamResponse:
    await _admit(request, "fine_tuning")
    jobs, key, identity = request.app[JOBS], _key(request), request.match_info.get("id", "")
    cancels = request.path.endswith("/cancel")
    if request.method == "POST" and (cancels or not identity):
        body, faults = (None, []) if cancels else validation.decode(await request.read())
        if faults:
            raise Refused(failures.unprocessable(faults))
        value = jobs.cancel(key, identity) if cancels else jobs.create(key, body)
    elif request.method == "GET" and not cancels:
        value = jobs.retrieve(key, identity) if identity else jobs.listed(key)
    else:
        raise Refused(failures.METHOD_NOT_ALLOWED)
    return web.Response(body=orjson.dumps(value), content_type="application/json")


async def _messages(request: web.Request) -> web.StreamResponse:
    """The path of a Messages request: the same as of a chat."""
    behaviour = await _admit(request, "chat")
    data = await request.read()
    body, faults = validation.decode(data)
    faults = faults or validation.faults(anthropic.SCHEMA, body)
    if faults:
        raise Refused(failures.unprocessable(faults))
    completion = _thought_up(request, data, anthropic.as_chat(body), behaviour)
    if behaviour.streams and body.get("stream", False):
        return await _write(request, anthropic.frames(anthropic.events(completion, behaviour), behaviour))
    return await _write(request, anthropic.whole(completion, behaviour))


async def _responses(request: web.Request) -> web.StreamResponse:
    """The path of a request to the Responses API: the same as of a chat."""
    behaviour = await _admit(request, "chat")
    data = await request.read()
    body, faults = validation.decode(data)
    faults = faults or response_requests.faults(body)
    if faults:
        raise Refused(failures.unprocessable(faults))
    refused = response_requests.refusal(body, behaviour)
    if refused is not None:
        raise Refused(refused)
    completion = _thought_up(request, data, response_requests.as_chat(body, behaviour), behaviour)
    answer = responses.Answer(completion, body, behaviour)
    return await _write(request, answer.frames() if behaviour.streams and body.get("stream", False) else answer.whole())


async def _write(request: web.Request, answer: dict[str, Any] | list[bytes]) -> web.StreamResponse:
    """Writes a whole answer, or events that are framed."""
    behaviour, streamed = request[_BEHAVIOUR], isinstance(answer, list)
    response = web.StreamResponse(headers=_STREAM_HEADERS if streamed else {"content-type": "application/json"})
    line = wire.Line(request, response, behaviour, request.app[STATE])
    request[_RECEIVED].status = response.status
    if isinstance(answer, list):
        await line.events(answer)
    else:
        await line.body(wire.encode(answer, behaviour))
    return response


def _thought_up(request: web.Request, data: bytes, body: dict[str, Any], behaviour: Behaviour) -> Completion:
    """The answer to a valid chat. Raises Refused."""
    model = refusals.find_model(body, behaviour)
    if model is None:
        raise Refused(failures.no_such_model(body["model"]))
    refused = refusals.refusal(body, model, behaviour)
    if refused is not None:
        raise Refused(refused)
    identity = f"{hashlib.sha256(data).hexdigest()}/{request[_RECEIVED].number}"
    try:
        created = int(request.app[STATE].now())
        completion = compose(body, model, behaviour, identity=identity, created=created)
    except Unsupported as fault:
        raise Refused(failures.bad_request(str(fault))) from None
    request.app[SERVED].note(_key(request), model, completion.usage)
    return completion


async def _chat(request: web.Request) -> web.StreamResponse:
    """The path of a chat request."""
    behaviour = await _admit(request, "chat")
    data = await request.read()
    body = _validated(request, data, behaviour)
    completion = _thought_up(request, data, body, behaviour)
    streamed = behaviour.streams and body.get("stream", False)
    headers = _STREAM_HEADERS if streamed else {"content-type": "application/json"}
    response = web.StreamResponse(headers=headers)
    line = wire.Line(request, response, behaviour, request.app[STATE])
    request[_RECEIVED].status = response.status
    if streamed:
        asked = body.get("stream_options", {}).get("include_usage", False)
        await line.stream(streaming.chunks(completion, behaviour, usage_asked=asked))
    else:
        await line.body(wire.encode(completions.whole(completion, behaviour), behaviour))
    return response


def _validated(request: web.Request, data: bytes, behaviour: Behaviour) -> dict[str, Any]:
    body, faults = validation.decode(data)
    if not faults and "json" not in request.content_type:
        body = data.decode("utf-8", "replace")  # FastAPI does not parse what is not called JSON
    faults = faults or validation.faults(request_schema(behaviour), body)
    if faults:
        raise Refused(failures.unprocessable(faults))
    valid: dict[str, Any] = body
    return valid
