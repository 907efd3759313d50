import pytest

from proxy.storage.reasoning import LONGEST, LONGEST_SEALED, PREFIX, Sealer
from proxy.storage.sealing import sealing

OLD, NEW = (sealing("pepper", (secret,)) for secret in ("first secret", "second secret"))
TEXT = "I think é😀 " * 200


def test_what_was_sealed_is_opened_for_its_tenant_only() -> None:
    sealer = Sealer(OLD)
    sealed = sealer.seal("acme", TEXT)
    assert sealed.startswith(PREFIX)
    assert sealed.isascii()
    assert len(sealed) < len(TEXT) / 5
    assert "think" not in sealed
    assert sealer.open("acme", sealed) == TEXT
    assert sealer.open("acme2", sealed) is None
    assert sealer.open("", sealed) is None
    assert sealer.seal("acme", TEXT) != sealed
    assert sealer.open("acme", sealer.seal("acme", "")) == ""


def test_another_process_opens_it_and_so_do_keys_that_are_kept() -> None:
    sealed = Sealer(OLD).seal("acme", TEXT)
    assert Sealer(OLD).open("acme", sealed) == TEXT
    both = Sealer(sealing("pepper", ("second secret", "first secret")))
    assert both.open("acme", sealed) == TEXT
    assert Sealer(NEW).open("acme", sealed) is None
    assert Sealer(NEW).open("acme", both.seal("acme", TEXT)) == TEXT


def test_without_a_store_the_key_is_this_ones_alone() -> None:
    sealer = Sealer()
    assert sealer.open("acme", sealer.seal("acme", TEXT)) == TEXT
    assert Sealer().open("acme", sealer.seal("acme", TEXT)) is None


def test_whatever_is_changed_is_not_opened() -> None:
    sealer = Sealer(OLD)
    sealed = sealer.seal("acme", "short")
    for index in range(len(PREFIX), len(sealed)):
        other = "A" if sealed[index] != "A" else "z"
        changed = sealed[:index] + other + sealed[index + 1 :]
        # the last character has bits that stand for nothing
        assert sealer.open("acme", changed) in ({None, "short"} if index == len(sealed) - 1 else {None})
    for end in range(len(sealed)):
        assert sealer.open("acme", sealed[:end]) is None


@pytest.mark.parametrize(
    "foreign",
    ["", "gAAAAABk", PREFIX, "tpr2_AAAA", PREFIX + "ä", PREFIX + "A", PREFIX + "AA AA", PREFIX + "A" * LONGEST_SEALED],
)
def test_what_is_foreign_is_not_opened(foreign: str) -> None:
    assert Sealer(OLD).open("acme", foreign) is None


def test_of_a_very_long_text_the_end_is_kept() -> None:
    sealer = Sealer(OLD)
    opened = sealer.open("acme", sealer.seal("acme", "é" * (LONGEST // 2) + "e"))
    assert opened == "é" * (LONGEST // 2 - 1) + "e"


def test_half_a_character_is_no_reason_to_fail() -> None:
    sealer = Sealer(OLD)
    assert sealer.open("acme", sealer.seal("acme", "a\ud800")) == "a?"


def test_its_keys_are_not_shown() -> None:
    assert "secret" not in repr(Sealer(OLD))
