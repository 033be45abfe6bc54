"""Is a typing error in a generated secret told without asking anybody?"""

import re
import string

import pytest

from kit.crypto import Keyring
from kit.db import open_database
from kit.errors import Kind, LiveryError
from tenants import secrets
from tenants.authentication import authenticate_key
from tests.support.world import SECRET_KEY

SHAPE = re.compile(r"m[kp]_[a-z2-7]{39}")


@pytest.mark.parametrize("prefix", [secrets.KEY, secrets.PASSWORD])
def test_every_single_error_is_noticed(prefix: str) -> None:
    secret = secrets.generate(prefix)
    assert SHAPE.fullmatch(secret)
    assert secret.startswith(prefix)
    assert not secrets.mistyped(secret)
    body = range(len(prefix), len(secret))
    wrong = {secret[:n] + other + secret[n + 1 :] for n in body for other in string.ascii_letters + string.digits}
    wrong |= {secret[:n] + secret[n + 1] + secret[n] + secret[n + 2 :] for n in body[:-1]}
    wrong |= {secret[:n] + secret[n + 1 :] for n in body} | {secret + "a", secret + " ", secret[:20], prefix}
    assert [one for one in wrong - {secret} if not secrets.mistyped(one)] == []


def test_no_two_are_alike() -> None:
    assert len({secrets.generate(secrets.KEY)[3:35] for _ in range(1000)}) == 1000


def test_a_secret_that_was_chosen_has_no_checksum() -> None:
    for chosen in ("livery-demo-smtp", "lv_demo_key", "", "pässword", "Mk_x"):
        assert not secrets.mistyped(chosen)
        assert secrets.beginning(chosen) is None


def test_people_see_too_little_to_guess_the_rest() -> None:
    secret = secrets.generate(secrets.KEY)
    assert secrets.beginning(secret) == secret[:9]


async def test_a_mistyped_key_is_told_before_anything_is_read(world_url: str) -> None:
    ring = Keyring(SECRET_KEY)
    good = secrets.generate(secrets.KEY)
    db = await open_database(world_url, size=1)
    await db.close()
    with pytest.raises(LiveryError) as refused:
        await authenticate_key(db, ring, good[:-1] + ("a" if good[-1] != "a" else "b"), ip="127.0.0.1")
    assert (refused.value.kind, refused.value.code) == (Kind.UNAUTHENTICATED, "KEY_REFUSED")
    assert refused.value.message == "This API key has a typing error."
    with pytest.raises(Exception) as asked:  # its positive twin needs the database
        await authenticate_key(db, ring, good, ip="127.0.0.1")
    assert not isinstance(asked.value, LiveryError)
