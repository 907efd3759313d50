"""What the ledger tells through the admin API is the same on SQLite and on PostgreSQL."""

from typing import Any

from proxy.admin.api import Api
from proxy.admin.operations import Office
from proxy.clock import Clock
from proxy.storage.sealing import sealing
from proxy.storage.store import Store
from tests.admin.bureau import NOW, OWNER, Declarations, Known
from tests.storage.databases import Open, opening
from tests.storage.kept import DAY, HOUR, KIMI, LLAMA, a_request, keep
from tests.storage.postgres import Postgres

__all__ = ["opening"]

REQUESTS = [
    a_request(
        NOW - DAY + number * 1_234.5,
        model=(KIMI, LLAMA)[number % 2],
        tenant=("acme", "beta")[number % 3 > 1],
        key_id=("key_1", "beta/web")[number % 3 > 1],
        end_user=("", "ab12")[number % 5 > 3],
        cost_micros=None if number % 7 == 1 else number,
        charged_micros=None if number % 7 == 1 else number,
        first_token=0.3 if number % 2 else None,
        changes=(("user", "dropped"),) if number % 4 else (),
    )
    for number in range(70)
]
EVERY_GROUP = ["tenant", "key", "model", "status", "end_user"]
ASKED: list[tuple[str, dict[str, Any]]] = [
    ("/admin/v1/usage", {"width": ["day"], "group_by": EVERY_GROUP[:-1]}),
    ("/admin/v1/usage", {"start": [str(NOW - DAY + 77)], "width": ["hour"], "tenant": ["acme"], "status": ["200"]}),
    ("/admin/v1/usage", {"start": [str(NOW - 2 * HOUR)], "width": ["minute"], "group_by": EVERY_GROUP}),
    ("/admin/v1/usage/latency", {"width": ["hour"], "group_by": ["model"]}),
    ("/admin/v1/usage/latency", {"measure": ["first_token"], "group_by": ["end_user"]}),
    ("/admin/v1/usage/changes", {"group_by": ["tenant", "key", "model"]}),
    ("/admin/v1/requests", {"limit": ["5"], "after": [REQUESTS[40].id], "model": [KIMI]}),
    (f"/admin/v1/requests/{REQUESTS[3].id}", {}),
    ("/v1/organization/usage/completions", {"start_time": [str(NOW - DAY + 5)], "group_by": ["user_id", "model"]}),
    ("/v1/organization/usage/completions", {"start_time": [str(NOW - HOUR)], "bucket_width": ["1m"]}),
    ("/v1/organization/costs", {"start_time": [str(NOW - 3 * DAY)], "group_by": ["project_id", "line_item"]}),
]


async def answers(url: str, opening: Open) -> list[Any]:
    """What an API over this database says to everything."""
    database = await opening(url)
    clock = Clock(wall=lambda: float(NOW))

    async def changed() -> None:
        """Nothing is changed."""

    office = Office(
        store=Store(database, clock),
        sealing=sealing("pepper", ["an encryption key"]),
        clock=clock,
        declared=Declarations(),
        models=Known(set()),
        random=bytes,
        changed=changed,
        spent=dict,
    )
    await keep(database, REQUESTS)
    api = Api(office)
    return [(await api.call("GET", path, OWNER, query=query)).value for path, query in ASKED]


async def test_they_say_the_same(postgres: Postgres, opening: Open, tmp_path: Any) -> None:
    sqlite = await answers(f"sqlite:///{tmp_path}/proxy.db", opening)
    other = await answers(await postgres.create(), opening)
    for (path, _), one, two in zip(ASKED, sqlite, other, strict=True):
        assert one == two, path
        assert one.get("data", one), path
