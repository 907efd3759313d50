"""The way of a text that is to be spoken: `/v1/audio/speech`.

What `model` means here is a family of voices, `Telnyx.NaturalHD`: allow-lists, prices and the ledger see it. Where the
voice says its family itself, the voice decides, and the client is told so.
"""

from typing import Any

from proxy.edge import body, completing, models, sending
from proxy.edge.admission import Prompt
from proxy.edge.exchange import NAME_LIMIT, Exchange
from proxy.edge.raw_relay import hand_on
from proxy.edge.reply import Answering
from proxy.edge.reserving import reserve
from proxy.edge.terms import Terms
from proxy.edge.visit import Visit
from proxy.translation import checks, speech
from proxy.translation.changes import Change
from proxy.translation.chat import Translated
from proxy.upstream.repair import SUCCESS, Sent, UpstreamCall
from proxy.upstream.transport import Answer
from proxy.usage import Usage

URL = "speech"
JSON = "application/json"
BY_VOICE = "The voice says itself of which family it is."


async def speak(visit: Visit) -> Answering:
    """See `ways.Way`."""
    exchange, grant = visit.exchange, visit.grant
    request = await body.read_object(exchange)
    translated, terms = _translated(visit, request)
    characters = len(translated.body["text"])
    spoken = Usage(source="estimated", characters=characters)
    await reserve(exchange, grant, {}, Prompt(0, silent=True, characters=characters))
    sent = await _send(visit, translated, terms, spoken)
    sending.note_id(exchange, grant.tenant, sent.answer)
    if sent.answer.status != SUCCESS:
        raise completing.refusal(exchange, translated.changes, grant, sent)
    exchange.record.usage = spoken
    return await _answer(exchange, sent.answer, speech.format_of(request))


def _translated(visit: Visit, request: dict[str, Any]) -> tuple[Translated, Terms]:
    """The upstream body, and the tenant's terms; what was done is in the record. Raises ProxyError."""
    exchange, record, own = visit.exchange, visit.exchange.record, visit.exchange.services.settings.audio.voices
    asked = request.get("model")
    if asked is None:
        raise checks.missing("model")
    family = speech.family_asked(request, own)
    model, alias, terms = models.choose(exchange, visit.grant, asked if family is None else family)
    translated = speech.translate(request, model, terms.policy, own)
    if family is not None and asked != family:
        record.model_asked = str(asked)[:NAME_LIMIT]
        alias = Change("converted", "model", reason=BY_VOICE)
    if alias is not None:
        translated.changes.insert(0, alias)
    record.stream = True
    record.changes_header, record.changes = translated.changes.told()
    return translated, terms


async def _send(visit: Visit, translated: Translated, terms: Terms, spoken: Usage) -> Sent:
    """Ask Telnyx. Raises UpstreamFault."""
    exchange, services = visit.exchange, visit.exchange.services
    record = exchange.record
    to = completing.outgoing(exchange, visit.grant, URL, stream=False)
    to.accept = "audio/*, application/json"
    call = UpstreamCall(record.endpoint, record.model, to, translated.body, completing.AS_IT_IS, terms.policy)
    services.ledger.begin(record, spoken)
    before = services.clock.steady()
    try:
        return await sending.deliver(exchange, visit.grant.tenant, call)
    except sending.IN_VAIN:
        record.usage = spoken
        raise
    finally:
        record.waited += services.clock.steady() - before


async def _answer(exchange: Exchange, answer: Answer, wanted: speech.Format) -> Answering:
    """Hand the sound on. Raises ProxyError."""
    content_type = answer.headers.get("content-type", "")
    if not content_type.lower().startswith(JSON):
        try:
            speech.expect_format(wanted, content_type)
        except BaseException:
            answer.close()
            raise
        return await hand_on(exchange, answer, wanted.content_type, empty=speech.NO_SOUND)
    reply = exchange.answer(speech.decode(await sending.read(exchange, answer)))
    reply.lines = exchange.lines(wanted.content_type)
    exchange.record.stream = False
    return reply
