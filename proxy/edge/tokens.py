"""Token ids -> text, with the optional extra `tokens`. The tables come with the package: nothing is ever fetched."""

from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

from proxy.errors import InvalidRequest

LIBRARY = "rs_bpe.bpe"
ENCODING = "cl100k_base"
"""What OpenAI's embedding models are tokenized with, and what client libraries take for models they do not know."""
IDS = 100_256
"""Ids of texts are below it; above it are marks between documents, which no text has. The library does not check."""
HINT = (
    "Telnyx takes texts, not token ids. (HINT: the operator can install the proxy's extra, pip install "
    "'telnyx-openai-proxy[tokens]'; or let the application send texts: in LangChain, "
    "OpenAIEmbeddings(check_embedding_ctx_length=False).)"
)


@lru_cache(maxsize=1)
def _table(library: str) -> Any:
    """The table of the tokens. It is read once, which takes some 50 ms and 60 MB."""
    return import_module(library).openai.cl100k_base().bpe()


def decode(inputs: Sequence[Sequence[int]], library: str = LIBRARY) -> list[str]:
    """The texts of token ids, none of which is negative. What is left of a character cut in two becomes U+FFFD.

    Raises InvalidRequest.
    """
    for index, ids in enumerate(inputs):
        if max(ids) >= IDS:
            message = f"Invalid 'input': the token ids of text {index} are not all those of {ENCODING}."
            raise InvalidRequest(message, param="input")
    try:
        table = _table(library)
    except ImportError:
        raise InvalidRequest(HINT, param="input", code="unsupported_value") from None
    return [bytes(table.decode_tokens(ids)).decode(errors="replace") for ids in inputs]
