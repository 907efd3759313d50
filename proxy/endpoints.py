"""THE TABLE OF CONTENTS: what this proxy serves, one row per endpoint, and what it does not, with the reason.

Paths are given without `/v1`, because base URLs are configured with and without it; both are served. Which way through
the edge a row takes is in `edge/ways.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from proxy.streaming.anthropic import MessageStream
from proxy.streaming.chat import ChatStream
from proxy.streaming.stream import Stream
from proxy.translation import answers, chat, completions, embeddings, fine_tuning, speech, transcriptions
from proxy.translation.answers import Answer, Identity
from proxy.translation.anthropic import answer, request
from proxy.translation.chat import Translated
from proxy.translation.quirks import EVERY
from proxy.translation.responses import request as responses
from proxy.translation.rules import Expectation, FieldTable, Policy


class Streaming(Protocol):
    """What makes the stream of one answer."""

    def __call__(self, expects: Expectation, identity: Identity, model: str, *, event_limit: int) -> Stream:
        """A stream that has not begun."""
        ...


@dataclass(frozen=True, slots=True)
class Translation:
    """How the bodies of an endpoint are translated: request, whole answer, streamed answer.

    Attributes:
        request: the client's request, the Telnyx id and the policy -> the upstream body, what the client expects.
        answer: the bytes of a 200 -> the client's.
        stream: the same for an answer in pieces.
        id_prefix: what answers are called where Telnyx gives them no name: this and something unique.
        url: the name of the upstream URL (`Services.urls`).
        repairs: names of the quirks that are repaired here, if Telnyx refuses a request for one of them.
        grows: whether more is sent than what the client did send, which may have been little.
    """

    request: Callable[[Mapping[str, Any], str, Policy], Translated]
    answer: Callable[[bytes, Expectation, Identity, str], Answer]
    stream: Streaming
    id_prefix: str
    url: str = "chat"
    repairs: frozenset[str] = EVERY
    grows: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row.

    Attributes:
        name: what metrics and logs call it.
        area: what a key that is for some endpoints only must be for.
        method, path: what clients call. `{id}` is one segment of the path, decoded; `{id...}` all that is left, slashes
            included. The method `*` is any.
        summary: one line for people.
        translation: its bodies, where they depend on nothing but the request.
    """

    name: str
    area: str
    method: str
    path: str
    summary: str
    translation: Translation | None = None


CHAT = Translation(chat.translate, answers.answer, ChatStream, "chatcmpl-")
MESSAGES = Translation(request.translate, answer.answer, MessageStream, "msg_", "messages", frozenset({"thinking"}))

