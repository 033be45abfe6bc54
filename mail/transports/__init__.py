"""How does a message leave the house? The port that dispatch speaks to, and the values that cross it.

Three transports stand behind it: `mx` (the internet), `relay` (one host of the operator's choice) and `simulator`
(nobody: the answers are played). All promise the same:

- `deliver` returns exactly one outcome per recipient and never raises for what a peer does: a refused connection, a
  broken reply or a dead network is an outcome with a verdict. It raises only on our own faults and on cancellation.
- A message is sent at most once a call. Where a connection dies after the final dot and before its reply, nobody can
  know; that outcome is Deferred with `uncertain` set, so that the possible duplicate can be counted (RFC 5321
  §4.5.3.2.6, RFC 1047).
- `content` is asked for once per hop, after EHLO, because only then is known what the hop can take; it finishes and
  signs.
- No transaction of ours is open meanwhile, and `heartbeat` is awaited before connecting and before the final dot: where
  it answers False another worker owns the recipients by now, and nothing more is sent.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from mail.verdict import Verdict
from mail.wire.reply import Reply


@dataclass(frozen=True, slots=True)
class Source:
    """An address of this machine that mail leaves from in place of the default one."""

    ip: str
    hostname: str
    """What its PTR record says; said at EHLO (RFC 5321 §4.1.1.1)."""


@dataclass(frozen=True, slots=True)
class OutgoingRecipient:
    """One RCPT TO of a transaction."""

    id: UUID
    """The recipient's row; comes back in its outcome."""
    address: str
    """As submitted; the local part's case is the receiver's business (RFC 5321 §2.4)."""
    notify: str | None
    """NOTIFY value to pass on where the hop speaks DSN, e.g. "FAILURE,DELAY" (RFC 3461 §4.1)."""
    orcpt: str | None
    """ORCPT value as submitted, e.g. "rfc822;user@shop.test" (RFC 3461 §4.2)."""


@dataclass(frozen=True, slots=True)
class Hop:
    """The next host, as known after its EHLO reply: what content may be made for it."""

    host: str
    """Its name as looked up, not as it greets."""
    ip: str
    tls: str | None
    """Protocol version and cipher, e.g. "TLSv1.3 TLS_AES_256_GCM_SHA384", or None in the clear."""
    eight_bit: bool
    """8BITMIME was offered (RFC 6152)."""
    smtputf8: bool
    """SMTPUTF8 was offered (RFC 6531)."""
    size: int | None
    """The largest message it takes, in bytes, where it says so (RFC 1870)."""
    takes_size: bool = field(default=False, kw_only=True)
    """SIZE was offered, so MAIL may announce the message's size."""
    dsn: bool
    """DSN was offered (RFC 3461)."""
    pipelining: bool
    """PIPELINING was offered (RFC 2920)."""


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """One transaction: an envelope and the way to its content."""

    sender: str
    """Envelope sender, our signed return path; "" is the null reverse-path."""
    recipients: tuple[OutgoingRecipient, ...]
    content: Callable[[Hop], bytes]
    """Finishes and signs for this hop: 7-bit where the hop lacks 8BITMIME. May run in a thread where it is large."""
    domain: str
    """Domain of all recipients, lower case; decides the route."""
    smtputf8: bool
    """The envelope or the headers need SMTPUTF8 (RFC 6531 §3.4)."""
    eight_bit: bool
    """The content has bytes above 127, so BODY=8BITMIME is said where the hop offers it."""
    ret: str | None
    """FULL or HDRS (RFC 3461 §4.3)."""
    envid: str | None
    """ENVID as submitted, still xtext (RFC 3461 §4.4)."""
    size: int = 0
    """Bytes of the stored content; from 256 KB on, `content` is called in a thread."""
    clear: bool = True
    """May go unencrypted where a host has no TLS or none that works (RFC 7435), if the operator allows it (`LIVERY_TLS`).
    False: it waits for one that has."""
    source: Source | None = None
    """Where it leaves from, to hosts that can be reached from there; None: the machine's default address."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was said to one host for one transaction, as the customer may read it."""

    host: str
    ip: str
    tls: str | None
    started_at: datetime
    ended_at: datetime
    lines: tuple[str, ...]
    """"> " ours, "< " theirs, "* " what happened beside. Never a secret of AUTH, never content; capped in lines and length."""

    @property
    def broken_off(self) -> str | None:
        """Why it ended without a reply: "mx1.far.test: connecting: Connection refused"; None where a reply ended it."""
        if not self.lines or not self.lines[-1].startswith("* "):
            return None
        words = self.lines[-1][2:]
        return f"{self.host}: {words}" if self.ip else words


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one recipient."""

    recipient_id: UUID
    verdict: Verdict
    reply: Reply | None
    """The reply that decided, or None where no host said anything (no connection, no MX)."""
    uncertain: bool = False
    """The connection died after the final dot and before its reply: the message may have arrived."""
    status: str | None = None
    """Enhanced status of our own finding (RFC 3463), where no host said anything: "5.1.2" for no such domain."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The end of one call: an outcome per recipient, and every conversation that led there, in order."""

    outcomes: tuple[Outcome, ...]
    conversations: tuple[Conversation, ...]


Heartbeat = Callable[[], Awaitable[bool]]
"""Renews the lease on the recipients. False: it is lost; stop and send nothing."""


class LeaseLost(Exception):
    """Heartbeat said False before anything could have arrived: no outcome, because the recipients are another worker's."""


class Transport(Protocol):
    """One way out of the house."""

    def site(self, domain: str) -> Awaitable[str]:
        """The grouping key for lanes and limits: domains with the same key are the same receiver."""
        ...

    async def deliver(self, mail: OutgoingMail, *, heartbeat: Heartbeat) -> Delivery:
        """Try once. Raises LeaseLost where `heartbeat` says so; nothing has been sent then."""
        ...

    async def close(self) -> None:
        """Say QUIT on idle connections and let go of everything."""
        ...
