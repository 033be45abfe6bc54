"""What does a row's name look like? UUID version 7 (RFC 9562 §5.7): sorted by time of making, so indexes grow at one end."""

import secrets
import time
from uuid import UUID


def new_id() -> UUID:
    """A fresh UUIDv7: 48 bits of milliseconds, 74 random bits."""
    millis = time.time_ns() // 1_000_000
    bits = secrets.randbits(74)
    return UUID(int=(millis & (1 << 48) - 1) << 80 | 0x7 << 76 | (bits >> 62) << 64 | 0b10 << 62 | bits & (1 << 62) - 1)
