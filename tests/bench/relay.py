"""The yardstick: the plainest aiohttp relay.  usage: python -m tests.bench.relay --port N --upstream N

It swaps the model and the credential and does nothing else: no admission, no errors of its own, no metrics, no log.
It has what any production deployment would switch on (uvloop, orjson, no access log, no connection limit), so that
beating it means something.
"""

import argparse
from collections.abc import AsyncIterator

import uvloop
from aiohttp import ClientSession, TCPConnector, web

from proxy import codec
from tests.bench import answers

SESSION = web.AppKey("SESSION", ClientSession)
HEADERS = {"Authorization": f"Bearer {answers.UPSTREAM_KEY}", "Content-Type": "application/json"}


async def chat(request: web.Request) -> web.StreamResponse:
    question = codec.decode(await request.read())
    question["model"] = answers.PREFIX + question["model"]
    upstream = request.app[SESSION].post(answers.UPSTREAM_PATH, data=codec.encode(question), headers=HEADERS)
    async with upstream as answer:
        if answer.content_type != "text/event-stream":
            return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)
        response = web.StreamResponse(status=answer.status)
        response.content_type = answer.content_type
        await response.prepare(request)
        async for piece in answer.content.iter_any():
            await response.write(piece)
        await response.write_eof()
        return response


def application(upstream: int) -> web.Application:
    """The relay in front of the upstream at a loopback port."""

    async def session(app: web.Application) -> AsyncIterator[None]:
        connector = TCPConnector(limit=0)  # the default of 100 connections would queue the 1,000 open streams
        async with ClientSession(f"http://{answers.HOST}:{upstream}", connector=connector) as app[SESSION]:
            yield

    app = web.Application(client_max_size=64 * 2**20)  # large prompts are measured, too
    app.cleanup_ctx.append(session)
    app.router.add_post(answers.CLIENT_PATH, chat)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", type=int, required=True)
    options = parser.parse_args()
    loop = uvloop.new_event_loop()
    app = application(options.upstream)
    web.run_app(app, host=answers.HOST, port=options.port, access_log=None, print=None, loop=loop)


if __name__ == "__main__":
    main()
