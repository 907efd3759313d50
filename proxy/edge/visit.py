"""A request that has been let in: what every way through the edge begins with."""

from typing import NamedTuple

from proxy.accounts.tenants import Grant
from proxy.edge.exchange import Exchange
from proxy.endpoints import Endpoint


class Visit(NamedTuple):
    """Who wants what.

    Attributes:
        exchange: the request and its record.
        endpoint: the row of the table of contents.
        grant: what the client's key opens.
        names: what stands in the path for the names in braces, in their order.
    """

    exchange: Exchange
    endpoint: Endpoint
    grant: Grant
    names: tuple[str, ...] = ()
