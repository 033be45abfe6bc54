"""What happens to a message whose final dot has come? It is handed to the house, whatever the client does meanwhile.

A client that hangs up cancels its session, never the acceptance: stored and charged, or neither. Whatever goes wrong
becomes a reply that tells the client to try again and a stranger nothing.
"""

import asyncio
import functools
import re
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import structlog

from kit.errors import LiveryError
from mail.intake import Envelope, EnvelopeRecipient, Intake, Submission
from smtpd import measures, replies
from smtpd.parameters import MailParameters
from smtpd.returns import Returning, Returns
from tenants.scope import Scope

log = structlog.get_logger()

_HOST_NAME = re.compile(r"[A-Za-z0-9._:\[\]-]+")


@dataclass
class Draft:
    """A mail transaction while it is being spoken (RFC 5321 §3.3). `scope` is None for mail that returns."""

    sender: str
    parameters: MailParameters
    scope: Scope | None
    recipients: list[EnvelopeRecipient] = field(default_factory=list)
    returning: list[Returning] = field(default_factory=list)
    overshoot: int = 0
    """Recipients beyond the limit, each told 452."""

    @property
    def has_recipients(self) -> bool:
        """Whether DATA makes sense."""
        return bool(self.recipients or self.returning)


@dataclass(frozen=True)
class Peer:
    """The client as the trace tells of it. `protocol` is RFC 3848's word; `helo` is what it called itself."""

    ip: str
    helo: str
    protocol: str


class Handler:
    """Carries finished messages into the house. One a process."""

    def __init__(self, intake: Intake, returning: Returns, domain: str) -> None:
        self._intake = intake
        self._returns = returning
        self._domain = domain
        self._pending: set[asyncio.Task[str]] = set()

    async def take(self, draft: Draft, content: bytes, peer: Peer) -> str:
        """Accept the message and return the reply to its final dot. Cancelling this does not stop the acceptance."""
        if draft.returning or draft.scope is None:
            work = self._return(draft, content, peer)
        else:
            work = self._submit(draft.scope, draft, content, peer)
        task = asyncio.ensure_future(_answered(work))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)
        return await asyncio.shield(task)

    async def drain(self) -> None:
        """Wait until every acceptance that has begun has ended."""
        while self._pending:
            await asyncio.wait(self._pending)

    async def _submit(self, scope: Scope, draft: Draft, content: bytes, peer: Peer) -> str:
        wishes = draft.parameters
        envelope = Envelope(
            sender=draft.sender,
            recipients=tuple(draft.recipients),
            smtputf8=wishes.smtputf8,
            body=wishes.body,
            ret=wishes.ret,
            envid=wishes.envid,
        )
        accepted = await self._intake.accept(
            scope,
            Submission(envelope=envelope, content=content, door="smtp", trace=self._trace(peer)),
        )
        measures.ACCEPTED.labels("submission").inc()
        return f"250 2.0.0 Queued as {accepted.message_id}"

    async def _return(self, draft: Draft, content: bytes, peer: Peer) -> str:
        received = f"Return-Path: <{draft.sender}>\r\nReceived: {self._trace(peer)}\r\n"
        await self._returns.receive(draft.returning, received.encode() + content)
        measures.ACCEPTED.labels("return").inc()
        return "250 2.0.0 Taken, thank you"

    def _trace(self, peer: Peer) -> str:
        """Return what follows "Received:" (RFC 5321 §4.4); names no host of ours but the mail domain."""
        literal = f"IPv6:{peer.ip}" if ":" in peer.ip else peer.ip
        date = _date(int(time.time()))
        return f"from {_named(peer.helo)} ([{literal}]) by {self._domain} with {peer.protocol}; {date}"


def _named(helo: str) -> str:
    # What a client calls itself is its own business until it stands in a header (RFC 5321 §4.1.3 names or literals).
    return helo if _HOST_NAME.fullmatch(helo) else "unknown"


@functools.lru_cache(maxsize=1)
def _date(second: int) -> str:
    return format_datetime(datetime.fromtimestamp(second, UTC))


async def _answered(work: Coroutine[Any, Any, str]) -> str:
    """Turn the outcome into a reply. This is the edge of the process: it catches everything."""
    begun = time.monotonic()
    try:
        reply = await work
    except LiveryError as error:
        log.info("smtp.refused", code=error.code)
        return replies.of_error(error)
    except Exception:
        measures.FAULTS.inc()
        log.exception("smtp.accept_failed")
        return replies.FAULT
    measures.LATENCY.observe(time.monotonic() - begun)
    return reply
