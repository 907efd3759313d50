"""What the mock says and the load generator expects. Everything is built once: nothing is encoded under load.

A client asks for the model `chunks-D`; a target makes it `bench/chunks-D`, which tells the mock to leave D
milliseconds between the chunks of a stream (0 = all at once); `chunks-D-N` is the same under another name. That the
mock answers at all therefore proves that the target swapped the model and the credential. A request that is not of the
ordinary size says in its last words how long it is, `(1000000 bytes)`, and how many functions come with it,
`(64 functions)`; the mock refuses one of which less has arrived.
"""

from typing import Any, Final

from proxy import codec

HOST: Final = "127.0.0.1"
CLIENT_PATH: Final = "/v1/chat/completions"
UPSTREAM_PATH: Final = "/v2/ai/openai/chat/completions"
UPSTREAM_KEY: Final = "KEYbench00000000000000000000"
PREFIX: Final = "bench/"

AT_ONCE: Final = "chunks-0"
SLOW: Final = "chunks-5"  # 100 streams of these are 20,000 chunks a second, below what any target of interest carries
HELD_OPEN: Final = "chunks-100"  # a stream of ten seconds: 1,000 of them are open together and busy at 10,000 chunks/s
MODELS: Final = (AT_ONCE, SLOW, HELD_OPEN)

CHUNKS: Final = 100
WORDS: Final = tuple(
    f" word{number:03d}" for number in range(CHUNKS - 2)
)  # the first has the role, the last the reason
TEXT: Final = "The quick brown fox jumps over the lazy dog near the river bank."

ASKED: Final = "What does the quick brown fox do, and to whom, and where does it happen?"
LINE: Final = 'He said: "Über allen Gipfeln ist Ruh", and wrote it down;\nthe rest of this line is ordinary prose. '
"""Prose with what JSON must escape and what UTF-8 makes longer."""
LINE_BYTES: Final = len(codec.encode(LINE)) - 2  # no JSON encoder makes it shorter

_CALL: Final = {"id": "chatcmpl-5e1f0c9a7b3d4c21", "created": 1767225600, "model": PREFIX + AT_ONCE}
_USAGE: Final = {"prompt_tokens": 12, "completion_tokens": CHUNKS, "total_tokens": CHUNKS + 12}


def whole() -> bytes:
    """The plain answer, about 400 bytes."""
    message = {"role": "assistant", "content": TEXT, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return codec.encode({**_CALL, "object": "chat.completion", "choices": [choice], "usage": _USAGE})


def events(*, usage: bool) -> list[bytes]:
    """The server-sent events of a stream: 100 chunks of about 230 bytes, usage if the request asked for it, the end."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *({"content": word} for word in WORDS), {}]
    bodies = [_chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}]) for delta in deltas]
    bodies[-1]["choices"][0]["finish_reason"] = "stop"
    if usage:
        bodies.append({**_chunk([]), "usage": _USAGE})
    return [b"data: " + codec.encode(body) + b"\n\n" for body in bodies] + [b"data: [DONE]\n\n"]


def _chunk(choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {**_CALL, "object": "chat.completion.chunk", "system_fingerprint": "fp_bench", "choices": choices}


def catalogue(models: int = 1) -> bytes:
    """The list of models, so many of each kind, for targets that want to know which there are."""
    names = [PREFIX + numbered(name, number) for name in MODELS for number in range(models)]
    rows = [{"id": name, "object": "model", "created": 1767225600, "owned_by": "bench"} for name in names]
    return codec.encode({"object": "list", "data": rows})


def numbered(name: str, number: int) -> str:
    """One of many names or keys: the first is the name itself."""
    return f"{name}-{number:05d}" if number else name


def question(model: str, *, stream: bool, size: int = 0, functions: int = 0) -> bytes:
    """The request body every client sends, an ordinary one of two messages.

    `size` makes it longer by so many bytes of prose, `functions` brings so many tools along.
    """
    words = [ASKED]
    if size:
        lines = size // LINE_BYTES
        words += [LINE * lines, f"({lines * LINE_BYTES} bytes)"]
    if functions:
        words.append(f"({functions} functions)")
    messages = [
        {"role": "system", "content": "You are a helpful assistant. Answer briefly."},
        {"role": "user", "content": " ".join(words)},
    ]
    body: dict[str, Any] = {"model": model, "messages": messages, "temperature": 0.7, "max_tokens": 256}
    if stream:
        body["stream"] = True
    if functions:
        body["tools"] = [_function(number) for number in range(functions)]
    return codec.encode(body)


def _function(number: int) -> dict[str, Any]:
    """A tool as agents bring dozens of, some 500 bytes."""
    properties = {
        "path": {"type": "string", "description": "Where to look, from the root of the project."},
        "pattern": {"type": "string", "description": "What to look for, as a regular expression."},
        "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
        "kind": {"type": "string", "enum": ["file", "folder", "link"]},
    }
    parameters = {"type": "object", "properties": properties, "required": ["path"], "additionalProperties": False}
    described = f"Looks for things of kind {number} and lists what it has found."
    return {
        "type": "function",
        "function": {"name": f"look_{number}", "description": described, "parameters": parameters},
    }


def fault_of(body: bytes, *, stream: bool) -> str | None:
    """Reads an answer completely; what is wrong with it, or None."""
    try:
        text, expected = (_streamed_text(body), "".join(WORDS)) if stream else (_whole_text(body), TEXT)
    except (codec.NotJson, KeyError, IndexError, TypeError) as fault:
        return f"not an answer ({fault!r})"
    return None if text == expected else f"the text is {text[:80]!r}"


def _whole_text(body: bytes) -> str:
    return str(codec.decode(body)["choices"][0]["message"]["content"])


def _streamed_text(body: bytes) -> str:
    lines = [line[5:].strip() for line in body.splitlines() if line.startswith(b"data:")]
    chunks = [codec.decode(line) for line in lines if line != b"[DONE]"]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]  # a chunk with usage has none
    return "".join(choice["delta"].get("content") or "" for choice in choices)
