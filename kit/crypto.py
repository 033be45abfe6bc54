"""How are secrets kept? Sealed (must be read again), keyed-hashed (must only be recognised) or argon2id (chosen by people).

One master key, `LIVERY_SECRET_KEY`, gives a key for each purpose by HKDF (RFC 5869), so that a sealed DKIM key, a
signature in a link and the hash of a credential share nothing. Every sealed value carries the id of its key and is bound
to its row by associated data: moved to another row, it does not open.
"""

import asyncio
import base64
import hashlib
import hmac
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kit.errors import Kind, LiveryError

_NONCE = 12

# OWASP: argon2id with 19 MiB, t=2, p=1; 17 ms a check here. Two threads bound the memory and leave the loop alone.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NICE = 10


def _step_back() -> None:
    """Let the event loop, and with it everybody who does not log in, go before this thread where cores are scarce."""
    if sys.platform == "linux":  # where niceness is a thread's own
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(_NICE, os.getpriority(os.PRIO_PROCESS, thread)))


_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2", initializer=_step_back)
_MOST_WAITING = 100  # a second of work on one core: who comes later is told so at once instead of waiting in vain
_places = asyncio.Semaphore(_MOST_WAITING)
# The hash of a thrown-away password, for members that do not exist. A constant: making it costs every process 40 ms.
_dummy = "$argon2id$v=19$m=19456,t=2,p=1$aViHnziVySO8LvlfAMwz8w$zhnj4yW2kqqrAXxpHJH6eo/X3WbG0PO2aMwUTXpvbJQ"


class Unreadable(ValueError):
    """A sealed value does not open: another master key, another row, or damaged bytes."""


@dataclass(frozen=True)
class Keyring:
    """The keys derived from one master key; cheap to make, safe to share."""

    secret_key: bytes = field(repr=False)
    _derived: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    @property
    def key_id(self) -> bytes:
        """Four bytes that name the master key without telling it."""
        return self._key("key id")[:4]

    def seal(self, plain: bytes, aad: str) -> bytes:
        """Encrypt with AES-256-GCM, bound to `aad` ("dkim|account|domain|selector")."""
        nonce = os.urandom(_NONCE)
        return self.key_id + nonce + AESGCM(self._key("seal")).encrypt(nonce, plain, aad.encode())

    def open(self, sealed: bytes, aad: str) -> bytes:
        """Give back what `seal` took. Raises Unreadable."""
        if not hmac.compare_digest(sealed[:4], self.key_id):
            raise Unreadable("sealed under another LIVERY_SECRET_KEY")
        try:
            return AESGCM(self._key("seal")).decrypt(sealed[4 : 4 + _NONCE], sealed[4 + _NONCE :], aad.encode())
        except (InvalidTag, ValueError):
            raise Unreadable("the sealed value is damaged or belongs to another row") from None

    def seal_short(self, plain: bytes, purpose: str) -> bytes:
        """Encrypt with AES-256-SIV (RFC 5297) for one `purpose`: 17 bytes longer, the same plain always sealed the same.

        For links, of which there are more than random nonces are good for; what must not be seen to be equal takes `seal`.
        """
        return self.key_id[:1] + self._siv(purpose).encrypt(plain, None)

    def open_short(self, sealed: bytes, purpose: str) -> bytes:
        """Give back what `seal_short` took. Raises Unreadable."""
        if sealed[:1] != self.key_id[:1]:
            raise Unreadable("sealed under another LIVERY_SECRET_KEY")
        try:
            return self._siv(purpose).decrypt(sealed[1:], None)
        except (InvalidTag, ValueError):
            raise Unreadable("the sealed value is damaged or made for another purpose") from None

    def sign(self, purpose: str, data: bytes, *, size: int = 16) -> bytes:
        """An HMAC-SHA-256 tag of `size` bytes, of use for this `purpose` only."""
        return hmac.digest(self._key(f"sign {purpose}"), data, "sha256")[:size]

    def signed(self, purpose: str, data: bytes, tag: bytes) -> bool:
        """Whether `tag` is ours, compared in constant time."""
        return len(tag) >= 8 and hmac.compare_digest(self.sign(purpose, data, size=len(tag)), tag)

    def keyed_hash(self, secret: str) -> bytes:
        """What is stored of a generated credential: enough to recognise it, nothing to guess it from (1.6 µs)."""
        return hmac.digest(self._key("credential"), secret.encode(), "sha256")

    def _siv(self, purpose: str) -> AESSIV:
        return AESSIV(self._key(f"seal short {purpose}", size=64))

    def _key(self, purpose: str, size: int = 32) -> bytes:
        if purpose not in self._derived:
            self._derived[purpose] = HKDF(SHA256(), size, b"livery 1", purpose.encode()).derive(self.secret_key)
        return self._derived[purpose]


def new_secret() -> str:
    """A fresh secret of 160 bits in letters and digits that survive being read aloud (RFC 4648 §6, lower case)."""
    return base64.b32encode(os.urandom(20)).decode().lower()


def fingerprint(token: str) -> str:
    """What is stored of a random token of 128 bits or more (sessions): SHA-256 in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


async def hash_password(password: str) -> str:
    """argon2id, off the event loop. Raises LiveryError UNAVAILABLE where too many wait for the same."""
    return await _in_turn(lambda: _hasher.hash(password))


async def verify_password(password: str, stored: str | None) -> bool:
    """Whether the password fits. With `stored` None the same work is done and the answer is False, so that time tells nothing.

    Raises LiveryError UNAVAILABLE where too many wait for the same.
    """

    def check() -> bool:
        try:
            return _hasher.verify(stored or _dummy, password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False

    return await _in_turn(check)


async def _in_turn[T](work: Callable[[], T]) -> T:
    if _places.locked():
        raise LiveryError(
            Kind.UNAVAILABLE, "BUSY", "Too many people are signing in just now.", next="Try again in a few seconds."
        )
    async with _places:
        return await asyncio.get_running_loop().run_in_executor(_threads, work)
