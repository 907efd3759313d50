"""The ways of `/v1/files`: what clients upload for batches, and what batches make."""

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from proxy.accounts.ledger import CLIENT_CLOSED
from proxy.edge.depositing import receive
from proxy.edge.exchange import Exchange
from proxy.edge.reply import Answering, Reply, StreamedReply, line
from proxy.edge.visit import Visit
from proxy.errors import Conflict, NotFound, ProxyError, StoreUnavailable, UnsupportedEndpoint
from proxy.storage.filing_terms import InUse, Missing, Row
from proxy.translation import batches
from proxy.translation.checks import shorten
from proxy.translation.lists import Span, is_id, page, span, unknown_after

if TYPE_CHECKING:
    from proxy.storage.filing import Files

NO_DATABASE = (
    "Files and batches need a database, and this proxy has none (HINT: the operator can set storage.url, or the "
    "environment variable TELNYX_PROXY_STORAGE_URL)."
)
MOST = 10_000
"""Files of one page at most, which is also what a client gets that asks for no number."""
CONTENT_TYPE = "application/octet-stream"


def files_of(visit: Visit) -> "Files":
    """Where files are. Raises UnsupportedEndpoint where nothing is kept."""
    files = visit.exchange.services.files
    if files is None:
        raise UnsupportedEndpoint(NO_DATABASE)
    return files


async def create(visit: Visit) -> Answering:
    """`POST /v1/files`."""
    row = await receive(visit.exchange, visit.grant.tenant.id, files_of(visit))
    return visit.exchange.answer(batches.file_object(row))


async def listing(visit: Visit) -> Answering:
    """`GET /v1/files`."""
    query, files = visit.exchange.request.query, files_of(visit)
    part, purpose = with_id(span(query, MOST, MOST)), query.get("purpose")
    if purpose is not None and not is_id(purpose):  # no purpose looks like that, and not every database would take it
        return visit.exchange.answer(page([], more=False))
    rows, more = await files.page(visit.grant.tenant.id, purpose, part)
    return visit.exchange.answer(page([batches.file_object(row) for row in rows], more=more))


async def retrieve(visit: Visit) -> Answering:
    """`GET /v1/files/{id}`."""
    return visit.exchange.answer(batches.file_object(await _found(visit)))


async def delete(visit: Visit) -> Answering:
    """`DELETE /v1/files/{id}`."""
    identity, files = visit.names[0], files_of(visit)
    try:
        gone = is_id(identity) and await files.delete(visit.grant.tenant.id, identity)
    except InUse:
        raise Conflict("A batch that has not ended needs this file. Cancel the batch first.", param="id") from None
    if not gone:
        raise no_such("File", identity)
    return visit.exchange.answer({"id": identity, "object": "file", "deleted": True})


async def content(visit: Visit) -> Answering:
    """`GET /v1/files/{id}/content`: the file itself, in pieces."""
    row, exchange = await _found(visit), visit.exchange
    headers = line("Content-Disposition", _disposition(row["filename"]))
    async with aclosing(files_of(visit).pieces(row)) as pieces:
        try:
            first = await anext(pieces, b"")
        except Missing:
            raise no_such("File", row["id"]) from None
        except OSError:
            raise StoreUnavailable("The file cannot be read at the moment.") from None
        lines = exchange.lines(CONTENT_TYPE) + headers
        exchange.record.status, head = 200, exchange.request.method == "HEAD"
        if row["bytes"] == len(first) and not head:
            exchange.record.bytes_out = len(first)
            return Reply(exchange.connection, 200, lines, first)
        reply = StreamedReply(exchange.connection, exchange.request, last=exchange.last, length=row["bytes"])
        exchange.reply = reply
        reply.begin(lines)
        if head:
            await reply.write_eof()
            return reply
        return await _pour(exchange, reply, first, pieces, row["bytes"])


async def _pour(exchange: Exchange, reply: StreamedReply, piece: bytes, pieces: Any, left: int) -> StreamedReply:
    """Send a file as fast as its client takes it. What breaks off ends its connection, so that nobody takes it for all.

    `left`: bytes that were promised. Raises CancelledError where the client has gone.
    """
    try:
        while piece and left >= len(piece):
            reply.write(piece)
            left -= len(piece)
            exchange.record.bytes_out += len(piece)
            await exchange.connection.drained()
            piece = await anext(pieces, b"")
        if left or piece:
            raise Missing("the file has another length than it should have")
        await reply.write_eof()
    except ConnectionError:
        exchange.record.status = CLIENT_CLOSED
        reply.ended = True
    except (ProxyError, OSError):
        exchange.note(StoreUnavailable("The file cannot be read at the moment."))
        reply.cut()
    except asyncio.CancelledError:
        broken = exchange.interrupted()
        if broken is None:
            raise
        exchange.note(broken[0])
        reply.cut()
    return reply


def _disposition(name: str) -> str:
    plain = "".join(letter if letter.isascii() and letter not in '"\\%' else "_" for letter in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


async def _found(visit: Visit) -> Row:
    files, identity = files_of(visit), visit.names[0]
    row = await files.get(visit.grant.tenant.id, identity) if is_id(identity) else None
    if row is None:
        raise no_such("File", visit.names[0])
    return row


def no_such(kind: str, identity: str) -> NotFound:
    """The error for an id that is not there, or is another tenant's."""
    return NotFound(f"No such {kind} object: {shorten(identity)}", param="id")


def with_id(part: Span) -> Span:
    """The same part of a list. Raises InvalidRequest where what it begins behind can be the id of nothing."""
    if part.after is not None and not is_id(part.after):
        raise unknown_after(part.after)
    return part
