"""Is this return path ours, what came back to it, and what follows?

Every recipient has a signed return path of its own (`mail.wire.returnpath`), so whose mail comes back is certain before a
byte of it is read. Feedback loops write to one address for all instead (FEEDBACK), and what they report on carries the
same return path. It is stored as received (`receive`); what it means is judged from there (`judge`), once:

    a bounce      the recipient's state and cause; a dead address is suppressed
    a complaint   a fact, and suppressed at once
    a delay, a delivery, an automatic reply, anything else    noted with what came back; nobody's state changes

The first of a kind is a fact, whatever comes later, however often; but an address that a later bounce calls dead, where
the first one did not, is suppressed then. Nothing is ever answered. Where the account wishes
it, what came back goes on to the sender (`Treatment.forward_returns`).
"""

import asyncio
import re
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import structlog

from kit.crypto import Keyring
from kit.db import Connection, Database
from kit.ids import new_id
from mail import ledger, reports
from mail.dispatch.away import AWAY
from mail.intake import Envelope, EnvelopeRecipient, Submission, enter
from mail.ledger import Fact
from mail.lifecycle import EventKind
from mail.verdict.returned import Fate, fates
from mail.wire import parts, returnpath
from mail.wire.returned import Kind
from tenants.scope import Scope

log: structlog.stdlib.BoundLogger = structlog.get_logger()

FEEDBACK = UUID(int=0)
"""In the place of a recipient: whom it is about stands in what came (`about`)."""
FEEDBACK_NAME = "feedback"
"""The local part that feedback loops are enrolled with, at LIVERY_MAIL_DOMAIN."""

_TOKEN = re.compile(r"\bb[a-z2-7]{40}(?=@)", re.IGNORECASE)
_MOST_ABOUT = 20
_SMALL = 64 * 1024  # bytes that are read on the event loop
# Whoever has a mail knows its return path. So that nobody floods a sender through it, so many mails go on to the sender,
# and so that nobody fills our disk, so many are kept of one recipient, of about so many bytes together.
_MOST_FORWARDED = 10
_MOST_KEPT, _MOST_BYTES = 50, 4 * 1024 * 1024


def live(keyring: Keyring, local_part: str) -> UUID | None:
    """The recipient that a return path's local part names, or FEEDBACK; None where we never made it.

    What we signed stays ours when its account is deleted: whoever complains then is heard, and finds nobody's data.
    """
    if local_part.lower() == FEEDBACK_NAME:
        return FEEDBACK
    return returnpath.decode(keyring, local_part)


def about(keyring: Keyring, content: bytes) -> list[UUID]:
    """The recipients whose return paths stand in a mail: in a report of a feedback loop, or in what a provider posts."""
    taken = parts.read(content)
    # As it came, and as it reads: an encoding may have broken the token over two lines.
    sent = [head.content[: head.body].decode("latin-1") for head in taken.sent]
    texts = [content[: parts.READ].decode("latin-1"), *taken.feedback, *taken.words, *sent]
    tokens = dict.fromkeys(found[0].lower() for text in texts for found in _TOKEN.finditer(text))
    known = (returnpath.decode(keyring, token) for token in list(tokens)[: _MOST_ABOUT * 5])
    return list(dict.fromkeys(one for one in known if one is not None))[:_MOST_ABOUT]


async def receive(conn: Connection, recipient_id: UUID, content: bytes) -> UUID | None:
    """Store what came back, as far as it is ever read (READ); once this returns it is ours to judge.

    None where it is dropped: nobody is left to judge it for, or so much has come back already that it cannot be news.
    """
    id: UUID | None = await conn.fetchval(
        """insert into returned_mail (id, recipient_id, content)
           select $1, r.id, $3 from recipient r join account a on a.id = r.account_id
            where r.id = $2 and a.deleted_at is null
              and (select count(*) < $4 and coalesce(sum(octet_length(t.content)), 0) < $5
                     from returned_mail t where t.recipient_id = r.id)
           returning id""",
        new_id(),
        recipient_id,
        content[: parts.READ],
        _MOST_KEPT,
        _MOST_BYTES,
    )
    return id


async def waiting(conn: Connection) -> list[UUID]:
    """The oldest of what came back and is not judged yet."""
    rows = await conn.fetch("select id from returned_mail where judged_at is null order by received_at, id limit 100")
    return [row["id"] for row in rows]


@dataclass(frozen=True, slots=True)
class Judged:
    """One returned mail has been judged."""

    kind: str
    account_id: UUID
    """Whom it concerns: ring the bell for it."""
    fate: Fate


