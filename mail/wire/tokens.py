"""What does a link of ours carry? A token that only we can make and read: sealed, bound to one purpose, fit for a URL.

Authenticated encryption, so that nobody reads from a link whom it was sent to or where it leads, and nobody makes one that
leads elsewhere. The key's id stands in front. There is one spelling only: whatever is not exactly what `seal` gave is refused.
"""

import base64
import re
from typing import Protocol

_ALPHABET = re.compile(r"[A-Za-z0-9_-]+\Z")
_OVERHEAD = 1 + 16  # the key's id and the tag
_LONGEST = 4_000  # no link of ours is longer; what is need not be decoded to be refused


class Keys(Protocol):
    """What seals (`kit.crypto.Keyring`)."""

    def __hash__(self) -> int:
        """By what is remembered of these keys."""
        ...

    def seal_short(self, plain: bytes, purpose: str) -> bytes:
        """Authenticated encryption, the key's id in front; the same plain bytes give the same sealed ones."""
        ...

    def open_short(self, sealed: bytes, purpose: str) -> bytes:
        """Give back what was sealed. Raises ValueError where it was not sealed with this key for this purpose."""
        ...

    def sign(self, purpose: str, data: bytes, *, size: int = 16) -> bytes:
        """A tag of `size` bytes that nobody else can make."""
        ...


def seal(keys: Keys, purpose: str, plain: bytes) -> str:
    """A token of letters, digits, `-` and `_`: four for every three of the plain bytes and 17 more (RFC 4648 §5, unpadded)."""
    return base64.urlsafe_b64encode(keys.seal_short(plain, purpose)).decode("ascii").rstrip("=")


def size(plain: int) -> int:
    """How many characters a token of so many plain bytes has."""
    return -(-(plain + _OVERHEAD) * 4 // 3)


def unseal(keys: Keys, purpose: str, token: str) -> bytes | None:
    """The bytes that `seal` took, or None where we did not make this token for this purpose, or under another key."""
    if len(token) > _LONGEST or not _ALPHABET.match(token):
        return None
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        # RFC 4648 §3.5: the last character has bits to spare, so several spellings decode alike; one of them is ours.
        if base64.urlsafe_b64encode(sealed).decode("ascii").rstrip("=") != token:
            return None
        return keys.open_short(sealed, purpose)
    except ValueError:
        return None
