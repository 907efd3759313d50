"""THE TABLE OF PAGES. To add one: a module with a `PAGE`, a template, and a row here."""

from proxy.admin.dashboard import key, key_making, keys, overview, request, requests
from proxy.admin.dashboard.frame import Page

PAGES: tuple[Page, ...] = (
    overview.PAGE,
    requests.PAGE,
    request.PAGE,
    keys.PAGE,
    key_making.PAGE,
    key.PAGE,
    key.REVOKING,
)
"""In the order of the navigation."""
