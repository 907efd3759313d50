"""Minted keys: their form, and that every slip of the hand shows."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.accounts.keys import (
    ALPHABET,
    BODY_LENGTH,
    IDENTITY_BYTES,
    PREFIX,
    RANDOM_BYTES,
    TOKEN_PREFIX,
    damaged,
    digest,
    identity,
    mint,
    redacted,
)

RANDOM = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)
KEY = mint(bytes(range(32)))
FORM = re.compile(r"sk-tp-[0-9A-Za-z]{49}")


@given(RANDOM)
def test_a_minted_key_has_its_form_and_is_whole(random: bytes) -> None:
    key = mint(random)
    assert len(key) == 55
    assert FORM.fullmatch(key)
    assert not damaged(key)


@pytest.mark.parametrize("random", [bytes(32), b"\xff" * 32])
def test_the_smallest_and_the_largest_number_fit(random: bytes) -> None:
    key = mint(random)
    assert FORM.fullmatch(key)
    number = 0
    for letter in key[len(PREFIX) : len(PREFIX) + BODY_LENGTH]:
        number = number * 62 + ALPHABET.index(letter)
    assert number.to_bytes(32, "big") == random


def test_the_form_does_not_change() -> None:
    """Secret scanners and keys that are in use know it."""
    assert mint(bytes(32)) == "sk-tp-" + "0" * 43 + "2CZclj"
    assert mint(bytes(range(32))) == "sk-tp-003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1Yo7hP"


@given(RANDOM, RANDOM)
def test_other_bytes_make_another_key(one: bytes, other: bytes) -> None:
    assert (mint(one) == mint(other)) == (one == other)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_key_is_made_of_32_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="32"):
        mint(bytes(length))


@given(RANDOM, st.integers(len(PREFIX), 54), st.sampled_from(ALPHABET))
def test_any_changed_character_shows(random: bytes, place: int, letter: str) -> None:
    key = mint(random)
    mistyped = key[:place] + letter + key[place + 1 :]
    assert damaged(mistyped) == (mistyped != key)


@given(RANDOM, st.integers(len(PREFIX), 54), st.characters())
def test_a_character_of_any_other_script_shows(random: bytes, place: int, letter: str) -> None:
    key = mint(random)
    mistyped = key[:place] + letter + key[place + 1 :]
    assert damaged(mistyped) == (mistyped != key)


@given(RANDOM, st.integers(len(PREFIX), 47))
def test_two_characters_that_changed_places_show(random: bytes, place: int) -> None:
    key = mint(random)
    swapped = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
    assert damaged(swapped) == (swapped != key)


@given(RANDOM, st.integers(len(PREFIX), 54))
def test_a_key_that_was_cut_off_or_pasted_twice_shows(random: bytes, end: int) -> None:
    key = mint(random)
    assert damaged(key[:end])
    assert damaged(key + key[end:])
    assert damaged(key[:end] + key[end + 1 :])
    assert damaged(key * 2)


@given(st.text(min_size=20).filter(lambda key: not key.startswith(PREFIX)))
def test_any_other_string_of_the_configuration_is_not_damaged(key: str) -> None:
    assert not damaged(key)


@pytest.mark.parametrize("key", ["sk-proj-" + "a" * 40, "SK-TP-" + "0" * 49, " " + KEY, KEY[1:], "tp-" + KEY, ""])
def test_only_the_prefix_makes_a_minted_key(key: str) -> None:
    assert not damaged(key)


@pytest.mark.parametrize("letter", ["\udcff", "é", "\x00"])
def test_bytes_of_a_header_that_are_no_text_are_a_damage_like_any_other(letter: str) -> None:
    """Servers hand such bytes on as lone surrogates, which cannot be encoded without further ado."""
    assert damaged(KEY[:20] + letter + KEY[21:])
    assert damaged(KEY[:-1] + letter)


def test_the_digest_is_the_one_that_operators_put_into_the_configuration() -> None:
    """`printf %s KEY | sha256sum`."""
    assert digest("an-old-key-of-the-app").hex() == hashlib.sha256(b"an-old-key-of-the-app").hexdigest()


@given(st.binary())
def test_the_digest_is_of_the_bytes_on_the_wire(wire: bytes) -> None:
    assert digest(wire.decode("utf-8", "surrogateescape")) == hashlib.sha256(wire).digest()


def test_a_token_is_made_as_a_key_behind_another_prefix() -> None:
    token = mint(bytes(range(32)), TOKEN_PREFIX)
    assert token == TOKEN_PREFIX + KEY.removeprefix(PREFIX)
    assert not damaged(token, TOKEN_PREFIX)
    assert damaged(token[:-1], TOKEN_PREFIX)
    assert not damaged(token)  # it is no damaged key, but something else


@given(st.binary(min_size=IDENTITY_BYTES, max_size=IDENTITY_BYTES))
def test_an_id_has_its_form(random: bytes) -> None:
    assert re.fullmatch(r"key_[0-9A-Za-z]{22}", identity("key_", random))


def test_an_id_is_made_of_16_bytes() -> None:
    assert identity("key_", bytes(16)) == "key_" + "0" * 22
    with pytest.raises(ValueError, match="16"):
        identity("key_", bytes(15))


def test_people_see_the_beginning_and_the_end() -> None:
    assert redacted(KEY[-4:]) == "sk-tp-…o7hP"
    assert redacted("abcd", TOKEN_PREFIX) == "sk-admin-…abcd"
    assert redacted("") == "…"
