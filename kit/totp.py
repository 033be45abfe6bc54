"""Which six digits does an authenticator show now? Time-based one-time passwords, RFC 6238 over RFC 4226, as every app does them.

SHA-1, six digits, steps of thirty seconds: what authenticators assume whatever an address asks for. HMAC-SHA-1 is not
touched by SHA-1's collisions.
"""

import base64
import hmac
import os
from urllib.parse import quote, urlencode

STEP = 30
"""Seconds a code is shown."""
DIGITS = 6


def new_key() -> bytes:
    """A fresh secret of 160 bits (RFC 4226 §4 R6)."""
    return os.urandom(20)


def code(key: bytes, step: int) -> str:
    """The code of a time step: HOTP of RFC 4226 §5.3 with the step as its counter."""
    digest = hmac.digest(key, step.to_bytes(8), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4]) & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def matching_step(key: bytes, given: str, *, now: int) -> int | None:
    """The step whose code this is: the present one or one beside it (RFC 6238 §5.2), or None. `now` in Unix seconds."""
    found = None
    for step in range(now // STEP - 1, now // STEP + 2):
        if hmac.compare_digest(code(key, step), given):
            found = step
    return found


def written(key: bytes) -> str:
    """The secret as people type it into an authenticator: base32 without padding."""
    return base64.b32encode(key).decode().rstrip("=")


def uri(key: bytes, *, issuer: str, name: str) -> str:
    """The address in the picture that an authenticator reads."""
    # The label's colon separates, so none may stand in its parts.
    label = f"{quote(issuer.replace(':', ' '), safe='')}:{quote(name.replace(':', ' '), safe='@')}"
    query = urlencode({"secret": written(key), "issuer": issuer, "digits": DIGITS, "period": STEP}, quote_via=quote)
    return f"otpauth://totp/{label}?{query}"
