"""The ways of `/v1/batches`. What is done with a batch is the business of `app/batching`."""

from typing import TYPE_CHECKING

from proxy.edge import body, routes
from proxy.edge.filing import NO_DATABASE, no_such, with_id
from proxy.edge.reply import Answering
from proxy.edge.visit import Visit
from proxy.errors import Conflict, InvalidRequest, TooManyBatches, UnsupportedEndpoint
from proxy.storage.filing_terms import Crowded
from proxy.translation import batches
from proxy.translation.lists import is_id, page, span

if TYPE_CHECKING:
    from proxy.storage.batching import Batches
    from proxy.storage.filing import Files

FIELDS = frozenset({"input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after"})


def _desk(visit: Visit) -> "tuple[Files, Batches]":
    services = visit.exchange.services
    if services.files is None or services.batches is None:
        raise UnsupportedEndpoint(NO_DATABASE)
    return services.files, services.batches


async def create(visit: Visit) -> Answering:
    """`POST /v1/batches`."""
    files, kept = _desk(visit)
    asked = await body.read_object(visit.exchange)
    for name in asked:
        if name not in FIELDS:
            raise InvalidRequest(f"Unknown parameter: '{name[:64]}'.", param=name[:64], code="unknown_parameter")
    endpoint = batches.expect_endpoint(asked.get("endpoint"))
    _expect_served(visit, endpoint)
    window = batches.expect_window(asked.get("completion_window"))
    grant = visit.grant
    identity = await _input(visit, files, batches.expect_file_id(asked.get("input_file_id")))
    given = {
        "tenant": grant.tenant.id,
        "key_id": grant.id,
        "key": grant.key,
        "endpoint": endpoint,
        "input_file": identity,
        "metadata": batches.expect_labels(asked.get("metadata")),
        "output_seconds": batches.output_expiry(asked.get("output_expires_after")),
    }
    try:
        made = await kept.create(given, window)
    except Crowded:
        queued = visit.exchange.services.settings.batches.queued
        raise TooManyBatches(
            f"{queued} batches have not ended yet, which is as many as there may be (batches.queued). Wait for one of "
            "them, or cancel it; requests may also go into fewer and larger batches."
        ) from None
    if made is None:  # deleted in this very moment
        raise _no_input(identity)
    return visit.exchange.answer(batches.batch_object(made))


def _expect_served(visit: Visit, endpoint: str) -> None:
    """Raises InvalidRequest for an endpoint that is not served, NotPermitted for one that the key is not for."""
    methods, _ = routes.look_up(endpoint)
    if methods is None or "POST" not in methods:
        raise InvalidRequest(f"Invalid 'endpoint': {endpoint} is not served here.", param="endpoint")
    if visit.grant.scope is not None:
        visit.grant.scope.expect_endpoint(methods["POST"].area)


async def _input(visit: Visit, files: "Files", identity: str) -> str:
    """The id of an input file that can be used. Raises InvalidRequest."""
    row = await files.get(visit.grant.tenant.id, identity) if is_id(identity) else None
    if row is None:
        raise _no_input(identity)
    if row["purpose"] != batches.PURPOSE:
        raise InvalidRequest(
            f"Invalid 'input_file_id': the purpose of the file must be '{batches.PURPOSE}'.", param="input_file_id"
        )
    return identity


def _no_input(identity: str) -> InvalidRequest:
    return InvalidRequest(no_such("File", identity).message, param="input_file_id")


def _identity(visit: Visit) -> str:
    """The id of the path. Raises NotFound for what cannot be one."""
    if not is_id(visit.names[0]):
        raise no_such("Batch", visit.names[0])
    return visit.names[0]


async def listing(visit: Visit) -> Answering:
    """`GET /v1/batches`."""
    _, kept = _desk(visit)
    part = with_id(span(visit.exchange.request.query, ordered=False))
    rows, more = await kept.page(visit.grant.tenant.id, part)
    return visit.exchange.answer(page([batches.batch_object(row) for row in rows], more=more))


async def retrieve(visit: Visit) -> Answering:
    """`GET /v1/batches/{id}`."""
    _, kept = _desk(visit)
    row = await kept.get(visit.grant.tenant.id, _identity(visit))
    if row is None:
        raise no_such("Batch", visit.names[0])
    return visit.exchange.answer(batches.batch_object(row))


async def cancel(visit: Visit) -> Answering:
    """`POST /v1/batches/{id}/cancel`."""
    _, kept = _desk(visit)
    row, cancelling = await kept.cancel(visit.grant.tenant.id, _identity(visit))
    if row is None:
        raise no_such("Batch", visit.names[0])
    if not cancelling:
        raise Conflict(f"Cannot cancel a batch with status '{row['status']}'.")
    return visit.exchange.answer(batches.batch_object(row))
