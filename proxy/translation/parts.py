"""What a message holds: text, images, files.

Telnyx takes a string, or an array of parts of the types `text` and `image_url` without any field more than these need.
An array of nothing but text becomes one string, which every model's chat template takes for every role.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from proxy.errors import InvalidRequest
from proxy.translation import checks
from proxy.translation.rules import Draft, unsupported_value

Part = Mapping[str, Any]

FILE_LIMIT = 4 * 1024 * 1024
"""Bytes of a text file that is put into the conversation: about a million tokens, the largest context there is."""

DROPPED: Mapping[str, str] = {
    "cache_control": "Caching is up to Telnyx; the answer does not change.",
    "prompt_cache_breakpoint": "Caching is up to Telnyx; the answer does not change.",
}
"""Fields of a part that are left out, and why."""

JOINED = "Parts that are all text are sent as one string, joined by line breaks."


def convert_content(draft: Draft, at: str, content: Any) -> Any:
    """The content of the message at path `at`: text as it is, parts as Telnyx takes them."""
    if type(content) is str:
        return content
    if type(content) is not list:
        raise checks.invalid_type(f"{at}.content", "one of a string or array of objects", content)
    checks.array(f"{at}.content", content, filled=True)
    parts = [convert_part(draft, f"{at}.content[{index}]", part) for index, part in enumerate(content)]
    if all(part["type"] == "text" for part in parts):
        draft.note_once("converted", "messages[].content", JOINED)
        return "\n".join([part["text"] for part in parts])
    return content if all(new is old for new, old in zip(parts, content, strict=True)) else parts


def content_size(content: Any) -> int:
    """UTF-8 bytes of the text in a converted content. Images are not text: how many tokens they cost is not known."""
    if isinstance(content, str):
        return checks.size(content)
    return sum(checks.size(part["text"]) for part in content if part["type"] == "text")


def convert_part(draft: Draft, at: str, part: Any) -> Part:
    """One part; the same object if Telnyx takes it as it is. `at` is its path."""
    checks.json_object(at, part)
    kind = checks.required(at, part, "type", checks.string)
    handler = TYPES.get(kind)
    if handler is None:
        raise checks.invalid_value(f"{at}.type", kind, TYPES)
    sent = handler(draft, at, part)
    for key, value in part.items():
        if value is None or key in sent or key == kind:
            continue
        reason = DROPPED.get(key)
        if reason is not None:
            draft.note_once("dropped", f"messages[].content[].{key}", reason)
        else:
            name = f"{at}.{checks.shorten(key)}"
            draft.lose("messages[].content[].*", "Telnyx knows no such field of a part.", "messages", name)
    return part if sent == part else sent


def _text(draft: Draft, at: str, part: Part) -> Part:
    return {"type": "text", "text": checks.required(at, part, "text", checks.string)}


def _image(draft: Draft, at: str, part: Part) -> Part:
    """`{url, detail}`, or the bare address, which some clients send."""
    draft.expects.images += 1
    image = part.get("image_url")
    if type(image) is str:
        draft.note_once("converted", "messages[].content[].image_url", "The address of an image goes in an object.")
        return {"type": "image_url", "image_url": {"url": image}}
    image = checks.required(at, part, "image_url", checks.json_object)
    url = checks.required(f"{at}.image_url", image, "url", checks.string)
    detail = checks.optional(f"{at}.image_url", image, "detail", checks.string)
    if detail not in {None, "auto"}:
        draft.lose(
            "messages[].content[].image_url.detail",
            "Telnyx has no choice of how closely an image is looked at.",
            "messages",
            f"{at}.image_url.detail",
        )
    draft.lose_others("messages[].content[].image_url.*", f"{at}.image_url", image, ("url", "detail"))
    sent = {"url": url}
    return {"type": "image_url", "image_url": image if image == sent else sent}


def _refusal(draft: Draft, at: str, part: Part) -> Part:
    text = checks.required(at, part, "refusal", checks.string)
    draft.note_once("converted", "messages[].content[].refusal", "A refusal is sent as the text it is.")
    return {"type": "text", "text": text}


def _audio(draft: Draft, at: str, part: Part) -> Part:
    raise unsupported_value(f"{at}.type", "input_audio", "Telnyx documents no audio input in this form.")


def _file(draft: Draft, at: str, part: Part) -> Part:
    """A text file goes into the conversation as text, under its name."""
    file = checks.required(at, part, "file", checks.json_object)
    at = f"{at}.file"
    name = checks.optional(at, file, "filename", checks.string)
    data = checks.optional(at, file, "file_data", checks.string)
    if data is None:
        raise unsupported_file(at, "Only files sent along as file_data can be read; there is no store of files.")
    text = _read_text(f"{at}.file_data", data)
    draft.note_once("emulated", "messages[].content[].file", "A text file is sent as its text.")
    return {"type": "text", "text": f"{name}:\n{text}" if name else text}


def _read_text(param: str, url: str) -> str:
    """The text of a `data:text/...;base64,` URL."""
    head, _, data = url.partition(",")
    kind, *options = head.lower().split(";")
    if not kind.startswith("data:text/"):
        raise unsupported_file(param, "Only text files can be read, as a data URL (data:text/plain;base64,...).")
    if len(data) > FILE_LIMIT // 3 * 4:
        raise unsupported_file(param, f"A text file may have {FILE_LIMIT} bytes at most.")
    if "base64" not in options:
        raise _invalid_file(param)
    try:
        # Strict: what is not base64 would otherwise be skipped without a word.
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise _invalid_file(param) from None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise unsupported_file(param, "The file is not UTF-8 text.") from None


def unsupported_file(param: str, reason: str) -> InvalidRequest:
    """The refusal of a file."""
    return InvalidRequest(f"Unsupported file: '{param}'. {reason}", param=param, code="unsupported_file")


def _invalid_file(param: str) -> InvalidRequest:
    return InvalidRequest(f"Invalid '{param}'. Expected a base64-encoded data URL.", param=param)


TYPES: Mapping[str, Callable[[Draft, str, Part], Part]] = {
    "text": _text,
    "image_url": _image,
    "input_audio": _audio,
    "refusal": _refusal,
    "file": _file,
}
"""In the order in which OpenAI's error message names them."""
