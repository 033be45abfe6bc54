"""Whose bounce is this, or whose wish? A signed local part names one recipient, and only we can make it.

One envelope sender per recipient means that whatever comes back says for whom, even where its text cannot be parsed.
The token is opaque (nobody learns how many messages there are), survives hosts that change its case, fits into 64
octets (RFC 5321 §4.5.3.1.1), and is checked in constant time, so that mail to guessed return paths is refused at RCPT.
The addresses by which recipients unsubscribe are made alike, for a use of their own.
"""

import base64
import binascii
import string
from enum import Enum
from typing import Protocol
from uuid import UUID

_TAG = 8
_SIZE = 1 + 16 + _TAG
_ALPHABET = frozenset(string.ascii_lowercase + "234567")


class Use(Enum):
    """What mail to it means: its first letter, and what it is signed for."""

    RETURN = ("b", "return path")
    UNSUBSCRIBE = ("u", "unsubscribe by mail")

    @property
    def prefix(self) -> str:
        """The letter that such local parts begin with."""
        return self.value[0]

    @property
    def purpose(self) -> str:
        """What the signature is good for."""
        return self.value[1]


class Keys(Protocol):
    """What signs (`kit.crypto.Keyring`)."""

    @property
    def key_id(self) -> bytes:
        """Names the key without telling it."""
        ...

    def sign(self, purpose: str, data: bytes, *, size: int = 16) -> bytes:
        """A tag of `size` bytes over `data`."""
        ...

    def signed(self, purpose: str, data: bytes, tag: bytes) -> bool:
        """Whether the tag is right, in constant time."""
        ...


def encode(keys: Keys, recipient_id: UUID, use: Use = Use.RETURN) -> str:
    """The local part for one recipient: 41 lower-case letters and digits."""
    plain = keys.key_id[:1] + recipient_id.bytes
    tag = keys.sign(use.purpose, plain, size=_TAG)
    # RFC 4648 §6: base32 of 25 bytes needs no padding.
    return use.prefix + base64.b32encode(plain + tag).decode("ascii").lower()


def decode(keys: Keys, local: str, use: Use = Use.RETURN) -> UUID | None:
    """The recipient that a local part names, or None where we did not make it (or under another key). Any case will do."""
    token = local.lower()
    if not token.startswith(use.prefix) or not _ALPHABET.issuperset(token[1:]):
        return None
    try:
        raw = base64.b32decode(token[1:].upper())
    except (binascii.Error, ValueError):
        return None
    if len(raw) != _SIZE or raw[:1] != keys.key_id[:1] or not keys.signed(use.purpose, raw[:-_TAG], raw[-_TAG:]):
        return None
    return UUID(bytes=raw[1:17])
