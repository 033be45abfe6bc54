"""What does a row's name look like? UUID version 7 (RFC 9562 §5.7): sorted by time of making, so indexes grow at one end."""

import secrets
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0


def new_id() -> UUID:
    """A fresh UUIDv7, greater than every one this process made before: 48 bits of milliseconds, 74 random bits.

    Within a millisecond the random part only grows (RFC 9562 §6.2, method 2), so rows made together sort as made.
    """
    global _last
    with _lock:
        fresh = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 74 | secrets.randbits(73)
        _last = fresh if fresh > _last else _last + 1 + secrets.randbits(32)
        bits = _last
    millis, rand = bits >> 74, bits & (1 << 74) - 1
    return UUID(int=millis << 80 | 0x7 << 76 | (rand >> 62) << 64 | 0b10 << 62 | rand & (1 << 62) - 1)
