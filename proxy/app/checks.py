"""Faults of a configuration that settings alone cannot see: names of quirks, of request fields and of endpoints."""

from collections.abc import Iterator

from proxy.endpoints import AREAS, FIELDS
from proxy.settings import Fault, Settings, expect_known
from proxy.settings.faults import suggest
from proxy.translation import quirks
from proxy.translation.rules import Verdict


def known_quirks(settings: Settings) -> Iterator[Fault]:
    """Pinned quirks must be rows of the table."""
    for pattern, profile in settings.models.profiles.items():
        yield from expect_known(f'models.profiles["{pattern}"].quirks', profile.quirks, quirks.BY_NAME, "a known quirk")


MAY_LOSE = frozenset({Verdict.LOSSY, Verdict.CONVERT, Verdict.EMULATE})
"""Verdicts of fields that a request may lose in whole or in part; the others are always sent, dropped or refused."""


def known_fields(settings: Settings) -> Iterator[Fault]:
    """Fields with a policy of their own must be ones of which something may be lost, at any endpoint."""
    fields = {row.name for table in FIELDS.values() for row in table.rows if row.verdict in MAY_LOSE}
    fields |= {name for quirk in quirks.QUIRKS for name in quirk.loses}
    what = "a field of a request of which anything may be lost"
    yield from expect_known("translation.fields", settings.translation.fields, fields, what)
    for index, tenant in enumerate(settings.tenants):
        if tenant.translation is not None:
            path = f"tenants[{index}].translation.fields"
            yield from expect_known(path, tenant.translation.fields, fields, what)


def known_areas(settings: Settings) -> Iterator[Fault]:
    """What keys are for must be there to be used."""
    for number, tenant in enumerate(settings.tenants):
        for index, key in enumerate(tenant.keys):
            path = f"tenants[{number}].keys[{index}].endpoints"
            for place, name in enumerate(key.endpoints):
                if name not in AREAS:
                    yield Fault(f"{path}[{place}]", "is not an endpoint that a key can be for", suggest(name, AREAS))


CHECKS = (known_quirks, known_fields, known_areas)
"""For `proxy.settings.load`."""
