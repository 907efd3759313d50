"""Keys that applications have already become known here by their digests: all of them or none."""

from collections import Counter
from collections.abc import Iterator, Sequence

from sqlalchemy import select

from proxy.admin.key_forms import Import, KeysImported, KeyView, view
from proxy.admin.keys import names_of, new_id
from proxy.admin.operations import OPERATORS, Call, Office, Operation, Reply
from proxy.admin.tenants import expect_open
from proxy.admin.wording import told
from proxy.errors import Conflict
from proxy.settings.faults import Fault
from proxy.storage import schema
from proxy.storage.store import KEY, Row, Session

AT_A_TIME = 200
"""Digests that are looked for in one statement: well within the 999 parameters that SQLite has always taken."""


async def import_keys(office: Office, session: Session, call: Call) -> Reply:
    """Every key, or what is wrong with each that cannot be had. Raises InvalidRequest, NotFound, Conflict."""
    body: Import = call.body
    await expect_open(office, session, call, body.tenant)
    past = [
        Fault(f"keys[{at}].expires_at", f"is in the past: it is {session.now} now")
        for at, each in enumerate(body.keys)
        if each.expires_at is not None and each.expires_at <= session.now
    ]
    if past:
        raise told(past)
    digests = [office.sealing.digest(bytes.fromhex(each.sha256)) for each in body.keys]
    taken = [*await _taken_names(office, session, body), *await _taken_digests(session, digests)]
    if taken:
        refusal = told(sorted(taken, key=lambda fault: int(fault.path[5 : fault.path.index("]")])))
        raise Conflict(refusal.message, param=refusal.param)
    rows = [await session.add(KEY, row) for row in _rows(office, body, digests)]
    views = [KeyView.model_validate(view(row, session.now)) for row in rows]
    return Reply(KeysImported(object="key.import", data=views).model_dump(mode="json"), 201)


def _rows(office: Office, body: Import, digests: Sequence[bytes]) -> Iterator[Row]:
    for each, digest in zip(body.keys, digests, strict=True):
        given = each.model_dump(mode="json", exclude={"sha256"})
        kept = {"id": new_id(office), "tenant": body.tenant, "digest": digest, "last4": ""}
        yield {**given, **kept}


async def _taken_names(office: Office, session: Session, body: Import) -> list[Fault]:
    names = await names_of(office, session, body.tenant)
    often = Counter(each.name for each in body.keys)
    faults = []
    for at, each in enumerate(body.keys):
        if each.name in names:
            faults.append(Fault(f"keys[{at}].name", "is the name of another key of the tenant"))
        elif often[each.name] > 1:
            faults.append(Fault(f"keys[{at}].name", "stands in the list more than once"))
    return faults


async def _taken_digests(session: Session, digests: Sequence[bytes]) -> list[Fault]:
    column = schema.KEYS.c.digest
    known: set[bytes] = set()
    for start in range(0, len(digests), AT_A_TIME):
        some = digests[start : start + AT_A_TIME]
        found = await session.connection.execute(select(column).where(column.in_(some)))
        known.update(map(bytes, found.scalars()))
    often = Counter(digests)
    faults = []
    for at, digest in enumerate(digests):
        if digest in known:
            faults.append(Fault(f"keys[{at}].sha256", "is known already"))
        elif often[digest] > 1:
            faults.append(Fault(f"keys[{at}].sha256", "stands in the list more than once"))
    return faults


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "keys.import", "POST", "/admin/v1/keys/import", OPERATORS, import_keys,
        "Make keys known that applications have already, by their digests", Import, KeysImported, status=201,
    ),
)  # fmt: skip