async def judge(db: Database, *, mail_domain: str) -> Judged | None:
    """Judge the oldest mail that nobody else is judging; None where there is none. Call it until then.

    What goes on to the sender is found by the clock's sweep. A mail over which our own code fails is noted as unknown.
    """
    async with db.transaction() as conn:
        row = await conn.fetchrow(
            """select t.id, t.content, t.recipient_id, r.account_id, r.message_id, r.address, m.envelope_from, m.sender,
                      m.credential_id, m.sandbox, m.door = 'note' as ours, r.copy_rule_id, a.deleted_at is not null as deleted
                 from returned_mail t join recipient r on r.id = t.recipient_id join message m on m.id = r.message_id
                 join account a on a.id = r.account_id
                where t.judged_at is null order by t.received_at, t.id limit 1 for update of t skip locked"""
        )
        if row is None:
            return None
        try:
            async with conn.transaction():
                kind, fate = await _read(row)
                if not row["deleted"]:
                    await _record(conn, row, kind, fate)
                    # The sender named nobody for whom a rule has made a copy, and hears nothing of it. A letter of the
                    # platform's own comes back with its link, which is its reader's alone (`mail.notices`).
                    if row["copy_rule_id"] is None and not row["ours"]:
                        await _forward(conn, row, mail_domain)
        except AWAY:
            raise
        # Judged again it would fail again, and hold up all that came after it.
        except Exception as fault:
            log.exception("returns.fault", id=str(row["id"]), reason=type(fault).__name__)
            kind, fate = Kind.UNKNOWN, Fate(None, "unknown", "", False)
        noted = _noted(kind, fate)
        await conn.execute(
            "update returned_mail set kind = $2, judged_at = livery_now() where id = $1", row["id"], noted
        )
    return Judged(noted, row["account_id"], fate)


async def _read(row: Any) -> tuple[Kind, Fate]:
    """What the mail says of its recipient. It may name others too, or another one to whom the mail was passed on."""
    content, own, about = row["content"], [row["envelope_from"], row["sender"]], row["address"]
    large = len(content) > _SMALL
    kind, told = await asyncio.to_thread(fates, content, own, about) if large else fates(content, own, about)
    own_fate = next((one for one in told if (one.recipient or "").lower() == about.lower()), None)
    return kind, own_fate or next((one for one in told if one.final), told[0])


async def _record(conn: Connection, row: Any, kind: Kind, fate: Fate) -> None:
    whose = (row["recipient_id"], row["message_id"], row["account_id"])
    # Held, so that two mails about the same recipient are judged one after the other.
    complained = await conn.fetchval(
        "select complained_at is not null from recipient where id = $1 for no key update", row["recipient_id"]
    )
    if kind is Kind.COMPLAINT and not complained:
        feedback = _storable(fate.reply)[:40] or None
        await ledger.record(conn, [Fact(EventKind.COMPLAINED, *whose, cause=feedback, reply=fate.loop)])
    elif kind is Kind.BOUNCE and fate.final:
        told = Fact(
            EventKind.BOUNCED,
            *whose,
            code=fate.code,
            status=(fate.status or "")[:12] or None,
            reply=_storable(fate.reply) or fate.reason,
            cause=fate.cause.value if fate.cause else None,
            suppress=fate.outcome == "hard",
        )
        # A recipient that has bounced, expired or waits is left as it is: the table of `mail.lifecycle` says so. That
        # its address is dead is learnt nevertheless, where it was given up for another reason.
        await ledger.record(conn, [told])


def _storable(text: str) -> str:
    """PostgreSQL's text holds no NUL and no lone surrogate; what strangers write may."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _noted(kind: Kind, fate: Fate) -> str:
    if kind is Kind.BOUNCE and not fate.final:
        return "delivered" if fate.outcome == "delivered" else "delay"
    return kind.value


async def _forward(conn: Connection, row: Any, mail_domain: str) -> None:
    """Send it on to the envelope sender from the null sender, so that nothing ever answers it (RFC 5321 §4.5.5).

    Only to an address under a verified domain of the account or of one above it: an envelope sender is whatever a client
    wrote, and nobody else shall get mail because of it. A stranger wrote it, whatever its From says: so it leaves in the
    name of the mail domain alone (`mail.dispatch.prepare`).
    """
    to = row["envelope_from"]
    wished = await conn.fetchrow(
        """select coalesce(c.forward_returns, a.forward_returns, false) as forward, livery_now() as now,
                  (select count(*) from returned_mail where recipient_id = $3 and judged_at is not null) as before
             from (select) as one
             left join treatment a on a.account_id = $1 and a.credential_id is null
             left join treatment c on c.account_id = $1 and c.credential_id = $2""",
        row["account_id"],
        row["credential_id"],
        row["recipient_id"],
    )
    if not to or not wished["forward"] or wished["before"] >= _MOST_FORWARDED:
        return
    if not await reports.under_own_domain(conn, row["account_id"], to):
        return
    submission = Submission(
        envelope=Envelope("", (EnvelopeRecipient(to),), smtputf8=not to.isascii()),
        content=row["content"],
        door="smtp",
        trace=f"by {mail_domain}; {format_datetime(wished['now'])}",  # RFC 5321 §4.4
    )
    await enter(conn, Scope(row["account_id"], sandbox=row["sandbox"]), submission)
