"""Fine-tuning jobs, which Telnyx runs: made, listed, looked at and cancelled there.

They belong to the Telnyx account and to nobody in it: who may ask for one may ask for all. So they are only for tenants
that share their Telnyx key with nobody, and for those of which an operator has said so.
"""

import re
from urllib.parse import quote

from proxy import codec
from proxy.edge import body, models
from proxy.edge.calling import Plain, ask
from proxy.edge.exchange import NAME_LIMIT
from proxy.edge.reply import Answering
from proxy.edge.visit import Visit
from proxy.errors import NotFound, NotPermitted
from proxy.translation import fine_tuning
from proxy.translation.checks import shorten

JOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]*(?:/[A-Za-z0-9][A-Za-z0-9._:+-]*)*")
"""What Telnyx may call a job: names of models. No step of one is dots, whoever reads `%2F` as a slash on the way."""


async def create(visit: Visit) -> Answering:
    """A new job."""
    _expect_own(visit)
    exchange, grant = visit.exchange, visit.grant
    request = await body.read_object(exchange)
    model, alias, terms = models.choose(exchange, grant, request.get("model"))
    made, changes = fine_tuning.create(request, model, terms.policy)
    if alias is not None:
        changes.insert(0, alias)
    exchange.record.changes_header, exchange.record.changes = changes.told()
    value = await ask(exchange, grant, Plain("POST", exchange.services.urls["fine_tuning"], codec.encode(made)))
    return exchange.answer(fine_tuning.job(value))


async def listing(visit: Visit) -> Answering:
    """The jobs of the tenant's Telnyx account, a page at a time."""
    _expect_own(visit)
    exchange = visit.exchange
    value = await ask(exchange, visit.grant, Plain("GET", exchange.services.urls["fine_tuning"]))
    return exchange.answer(fine_tuning.page(value, exchange.request.query))


async def retrieve(visit: Visit) -> Answering:
    """One job."""
    value = await ask(visit.exchange, visit.grant, Plain("GET", _url(visit), missing=_missing(visit)))
    return visit.exchange.answer(fine_tuning.job(value))


async def cancel(visit: Visit) -> Answering:
    """Stop one."""
    plain = Plain("POST", f"{_url(visit)}/cancel", b"{}", missing=_missing(visit))
    value = await ask(visit.exchange, visit.grant, plain)
    return visit.exchange.answer(fine_tuning.job(value))


def _missing(visit: Visit) -> str:
    return f"There is no fine-tuning job with the id '{shorten(visit.names[0])}'."


def _expect_own(visit: Visit) -> None:
    """Raises NotPermitted for a tenant that would see the jobs of others."""
    if not visit.grant.tenant.tunes:
        raise NotPermitted(
            "This tenant may not use fine-tuning: the jobs of its Telnyx account would be other tenants' as well "
            "(HINT: the operator can give it a Telnyx key of its own, or set tenants[].fine_tuning: true)."
        )


def _url(visit: Visit) -> str:
    """Where the job of the path is. Raises NotPermitted, and NotFound for what would be another path at Telnyx."""
    _expect_own(visit)
    name = visit.names[0]
    if len(name) > NAME_LIMIT or not JOB.fullmatch(name):
        raise NotFound(_missing(visit))
    return f"{visit.exchange.services.urls['fine_tuning']}/{quote(name, safe='')}"
