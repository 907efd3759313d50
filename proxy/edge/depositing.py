"""A file on its way in: `multipart/form-data`, written down as it arrives, never whole in memory.

Fields may stand before or behind the file. What is refused leaves nothing behind, also where its client goes away.
"""

from contextlib import suppress
from typing import TYPE_CHECKING

from proxy.edge.exchange import Exchange
from proxy.edge.uploads import Bounds, Form, cannot_write
from proxy.errors import InvalidRequest, StoreUnavailable
from proxy.storage.filing_terms import MOST_FILES, NoRoom, Row
from proxy.translation import batches
from proxy.translation.checks import missing

if TYPE_CHECKING:
    from proxy.storage.filing import Deposit, Files

FIELDS = frozenset({"purpose", "expires_after[anchor]", "expires_after[seconds]"})
AROUND = 64 * 1024
"""Bytes around the file: boundaries, heads and fields."""
DIGITS = 16
"""Of a number of seconds; more are too many anyway."""


async def receive(exchange: Exchange, tenant: str, files: "Files") -> Row:
    """The new file. Raises InvalidRequest, BodyTooLarge, RequestTimeout, StoreUnavailable."""
    seconds = exchange.services.settings.batches.upload_timeout
    form = Form(exchange, Bounds("file", files.bounds.file, AROUND, seconds, "batches.upload_timeout"))
    deposit: Deposit | None = None
    try:
        if await form.fields():
            _fields(form)  # what is refused need not be sent
            deposit = await files.open(tenant, batches.PURPOSE)
            await _take(files, deposit, form)
            await form.fields()  # it finds no other file, or refuses that
        return await _close(files, deposit, form)
    except BaseException:
        if deposit is not None:
            with suppress(OSError, StoreUnavailable):  # what is left is removed with what is too old
                await files.drop(deposit)
        raise


def _fields(form: Form) -> dict[str, str]:
    """The fields so far. Raises InvalidRequest for one that is none, and for a file that would be of no use."""
    for name, value in form.pairs:
        if name not in FIELDS:
            raise InvalidRequest(f"Unknown parameter: '{name[:64]}'.", param=name[:64], code="unknown_parameter")
        if name == "purpose":
            batches.expect_purpose(value)
    return dict(form.pairs)


async def _take(files: "Files", deposit: "Deposit", form: Form) -> None:
    """Write the file down. Raises what receiving it does."""
    async for piece in form.pieces():
        if not files.arrive(deposit, len(piece)):
            raise _no_room(files.bounds.tenant)
        try:
            await deposit.writer.write(piece)
        except OSError as fault:
            raise cannot_write("file", fault) from fault


async def _close(files: "Files", deposit: "Deposit | None", form: Form) -> Row:
    fields = _fields(form)
    purpose, seconds = batches.expect_purpose(fields.get("purpose")), _expiry(fields)
    if deposit is None or form.file is None:
        raise missing("file")
    try:
        return await files.close(deposit, purpose, batches.file_name(form.file.filename), seconds)
    except NoRoom:
        raise _no_room(files.bounds.tenant) from None
    except OSError as fault:
        raise cannot_write("file", fault) from fault


def _expiry(fields: dict[str, str]) -> int | None:
    anchor, seconds = fields.get("expires_after[anchor]"), fields.get("expires_after[seconds]")
    if anchor is None and seconds is None:
        return None
    whole = seconds is not None and seconds.isascii() and seconds.isdigit() and len(seconds) <= DIGITS
    return batches.expect_expiry("expires_after", anchor, int(seconds or "0") if whole else None)


def _no_room(limit: int) -> InvalidRequest:
    return InvalidRequest(
        f"All files of a tenant together may have {limit} bytes, and be {MOST_FILES}. Delete some that are not needed "
        "any more.",
        param="file",
        code="request_too_large",
    )
