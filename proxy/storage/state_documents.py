"""Documents as bytes, and ids as keys.

A document is JSON behind one byte that tells its form: plain, or compressed. It is bytes and not the database's JSON,
because nobody asks for its parts, because it takes a fraction of the room, and because PostgreSQL takes no text with a
NUL, which JSON may well hold.
"""

import asyncio
import hashlib
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from proxy import codec
from proxy.errors import InvalidRequest, StateTooLarge
from proxy.storage.state_records import Item, Stored

PLAIN, COMPRESSED = b"j", b"z"
SMALL = 256
"""Bytes from which on compressing saves room."""
LEVEL = 3
"""Of zlib: a fifth larger than at the default level, in a third of the time."""
LONG = 65_536
"""Bytes from which on it is worth a thread: a millisecond of the event loop."""
LONGEST_ID = 128
"""Characters of a column that holds an id."""
MOST_ITEMS = 10_000
"""Items of one response with its input, or added at once: each is a row."""
ROW, INDEX_ROW = 200, 100
"""Bytes that a row and an item's place are counted with, beside the document."""
REFERENCE = "item_reference"
READ = 4
"""What is read at once may be so many times `responses.size`: a chain of turns, a whole conversation."""


class Packed(NamedTuple):
    """A document. `size`: bytes before compressing."""

    document: bytes
    size: int


def key_of(identity: str) -> str:
    """What an id is found by: itself, or its hash where no column could hold it. Clients send anything as an id."""
    if len(identity) <= LONGEST_ID and identity.isascii() and "\0" not in identity:
        return identity
    return "#" + hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()


def encoded(value: Any) -> bytes:
    """JSON. Raises InvalidRequest for what cannot be written: nested too deeply."""
    try:
        return codec.encode(value)
    except TypeError:
        raise InvalidRequest("It cannot be kept: it is nested too deeply.") from None


async def packed(raw: bytes) -> Packed:
    """A document of these bytes."""
    if len(raw) < SMALL:
        return Packed(PLAIN + raw, len(raw))
    compressed = zlib.compress(raw, LEVEL) if len(raw) < LONG else await asyncio.to_thread(zlib.compress, raw, LEVEL)
    return Packed(COMPRESSED + compressed, len(raw))


async def unpacked(document: bytes) -> Any:
    """The value of a document."""
    if document[:1] == PLAIN:
        return codec.decode(document[1:])
    if len(document) < LONG:
        return codec.decode(zlib.decompress(document[1:]))
    return codec.decode(await asyncio.to_thread(zlib.decompress, document[1:]))


async def response_document(stored: Stored, bound: int) -> Packed:
    """Response and input. Raises StateTooLarge where they have more than `bound` bytes of JSON."""
    response, given = encoded(stored.response), encoded(stored.input)
    if len(response) + len(given) > bound:
        raise StateTooLarge(
            f"The response with its input has {len(response) + len(given)} bytes, and no more than {bound} are kept. "
            "Send `store: false`, or less."
        )
    return await packed(b'{"response":%b,"input":%b}' % (response, given))


async def item_documents(items: Sequence[Item], bound: int) -> dict[str, Packed]:
    """Key of an item -> its document; of two with one id the later one. Raises StateTooLarge, InvalidRequest."""
    expect_few(len(items))
    found: dict[str, Packed] = {}
    for item in items:
        if (key := item_key(item)) is not None:
            found[key] = await packed(encoded(item))
    if (total := sum(each.size for each in found.values())) > bound:
        raise StateTooLarge(f"The items have {total} bytes, and no more than {bound} are kept at once.", param="items")
    return found


def expect_few(items: int) -> None:
    """Raises StateTooLarge."""
    if items > MOST_ITEMS:
        raise StateTooLarge(f"There are {items} items, and no more than {MOST_ITEMS} are kept at once.")


def expect_readable(size: int, bound: int, what: str) -> None:
    """Raises StateTooLarge where more bytes are to be read at once than READ times `bound`."""
    if size > READ * bound:
        raise StateTooLarge(f"{what} has {size} bytes, and no more than {READ * bound} are used at once.")


def turn_items(stored: Stored) -> list[Item]:
    """The items of a turn: its input, then its output."""
    return [*stored.input, *output_items(stored.response)]


def output_items(response: dict[str, Any]) -> list[Item]:
    """The output of a response object."""
    output = response.get("output")
    return output if isinstance(output, list) else []


def item_key(item: Item) -> str | None:
    """The key of an item; None for one without an id, and for what only refers to an item."""
    identity = item.get("id")
    return key_of(identity) if isinstance(identity, str) and item.get("type") != REFERENCE else None


def item_keys(items: Iterable[Item]) -> list[str]:
    """The keys of items, each once, in one order everywhere."""
    return sorted({key for item in items if (key := item_key(item)) is not None})
