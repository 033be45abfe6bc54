"""Do sealed values open only where they belong, and are secrets told by nothing?"""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from kit.crypto import Keyring, Unreadable, hash_password, new_secret, verify_password
from kit.errors import LiveryError

RING = Keyring(b"\x01" * 32)


def test_a_sealed_value_opens_in_its_own_row_only() -> None:
    sealed = RING.seal(b"private", "dkim|a|shop.test|mail1")
    assert b"private" not in sealed
    assert RING.open(sealed, "dkim|a|shop.test|mail1") == b"private"
    with pytest.raises(Unreadable):
        RING.open(sealed, "dkim|b|shop.test|mail1")


def test_a_damaged_value_or_another_master_key_opens_nothing() -> None:
    sealed = RING.seal(b"private", "row")
    for position in range(len(sealed)):
        broken = bytearray(sealed)
        broken[position] ^= 1
        with pytest.raises(Unreadable):
            RING.open(bytes(broken), "row")
    with pytest.raises(Unreadable):
        Keyring(b"\x02" * 32).open(sealed, "row")
    with pytest.raises(Unreadable):
        RING.open(b"", "row")


def test_the_same_value_is_sealed_differently_each_time() -> None:
    assert RING.seal(b"x", "row") != RING.seal(b"x", "row")


def test_a_short_seal_opens_for_its_purpose_only_and_is_always_the_same() -> None:
    sealed = RING.seal_short(b"private", "click")
    assert (len(sealed), b"private" in sealed) == (7 + 17, False)
    assert RING.seal_short(b"private", "click") == sealed
    assert RING.open_short(sealed, "click") == b"private"
    with pytest.raises(Unreadable):
        RING.open_short(sealed, "unsubscribe")
    with pytest.raises(Unreadable):
        Keyring(b"\x02" * 32).open_short(sealed, "click")
    for position in range(len(sealed)):
        broken = bytearray(sealed)
        broken[position] ^= 1
        with pytest.raises(Unreadable):
            RING.open_short(bytes(broken), "click")
    for end in range(len(sealed)):
        with pytest.raises(Unreadable):
            RING.open_short(sealed[:end], "click")


def test_a_signature_serves_one_purpose() -> None:
    tag = RING.sign("return path", b"data")
    assert RING.signed("return path", b"data", tag)
    assert not RING.signed("tracking", b"data", tag)
    assert not RING.signed("return path", b"other", tag)
    assert not RING.signed("return path", b"data", b"")


def test_a_keyring_never_shows_its_keys() -> None:
    RING.keyed_hash("x")
    assert repr(RING) == "Keyring()"


def test_secrets_are_long_and_their_hashes_are_keyed() -> None:
    assert len(new_secret()) == 32
    assert RING.keyed_hash("x") != Keyring(b"\x02" * 32).keyed_hash("x")


async def test_passwords_fit_or_do_not_and_an_absent_one_never_fits() -> None:
    stored = await hash_password("correct horse")
    assert await verify_password("correct horse", stored)
    assert not await verify_password("wrong horse", stored)
    assert not await verify_password("no such member", None)
    assert not await verify_password("x", "not a hash")


async def test_who_comes_when_a_hundred_wait_is_told_so_at_once() -> None:
    answers = await asyncio.gather(*(verify_password(f"guess {n}", None) for n in range(130)), return_exceptions=True)
    refused = [answer for answer in answers if answer is not False]
    assert len(refused) == 30
    assert {(type(answer), getattr(answer, "code", None)) for answer in refused} == {(LiveryError, "BUSY")}
    assert not await verify_password("and afterwards", None)


async def test_hashing_steps_back_behind_the_loop() -> None:
    await asyncio.gather(*(hash_password("correct horse") for _ in range(4)))
    own = os.getpriority(os.PRIO_PROCESS, 0)
    nice = [os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in Path("/proc/self/task").iterdir()]
    assert nice.count(max(10, own)) >= 1
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == own, "the loop stays where it was"
