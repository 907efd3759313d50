"""Money as a process knows it: never lowered by what the store says, replaced by what Redis says, told once."""

from proxy.storage.redis_books import Books


def test_what_redis_says_replaces_what_was_known_of_the_period_or_an_earlier_one() -> None:
    books = Books()
    books.note([("a", 10, 5, 2)])
    books.note([("a", 10, 4, 0), ("b", 0, 1, 1)])
    assert books.used() == {("a", 10): 4, ("b", 0): 2}
    books.note([("a", 20, 1, 0)])
    books.note([("a", 10, 9, 9)])
    assert books.used() == {("a", 20): 1, ("b", 0): 2}
    assert books.spent() == {("a", 20): 1, ("b", 0): 1}


def test_what_the_store_says_never_lowers() -> None:
    books = Books()
    books.prime({("a", 10): 5})
    books.prime({("a", 10): 3})
    books.prime({("a", 0): 100})
    assert books.spent() == {("a", 10): 5}
    books.prime({("a", 20): 1})
    assert books.spent() == {("a", 20): 1}


def test_what_was_settled_is_told_once() -> None:
    books = Books()
    books.settle("a", 0, 5)
    books.settle("a", 0, -2)
    books.settle("b", 0, 0)
    assert books.take_settled() == {("a", 0): 3}
    assert books.take_settled() == {}


def test_what_redis_has_not_heard_is_settled_too() -> None:
    books = Books()
    books.owe({("a", 0): 5})
    books.owe({("a", 0): 1})
    assert books.take_settled() == {("a", 0): 6}
    assert books.take_owed() == {("a", 0): 6}
    assert books.take_owed() == {}
