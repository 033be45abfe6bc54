"""What would the world say? A transport without a world: replies and conversations like a real host's, for whole demos.

    delivered@  opened@  clicked@  complained@  unsubscribed@     250
    bounced@                                                      550 5.1.1; bounced+late@ is accepted and comes back
    deferred@                                                     451 4.7.1 at the first attempt, 250 from the second on
    anything else, anywhere                                       250

`+anything` after the name is allowed. deferred@ gives in because a mail that is deferred for ever shows nothing new
after its first line. "First attempt" is what this process remembers of the recipient; a recipient older than the first
retry counts as met before, so that several processes and restarts come to the same end.

What happens after delivery (the pixel, the click, the complaint, the late bounce) is played from outside by the
people behind these addresses (`mail.transports.audience`).
"""

import asyncio
import time
from collections import OrderedDict
from uuid import UUID

from mail.transports import Delivery, Heartbeat, Hop, LeaseLost, Outcome, OutgoingMail
from mail.transports.audience import Audience, Letter, late
from mail.transports.stream import Script
from mail.verdict import Phase, judge
from mail.wire.reply import Reply

DOMAIN = "simulator.livery.test"
"""The demo's name for it, and one that programs may rely on anywhere."""
SITE = "simulator"

_ACCEPTED = Reply(250, "2.1.5", "Recipient OK")
_UNKNOWN = Reply(550, "5.1.1", "The email account that you tried to reach does not exist")
_GREYLISTED = Reply(451, "4.7.1", "Greylisted, please try again later")
_TAKEN = Reply(250, "2.0.0", "Message accepted for delivery")

_FIRST_RETRY = 4 * 60.0
"""Seconds after which a recipient must have been tried before: a little less than `mail.retry`'s first wait."""
_REMEMBERED = 10_000
_LARGE = 256 * 1024


def neutral_domain(mail_domain: str) -> str:
    """The same receivers under the operator's neutral domain, for people who must not meet the platform's name."""
    return f"simulator.{mail_domain}"


class Simulator:
    """Plays every receiver."""

    def __init__(self, domain: str = DOMAIN, audience: Audience | None = None) -> None:
        """`audience`: who reads the mail and acts on it; None: nobody does."""
        self._domains = frozenset({DOMAIN, domain})
        self._audience = audience
        self._met: OrderedDict[UUID, None] = OrderedDict()

    async def site(self, domain: str) -> str:
        """One receiver for all."""
        return SITE

    async def deliver(self, mail: OutgoingMail, *, heartbeat: Heartbeat) -> Delivery:
        """Play one transaction. The content is finished and signed as for a real host, so that its faults show here too."""
        if not await heartbeat():
            raise LeaseLost
        host = f"mx.{mail.domain}"
        hop = Hop(host, "192.0.2.25", "TLSv1.3 TLS_AES_256_GCM_SHA384", True, True, None, True, True)
        large = mail.size >= _LARGE
        content = await asyncio.to_thread(mail.content, hop) if large else mail.content(hop)
        script = Script(host, hop.ip)
        script.tls = hop.tls
        script.theirs(f"220 {host} ESMTP")
        script.ours(f"MAIL FROM:<{mail.sender}>")
        replies = [self._reply(recipient.id, recipient.address) for recipient in mail.recipients]
        for recipient in mail.recipients:
            script.ours(f"RCPT TO:<{recipient.address}>")
        script.ours("DATA")
        script.theirs("250 2.1.0 Sender OK")
        for reply in replies:
            script.theirs(str(reply))
        if any(reply.positive for reply in replies):
            script.theirs("354 Go ahead")
            if not await heartbeat():
                raise LeaseLost
            script.aside(f"{len(content)} octets of content")
            script.ours(".")
            script.theirs(str(_TAKEN))
        else:
            script.theirs("554 5.5.1 No valid recipients")
        outcomes = tuple(
            Outcome(recipient.id, judge(reply, Phase.RCPT), _TAKEN if reply.positive else reply)
            for recipient, reply in zip(mail.recipients, replies, strict=True)
        )
        for recipient, reply in zip(mail.recipients, replies, strict=True):
            if (
                self._audience is not None
                and reply.positive
                and recipient.address.rpartition("@")[2].lower() in self._domains
            ):
                self._audience.receives(Letter(recipient.address, mail.sender, content))
        return Delivery(outcomes, (script.conversation(),))

    async def close(self) -> None:
        """Send the people home."""
        if self._audience is not None:
            await self._audience.close()

    def _reply(self, recipient_id: UUID, address: str) -> Reply:
        local, _, domain = address.rpartition("@")
        if domain.lower() not in self._domains:
            return _ACCEPTED
        name, _, detail = local.lower().partition("+")
        match name:
            case "bounced" if not late(detail):
                return _UNKNOWN
            case "deferred" if self._first_time(recipient_id):
                return _GREYLISTED
            case _:
                return _ACCEPTED

    def _first_time(self, recipient_id: UUID) -> bool:
        if recipient_id in self._met:
            return False
        self._met[recipient_id] = None
        if len(self._met) > _REMEMBERED:
            self._met.popitem(last=False)
        return recipient_id.version != 7 or time.time() - _made(recipient_id) < _FIRST_RETRY


def _made(recipient_id: UUID) -> float:
    # RFC 9562 §5.7: the first 48 bits of a version 7 id are its moment in milliseconds.
    return (recipient_id.int >> 80) / 1000
