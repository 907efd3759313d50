"""Which quirks of models were seen, and for how long that is believed; `quirks` says what they are."""

MEMORY_SECONDS = 86_400.0
"""How long a quirk is remembered: one refused call per model and day is the price of noticing that it has gone."""
MEMORY_LIMIT = 4096
"""Remembered quirks at most. Only models that answered get in, so real catalogues stay far below."""
HINT_LIMIT = 500
"""Characters of the refusal kept beside a remembered quirk, for repairs that read the supported values out of it."""


class QuirkMemory:
    """Which quirks were seen, per endpoint and model, until when. `now` is in seconds of any steady clock."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], dict[str, tuple[float, str]]] = {}

    def learn(self, endpoint: str, model: str, quirk: str, *, hint: str, now: float) -> None:
        """Remember a quirk whose repair succeeded."""
        if len(self._seen) >= MEMORY_LIMIT and (endpoint, model) not in self._seen:
            self._seen.pop(next(iter(self._seen)))
        self._seen.setdefault((endpoint, model), {})[quirk] = (now + MEMORY_SECONDS, hint[:HINT_LIMIT])

    def knows(self, endpoint: str, model: str) -> bool:
        """Whether there is anything to recall, though it may have run out."""
        return (endpoint, model) in self._seen

    def recall(self, endpoint: str, model: str, now: float) -> list[tuple[str, str]]:
        """(quirk, hint) pairs that still hold."""
        seen = self._seen.get((endpoint, model))
        if not seen:
            return []
        return [(name, hint) for name, (until, hint) in seen.items() if until > now]
