"""What an item holds: text, images, files. Checked, and as the parts of a chat message.

Parts are named here as they are in chat; whether Telnyx takes what is in them, a file for instance, is for the chat
translation to say. Source: https://platform.openai.com/docs/api-reference/responses/create#responses_create-input
"""

from collections.abc import Callable, Mapping
from typing import Any

from proxy.errors import InvalidRequest
from proxy.translation import checks
from proxy.translation.parts import unsupported_file
from proxy.translation.responses.draft import ResponseDraft

Part = Mapping[str, Any]
ChatPart = dict[str, Any]

TEXTS = ("input_text", "output_text", "text", "summary_text", "reasoning_text")
"""Types of parts that are a text. Which of them stands where is for the model to care about, and it does not."""
IMAGES = ("input_image", "computer_screenshot")
"""Types of parts that are an image."""
TEXT_FIELDS = frozenset({"type", "text", "annotations", "logprobs"})
IMAGE_FIELDS = frozenset({"type", "image_url", "detail", "file_id"})
FILE_FIELDS = frozenset({"type", "filename", "file_data", "file_id", "file_url", "detail"})


def check_content(param: str, content: Any) -> None:
    """A text, or an array of parts. Raises InvalidRequest."""
    if type(content) is str:
        return
    if type(content) is not list:
        raise checks.invalid_type(param, "one of a string or array of objects", content)
    for index, part in enumerate(content):
        at = f"{param}[{index}]"
        checks.json_object(at, part)
        kind = checks.required(at, part, "type", checks.string)
        handler = _CHECKS.get(kind)
        if handler is None:
            raise checks.invalid_value(f"{at}.type", kind, _CHECKS)
        handler(at, part)


def _text(at: str, part: Part) -> None:
    checks.required(at, part, "text", checks.string)


def _image(at: str, part: Part) -> None:
    checks.optional(at, part, "detail", checks.string)
    _one_of(at, part, ("image_url", "file_id"))


def _file(at: str, part: Part) -> None:
    checks.optional(at, part, "filename", checks.string)
    _one_of(at, part, ("file_data", "file_id", "file_url"))


def _one_of(at: str, part: Part, names: tuple[str, ...]) -> None:
    given = [name for name in names if checks.optional(at, part, name, checks.string) is not None]
    if not given:
        words = " or ".join(f"'{name}'" for name in names)
        raise InvalidRequest(
            f"Missing required parameter: '{at}' needs {words}.", param=at, code="missing_required_parameter"
        )


def _audio(at: str, part: Part) -> None:
    checks.required(at, part, "input_audio", checks.json_object)


def _refusal(at: str, part: Part) -> None:
    checks.required(at, part, "refusal", checks.string)


_CHECKS: Mapping[str, Callable[[str, Part], None]] = {
    **dict.fromkeys(TEXTS, _text),
    **dict.fromkeys(IMAGES, _image),
    "input_file": _file,
    "input_audio": _audio,
    "refusal": _refusal,
}


def chat_part(draft: ResponseDraft, at: str, part: Part) -> ChatPart:
    """A checked part as chat has it. Raises InvalidRequest for what is stored where nobody here can read it."""
    convert, known = _PARTS.get(part["type"], (_chat_text, TEXT_FIELDS))
    draft.leave_out("input[].content[]", at, part, known)
    return convert(at, part)


def _chat_text(at: str, part: Part) -> ChatPart:
    return {"type": "text", "text": part["text"]}


def _chat_image(at: str, part: Part) -> ChatPart:
    url = part.get("image_url")
    if url is None:
        raise unsupported_file(
            f"{at}.file_id", "Only images given by image_url can be seen; there is no store of files."
        )
    detail = part.get("detail")
    return {"type": "image_url", "image_url": {"url": url} if detail is None else {"url": url, "detail": detail}}


def _chat_file(at: str, part: Part) -> ChatPart:
    data, name = part.get("file_data"), part.get("filename")
    if data is None:
        other = "file_url" if part.get("file_url") is not None else "file_id"
        raise unsupported_file(f"{at}.{other}", "Only files sent along as file_data can be read; none are fetched.")
    return {"type": "file", "file": {"file_data": data} if name is None else {"file_data": data, "filename": name}}


def _chat_audio(at: str, part: Part) -> ChatPart:
    return {"type": "input_audio", "input_audio": part["input_audio"]}


def _chat_refusal(at: str, part: Part) -> ChatPart:
    return {"type": "refusal", "refusal": part["refusal"]}


_PARTS: Mapping[str, tuple[Callable[[str, Part], ChatPart], frozenset[str]]] = {
    **dict.fromkeys(IMAGES, (_chat_image, IMAGE_FIELDS)),
    "input_file": (_chat_file, FILE_FIELDS),
    "input_audio": (_chat_audio, frozenset({"input_audio"})),
    "refusal": (_chat_refusal, frozenset({"refusal"})),
}
"""How parts that are no text are told, and what of them is."""
