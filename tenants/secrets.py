"""How does a generated secret look? A prefix that says what it is for, 160 random bits, and a checksum.

    mk_<32 letters and digits><7 of checksum>   an API key ("mail key")
    mp_<32 letters and digits><7 of checksum>   the password of an SMTP user

The checksum (CRC-32 of all before it, RFC 4648 §6 in lower case) is no secret: it tells a typing error at once, without a
look at any database, and lets scanners of leaked secrets recognise one. Prefixes name no product: resellers' customers
see them. Secrets that were chosen and not generated (the demo's) have no such prefix and no checksum.
"""

import base64
import zlib

from kit.crypto import new_secret

KEY = "mk_"
PASSWORD = "mp_"  # noqa: S105 - a prefix

_CHECKSUM = 7
_SHOWN = 9


def generate(prefix: str) -> str:
    """A fresh secret for KEY or PASSWORD."""
    body = prefix + new_secret()
    return body + _checksum(body)


def mistyped(secret: str) -> bool:
    """Whether this begins like a generated secret and is none: nobody ever had it."""
    if not secret.startswith((KEY, PASSWORD)):
        return False
    return _checksum(secret[:-_CHECKSUM]) != secret[-_CHECKSUM:]


def beginning(secret: str) -> str | None:
    """What people may see of a generated secret to tell it from others: prefix and six characters of 32."""
    return secret[:_SHOWN] if secret.startswith((KEY, PASSWORD)) else None


def _checksum(body: str) -> str:
    return base64.b32encode(zlib.crc32(body.encode()).to_bytes(4)).decode().lower().rstrip("=")
