"""How often a property is tried."""

from hypothesis import settings

USUAL = 100
"""What hypothesis, and with it the profile `house`, tries of every property."""


def examples(number: int) -> int:
    """So many with `make test`, where they are the same each time; as many times more where new ones are searched for
    (`make soak`) as other properties get.
    """
    default: int = settings().max_examples
    return number * max(1, default // USUAL)
