"""The embeddings request: what Telnyx hears of it, and what is known of the models. PURE.

Telnyx takes a text or several, and is always asked for numbers: what it does with `base64` and `dimensions` is either
not known or an error, and both can be made of the numbers here (`vectors`). Token ids are texts that somebody has put
through OpenAI's tokenizer; they are read back to text before they come here.

Sources: OpenAI's request type, as the official client library has it; Telnyx's published schema of October 2026.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from proxy.errors import InvalidRequest, ProxyError
from proxy.translation import chat, checks
from proxy.translation.changes import Changes
from proxy.translation.chat import LEDGER, Translated
from proxy.translation.checks import integer, one_of, string
from proxy.translation.rules import Draft, FieldTable, Policy, convert, drop, emulate, keep, stated
from proxy.usage import size

INPUTS = 2048
"""Texts of one request, as at OpenAI. Batches bound what Telnyx gets at once, this what is kept until all have come."""
TOKENS = 8192
"""Token ids of one text, as at OpenAI."""
BATCH = 32
"""Texts of one request to Telnyx. It publishes no bound; this is what Hugging Face's Text Embeddings Inference takes
unless it is told otherwise (`--max-client-batch-size`), the lowest of the servers in use."""


@dataclass(frozen=True, slots=True)
class Model:
    """What is known of an embedding model.

    Attributes:
        length: numbers of a vector, None where that is not known.
        batch: texts of one request.
        shortens: it takes `dimensions` itself.
    """

    length: int | None = None
    batch: int = BATCH
    shortens: bool = False


MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "thenlper/gte-large": Model(1024),  # answered 500 to `dimensions`
        "intfloat/multilingual-e5-large": Model(1024),
        "Qwen/Qwen3-Embedding-8B": Model(4096),
    }
)
"""By Telnyx id. Lengths are those of the published models."""
UNKNOWN = Model()


@dataclass(slots=True)
class Wanted:
    """What a client wants.

    Attributes:
        texts: to be embedded, in their order.
        ids: the same as token ids, where that is what came.
        base64: vectors as little-endian 32-bit floats in base64, instead of numbers.
        length: numbers of a vector, None = as many as the model gives.
    """

    texts: list[str] = field(default_factory=list)
    ids: list[list[int]] | None = None
    base64: bool = False
    length: int | None = None


def wanted(request: Mapping[str, Any]) -> Wanted:
    """The input of a request: texts or token ids. Raises InvalidRequest."""
    given = request.get("input")
    if given is None:
        raise checks.missing("input")
    if type(given) is str:
        return Wanted([_text("input", given)])
    if type(given) is not list:
        raise checks.invalid_type("input", "one of a string or array", given)
    checks.array("input", given, filled=True)
    if type(given[0]) is int:
        return Wanted(ids=[_ids("input", given)])
    checks.array("input", given, INPUTS)
    read = _ids if type(given[0]) is list else _text
    found: list[Any] = [read(f"input[{index}]", each) for index, each in enumerate(given)]
    return Wanted(found) if read is _text else Wanted(ids=found)


def _text(param: str, value: Any) -> str:
    string(param, value)
    if not value:
        raise InvalidRequest(f"Invalid '{param}': it cannot be an empty string.", param=param)
    return str(value)


def _ids(param: str, value: Any) -> list[int]:
    checks.array(param, value, TOKENS, filled=True)
    if set(map(type, value)) != {int} or min(value) < 0:  # there may be millions: they are looked at once more to tell
        index = next(place for place, each in enumerate(value) if type(each) is not int or each < 0)
        integer(0)(f"{param}[{index}]", value[index])
    return list(value)


def known(model: str, batch: int | None = None, shortens: bool | None = None) -> Model:  # noqa: FBT001 - three states, as configured
    """What is known of a model, with what an operator says over it."""
    listed = MODELS.get(model, UNKNOWN)
    return Model(listed.length, batch or listed.batch, listed.shortens if shortens is None else shortens)


def translate(wanted: Wanted, request: Mapping[str, Any], model: str, policy: Policy) -> Translated:
    """The upstream body but for its `input`, which comes batch by batch. Fills in what is wanted.

    What operators add to chat requests has no meaning here. Raises InvalidRequest.
    """
    draft = Draft(stated(request), policy)
    draft.body |= {"model": model, "encoding_format": "float"}
    FIELDS.apply(draft)
    if wanted.ids is not None:
        draft.note("converted", "input", reason="Token ids of OpenAI's cl100k_base become text, which Telnyx takes.")
    draft.expects.input_bytes = sum(map(size, wanted.texts))
    wanted.base64 = draft.source.get("encoding_format") == "base64"
    wanted.length = draft.source.get("dimensions")
    return Translated(draft.body, Changes(draft.changes), draft.expects)


def shorten(wanted: Wanted, model: Model, body: dict[str, Any]) -> None:
    """Ask the model for shorter vectors, if it takes that (the body is written to). Raises InvalidRequest."""
    if wanted.length is not None:
        if model.length is not None:
            expect_length(wanted.length, model.length)
        if model.shortens:
            body["dimensions"] = wanted.length


def expect_length(length: int, most: int) -> None:
    """Raises InvalidRequest for vectors that are to be longer than the model's."""
    if length > most:
        raise InvalidRequest(
            f"Invalid 'dimensions': the vectors of this model have {most} dimensions, fewer than {length}.",
            param="dimensions",
        )


