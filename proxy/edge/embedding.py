"""The way of an embeddings request: batches as large as the model takes them, answered together.

Each answer is made what the client wants as soon as it has come, in another thread where it is large, so that neither
memory nor the event loop ever holds the numbers of all of them.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from proxy.edge import body, completing, tokens
from proxy.edge.completing import AS_IT_IS
from proxy.edge.reply import Answering
from proxy.edge.several import Calls
from proxy.edge.visit import Visit
from proxy.endpoints import CHAT
from proxy.errors import ProxyError
from proxy.translation import embeddings, vectors
from proxy.translation.answers import Answer
from proxy.translation.changes import Change
from proxy.translation.embeddings import Model, Wanted
from proxy.translation.vectors import Read
from proxy.usage import size, total

LARGE = 128 * 1024
"""Bytes of an answer that is read in another thread: below it takes about a millisecond."""
LEARNED = 1024
"""Models whose batches are remembered. Telnyx lists a handful; on overflow all are forgotten."""


async def embed(visit: Visit) -> Answering:
    """A request for vectors. Errors name the fields of this endpoint."""
    try:
        return await _embed(visit)
    except ProxyError as error:
        error.param = embeddings.clients_param(error.param)
        raise


async def _embed(visit: Visit) -> Answering:
    exchange = visit.exchange
    request = await body.read_object(exchange)
    large = exchange.record.bytes_in > body.LARGE
    wanted = await asyncio.to_thread(embeddings.wanted, request) if large else embeddings.wanted(request)
    if wanted.ids is not None:
        wanted.texts = await asyncio.to_thread(tokens.decode, wanted.ids)
    # Only the half of the request is used: the answer is put together here.
    translation = replace(CHAT, request=partial(embeddings.translate, wanted), url="embeddings")
    translated, terms = await completing.prepared(exchange, visit.grant, request, translation)
    given = terms.embedding
    model = embeddings.known(exchange.record.model, *((given.batch, given.dimensions) if given else ()))
    embeddings.shorten(wanted, model, translated.body)
    calls = Calls(exchange, visit.grant, translated, terms, "embeddings", AS_IT_IS, silent=True)
    await calls.enter(1)
    task = _Task(calls, wanted, model)
    parts = await calls.gather(partial(task.batch, texts) for texts in task.batches())
    return calls.answer(await _joined(calls, [read for part in parts for read in part]))


async def _joined(calls: Calls, reads: list[Read]) -> Answer:
    """OpenAI's list of what came, batch by batch."""
    if any(read.sorted for read in reads):
        reason = "Telnyx answered in another order than it was asked."
        calls.translated.changes.append(Change("repaired", "input", "order", reason))
    usage = total(read.usage for read in reads)
    model = reads[0].model or calls.exchange.record.model
    values = [value for read in reads for value in read.values]
    together = partial(vectors.body, values, model, usage)
    made = together() if sum(map(len, values)) < LARGE else await asyncio.to_thread(together)
    return Answer(made, usage, model, 0, estimated=usage.source == "estimated")


@dataclass(slots=True)
class _Task:
    """The texts of one request on their way."""

    calls: Calls
    wanted: Wanted
    model: Model

    def batches(self) -> list[Sequence[str]]:
        """The texts in batches, as large as this model takes them, as far as is known."""
        exchange, texts = self.calls.exchange, self.wanted.texts
        learned = exchange.services.texts.get(exchange.record.model, self.model.batch)
        most = min(self.model.batch, learned)
        return [texts[begin : begin + most] for begin in range(0, len(texts), most)]

    async def batch(self, texts: Sequence[str]) -> list[Read]:
        """The vectors of a batch, which is halved where Telnyx finds it too large. Raises ProxyError."""
        calls, input_bytes = self.calls, sum(map(size, texts))
        try:
            sent, place = await calls.send({**calls.translated.body, "input": list(texts)}, input_bytes)
        except ProxyError as error:
            if len(texts) == 1 or not embeddings.too_many(error):
                raise
            return await self._halves(texts)
        raw = await calls.read(sent)
        look = partial(vectors.read, raw, len(texts), input_bytes, self.wanted)
        read = look() if len(raw) < LARGE else await asyncio.to_thread(look)
        calls.used[place] = read.usage
        return [read]

    async def _halves(self, texts: Sequence[str]) -> list[Read]:
        half = (len(texts) + 1) // 2
        learned, model = self.calls.exchange.services.texts, self.calls.exchange.record.model
        if len(learned) >= LEARNED:
            learned.clear()
        learned[model] = min(half, learned.get(model, half))
        return [*await self.batch(texts[:half]), *await self.batch(texts[half:])]
