"""What requests become, by endpoint: the same pure functions as in the path of a request, and nothing is sent.

What is kept of earlier requests is not looked at, and the model list is not fetched: a configuration is all there is.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from proxy import codec
from proxy.edge import tokens, turns
from proxy.edge.models import expect_allowed, meant
from proxy.edge.speaking import BY_VOICE
from proxy.edge.terms import Terms, TermsBook
from proxy.errors import ProxyError
from proxy.settings import Settings
from proxy.translation import chat as chats
from proxy.translation import (
    checks,
    completions,
    embeddings,
    fine_tuning,
    quirks,
    recognisers,
    speech,
    transcriptions,
)
from proxy.translation.anthropic import errors as anthropic_errors
from proxy.translation.anthropic import request as anthropic
from proxy.translation.changes import Change
from proxy.translation.chat import Translated
from proxy.translation.responses import request as response_request
from proxy.translation.responses.items import input_items
from proxy.translation.responses.request import Asked
from proxy.upstream.repair import refuser

Body = Mapping[str, Any]
EARLIER = ("previous_response_id", "conversation")
"""What a response goes on from."""
EARLIER_TURNS: turns.Item = {"type": "message", "role": "user", "content": "(what was said before)"}
NOT_LOOKED_AT = "What is kept of earlier requests is not looked at: it would be sent as well."
RECORDING = "(the recording, as it comes)"
FILE = "file"


class Foreseen(NamedTuple):
    """What Telnyx would get.

    Attributes:
        path: where, after `upstream.base_url`.
        body: of the request; of a form, its fields.
        changes: what was done, in the order in which a client is told.
        notes: what else is to be said, in sentences.
        form: it is sent as multipart/form-data, and not as JSON.
    """

    path: str
    body: Body
    changes: list[Change]
    notes: tuple[str, ...] = ()
    form: bool = False


@dataclass(slots=True)
class Case:
    """A request of one tenant. `request`: its body, or what stands in the fields of its form."""

    settings: Settings
    tenant: str
    request: dict[str, Any]

    def choose(self, asked: Any) -> tuple[str, list[Change], Terms]:
        """The Telnyx id that is meant, that it is another name, and the tenant's terms. Raises ProxyError."""
        book = TermsBook(self.settings)
        model, alias = meant(book, {}, asked)
        terms = book.look_up(self.tenant, model)
        expect_allowed(model, allowed=terms.allowed)
        return model, [alias] if alias else [], terms


def _chat(case: Case) -> Foreseen:
    model, alias, terms = case.choose(case.request.get("model"))
    return _as_chat(case, chats.translate(case.request, model, terms.policy), alias, terms)


def _as_chat(case: Case, translated: Translated, alias: list[Change], terms: Terms) -> Foreseen:
    """A chat request, in the manner in which its model is spoken to."""
    body, adapted = quirks.adapt(translated.body, terms.manner, (), refuser(terms.policy))
    return Foreseen(case.settings.upstream.chat_path, body, [*alias, *translated.changes, *adapted])


def _completions(case: Case) -> Foreseen:
    shape = completions.shape_of(case.request)
    model, alias, terms = case.choose(case.request.get("model"))
    foreseen = _as_chat(case, completions.translate(shape, case.request, model, terms.policy), alias, terms)
    return foreseen._replace(notes=_further(len(shape.prompts), "prompt"))


def _further(number: int, what: str) -> tuple[str, ...]:
    return (f"This is the first of {number} requests, one for each {what}.",) if number > 1 else ()


def _responses(case: Case) -> Foreseen:
    request, given = case.request, case.request.get("input")
    goes_on = any(map(request.get, EARLIER))
    if given is None and not goes_on:
        raise response_request.without_input(request)
    model, alias, terms = case.choose(request.get("model"))
    items = [] if given is None else input_items(given)
    known = [item for item in items if item.get("type") != turns.REFERENCE]
    ours = case.settings.responses
    asked = Asked(
        "resp_explained",
        0,
        "explained",
        history=[EARLIER_TURNS] if goes_on else [],
        input=turns.tidy(known, "explained"),
        reasoning=ours.reasoning,
        unsupported_tools=ours.unsupported_tools,
    )
    notes = (NOT_LOOKED_AT,) if goes_on or len(known) < len(items) else ()
    if not terms.native:
        translated, _ = response_request.translate(request, model, terms.policy, asked)
        return _as_chat(case, translated, alias, terms)._replace(notes=notes)
    translated, _ = response_request.native(request, model, terms.policy, asked)
    return Foreseen(case.settings.upstream.paths.responses, translated.body, [*alias, *translated.changes], notes)


