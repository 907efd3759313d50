"""How many input tokens a request will have, before Telnyx has counted them.

Tokens per byte differ by tokenizer and language, so they are learned model by model from the answers: the highest ratio
seen, sinking slowly towards what is seen since. An estimate that is too high is given back when the request is settled;
one that is too low would let callers pass a bound together.
"""

FIRST = 1 / 2
"""Tokens per byte of a model that has not answered yet: those of dense text (code, figures, other scripts), twice the
rule of thumb for English. Many callers who come at once with such text must not pass a budget before one answer."""
TEMPLATE = 16
"""Tokens that the template of a model adds to a request, whatever its text."""
HIGHEST = 1.0
"""A token has at least one byte of text. What lies above comes from what the template of a model adds to a request."""
SINKING = 1 / 64
"""How far the ratio goes towards a lower one with each answer."""
SMALLEST = 256
"""Bytes of a request from which a ratio is learned: in a smaller one the template counts for more than the text."""
KEPT = 1024
"""Models kept; Telnyx lists fewer, fine-tuned ones are without number. The one known longest is forgotten."""


class Estimator:
    """Input tokens from the size of a request's body in bytes."""

    def __init__(self) -> None:
        self._ratios: dict[str, float] = {}

    def __len__(self) -> int:
        """Models kept."""
        return len(self._ratios)

    def input_tokens(self, model: str, size: int) -> int:
        """Tokens a body of `size` bytes will have at most, as far as can be known; rounded up."""
        return TEMPLATE - int(-size * self._ratios.get(model, FIRST) // 1)

    def learn(self, model: str, size: int, tokens: int) -> None:
        """A body of `size` bytes had that many tokens. Figures that teach nothing are passed over."""
        if size < SMALLEST or tokens < 1:
            return
        seen = min(tokens / size, HIGHEST)
        known = self._ratios.get(model)
        if known is None:
            known = FIRST
            if len(self._ratios) >= KEPT:
                del self._ratios[next(iter(self._ratios))]
        self._ratios[model] = max(seen, known + (seen - known) * SINKING)
