"""The way of a completion: its prompts are put to a chat model, one call each, and the answers retold."""

from dataclasses import replace
from functools import partial

from proxy.edge import body, completing
from proxy.edge.relay import relay
from proxy.edge.reply import Answering
from proxy.edge.several import Calls, Poured
from proxy.edge.visit import Visit
from proxy.endpoints import Translation
from proxy.errors import ProxyError
from proxy.streaming.completions import CompletionStream
from proxy.translation import answers, completions
from proxy.translation.completions import Shape
from proxy.translation.dialects import Body

ID_PREFIX = "cmpl-"


async def complete(visit: Visit) -> Answering:
    """A request with one prompt or several. Errors name the fields of this endpoint."""
    request = await body.read_object(visit.exchange)
    shape = completions.shape_of(request)
    translation = Translation(
        request=partial(completions.translate, shape),
        answer=partial(completions.answer, shape),
        stream=partial(CompletionStream, shape),
        id_prefix=ID_PREFIX,
    )
    try:
        if len(shape.prompts) > 1:
            return await _several(visit, request, shape, translation)
        asked = await completing.ask(visit.exchange, visit.grant, request, translation)
        del request  # it may be large, and the answer long
        return await completing.answer(visit.exchange, asked)
    except ProxyError as error:
        error.param = completions.clients_param(error.param)
        raise


async def _several(visit: Visit, request: Body, shape: Shape, translation: Translation) -> Answering:
    translated, terms = await completing.prepared(visit.exchange, visit.grant, request, translation)
    calls = Calls(visit.exchange, visit.grant, translated, terms, "chat", terms.manner)
    await calls.enter(len(shape.prompts))
    bodies = [
        ({**translated.body, "messages": completions.messages(prompt)}, size)
        for prompt, size in zip(shape.prompts, shape.sizes, strict=True)
    ]
    if translated.expects.stream:
        return await _streamed(calls, bodies, shape)
    return await _whole(calls, bodies, shape)


async def _whole(calls: Calls, bodies: list[tuple[Body, int]], shape: Shape) -> Answering:
    identity, model = completing.identify(calls.exchange, ID_PREFIX), calls.exchange.record.model

    async def one(body: Body, size: int) -> answers.Answer:
        sent, place = await calls.send(body, size)
        raw = await calls.read(sent)
        made = answers.answer(raw, replace(calls.translated.expects, input_bytes=size), identity, model)
        calls.used[place] = made.usage
        return made

    parts = await calls.gather(partial(one, *each) for each in bodies)
    return calls.answer(completions.joined(shape, parts, identity))


async def _streamed(calls: Calls, bodies: list[tuple[Body, int]], shape: Shape) -> Answering:
    """The first has to be taken before the client hears of a stream: until then, a refusal has a status."""
    exchange = calls.exchange
    (first,) = await calls.gather([partial(calls.send, *bodies[0])])
    limit = exchange.services.settings.limits.event
    expects, identity = calls.translated.expects, completing.identify(exchange, ID_PREFIX)
    stream = CompletionStream(shape, expects, identity, exchange.record.model, event_limit=limit)
    sent, _ = first
    return await relay(exchange, Poured(calls, sent.answer, bodies, stream), stream)
