"""Costs in OpenAI's shape: what tenants are charged, by whole days, in US dollars.

A line item is a model: what input and output cost is not kept apart. A request whose price is not known is not free,
and OpenAI's shape has no word for that. Here such requests make a result of their own, next to what was charged: its
amount is 0, its `quantity` counts them, and its `line_item` is `MODEL, price unknown` (`price unknown` where results
are not grouped by line items). Sums over results stay what was charged, and a header says how many are not in them.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from proxy.accounts.limits import MICROS
from proxy.admin.asking import among, many, within_sight
from proxy.admin.operations import EVERYBODY, Call, Office, Operation, Reply
from proxy.admin.organization import usage
from proxy.admin.organization.buckets import OF_COSTS, START, Part, Result, UsagePage, forms, paged, parameters, part
from proxy.storage.reports import Row
from proxy.storage.store import Session

ROOT = "/v1/organization/costs"
UNKNOWN = "price unknown"
LINE_ITEM = "line_item"
GROUPS = ("project_id", "user_id", LINE_ITEM, "api_key_id", "api_source")
FILTERS = ("project_ids", "api_key_ids")
_BY = ("project_id", "user_id", "api_key_id", "api_source")
_MEASURED = (("characters", 1, "characters"), ("audio_ms", 1_000, "duration_seconds"))


class Piece(NamedTuple):
    """What was charged for one model, or what could not be charged for it.

    Attributes:
        row: the sums it is from.
        item: the name of its line item.
        priced: which of the two it is.
    """

    row: Row
    item: str
    priced: bool


async def show(office: Office, session: Session, call: Call) -> Reply:
    """What was charged, day by day. Raises InvalidRequest."""
    asked = part(call, session.now, OF_COSTS, whole_days=True)
    wanted = among(call, "group_by", GROUPS)
    items = many(call, "line_items")
    only = within_sight(call, usage.chosen(call, FILTERS))
    only["source"] = usage.CONSUMED
    by = [usage.COLUMNS[name] for name in wanted if name in usage.COLUMNS]
    rows = await usage.summed(session, asked, (*by, "model"), only)
    # In a thread: thousands of rows take a tenth of a second, and streams must not wait for them.
    return await asyncio.to_thread(_page, asked, rows, wanted, items)


def _page(asked: Part, rows: Sequence[Row], wanted: Sequence[str], items: Sequence[str]) -> Reply:
    pieces = [piece for row in rows for piece in _pieces(row) if not items or piece.item in items]
    reply = paged(asked, _results(pieces, wanted))
    unknown = sum(piece.row["unpriced"] for piece in pieces if not piece.priced)
    told = f"The price of {unknown} requests is not known: they are not in these amounts."
    return Reply(reply.value, warnings=(told,) if unknown else ())


def _pieces(row: Row) -> Iterator[Piece]:
    if row["requests"] > row["unpriced"]:
        yield Piece(row, row["model"], priced=True)
    if row["unpriced"]:
        yield Piece(row, f"{row['model']}, {UNKNOWN}", priced=False)


def _results(pieces: Sequence[Piece], wanted: Sequence[str]) -> dict[int, list[Result]]:
    """The results of each bucket, by its beginning: what is charged comes before what is unknown."""
    by_item = LINE_ITEM in wanted
    together: dict[tuple[int, bool, tuple[str, ...]], list[Piece]] = {}
    for piece in sorted(pieces, key=lambda each: (each.row["bucket"], not each.priced)):
        values = usage.grouped(piece.row, wanted, _BY)
        group = tuple(str(value) for value in (*values.values(), piece.item if by_item else ""))
        together.setdefault((piece.row["bucket"], piece.priced, group), []).append(piece)
    found: dict[int, list[Result]] = {}
    for (bucket, _, _), same in together.items():
        found.setdefault(bucket, []).append(_result(same, wanted))
    return found


def _result(same: Sequence[Piece], wanted: Sequence[str]) -> Result:
    """One result of pieces that nothing tells apart."""
    first = same[0]
    by_item = LINE_ITEM in wanted
    charged = sum(piece.row["charged_micros"] for piece in same) if first.priced else 0
    item = first.item if by_item else None if first.priced else UNKNOWN
    quantity: tuple[float | None, str | None] = (None, None)
    if not first.priced:
        quantity = float(sum(piece.row["unpriced"] for piece in same)), None
    elif by_item:
        quantity = _quantity(first.row)
    return {
        "object": "organization.costs.result",
        "amount": {"value": charged / MICROS, "currency": "usd"},
        **usage.grouped(first.row, wanted, _BY),
        LINE_ITEM: item,
        "quantity": quantity[0],
        "quantity_unit": quantity[1],
    }


def _quantity(row: Row) -> tuple[float | None, str | None]:
    """How much of it, and of what. Nothing where a part has no price: it cannot be told from the rest."""
    if row["unpriced"]:
        return None, None
    for name, per, unit in _MEASURED:
        if row[name]:
            return row[name] / per, unit
    return float(row["input_tokens"] + row["output_tokens"]), "tokens"


_LINES = {
    **parameters(OF_COSTS),
    "group_by": usage.GROUP_BY,
    **usage.filter_lines(FILTERS),
    "line_items": f"only of these line items: a model, or `MODEL, {UNKNOWN}`; may be given several times",
}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "organization.costs", "GET", ROOT, EVERYBODY, show, "What tenants are charged, day by day",
        view=UsagePage, query=_LINES, needed=frozenset({START}), of_ledger=True,
        forms={**forms(OF_COSTS), **usage.filter_forms((*FILTERS, "line_items"), GROUPS)},
    ),
)  # fmt: skip
