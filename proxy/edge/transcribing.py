"""The way of a recording: `/v1/audio/transcriptions`.

client bytes
  |  uploads.Form.fields        fields before the file, read as they come
completing.prepare              the model, the tenant's list, the form that Telnyx gets; PURE
reserving.reserve               one request; how long the recording is nobody knows yet
  |-- streamed:                 fields, file, and what comes behind it go to Telnyx as they arrive, in chunks
  |-- spooled:                  the file goes to disk first; Telnyx hears its length
transcripts.tell                Telnyx's JSON -> one of six shapes; PURE

What cannot be streamed is spooled: a model that is named behind the file, and all uploads where Telnyx was found to
want their length. A streamed recording can be sent once only: where Telnyx refuses it for its length or for one of
several keys, the client is told to try again, and the next try goes the other way.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

from proxy.accounts.pricing import UNKNOWN
from proxy.accounts.tenants import Grant
from proxy.edge import completing, models, multipart, sending
from proxy.edge.admission import Prompt
from proxy.edge.exchange import Exchange
from proxy.edge.reply import Answering
from proxy.edge.reserving import reserve
from proxy.edge.uploads import FILE, Bounds, Form, Spool
from proxy.edge.visit import Visit
from proxy.errors import InvalidRequest, UpstreamUnavailable
from proxy.translation import checks, recognisers, recordings, transcriptions, transcripts
from proxy.translation.changes import Change, Changes
from proxy.translation.failures import Circumstances
from proxy.translation.quirk_memory import MEMORY_SECONDS
from proxy.translation.rules import Policy
from proxy.translation.transcriptions import Wanted
from proxy.upstream.repair import SUCCESS, Sent
from proxy.upstream.transport import Answer, Upload
from proxy.usage import Usage

URL = "transcriptions"
FIELDS_LIMIT = 1024 * 1024
"""Bytes of all fields of a form together; a prompt is text."""
NO_LENGTH = 411
REFUSED = frozenset({400, 501})
"""Other statuses by which a server may mean that it wants the length of a body; then it says so."""
BOTH = "'file' and 'file_url' cannot be sent together."
AGAIN = "Telnyx wants to know the length of a recording beforehand. Please send it again."
OTHER_KEY = "Telnyx refused one of the keys of this proxy. Please send the recording again."


@dataclass(slots=True)
class Hearing:
    """A recording on its way.

    Attributes:
        exchange, grant, form: whose it is, and what of it has come.
        model, policy, alias: which model is to hear it, the tenant's rules for that, and the client's name for it.
        boundary: between the parts of what Telnyx gets.
        fields, changes, wanted: what the form says, as far as it has come; see `transcriptions.Translated`.
        raw: what Telnyx answered.
    """

    exchange: Exchange
    grant: Grant
    form: Form
    model: str
    policy: Policy
    alias: Change | None
    boundary: str
    fields: Mapping[str, str] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)
    wanted: Wanted = field(default_factory=Wanted)
    raw: bytes | None = None

    def translate(self) -> None:
        """Look at the form with all that has come of it by now. Raises InvalidRequest."""
        source = transcriptions.collect(self.form.pairs)
        if (self.form.file is None) == ("file_url" not in source):
            raise checks.missing(FILE) if self.form.file is None else InvalidRequest(BOTH, param="file_url")
        able = recognisers.look_up(self.model, self.exchange.services.settings.audio.segments)
        self.fields, self.changes, self.wanted = transcriptions.translate(source, self.model, self.policy, able)
        if self.alias is not None:
            self.changes.insert(0, self.alias)
        self.tell()

    def tell(self) -> None:
        """What was done, into the record."""
        self.exchange.record.changes_header, self.exchange.record.changes = self.changes.told()


async def transcribe(visit: Visit) -> Answering:
    """See `ways.Way`."""
    exchange, grant = visit.exchange, visit.grant
    audio = exchange.services.settings.audio
    form = Form(exchange, Bounds("recording", audio.size, FIELDS_LIMIT, audio.upload_timeout, "audio.upload_timeout"))
    at_file = await form.fields()
    services = exchange.services
    wants_length = services.clock.steady() < services.upstream.measured_until
    named = any(name == "model" for name, _ in form.pairs)
    if at_file and named and not wants_length and services.settings.audio.upload == "stream":
        hearing = await _begin(exchange, grant, form)
        return await _answer(hearing, await _stream(hearing))
    with Spool() as spool:
        if at_file:
            await spool.take(form.pieces())
            await _read_rest(form)
        hearing = await _begin(exchange, grant, form)
        return await _answer(hearing, await _send_spooled(hearing, spool))


async def _begin(exchange: Exchange, grant: Grant, form: Form) -> Hearing:
    """All that is decided before Telnyx is asked. Raises ProxyError."""
    source = transcriptions.collect(form.pairs)
    if "model" not in source:
        raise checks.missing("model")
    model, alias, terms = models.choose(exchange, grant, source["model"])
    hearing = Hearing(exchange, grant, form, model, terms.policy, alias, exchange.services.random(16).hex())
    hearing.translate()
    await reserve(exchange, grant, {}, Prompt(0, silent=True))
    return hearing


async def _read_rest(form: Form) -> None:
    """The fields behind the file. Raises ProxyError."""
    if await form.fields():
        raise multipart.broken()


async def _stream(hearing: Hearing) -> Answer:
    """Send the recording as it comes. Raises ProxyError: UpstreamFault, or what is wrong with the rest of the form."""
    answer = await _send(hearing, lambda: Upload(_arriving(hearing), _kind(hearing)), again=False)
    if answer.status == NO_LENGTH or (answer.status in REFUSED and _wants_length(await _peek(hearing, answer))):
        services = hearing.exchange.services
        services.upstream.measured_until = services.clock.steady() + MEMORY_SECONDS
        answer.close()
        raise _retried(AGAIN)
    rota = hearing.grant.tenant.rota
    if answer.status == sending.REFUSED and rota is not None and len(rota.turns) > 1:
        answer.close()
        raise _retried(OTHER_KEY)
    return answer


def _wants_length(refusal: bytes) -> bool:
    said = refusal.lower()
    return b"content-length" in said or b"length required" in said


async def _arriving(hearing: Hearing) -> AsyncIterator[bytes]:
    """The form for Telnyx, as the client's arrives."""
    form, boundary, said = hearing.form, hearing.boundary, dict(hearing.fields)
    file = form.file
    if file is None:
        raise TypeError("a form without a file is not streamed")
    yield multipart.fields(boundary, said.items()) + multipart.file_head(boundary, file)
    async for piece in form.pieces():
        yield piece
    await _read_rest(form)
    hearing.translate()
    for name, value in said.items():
        if hearing.fields.get(name) != value:
            raise InvalidRequest(f"'{name}' was sent to Telnyx already: its fields have to stand before the file.",
                                 param=name)  # fmt: skip
    late = [(name, value) for name, value in hearing.fields.items() if name not in said]
    yield b"\r\n" + multipart.fields(boundary, late) + multipart.closing(boundary)