_TOO_MANY = re.compile(
    r"\bbatch(?: size)?\b|\bat most \d+ items\b|\btoo many (?:inputs|items|texts|strings)\b"
    r"|\bmaximum (?:number of )?inputs\b",
    re.IGNORECASE,
)
_REFUSED = frozenset({400, 413, 422})


def too_many(error: ProxyError) -> bool:
    """Whether Telnyx refuses a request for the number of its texts. It does not say how; these are the usual words."""
    return error.status in _REFUSED and (error.status == 413 or _TOO_MANY.search(error.message) is not None)  # noqa: PLR2004 - HTTP's own number


def clients_param(param: str | None) -> str | None:
    """A place in Telnyx's terms -> the field that the client sent. `messages` is what is too long in a chat."""
    return "input" if param is not None and param.startswith(("messages", "input")) else param


def _input(draft: Draft, name: str, value: Any) -> None:
    """Read before; the batches are made of it."""


def _dimensions(draft: Draft, name: str, value: Any) -> None:
    integer(1)(name, value)
    draft.note("emulated", name, str(value), "The proxy shortens the vectors, and scales them to length 1 again.")


def _encoding_format(draft: Draft, name: str, value: Any) -> None:
    one_of("float", "base64")(name, value)
    if value == "base64":
        draft.note("emulated", name, value, "Telnyx is asked for numbers; the proxy encodes them.")


def _end_user(draft: Draft, name: str, value: Any) -> None:
    if name == "safety_identifier" or "safety_identifier" not in draft.source:
        draft.expects.end_user = value
    draft.note("dropped", name, reason=LEDGER)


def _metadata(draft: Draft, name: str, value: Any) -> None:
    draft.expects.metadata = value
    draft.note("dropped", name, reason=LEDGER)


# fmt: off
FIELDS = FieldTable((
    convert("model",             chat.check_model,
            "The name is looked up among the aliases; Telnyx gets its own id."),
    keep   ("input",             reason="A text or several, in batches as large as the model takes them. Token ids "
                                        "become text with the extra `tokens`, or are refused.", function=_input),
    emulate("dimensions",        _dimensions,
            "The proxy cuts the vectors and scales them to length 1 again, unless the model is known to do it.",
            sends=("dimensions",)),
    emulate("encoding_format",   _encoding_format,
            "Telnyx is asked for numbers; base64 is made of them here.", sends=("encoding_format",)),
    drop   ("user",              LEDGER, check=string, function=_end_user),
    drop   ("safety_identifier", LEDGER, check=string, function=_end_user),
    drop   ("metadata",          LEDGER, check=checks.labels, function=_metadata),
), unknown=chat.lose_unknown)
# fmt: on
"""Every field of the request and its fate."""
