"""Settings of single endpoints: where Telnyx has them, and what the proxy itself adds to them."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, ByteSize, Field

from proxy.settings.addresses import UrlPath
from proxy.settings.ledger import anchored
from proxy.settings.quantities import Number, Seconds, Size, Text, Whole, expect_no_file
from proxy.settings.section import Section

MIB = 1024 * 1024
Days = Annotated[Number, Field(gt=0, le=36_500)]


class Paths(Section):
    """Where Telnyx has its endpoints, after `upstream.base_url`."""

    responses: UrlPath = Field(default="/ai/openai/responses", description="the Responses API")
    embeddings: UrlPath = Field(default="/ai/openai/embeddings", description="embeddings")
    embedding_models: UrlPath = Field(default="/ai/openai/embeddings/models", description="the list of their models")
    transcriptions: UrlPath = Field(default="/ai/audio/transcriptions", description="speech to text")
    speech: UrlPath = Field(default="/text-to-speech/speech", description="text to speech")
    messages: UrlPath = Field(default="/ai/anthropic/v1/messages", description="Anthropic's Messages API")
    fine_tuning: UrlPath = Field(default="/ai/fine_tuning/jobs", description="fine-tuning jobs")


class Responses(Section):
    """What is kept of the Responses API, so that `previous_response_id` and the like find it."""

    keep: Days = Field(default=30, description="days a response that was stored is kept, and a conversation unused")
    size: Size = Field(default=ByteSize(8 * MIB), description="bytes of one response with its input")
    tenant_size: Size = Field(
        default=ByteSize(1024 * MIB), description="bytes of all that one tenant has stored; above it the oldest go"
    )
    reasoning: Literal["summary", "text"] = Field(
        default="summary",
        description="how the model's thinking is told: as a `summary`, which every client shows, or as reasoning "
        "`text`; not at all where `translation.reasoning` is `hide`",
    )
    unsupported_tools: Literal["refuse", "drop"] = Field(
        default="refuse",
        description="tools that run at OpenAI (code_interpreter, computer_use, mcp and the like): `refuse` the "
        "request, or `drop` them and say so. `web_search` is always dropped, because clients send it unasked",
    )
    background: Whole = Field(default=100, ge=0, description="responses with `background: true` at once; 0 = none")


class Batches(Section):
    """Files and the Batch API, which the proxy runs itself."""

    folder: Annotated[Text, AfterValidator(anchored), AfterValidator(expect_no_file)] = Field(
        default="data/files",
        validate_default=True,
        description="folder where files are kept; several machines must share it",
    )
    store: Literal["disk", "database"] = Field(
        default="disk",
        description="where the contents of new files are kept: in the folder, or in the database, which should be "
        "PostgreSQL then",
    )
    file_size: Size = Field(default=ByteSize(200 * MIB), description="bytes of one file")
    upload_timeout: Seconds = Field(default=600, description="seconds a client has to send a file")
    tenant_size: Size = Field(default=ByteSize(2048 * MIB), description="bytes of all files of one tenant")
    keep: Days = Field(default=30, description="days a file is kept")
    requests: Whole = Field(default=50_000, ge=1, description="requests of one batch")
    queued: Whole = Field(default=1000, ge=1, description="batches of one tenant that have not ended")
    concurrent: Whole = Field(default=8, ge=1, le=1000, description="requests of all batches under way at once")


class Audio(Section):
    """Speech to text and text to speech."""

    size: Size = Field(default=ByteSize(100 * MIB), description="bytes of a recording")
    upload: Literal["stream", "spool"] = Field(
        default="stream",
        description="`stream` hands a recording on as it arrives (chunked), where its model is named before it; "
        "`spool` writes it to a temporary file first, and Telnyx hears its length",
    )
    upload_timeout: Seconds = Field(default=600, description="seconds a client has to send a recording")
    segments: tuple[Text, ...] = Field(
        default=(),
        description="models (patterns) that tell when each segment was said, beside those that are known to, so that "
        "captions can be made of what they give",
    )
    voices: Mapping[Text, Text] = Field(
        default_factory=dict,
        description="OpenAI's voices or your own names -> Telnyx voices; laid over those that come with the proxy",
    )


class Embedding(Section):
    """What an embedding model takes, where it is not what comes with the proxy."""

    batch: Whole | None = Field(default=None, ge=1, description="texts of one request to Telnyx; null = as known")
    dimensions: bool | None = Field(
        default=None,
        description="whether it takes `dimensions` itself, else the proxy shortens vectors; null = known",
    )
