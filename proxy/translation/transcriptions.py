"""Speech to text: the fields of OpenAI's form onto Telnyx's, and Telnyx's answers in the six shapes OpenAI has.

Telnyx answers `json` and `verbose_json`; text, srt and vtt are made here. The file itself goes another way, see
`edge/transcribing`: it is not looked at but for the head of a WAV file, which says how long it is.

Source: OpenAI's request type, as the official client library has it; Telnyx's AudioTranscriptionRequest.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from proxy import codec
from proxy.errors import InvalidRequest
from proxy.translation import checks
from proxy.translation.changes import Changes
from proxy.translation.chat import lose_unknown
from proxy.translation.checks import one_of
from proxy.translation.recognisers import Recogniser, naming
from proxy.translation.rules import (
    FIELD_LIMIT,
    Draft,
    FieldTable,
    Policy,
    convert,
    emulate,
    keep,
    lossy,
    refuse,
    too_many_fields,
    unsupported,
    unsupported_value,
)

FORMATS = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
CAPTIONS = frozenset({"srt", "vtt"})
GRANULARITIES = "timestamp_granularities[]"
"""Telnyx wants the brackets, also around a single one; without them it fails with 500."""
LISTS = frozenset(
    {"timestamp_granularities", "include", "keywords", "languages", "known_speaker_names", "known_speaker_references"}
)
LANGUAGE_LIMIT = 32
URL_LIMIT = 8192
SPEAKERS = "Telnyx does not tell speakers apart."
TO_BE_CHARGED = "verbose_json tells how long the recording is, which is charged."
HEARS_ALONE = "Telnyx's models are not told what to expect."


class Wanted(NamedTuple):
    """What the client expects of the answer.

    Attributes:
        shape: one of FORMATS.
        stream: as events.
        words: the times of words were asked for; segments: those of segments, or nothing was said.
        language: what the client said it would be.
    """

    shape: str = "json"
    stream: bool = False
    words: bool = False
    segments: bool = True
    language: str = ""


class Translated(NamedTuple):
    """A translated form: the fields that Telnyx gets, what was done, and what the answer must be turned into."""

    fields: Mapping[str, str]
    changes: Changes
    wanted: Wanted


def collect(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The fields of a form by OpenAI's names: lists as lists (`include[]`), objects as objects (`a[b]`).

    Raises InvalidRequest for a field that comes twice.
    """
    found: dict[str, Any] = {}
    for written, value in pairs:
        name, bracket, inner = written.partition("[")
        inner = inner.removesuffix("]")
        if name in LISTS or (bracket and not inner):
            found.setdefault(name, []).append(value)
        elif bracket:
            inside = found.setdefault(name, {})
            _expect_new(written, isinstance(inside, dict) and inner not in inside)
            inside[inner] = value
        else:
            _expect_new(name, name not in found)
            found[name] = value
        if len(found) > FIELD_LIMIT:
            raise too_many_fields()
    return found


def _expect_new(name: str, new: object) -> None:
    if not new:
        shown = checks.shorten(name)
        raise InvalidRequest(
            f"Duplicate parameter: '{shown}' stands twice in the request.", param=shown, code="duplicate_parameter"
        )


def translate(source: Mapping[str, Any], model: str, policy: Policy, able: Recogniser) -> Translated:
    """What Telnyx gets beside the file, in the order in which it is sent. Raises InvalidRequest."""
    shape = source.get("response_format", "json")
    _expect_shape(shape, model, able)
    draft = Draft(source, policy)
    draft.body["model"] = model
    hearing = _Hearing(draft, able, shape)
    draft.body["response_format"] = hearing.asked()
    FIELDS.apply(hearing)
    if "response_format" not in source:
        hearing.leave_format()
    if hearing.needs_segments():
        draft.body[GRANULARITIES] = "segment"
    return Translated(draft.body, draft.changes, hearing.wanted())


def _expect_shape(shape: Any, model: str, able: Recogniser) -> None:
    one_of(*FORMATS)("response_format", shape)
    if shape == "diarized_json":
        raise unsupported_value("response_format", shape, SPEAKERS)
    if shape in CAPTIONS and not able.timed:
        raise unsupported_value(
            "response_format", shape, f"{model} does not say when what was said. {_others('segments', 'words')}"
        )


def _others(*features: str) -> str:
    return f"Models that do: {', '.join(naming(feature) for feature in features)}."


class _Hearing(Draft):
    """A draft that knows the model."""

    __slots__ = ("able", "granularities", "language", "shape", "streamed")

    def __init__(self, draft: Draft, able: Recogniser, shape: str) -> None:
        super().__init__(draft.source, draft.policy)
        self.body, self.changes = draft.body, draft.changes
        self.able, self.shape = able, shape
        self.granularities: list[str] = []
        self.language, self.streamed = "", False

    def asked(self) -> str:
        """The format that Telnyx is asked for."""
        if self.shape in CAPTIONS or self.shape == "verbose_json" or self.able.duration:
            return "verbose_json"
        return "json"

    def leave_format(self) -> None:
        """The client left it to the default, which is Telnyx's, too, unless more is needed here."""
        if self.asked() == "json":
            del self.body["response_format"]  # a field behind the file may say it yet
        else:
            self.note("injected", "response_format", "verbose_json", TO_BE_CHARGED)

    def needs_segments(self) -> bool:
        """Whether Telnyx is asked for segments."""
        return self.able.segments and (
            self.shape in CAPTIONS or (self.wanted().segments and self.shape == "verbose_json")
        )

    def wanted(self) -> Wanted:
        words = "word" in self.granularities
        return Wanted(self.shape, self.streamed, words, not words or "segment" in self.granularities, self.language)


