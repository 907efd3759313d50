"""From records to rows."""

from pathlib import Path
from typing import Any

from proxy import codec
from proxy.accounts.entries import ABORTED, COLUMNS, Charge
from proxy.accounts.ledger import Record
from proxy.accounts.names import FIELDS
from proxy.app.accounting import Accounting
from proxy.usage import Usage, estimate
from tests.conftest import Build


class Kept:
    """A spool in memory."""

    def __init__(self) -> None:
        self.begun: dict[str, bytes] = {}
        self.ended: dict[str, bytes] = {}

    def begin(self, identity: str, row: bytes) -> None:
        self.begun[identity] = row

    def end(self, identity: str, row: bytes, final: tuple[Any, ...] | None = None) -> None:
        assert final is not None
        assert codec.encode(final) == row, "what is remembered is what is written down"
        self.ended[identity] = row


def charge_of(record: Record, usage: Usage) -> Charge:
    return Charge(usage.input, 2 * usage.input, "v1")


def test_a_request_is_written_down_twice() -> None:
    spool = Kept()
    accounting = Accounting(spool, charge_of)
    record = Record("req_1", 1_750_000_000.25, "chat.completions", tenant="acme", key="web", model="kimi")
    accounting.begin(record, estimate(40, 0))
    record.status, record.usage, record.duration = 200, Usage(12, 3, source="upstream"), 0.5
    accounting.end(record)
    first, last = (dict(zip(COLUMNS, codec.decode(rows["req_1"]), strict=True)) for rows in (spool.begun, spool.ended))
    assert (first["id"], first["started_us"], first["key_id"]) == ("req_1", 1_750_000_000_250_000, "acme/web")
    assert (first["stream_end"], first["input_tokens"], first["source"]) == (ABORTED, 10, "estimated")
    assert (first["cost_micros"], first["charged_micros"], first["price"], first["status"]) == (10, 20, "v1", 0)
    assert (last["stream_end"], last["input_tokens"], last["output_tokens"]) == ("", 12, 3)
    assert (last["cost_micros"], last["status"], last["duration_us"]) == (12, 200, 500_000)


def test_what_consumed_nothing_costs_nothing() -> None:
    spool = Kept()
    Accounting(spool, charge_of).end(Record("req_1", 1.0, tenant="acme", status=429))
    row = dict(zip(COLUMNS, codec.decode(spool.ended["req_1"]), strict=True))
    assert (row["cost_micros"], row["charged_micros"], row["price"]) == (0, 0, "")


def test_names_that_a_client_invents_do_not_fill_the_ledger() -> None:
    spool = Kept()
    accounting = Accounting(spool, charge_of)
    for number in range(60):
        changes = tuple((f"f{number}_{each}", "lossy") for each in range(100))
        record = Record(f"req_{number}", 1e9, tenant="acme", model=f"m{number}", status=200, changes=changes)
        accounting.begin(record, estimate(40, 0))
        record.usage = Usage(1, 1, source="upstream")
        accounting.end(record)
    for rows in (spool.begun, spool.ended):
        made = [dict(zip(COLUMNS, codec.decode(row), strict=True)) for row in rows.values()]
        assert len({field for row in made for field, _ in row["changes"]}) == FIELDS + 1
        assert [row["model"] for row in made] == [f"m{number}" for number in range(60)]


async def test_without_a_store_nothing_is_kept(build: Build, tmp_path: Path) -> None:
    here = await build()
    async with here.post({"model": "x", "messages": []}) as answer:
        assert answer.status < 500
    assert not (tmp_path / "spool").exists()