def _embeddings(case: Case) -> Foreseen:
    wanted = embeddings.wanted(case.request)
    if wanted.ids is not None:
        wanted.texts = tokens.decode(wanted.ids)
    model, alias, terms = case.choose(case.request.get("model"))
    translated = embeddings.translate(wanted, case.request, model, terms.policy)
    given = terms.embedding
    known = embeddings.known(model, *((given.batch, given.dimensions) if given else ()))
    embeddings.shorten(wanted, known, translated.body)
    body = {**translated.body, "input": wanted.texts[: known.batch]}
    batches = -(-len(wanted.texts) // known.batch)
    notes = _further(batches, f"{known.batch} texts")
    return Foreseen(case.settings.upstream.paths.embeddings, body, [*alias, *translated.changes], notes)


def _transcriptions(case: Case) -> Foreseen:
    source = transcriptions.collect(_pairs(case.request))
    if "model" not in source:
        raise checks.missing("model")
    model, alias, terms = case.choose(source["model"])
    able = recognisers.look_up(model, case.settings.audio.segments)
    fields, changes, _ = transcriptions.translate(source, model, terms.policy, able)
    body = fields if "file_url" in fields else {**fields, FILE: RECORDING}
    return Foreseen(case.settings.upstream.paths.transcriptions, body, [*alias, *changes], form=True)


def _pairs(request: Body) -> Iterator[tuple[str, str]]:
    """The fields of a form, as client libraries make them of what an application gives."""
    for name, value in request.items():
        if isinstance(value, list):
            yield from ((f"{name}[]", _text(each)) for each in value)
        elif isinstance(value, dict):
            yield from ((f"{name}[{inner}]", _text(each)) for inner, each in value.items())
        elif value is not None and name != FILE:
            yield name, _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else codec.encode_text(value)


def _speech(case: Case) -> Foreseen:
    request, own = case.request, case.settings.audio.voices
    asked = request.get("model")
    if asked is None:
        raise checks.missing("model")
    family = speech.family_asked(request, own)
    model, alias, terms = case.choose(asked if family is None else family)
    translated = speech.translate(request, model, terms.policy, own)
    if family is not None and asked != family:
        alias = [Change("converted", "model", reason=BY_VOICE)]
    return Foreseen(case.settings.upstream.paths.speech, translated.body, [*alias, *translated.changes])


def _fine_tuning(case: Case) -> Foreseen:
    model, alias, terms = case.choose(case.request.get("model"))
    body, changes = fine_tuning.create(case.request, model, terms.policy)
    return Foreseen(case.settings.upstream.paths.fine_tuning, body, [*alias, *changes])


def _messages(case: Case) -> Foreseen:
    model, alias, terms = case.choose(case.request.get("model"))
    translated = anthropic.translate(case.request, model, terms.policy)
    return Foreseen(case.settings.upstream.paths.messages, translated.body, [*alias, *translated.changes])


WAYS: Mapping[str, Callable[[Case], Foreseen]] = {
    "chat.completions": _chat,
    "responses": _responses,
    "completions": _completions,
    "embeddings": _embeddings,
    "audio.transcriptions": _transcriptions,
    "audio.speech": _speech,
    "fine_tuning.jobs.create": _fine_tuning,
    "messages": _messages,
}
"""By the name of the endpoint: all that have a table of fields."""

_PARAMS: Mapping[str, Callable[[str | None], str | None]] = {
    "completions": completions.clients_param,
    "embeddings": embeddings.clients_param,
}
"""A place in Telnyx's terms -> the field that the client sent."""


def foresee(endpoint: str, case: Case) -> Foreseen:
    """What becomes of a request. Raises ProxyError as the client would get it."""
    try:
        return WAYS[endpoint](case)
    except ProxyError as error:
        if endpoint in _PARAMS:
            error.param = _PARAMS[endpoint](error.param)
        raise


def refusal(endpoint: str, error: ProxyError) -> tuple[int, dict[str, Any]]:
    """The status and the body that the client would see."""
    if endpoint == "messages":
        return anthropic_errors.status_of(error), anthropic_errors.envelope(error)
    return error.status, error.envelope()
