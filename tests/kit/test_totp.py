"""Do the codes equal those of every authenticator? The test vectors of RFC 6238, and what an address holds."""

import pytest

from kit import totp

_KEY = b"12345678901234567890"


@pytest.mark.parametrize(
    ("at", "code"),
    [
        # RFC 6238, appendix B, SHA-1; six digits instead of eight are the last six of them.
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_codes_are_those_of_the_rfc(at: int, code: str) -> None:
    assert totp.code(_KEY, at // totp.STEP) == code
    assert totp.matching_step(_KEY, code, now=at) == at // totp.STEP


@pytest.mark.parametrize(("late", "good"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_code_is_good_one_step_around(late: int, good: bool) -> None:
    now = 1_700_000_010
    code = totp.code(_KEY, (now + late) // totp.STEP)
    assert (totp.matching_step(_KEY, code, now=now) is not None) is good


@pytest.mark.parametrize("given", ["", "28708", "2870822", "abcdef"])
def test_what_is_no_code_matches_nothing(given: str) -> None:
    assert totp.matching_step(_KEY, given, now=59) is None


def test_the_address_says_who_asks_and_for_whom() -> None:
    assert totp.uri(_KEY, issuer="Acme: Mail & Co", name="ann@shop.test") == (
        "otpauth://totp/Acme%20%20Mail%20%26%20Co:ann@shop.test"
        "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme%3A%20Mail%20%26%20Co&digits=6&period=30"
    )
    assert len(totp.new_key()) == 20
    assert totp.new_key() != totp.new_key()
