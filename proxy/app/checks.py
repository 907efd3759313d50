"""Faults of a configuration that settings alone cannot see: names of quirks and of request fields."""

from collections.abc import Iterator

from proxy.settings import Fault, Settings, expect_known
from proxy.translation import chat, quirks
from proxy.translation.rules import Verdict


def known_quirks(settings: Settings) -> Iterator[Fault]:
    """Pinned quirks must be rows of the table."""
    for pattern, profile in settings.models.profiles.items():
        yield from expect_known(f'models.profiles["{pattern}"].quirks', profile.quirks, quirks.BY_NAME, "a known quirk")


MAY_LOSE = frozenset({Verdict.LOSSY, Verdict.CONVERT, Verdict.EMULATE})
"""Verdicts of fields that a request may lose in whole or in part; the others are always sent, dropped or refused."""


def known_fields(settings: Settings) -> Iterator[Fault]:
    """Fields with a policy of their own must be ones of which something may be lost."""
    fields = {row.name for row in chat.FIELDS.rows if row.verdict in MAY_LOSE}
    fields |= {name for quirk in quirks.QUIRKS for name in quirk.loses}
    what = "a field of the chat request of which anything may be lost"
    yield from expect_known("translation.fields", settings.translation.fields, fields, what)
    for index, tenant in enumerate(settings.tenants):
        if tenant.translation is not None:
            path = f"tenants[{index}].translation.fields"
            yield from expect_known(path, tenant.translation.fields, fields, what)


CHECKS = (known_quirks, known_fields)
"""For `proxy.settings.load`."""
