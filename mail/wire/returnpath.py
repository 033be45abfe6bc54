"""Whose bounce is this? The signed local part of an envelope sender names one recipient, and only we can make it.

One envelope sender per recipient means that whatever comes back says for whom, even where its text cannot be parsed.
The token is opaque (nobody learns how many messages there are), survives hosts that change its case, fits into 64
octets (RFC 5321 §4.5.3.1.1), and is checked in constant time, so that mail to guessed return paths is refused at RCPT.
"""

import base64
import binascii
import string
from typing import Protocol
from uuid import UUID

_PREFIX = "b"
_PURPOSE = "return path"
_TAG = 8
_SIZE = 1 + 16 + _TAG
_ALPHABET = frozenset(string.ascii_lowercase + "234567")


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


def encode(keys: Keys, recipient_id: UUID) -> str:
    """The local part for one recipient: 41 lower-case letters and digits."""
    plain = keys.key_id[:1] + recipient_id.bytes
    tag = keys.sign(_PURPOSE, plain, size=_TAG)
    # RFC 4648 §6: base32 of 25 bytes needs no padding.
    return _PREFIX + base64.b32encode(plain + tag).decode("ascii").lower()


def decode(keys: Keys, local: str) -> UUID | None:
    """The recipient that a local part names, or None where we did not make it (or under another key). Any case will do."""
    token = local.lower()
    if not token.startswith(_PREFIX) or not _ALPHABET.issuperset(token[1:]):
        return None
    try:
        raw = base64.b32decode(token[1:].upper())
    except (binascii.Error, ValueError):
        return None
    if len(raw) != _SIZE or raw[:1] != keys.key_id[:1] or not keys.signed(_PURPOSE, raw[:-_TAG], raw[-_TAG:]):
        return None
    return UUID(bytes=raw[1:17])
