"""Does a token give back what was sealed, and can nobody but us make or change one?"""

import random
import string

from hypothesis import given
from hypothesis import strategies as st

from kit.crypto import Keyring
from mail.wire import tokens

KEYS = Keyring(b"k" * 32)
OTHER = Keyring(b"o" * 32)
URL_SAFE = string.ascii_letters + string.digits + "-_"


@given(st.binary(min_size=1, max_size=300))
def test_it_comes_back_for_its_purpose_only(plain: bytes) -> None:
    token = tokens.seal(KEYS, "click", plain)
    assert set(token) <= set(URL_SAFE)
    assert len(token) == tokens.size(len(plain))
    assert tokens.unseal(KEYS, "click", token) == plain
    assert tokens.unseal(KEYS, "open", token) is None
    assert tokens.unseal(OTHER, "click", token) is None


def test_nothing_of_it_can_be_read() -> None:
    token = tokens.seal(KEYS, "click", b"https://shop.test/" * 10)
    other = tokens.seal(KEYS, "click", b"https://shop.test/" * 9 + b"https://shop.test?")
    assert sum(a == b for a, b in zip(token[2:], other[2:], strict=True)) < len(token) // 8


@given(st.text(max_size=100))
def test_nothing_else_is_one(token: str) -> None:
    assert tokens.unseal(KEYS, "click", token) is None


def test_every_single_changed_character_breaks_it() -> None:
    for size in (30, 31, 32):  # the last character carries 6, 4 and 2 bits of them
        token = tokens.seal(KEYS, "click", bytes(range(size)))
        for place in range(len(token)):
            for letter in URL_SAFE:
                if letter != token[place]:
                    assert tokens.unseal(KEYS, "click", token[:place] + letter + token[place + 1 :]) is None


def test_a_hundred_thousand_mutations_open_nothing() -> None:
    dice = random.Random(5)
    token = tokens.seal(KEYS, "click", b"https://shop.test/a?b=c")
    for _ in range(100_000):
        changed = list(token)
        for _ in range(dice.randint(1, 4)):
            place = dice.randrange(len(changed))
            match dice.randrange(4):
                case 0:
                    changed[place] = dice.choice(URL_SAFE)
                case 1:
                    changed.insert(place, dice.choice(URL_SAFE + "=.\n/%+ "))
                case 2 if len(changed) > 1:
                    del changed[place]
                case _:
                    other = dice.randrange(len(changed))
                    changed[place], changed[other] = changed[other], changed[place]
        mutated = "".join(changed)
        if mutated != token:
            assert tokens.unseal(KEYS, "click", mutated) is None, mutated


def test_other_spellings_and_endless_ones_are_refused() -> None:
    token = tokens.seal(KEYS, "click", b"x" * 31)
    assert tokens.unseal(KEYS, "click", token) == b"x" * 31
    for spelling in (
        token + "=",
        token + "\n",
        " " + token,
        token + "%3D",
        token.replace("-", "+"),
        "",
        "A" * 1_000_000,
    ):
        if spelling != token:
            assert tokens.unseal(KEYS, "click", spelling) is None
