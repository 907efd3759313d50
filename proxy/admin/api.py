"""One call of the admin API, from method and path to a reply: the same over HTTP and on the command line.

look_up        method, path -> Operation        a row of admin/table.py
allowed?       the role of the actor            NotPermitted
validated      query, body -> pydantic model    InvalidRequest with `param`
remembered?    Idempotency-Key of a POST        the same answer again, once made
run            in one transaction               with its audit entries and the next generation, by a token still good
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from proxy.accounts.roles import Actor
from proxy.admin import idempotency
from proxy.admin.authorisation import expect_alive
from proxy.admin.idempotency import Claim
from proxy.admin.operations import Call, Office, Operation, Reply
from proxy.admin.wording import refusal
from proxy.errors import InvalidRequest, MethodNotAllowed, NotFound, NotPermitted, UnknownUrl

Query = Mapping[str, Sequence[str]]

DEEPEST = 64
"""Lists and objects within each other in a body: beyond it, writing it again would end in a fault of ours."""
_PART = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,256}\Z")


class Api:
    """The admin API over one office."""

    def __init__(self, office: Office) -> None:
        self.office = office

    async def call(  # noqa: PLR0913 - each is a part of a request
        self,
        method: str,
        path: str,
        actor: Actor,
        *,
        query: Query | None = None,
        body: Any = None,
        revision: int | None = None,
        idempotency_key: str | None = None,
    ) -> Reply:
        """Do it. `body` is decoded JSON. Raises any ProxyError."""
        operation, params = find(method, path)
        if actor.role not in operation.roles:
            raise NotPermitted(f"The role {actor.role} may not use {operation.id}.")
        query = query or {}
        expect_query(operation, query)
        call = Call(actor, params, query, validated(operation, body), revision)
        if operation.method == "GET":
            store = self.office.store
            async with store.asking() if operation.of_ledger else store.reading() as session:
                await expect_alive(session, actor)
                return await operation.run(self.office, session, call)
        claim = None
        if idempotency_key is not None and operation.method == "POST":
            claim = idempotency.claim(idempotency_key, path, query, body)
        return await self._change(operation, call, claim)

    async def _change(self, operation: Operation, call: Call, claim: Claim | None) -> Reply:
        office = self.office
        async with office.store.changing(call.actor) as session:
            await expect_alive(session, call.actor)
            if claim is not None and (known := await idempotency.recall(session, office.sealing, claim)) is not None:
                return known
            reply = _with_warnings(await operation.run(office, session, call))
            if claim is not None:
                await idempotency.keep(session, office.sealing, claim, reply)
        if session.changed:
            await office.changed()
        return reply


def find(method: str, path: str) -> tuple[Operation, dict[str, str]]:
    """The row for a method and a path, and the parts of the path. Raises UnknownUrl, MethodNotAllowed, NotFound."""
    from proxy.admin import organization, table  # every operation there is, which an idle server has no use for

    found = table.look_up(method, path)
    if found is None:
        others = tuple(sorted(table.methods(path)))
        if others:
            raise MethodNotAllowed("This path has no such method.", others)
        raise organization.refusal(path) or UnknownUrl("There is no such path in the admin API.")
    if not all(_PART.match(part) for part in found[1].values()):
        raise NotFound("No id looks like this.")
    return found


def expect_query(operation: Operation, query: Query) -> None:
    """Only parameters that the operation has. Raises InvalidRequest with `param`."""
    for name, values in query.items():
        if name not in operation.query:
            known = ", ".join(operation.query) or "none"
            raise InvalidRequest(
                f"There is no query parameter '{name[:64]}' here; known are: {known}.", param=name[:64]
            )
        if any("\x00" in value for value in values):
            raise InvalidRequest(f"'{name}' must be text.", param=name)


def validated(operation: Operation, body: Any) -> Any:
    """The body as its model. Raises InvalidRequest with `param`."""
    if operation.body is None:
        if body:
            raise InvalidRequest("This takes no body.")
        return None
    _expect_shallow(body)
    try:
        return operation.body.model_validate({} if body is None else body)
    except ValidationError as error:
        raise refusal(error) from None


def _expect_shallow(body: Any) -> None:
    level = [body]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _within(outer)]
        if not level:
            return
    raise InvalidRequest("The body is nested too deeply.")


def _within(value: Any) -> Sequence[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else ()


def _with_warnings(reply: Reply) -> Reply:
    if not reply.warnings or not isinstance(reply.value, dict):
        return reply
    return replace(reply, value={**reply.value, "warnings": list(reply.warnings)})
