"""THE TABLE OF CONTENTS: what this proxy serves, one row per endpoint, and what it does not, with the reason.

Paths are given without `/v1`, because base URLs are configured with and without it; both are served.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from proxy.streaming.chat import ChatStream
from proxy.translation import answers, chat
from proxy.translation.answers import Answer, Identity
from proxy.translation.chat import Translated
from proxy.translation.rules import Expectation, Policy

Kind = Literal["completion", "model_list", "model"]


@dataclass(frozen=True, slots=True)
class Translation:
    """How the bodies of an endpoint are translated: request, whole answer, streamed answer."""

    request: Callable[[Mapping[str, Any], str, Policy], Translated]
    answer: Callable[[bytes, Expectation, Identity, str], Answer]
    stream: type[ChatStream]
    id_prefix: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row.

    Attributes:
        name: what metrics and logs call it.
        method, path: what clients call; `{id}` takes the rest of the path, slashes included.
        kind: which way through `edge/journey.py` it takes.
        summary: one line for people.
        translation: its bodies, for kinds that have any.
    """

    name: str
    method: str
    path: str
    kind: Kind
    summary: str
    translation: Translation | None = None


CHAT = Translation(chat.translate, answers.answer, ChatStream, "chatcmpl-")

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("chat.completions", "POST", "/chat/completions", "completion", "Chat, whole and streamed", CHAT),
    Endpoint("models.list", "GET", "/models", "model_list", "Telnyx's models the tenant may use, and exact aliases"),
    Endpoint("models.retrieve", "GET", "/models/{id}", "model", "One model or alias; ids may contain slashes"),
)

_NO_TWIN = "Telnyx has no such API."
_NOT_YET = "This proxy does not serve it; Telnyx offers it at"

UNSUPPORTED: tuple[tuple[str, str], ...] = (
    ("/responses", f"{_NOT_YET} https://api.telnyx.com/v2/ai/openai/responses. Use /v1/chat/completions."),
    ("/conversations", f"{_NO_TWIN} Send the whole conversation to /v1/chat/completions."),
    ("/completions", f"{_NO_TWIN} Use /v1/chat/completions."),
    ("/embeddings", f"{_NOT_YET} https://api.telnyx.com/v2/ai/openai/embeddings."),
    ("/audio/transcriptions", f"{_NOT_YET} https://api.telnyx.com/v2/ai/audio/transcriptions."),
    ("/audio/translations", f"{_NO_TWIN} Transcribe, then translate with /v1/chat/completions."),
    ("/audio/speech", f"{_NOT_YET} https://api.telnyx.com/v2/text-to-speech/speech."),
    ("/audio/voices", f"{_NO_TWIN} Telnyx lists its voices at https://api.telnyx.com/v2/text-to-speech/voices."),
    ("/audio/voice_consents", _NO_TWIN),
    ("/fine_tuning", f"{_NOT_YET} https://api.telnyx.com/v2/ai/fine_tuning/jobs."),
    ("/moderations", f"{_NO_TWIN} Ask a model through /v1/chat/completions."),
    ("/images", _NO_TWIN),
    ("/videos", _NO_TWIN),
    ("/files", _NO_TWIN),
    ("/uploads", _NO_TWIN),
    ("/batches", f"{_NO_TWIN} Send the requests one by one."),
    ("/assistants", f"{_NO_TWIN} Use /v1/chat/completions with tools."),
    ("/threads", f"{_NO_TWIN} Use /v1/chat/completions with tools."),
    ("/vector_stores", f"{_NO_TWIN} Use a tool of type retrieval with Telnyx storage buckets."),
    ("/realtime", _NO_TWIN),
    ("/evals", _NO_TWIN),
    ("/containers", _NO_TWIN),
    ("/agents", f"{_NO_TWIN} Use /v1/chat/completions with tools."),
    ("/chatkit", _NO_TWIN),
    ("/content_provenance_checks", _NO_TWIN),
    ("/decisions", _NO_TWIN),
    ("/live", _NO_TWIN),
    ("/safety", _NO_TWIN),
    ("/skills", _NO_TWIN),
    ("/vaults", _NO_TWIN),
    ("/webhook_endpoints", _NO_TWIN),
    ("/webhook_event_types", _NO_TWIN),
    ("/projects", "Tenants and their keys are in the configuration of this proxy."),
    ("/organization", "Usage is on the metrics page of the admin listener."),
)
"""(path prefix, what to tell the client) of endpoints that OpenAI has and this proxy does not serve."""
