"""How much may one peer take? Connections, errors, junk, bytes, time: as a stranger, and once it has logged in.

The figures are those of servers that strangers have attacked for decades (Postfix, mox), where they have one.
All counts are of this process; wrong logins alone are counted for all processes together (`tenants.throttle`).
"""

from collections import Counter
from collections.abc import Hashable

MESSAGE_BYTES = 40 * 1024 * 1024
"""Announced by SIZE; 25 MB of attachments are 34 MB in base64."""

DRAIN_BYTES = MESSAGE_BYTES * 11 // 10
"""How much of a message that is too big is read, so that the client sees why; then the connection ends."""

MEMORY_BYTES = 256 * 1024 * 1024
"""Content that all sessions of a process may hold at once; the message that would exceed it is put off by 452 4.3.1."""

RECIPIENTS = 1_000
"""Of one message; the next one is told 452 4.5.3 and the message goes to those it has (RFC 5321 §4.5.3.1.10)."""

RETURNING = 20
"""Return paths and wishes of one message; each is one recipient's own, so nobody's server sends to more at once."""

OVERSHOOT = 1_000
"""Recipients above the limit that are no error yet: the client sends all of them before it reads the first refusal."""

PER_ADDRESS = 30
"""Connections of one address (IPv6: one /64) that have not logged in."""

PER_ACCOUNT = 500
"""Connections that have logged in to one account."""

ERRORS_SLOW, ERRORS_END = 10, 20
"""Refusals a stranger gets before each one takes a second, and before the end."""

MEMBER_ERRORS_END = 200
"""The same end for somebody who has logged in; an accepted message starts the count again."""

JUNK_END, MEMBER_JUNK_END = 100, 1_000
"""Commands that bring no message nearer: NOOP, RSET, HELP, VRFY, EHLO, MAIL."""

LOGIN_FAILURES = 3
"""Wrong logins on one connection before it ends."""

STRANGER_IDLE, MEMBER_IDLE = 60.0, 300.0
"""Seconds for the next command to be there in whole (RFC 5321 §4.5.3.2.7 asks for five minutes)."""

RATE_WINDOW = 30.0
"""Seconds over which the rate of DATA is judged."""

RATE_BYTES = 500 * 30
"""Bytes that must come in each window: Postfix's smtpd_min_data_rate."""

HANDSHAKE = 10.0
"""Seconds for a TLS handshake."""

DRAIN = 30.0
"""Seconds that messages on their way have when the process is asked to stop."""

COMMAND_OCTETS = 512  # RFC 5321 §4.5.3.1.4
COMMAND_OCTETS_OF = {"MAIL": 2_048, "RCPT": 2_048, "AUTH": 12_288}
"""Longer where extensions add parameters: RFC 1870, 3461, 6531; RFC 4954 §4."""

LINE_OCTETS = max(COMMAND_OCTETS_OF.values())


class Share:
    """Who holds how many of something that each may have `limit` of."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held: Counter[Hashable] = Counter()

    def take(self, who: Hashable) -> bool:
        """Take one for `who`; False, and nothing taken, when the limit is reached."""
        if self._held[who] >= self.limit:
            return False
        self._held[who] += 1
        return True

    def give_back(self, who: Hashable) -> None:
        """Return one that `take` gave."""
        self._held[who] -= 1
        if not self._held[who]:
            del self._held[who]