# fmt: off
ENDPOINTS: tuple[Endpoint, ...] = (
    # Chat
    Endpoint("chat.completions",            "chat.completions",     "POST",   "/chat/completions",
             "Chat, whole and streamed", CHAT),

    # The Responses API, and what is kept of it
    Endpoint("responses",                   "responses",            "POST",   "/responses",
             "The Responses API: whole, streamed, in the background"),
    Endpoint("responses.connect",           "responses",            "GET",    "/responses",
             "Refused with 426: WebSocket is not spoken"),
    Endpoint("responses.input_tokens",      "responses",            "POST",   "/responses/input_tokens",
             "About how many tokens a request has"),
    Endpoint("responses.compact",           "responses",            "POST",   "/responses/compact",
             "Refused with 404: there is no such thing here"),
    Endpoint("responses.retrieve",          "responses",            "GET",    "/responses/{id}",
             "A stored response"),
    Endpoint("responses.delete",            "responses",            "DELETE", "/responses/{id}",
             "Forgets a stored response"),
    Endpoint("responses.cancel",            "responses",            "POST",   "/responses/{id}/cancel",
             "Ends a response in the background"),
    Endpoint("responses.input_items",       "responses",            "GET",    "/responses/{id}/input_items",
             "What a stored response answers"),
    Endpoint("conversations.create",        "conversations",        "POST",   "/conversations",
             "A new conversation"),
    Endpoint("conversations.retrieve",      "conversations",        "GET",    "/conversations/{id}",
             "One conversation"),
    Endpoint("conversations.update",        "conversations",        "POST",   "/conversations/{id}",
             "Other metadata"),
    Endpoint("conversations.delete",        "conversations",        "DELETE", "/conversations/{id}",
             "Forgets a conversation"),
    Endpoint("conversations.items.create",  "conversations",        "POST",   "/conversations/{id}/items",
             "More items"),
    Endpoint("conversations.items.list",    "conversations",        "GET",    "/conversations/{id}/items",
             "Its items"),
    Endpoint("conversations.items.retrieve","conversations",        "GET",    "/conversations/{id}/items/{item}",
             "One item"),
    Endpoint("conversations.items.delete",  "conversations",        "DELETE", "/conversations/{id}/items/{item}",
             "Forgets an item"),

    # Other models
    Endpoint("completions",                 "completions",          "POST",   "/completions",
             "Texts to be continued, by chat; whole and streamed"),
    Endpoint("embeddings",                  "embeddings",           "POST",   "/embeddings",
             "Vectors of texts"),
    Endpoint("audio.transcriptions",        "audio.transcriptions", "POST",   "/audio/transcriptions",
             "Speech to text, in five formats"),
    Endpoint("audio.speech",                "audio.speech",         "POST",   "/audio/speech",
             "Text to speech, as it is spoken"),

    # Which models there are
    Endpoint("models.list",                 "models.list",          "GET",    "/models",
             "Telnyx's models the tenant may use, and exact aliases"),
    Endpoint("models.retrieve",             "models.retrieve",      "GET",    "/models/{id...}",
             "One model or alias; ids may contain slashes"),

    # Batches, run by the proxy, and their files
    Endpoint("files.create",                "files",                "POST",   "/files",
             "Upload the requests of a batch"),
    Endpoint("files.list",                  "files",                "GET",    "/files",
             "The tenant's files"),
    Endpoint("files.retrieve",              "files",                "GET",    "/files/{id}",
             "One file"),
    Endpoint("files.delete",                "files",                "DELETE", "/files/{id}",
             "Remove a file"),
    Endpoint("files.content",               "files",                "GET",    "/files/{id}/content",
             "What is in a file"),
    Endpoint("batches.create",              "batches",              "POST",   "/batches",
             "Run the requests of a file, within a day"),
    Endpoint("batches.list",                "batches",              "GET",    "/batches",
             "The tenant's batches"),
    Endpoint("batches.retrieve",            "batches",              "GET",    "/batches/{id}",
             "One batch"),
    Endpoint("batches.cancel",              "batches",              "POST",   "/batches/{id}/cancel",
             "End a batch early"),

    # Fine-tuning, run by Telnyx
    Endpoint("fine_tuning.jobs.create",     "fine_tuning.jobs",     "POST",   "/fine_tuning/jobs",
             "A new fine-tuning job, at Telnyx"),
    Endpoint("fine_tuning.jobs.list",       "fine_tuning.jobs",     "GET",    "/fine_tuning/jobs",
             "The jobs of the tenant's Telnyx account"),
    Endpoint("fine_tuning.jobs.retrieve",   "fine_tuning.jobs",     "GET",    "/fine_tuning/jobs/{id}",
             "One job"),
    Endpoint("fine_tuning.jobs.cancel",     "fine_tuning.jobs",     "POST",   "/fine_tuning/jobs/{id}/cancel",
             "Stop a job"),

    # Anthropic's API
    Endpoint("messages",                    "messages",             "POST",   "/messages",
             "Anthropic's Messages API, whole and streamed", MESSAGES),
    Endpoint("messages.count_tokens",       "messages",             "POST",   "/messages/count_tokens",
             "About how many tokens a message has"),

    # Telnyx's own
    Endpoint("telnyx",                      "telnyx",               "*",      "/telnyx/{path...}",
             "Telnyx's own AI routes, as they are, for a tenant that allows them"),
)
# fmt: on

FIELDS: Mapping[str, FieldTable] = MappingProxyType(
    {
        "chat.completions": chat.FIELDS,
        "responses": responses.FIELDS,
        "completions": completions.FIELDS,
        "embeddings": embeddings.FIELDS,
        "audio.transcriptions": transcriptions.FIELDS,
        "audio.speech": speech.FIELDS,
        "fine_tuning.jobs.create": fine_tuning.FIELDS,
        "messages": request.FIELDS,
    }
)
"""What becomes of the fields of a request, by endpoint."""