def _already(draft: Draft, name: str, value: Any) -> None:
    """The caller has looked at it."""


def _response_format(draft: Draft, name: str, value: Any) -> None:
    hearing = _own(draft)
    asked = hearing.body[name]
    if value in {"text", *CAPTIONS}:
        draft.note("emulated", name, reason="Telnyx answers in JSON; the text is made here.")
    elif value != asked:
        draft.note("converted", name, reason=TO_BE_CHARGED)
    if value == "verbose_json" and not hearing.able.timed:
        draft.lose(name, f"This model gives the text without times. {_others('segments', 'words')}")


def _granularities(draft: Draft, name: str, value: list[str]) -> None:
    hearing = _own(draft)
    if hearing.shape != "verbose_json":
        raise InvalidRequest(f"'{name}' needs 'response_format' to be 'verbose_json'.", param=name)
    for each in value:
        one_of("word", "segment")(name, each)
        if not (hearing.able.words if each == "word" else hearing.able.segments):
            others = _others("words" if each == "word" else "segments")
            raise unsupported_value(name, each, f"{draft.body['model']} does not tell it. {others}")
    hearing.granularities = list(value)
    if "word" in value:
        draft.note("dropped", name, reason="The words come with verbose_json, unasked.")


def _language(draft: Draft, name: str, value: Any) -> None:
    checks.text(LANGUAGE_LIMIT)(name, value)
    hearing = _own(draft)
    hearing.language = value
    if hearing.able.languages:
        draft.body[name] = value
    elif value.lower().partition("-")[0] in {"en", "english"}:
        draft.note("dropped", name, reason="This model hears English and nothing else.")
    else:
        raise unsupported_value(name, value, f"{draft.body['model']} hears English only.")


def _temperature(draft: Draft, name: str, value: Any) -> None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise checks.invalid_type(name, "a decimal", value) from None
    checks.number(0, 1)(name, number)
    if number:
        draft.lose(name, HEARS_ALONE)
    else:
        draft.note("dropped", name, reason="It is OpenAI's default.")


def _chunking_strategy(draft: Draft, name: str, value: Any) -> None:
    if value == "auto":
        draft.note("dropped", name, reason="How a recording is cut is up to Telnyx.")
    else:
        draft.lose(name, "How a recording is cut is up to Telnyx.")


def _include(draft: Draft, name: str, value: list[str]) -> None:
    if value:
        raise unsupported_value(name, checks.shorten(str(value[0])), "Telnyx's models do not say how sure they are.")


def _stream(draft: Draft, name: str, value: Any) -> None:
    one_of("true", "false")(name, str(value).lower())
    hearing = _own(draft)
    if str(value).lower() == "false":
        draft.note("dropped", name, reason="It is how the answer comes anyway.")
    elif hearing.shape in {"json", "text"}:
        hearing.streamed = True
        draft.note("emulated", name, reason="The whole transcript comes as one delta, when it is there.")
    else:
        draft.note("dropped", name, reason="This format does not come as events, at OpenAI either.")


def _file_url(draft: Draft, name: str, value: Any) -> None:
    checks.text(URL_LIMIT)(name, value)
    if not value.startswith(("https://", "http://")):
        raise InvalidRequest(f"Invalid '{name}': expected an address that begins with https://.", param=name)
    draft.body[name] = value


def _model_config(draft: Draft, name: str, value: Any) -> None:
    if not _own(draft).able.configured:
        raise unsupported(name, f"Only {naming('configured')} takes it.")
    if isinstance(value, str):
        try:
            codec.decode_object(value.encode())
        except codec.NotJson:
            raise checks.invalid_type(name, "an object", value) from None
    else:
        value = codec.encode_text(value)
    draft.body[name] = value


def _own(draft: Draft) -> _Hearing:
    return cast("_Hearing", draft)  # the table is applied to nothing else


# fmt: off
FIELDS = FieldTable((
    keep   ("file",                     reason="It is handed on as it comes.", function=_already),
    convert("model",                    _already,
            "The name is looked up among the aliases; Telnyx gets its own id."),
    convert("response_format",          _response_format,
            "json and verbose_json are asked for; text, srt and vtt are made here, captions from segments or words."),
    convert("timestamp_granularities",  _granularities,
            "Sent with its brackets; what the model does not tell is refused.", sends=(GRANULARITIES,)),
    keep   ("language",                 function=_language,
            reason="Not to distil-large-v2, which hears English only."),
    emulate("stream",                   _stream, "The transcript comes as one delta. Ignored for captions."),
    lossy  ("prompt",                   HEARS_ALONE),
    lossy  ("keywords",                 HEARS_ALONE),
    lossy  ("languages",                HEARS_ALONE),
    lossy  ("temperature",              HEARS_ALONE, function=_temperature),
    lossy  ("chunking_strategy",        "How a recording is cut is up to Telnyx.", function=_chunking_strategy),
    refuse ("include",                  "Telnyx's models do not say how sure they are.", function=_include),
    refuse ("known_speaker_names",      SPEAKERS),
    refuse ("known_speaker_references", SPEAKERS),

    # Telnyx's own fields, which a client may use
    keep   ("file_url",                 function=_file_url),
    keep   ("model_config",             function=_model_config, reason="For deepgram/nova-3."),
), unknown=lose_unknown)
# fmt: on
"""Every field of the form and its fate."""