async def _send_spooled(hearing: Hearing, spool: Spool) -> Answer:
    """Send what is on disk, with its length, and with another key where Telnyx refuses one. Raises UpstreamFault."""
    boundary, file = hearing.boundary, hearing.form.file
    before, after = multipart.fields(boundary, hearing.fields.items()), multipart.closing(boundary)
    if file is not None:
        before, after = before + multipart.file_head(boundary, file), b"\r\n" + after

    async def pieces() -> AsyncIterator[bytes]:
        yield before
        async for piece in spool.pieces():
            yield piece
        yield after

    length = len(before) + spool.size + len(after)
    return await _send(hearing, lambda: Upload(pieces(), _kind(hearing), length), again=True)


async def _send(hearing: Hearing, make: Callable[[], Upload], *, again: bool) -> Answer:
    """Ask Telnyx, `again` with the next key where one is refused. Raises UpstreamFault, and what the upload does."""
    exchange, tenant = hearing.exchange, hearing.grant.tenant
    services, record = exchange.services, exchange.record
    services.ledger.begin(record, Usage(source="estimated"))
    to = completing.outgoing(exchange, hearing.grant, URL, stream=False)

    async def send_with(secret: str) -> Sent:
        to.credential, to.body = secret, make()
        return Sent(await services.upstream.carry(to))

    before, client_before = services.clock.steady(), record.client_waited
    try:
        return (await sending.by_turns(exchange, tenant, send_with, again=again)).answer
    except sending.IN_VAIN:
        _note_use(hearing, Usage(source="estimated", audio_ms=_milliseconds(hearing)))
        raise
    finally:
        record.waited += services.clock.steady() - before - (record.client_waited - client_before)


async def _answer(hearing: Hearing, answer: Answer) -> Answering:
    """Tell the client what Telnyx heard. Raises ProxyError, also what Telnyx refused in the client's terms."""
    exchange, grant = hearing.exchange, hearing.grant
    sending.note_id(exchange, grant.tenant, answer)
    raw = await _peek(hearing, answer)
    if answer.status != SUCCESS:
        raise completing.refusal(exchange, hearing.changes, grant, Sent(answer, raw))
    _note_use(hearing, Usage(source="estimated", audio_ms=_milliseconds(hearing)))
    around = Circumstances(model=hearing.model, secrets=grant.tenant.secrets())
    told = transcripts.tell(raw, hearing.wanted, _seconds(hearing), around)
    _note_use(hearing, told.usage)
    if told.usage.audio_ms and told.usage.source == "estimated":
        hearing.changes.append(Change("estimated", "usage", reason="The head of the recording said how long it is."))
        hearing.tell()
    reply = exchange.answer(told.body)
    reply.lines = exchange.lines(told.content_type)
    return reply


async def _peek(hearing: Hearing, answer: Answer) -> bytes:
    """The whole body, once. Raises UpstreamFault."""
    if hearing.raw is None:
        hearing.raw = await sending.read(hearing.exchange, answer)
    return hearing.raw


def _kind(hearing: Hearing) -> str:
    return f"multipart/form-data; boundary={hearing.boundary}"


def _seconds(hearing: Hearing) -> float | None:
    """How long the recording is, where it says so itself."""
    return recordings.seconds(hearing.form.head, hearing.form.size)


def _milliseconds(hearing: Hearing) -> int:
    return round((_seconds(hearing) or 0) * 1000)


def _note_use(hearing: Hearing, usage: Usage) -> None:
    """What was heard. What nobody knows the length of has an unknown price, and not none."""
    record = hearing.exchange.record
    record.usage = usage
    record.charge = None if usage.audio_ms else UNKNOWN


def _retried(message: str) -> UpstreamUnavailable:
    error = UpstreamUnavailable(message, retry_after=0.0)
    error.should_retry = True
    return error