AREAS = tuple(dict.fromkeys(row.area for row in ENDPOINTS))
"""What keys may be restricted to."""

_NO_TWIN = "Telnyx has no such API."
_NO_EVENTS = "Telnyx tells of a job only how it stands."

UNSUPPORTED: tuple[tuple[str, str], ...] = (
    ("/audio/translations", f"{_NO_TWIN} Use /v1/audio/transcriptions, then translate with /v1/chat/completions."),
    ("/audio/voices", f"{_NO_TWIN} Telnyx lists its voices at https://api.telnyx.com/v2/text-to-speech/voices."),
    ("/audio/voice_consents", _NO_TWIN),
    ("/fine_tuning/jobs/{id}/events", f"{_NO_EVENTS} Ask for /v1/fine_tuning/jobs/{{id}} now and then."),
    ("/fine_tuning/jobs/{id}/checkpoints", f"{_NO_EVENTS} The model is there when the job has succeeded."),
    ("/fine_tuning/jobs/{id}/pause", f"{_NO_EVENTS} Cancel the job with /v1/fine_tuning/jobs/{{id}}/cancel."),
    ("/fine_tuning/jobs/{id}/resume", f"{_NO_EVENTS} Make a new job at /v1/fine_tuning/jobs."),
    ("/fine_tuning/checkpoints", f"{_NO_EVENTS} Models belong to the Telnyx account."),
    ("/fine_tuning/alpha", f"{_NO_TWIN} Score answers with a model through /v1/chat/completions."),
    ("/messages/batches", f"{_NO_TWIN} Run a file of requests for /v1/chat/completions with /v1/batches."),
    ("/moderations", f"{_NO_TWIN} Have a model judge texts through /v1/chat/completions."),
    ("/images", f"{_NO_TWIN} Its models see images at /v1/chat/completions, and draw none: use another provider."),
    ("/videos", f"{_NO_TWIN} Its models make none: use another provider."),
    ("/uploads", f"{_NO_TWIN} Send the file in one piece to /v1/files."),
    ("/assistants", f"{_NO_TWIN} OpenAI's own successor is served: /v1/responses with tools."),
    ("/threads", f"{_NO_TWIN} OpenAI's own successor is served: /v1/conversations with /v1/responses."),
    ("/vector_stores", f"{_NO_TWIN} Search Telnyx storage buckets: a tool of type retrieval at /v1/chat/completions."),
    ("/realtime", f"{_NO_TWIN} Chain /v1/audio/transcriptions, /v1/chat/completions and /v1/audio/speech."),
    ("/evals", f"{_NO_TWIN} Run the requests with /v1/batches and judge the answers with a model."),
    ("/containers", f"{_NO_TWIN} Run code in the application, as a tool of /v1/responses or /v1/chat/completions."),
    ("/agents", f"{_NO_TWIN} Run the agent in the application, with tools of /v1/responses."),
    ("/chatkit", f"{_NO_TWIN} Use /v1/responses with a front end of your own."),
    ("/content_provenance_checks", f"{_NO_TWIN} There is nothing in its place."),
    ("/decisions", f"{_NO_TWIN} There is nothing in its place."),
    ("/live", f"{_NO_TWIN} Chain /v1/audio/transcriptions, /v1/chat/completions and /v1/audio/speech."),
    ("/safety", f"{_NO_TWIN} Have a model judge texts through /v1/chat/completions."),
    ("/skills", f"{_NO_TWIN} Give instructions and tools with the request to /v1/responses."),
    ("/vaults", f"{_NO_TWIN} Keys of providers are the operator's: Telnyx integration secrets."),
    ("/webhook_endpoints", f"{_NO_TWIN} Ask for the object now and then, such as /v1/batches/{{id}}."),
    ("/webhook_event_types", f"{_NO_TWIN} Ask for the object now and then, such as /v1/batches/{{id}}."),
    ("/projects", "Tenants and their keys are the operator's: see the admin listener of this proxy."),
    ("/organization", "Usage, costs, projects and keys are served by the admin listener of this proxy."),
)
"""(path prefix, what to tell the client) of endpoints that OpenAI has and this proxy does not serve. `{id}` in a prefix
is any step of a path."""
