"""Random bytes: each is handed out once, and the system is asked rarely."""

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from proxy.app.entropy import PAGE, Entropy


@given(st.lists(st.integers(0, PAGE * 2), max_size=60))
def test_every_byte_comes_from_the_system_in_order_and_none_twice(counts: list[int]) -> None:
    fresh = count()
    asked: list[int] = []

    def fetch(size: int) -> bytes:
        asked.append(size)
        return bytes([next(fresh) % 251 for _ in range(size)])

    entropy = Entropy(fetch)
    given_out = [entropy(size) for size in counts]
    assert [len(piece) for piece in given_out] == counts
    if all(size in {0, 16} for size in counts):
        assert b"".join(given_out) == bytes([n % 251 for n in range(16 * counts.count(16))])
        assert len(asked) <= -(-len(counts) * 16 // PAGE) + 1


def test_ids_differ() -> None:
    entropy = Entropy()
    assert len({entropy(16) for _ in range(10_000)}) == 10_000
