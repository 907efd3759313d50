"""What can be configured, as frozen models. Defaults here are the defaults; `config/proxy.yaml` repeats them.

The documentation in `config/README.md` is made from the descriptions. Times are seconds, sizes bytes.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import ByteSize, Field

from proxy.settings.addresses import BaseUrl, UrlPath
from proxy.settings.aliases import ALIASES
from proxy.settings.bounds import Pool, Prices, Sharing
from proxy.settings.endpoints import Audio, Batches, Embedding, Paths, Responses
from proxy.settings.ledger import Ledger
from proxy.settings.quantities import (
    Authorities,
    FilePath,
    Host,
    LogFile,
    Number,
    Port,
    Seconds,
    SecondsOrNone,
    Size,
    Text,
    Whole,
    Workers,
)
from proxy.settings.request import Capped, Effort, Injected
from proxy.settings.secrets import OptionalSecret, Secret
from proxy.settings.section import Section
from proxy.settings.storage import Storage
from proxy.settings.tenants import Network, Reasoning, Tenant, Unsupported
from proxy.settings.tracing import Tracing

MIB = 1024 * 1024

Dialect = Literal["auto", "2026-10", "2026-06"]
ImageUrl = Literal["auto", "object", "string"]
Transport = Literal["native", "aiohttp"]


class Listen(Section):
    """Where OpenAI apps connect: the base URL they get is `http://HOST:PORT/v1`."""

    host: Host = Field(default="127.0.0.1", description="address or name to listen on; `0.0.0.0` for all")
    port: Port = Field(default=8080, description="TCP port; 0 = any free one")
    reuse_port: bool = Field(
        default=False, description="several processes share the port (SO_REUSEPORT); the kernel spreads connections"
    )
    trusted_proxies: tuple[Network, ...] = Field(
        default=(),
        description="networks (CIDR) of load balancers whose `X-Forwarded-For` is believed, for keys that are bound to "
        "networks",
    )


class Admin(Section):
    """The operator's listener: metrics and health."""

    host: Host = Field(default="127.0.0.1", description="address or name to listen on; any but loopback needs a token")
    port: Port = Field(default=8081, description="TCP port; 0 = any free one")
    token: OptionalSecret = Field(
        default=Secret(env="TELNYX_PROXY_ADMIN_TOKEN"),
        validate_default=True,
        description="bearer token that is asked for; a variable that is not set = none",
    )


class Server(Section):
    """The processes that serve the two listeners."""

    workers: Workers = Field(
        default=1,
        description="processes that share the ports (SO_REUSEPORT, Linux); `auto` = one per processor this one may use",
    )


class Timeouts(Section):
    """How long Telnyx is waited for."""

    connect: Seconds = Field(default=5, description="seconds until a connection is made, TLS included")
    first_byte: Seconds = Field(
        default=300, description="seconds from the request to the first byte of the answer; whole answers of reasoning "
        "models take minutes"
    )  # fmt: skip
    between_chunks: Seconds = Field(default=120, description="seconds of silence within an answer")
    total: Seconds = Field(default=1800, description="seconds for the whole of an answer")


class Upstream(Section):
    """Telnyx, and how it is spoken to."""

    base_url: BaseUrl = Field(
        default="https://api.telnyx.com/v2",
        description="address of Telnyx's API; also api.telnyx.eu and api.telnyx.com.au. Without `/ai/openai`",
    )
    api_key: OptionalSecret = Field(
        default=Secret(env="TELNYX_API_KEY"),
        validate_default=True,
        description="the Telnyx API key of tenants that have none of their own",
    )
    chat_path: UrlPath = Field(
        default="/ai/openai/chat/completions", description="or the older `/ai/chat/completions`; after `base_url`"
    )
    models_path: UrlPath = Field(default="/ai/openai/models", description="the model list; after `base_url`")
    paths: Paths = Field(default_factory=Paths, description="where Telnyx has its other endpoints")
    transport: Transport = Field(
        default="native",
        description="what carries requests to Telnyx: `native`, the proxy's own and faster one, or `aiohttp`",
    )
    dialect: Dialect = Field(
        default="auto",
        description="the published form of the chat request; `auto` speaks 2026-10 and falls back by model",
    )
    image_url: ImageUrl = Field(
        default="auto", description="how an image's address is sent; `auto` as the dialect has it"
    )
    allow_http: bool = Field(
        default=False, description="allow an unencrypted `base_url` that is not a loopback address"
    )
    budgets: Mapping[Text, Pool] = Field(
        default_factory=dict,
        description="Telnyx model id or pattern of ids -> tokens per minute that Telnyx allows the organisation, "
        "shared by weight among the tenants that are asking",
    )
    sharing: Sharing = Field(default_factory=Sharing, description="how tenants share `budgets`")
    set_aside: SecondsOrNone = Field(
        default=300, description="seconds a tenant's Telnyx key that was answered 401 is not used while others are left"
    )
    timeouts: Timeouts = Field(default_factory=Timeouts, description="how long Telnyx is waited for")
    keepalive: SecondsOrNone = Field(
        default=30, description="seconds an unused connection is kept for the next request; 0 = never"
    )
    ca_file: Authorities = Field(
        default=None,
        description="PEM file of authorities that are trusted instead of the system's; null = the system's",
    )


class Streams(Section):
    """What clients see while a streamed answer pauses."""

    keepalive: SecondsOrNone = Field(default=15, description="seconds of silence before a comment is sent; 0 = never")
    heartbeat: SecondsOrNone = Field(
        default=45,
        description="seconds of silence before an empty chunk is sent; 0 = never. It resets timeouts between chunks, "
        "which some clients have and which a comment does not reset",
    )


