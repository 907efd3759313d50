"""Who is calling: a kind of client from its headers, out of a fixed list, and the other headers worth a log line."""

from dataclasses import dataclass
from functools import lru_cache

OTHER = "other"
"""The kind of every client that no row fits."""

BATCH = "telnyx-openai-proxy/batch"
"""As what the proxy asks itself for the lines of batches."""

MAX_RETRIES = 99
"""A retry count beyond is not a client library's."""

REQUEST_ID_LIMIT = 512
"""Characters; OpenAI's own limit for `X-Client-Request-Id`."""

_USER_AGENT_LIMIT = 256
"""Characters looked at: names stand in front."""


@dataclass(frozen=True, slots=True)
class Client:
    """A kind of client and what its user agent contains, in lower case."""

    kind: str
    marker: str


FRAMEWORKS = (
    Client("codex", "codex"),  # codex_cli_rs/..., codex_exec/...
    Client("openai-agents", "agents/python"),  # Agents/Python 0.24.0
    Client("openai-agents", "agents/javascript"),
    Client("claude-code", "claude-cli/"),
    Client("pydantic-ai", "pydantic-ai"),
    Client("langchain", "langchain"),  # langchainjs-openai/...
    Client("llama-index", "llama-index"),
    Client("llama-index", "llama_index"),
    Client("litellm", "litellm"),
    Client("opencode", "opencode"),
    Client("vercel-ai-sdk", "ai-sdk/"),  # ai/6.0.326 ai-sdk/provider-utils/... runtime/node.js/20
    Client("haystack", "haystack"),
    Client("semantic-kernel", "semantic-kernel"),
)
"""First of all, since several of them put their name in front of the one of the library underneath."""

LIBRARIES = (
    Client("openai-python", "openai/python"),  # OpenAI/Python 3.52.0, AsyncOpenAI/Python 3.52.0
    Client("openai-python", "openai/v1 pythonbindings"),  # before 1.0
    Client("openai-node", "openai/js"),
    Client("openai-node", "openai/nodejs"),  # before 4.0
    Client("anthropic-python", "anthropic/python"),  # Anthropic/Python 2.12.0, AsyncAnthropic/Python 2.12.0
    Client("anthropic-node", "anthropic/js"),
    Client("openai-go", "openai/go"),
    Client("openai-java", "openai/java"),
    Client("openai-ruby", "openai/ruby"),
    Client("openai-dotnet", "openai-dotnet"),
    Client("openai-dotnet", "(.net"),  # OpenAI/2.5.0 (.NET 8.0.11; Linux)
)

LANGUAGES = {
    "python": "openai-python",
    "js": "openai-node",
    "go": "openai-go",
    "java": "openai-java",
    "kotlin": "openai-java",
    "ruby": "openai-ruby",
    "csharp": "openai-dotnet",
}
"""By `x-stainless-lang`, which the official libraries send even where an application sets its own user agent, or a
browser does not let them set theirs."""

GENERIC = (
    Client("curl", "curl/"),
    Client("wget", "wget/"),
    Client("python-requests", "python-requests/"),
    Client("python-httpx", "python-httpx/"),
    Client("python-aiohttp", "aiohttp/"),
    Client("python-urllib", "python-urllib/"),
    Client("axios", "axios/"),
    Client("node-fetch", "node-fetch"),
    Client("node", "undici"),
    Client("go-http", "go-http-client/"),
    Client("okhttp", "okhttp/"),
    Client("java", "java-http-client/"),
    Client("postman", "postmanruntime/"),
    Client("browser", "mozilla/"),
    Client("batch", BATCH),
)
"""Last: what is left is a plain HTTP client. `node` as a whole user agent is Node's own fetch."""

KINDS = frozenset({*(row.kind for row in (*FRAMEWORKS, *LIBRARIES, *GENERIC)), *LANGUAGES.values(), OTHER})
"""Every kind there is."""


@lru_cache(maxsize=64)  # a proxy has few different clients, each with many requests; long headers make 2 MB of it
def kind_of(user_agent: str | None, stainless_lang: str | None = None) -> str:
    """The kind of client, one of KINDS, from `User-Agent` and `x-stainless-lang`."""
    text = (user_agent or "")[:_USER_AGENT_LIMIT].lower()
    return (
        _find(FRAMEWORKS, text)
        or _find(LIBRARIES, text)
        or LANGUAGES.get((stainless_lang or "").lower())
        or _find(GENERIC, text)
        or ("node" if text == "node" else OTHER)
    )


def _find(rows: tuple[Client, ...], text: str) -> str | None:
    return next((row.kind for row in rows if row.marker in text), None)


@lru_cache(maxsize=16)
def retry_count(value: str | None) -> int:
    """`x-stainless-retry-count`: how often this request was tried before, 0 to MAX_RETRIES; 0 if it is no number."""
    if value is None or not (value.isascii() and value.isdigit()):
        return 0
    return min(int(value[:4]), MAX_RETRIES)  # a long row of digits must not become a long calculation


def client_request_id(value: str | None) -> str | None:
    """`X-Client-Request-Id` made fit for a log: printable ASCII, at most REQUEST_ID_LIMIT characters, None if empty."""
    if not value:
        return None
    value = value[:REQUEST_ID_LIMIT]
    if value.isascii() and value.isprintable():  # as nearly all are; the long way takes microseconds
        return value
    return "".join(c if " " <= c <= "~" else "?" for c in value)