class Limits(Section):
    """Bounds on memory and patience."""

    body: Size = Field(default=ByteSize(32 * MIB), description="bytes of a request body; larger ones get a 413")
    answer: Size = Field(default=ByteSize(64 * MIB), description="bytes of a whole answer from Telnyx")
    event: Size = Field(default=ByteSize(4 * MIB), description="bytes of one event of a stream")
    body_timeout: Seconds = Field(default=60, description="seconds a client has to send its request body")
    drain: Seconds = Field(
        default=60, description="seconds that a request is read on whose client has left (`on_disconnect: drain`)"
    )


class Translation(Section):
    """What happens to parts of a request that Telnyx has no equal for. Clients are always told in a header."""

    unsupported: Unsupported = Field(
        default="drop", description="parts that may change quality, cost or style: `drop` them or `refuse` the request"
    )
    fields: Mapping[Text, Unsupported] = Field(
        default_factory=dict, description="the same for single fields: `{logit_bias: refuse}`"
    )
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = Field(
        default=1, description="sent where a client gives none: OpenAI's default; null = Telnyx's own, which is 0.1"
    )
    reasoning: Reasoning = Field(
        default="keep", description="`keep` hands the model's reasoning on as `reasoning_content`, `hide` leaves it out"
    )


class ModelProfile(Section):
    """How one model, or the models of a pattern, are spoken to."""

    dialect: Dialect | None = Field(default=None, description="as `upstream.dialect`; null = not overridden")
    image_url: ImageUrl | None = Field(default=None, description="as `upstream.image_url`; null = not overridden")
    defaults: Injected = Field(
        default_factory=dict,
        description="request fields sent where the client says nothing; they win over the tenant's",
    )
    force: Injected = Field(default_factory=dict, description="request fields always sent; the tenant's `force` wins")
    cap: Capped = Field(default_factory=dict, description="bounds; the tighter of these and the tenant's holds")
    quirks: Mapping[Text, bool] = Field(
        default_factory=dict,
        description="quirk -> `on` (always repaired beforehand) or `off` (never); unnamed ones are learned",
    )
    reasoning_efforts: tuple[Effort, ...] = Field(
        default=(), description="values of `reasoning_effort` the model takes; none given = not known"
    )
    responses: Literal["bridge", "native"] | None = Field(
        default=None,
        description="the Responses API of this model: `bridge` = made here from chat completions, which works with "
        "every model; `native` = Telnyx's own; null = bridge",
    )
    embedding: Embedding | None = Field(default=None, description="what an embedding model takes")
    price: Prices | None = Field(
        default=None,
        description="what budgets and costs count with; null = the price in Telnyx's model list, else one that comes "
        "with the proxy. A model without a price costs an unknown amount, not nothing",
    )


class Models(Section):
    """Model names, and what is special about single models."""

    ttl: SecondsOrNone = Field(default=300, description="seconds the model list is kept")
    aliases: Mapping[Text, Text] = Field(
        default_factory=lambda: dict(ALIASES),
        description="name or pattern of names -> Telnyx model id. An exact name wins, then the pattern with the "
        "longest literal part. What is given replaces the default as a whole",
    )
    default: Text | None = Field(default=None, description="model of requests that name none; null = refuse them")
    profiles: Mapping[Text, ModelProfile] = Field(
        default_factory=dict,
        description="Telnyx model id or pattern of ids -> what is special; several that match are laid over each "
        "other, the one with the longest literal part on top",
    )
    file: FilePath = Field(
        default=None, description="a YAML file with further `profiles:`, laid under the ones given here"
    )


class Logging(Section):
    """One line per request, on standard error or into a file."""

    format: Literal["auto", "json", "console"] = Field(
        default="auto", description="`auto` is `console` on a terminal, else `json`"
    )
    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="the least that is logged")
    file: LogFile = Field(default=None, description="file that lines are appended to; null = standard error")


class Metrics(Section):
    """Prometheus metrics on the admin listener."""

    series: Annotated[Whole, Field(ge=1)] = Field(
        default=2000, description="label sets per metric; what comes later is counted as `other`"
    )


class Shutdown(Section):
    """The end."""

    grace: SecondsOrNone = Field(default=30, description="seconds that running requests have to finish after a signal")


class Settings(Section):
    """Everything that can be configured."""

    listen: Listen = Field(default_factory=Listen, description="where OpenAI apps connect")
    admin: Admin = Field(default_factory=Admin, description="the operator's listener")
    server: Server = Field(default_factory=Server, description="the processes that serve")
    upstream: Upstream = Field(default_factory=Upstream, description="Telnyx")
    streams: Streams = Field(default_factory=Streams, description="pauses in streamed answers")
    limits: Limits = Field(default_factory=Limits, description="bounds on memory and patience")
    translation: Translation = Field(default_factory=Translation, description="what Telnyx has no equal for")
    models: Models = Field(default_factory=Models, description="model names")
    tenants: tuple[Tenant, ...] = Field(default=(), description="who may call, and with which rules")
    storage: Storage = Field(default_factory=Storage, description="what is kept, and where limits are counted")
    responses: Responses = Field(default_factory=Responses, description="the Responses API and what it keeps")
    audio: Audio = Field(default_factory=Audio, description="speech to text and text to speech")
    batches: Batches = Field(default_factory=Batches, description="files and batches")
    ledger: Ledger = Field(default_factory=Ledger, description="what is kept of every request")
    logging: Logging = Field(default_factory=Logging, description="log lines")
    metrics: Metrics = Field(default_factory=Metrics, description="Prometheus metrics")
    tracing: Tracing = Field(default_factory=Tracing, description="OpenTelemetry spans")
    shutdown: Shutdown = Field(default_factory=Shutdown, description="how the proxy stops")
