"""What does a sender hear of mail that we took and will never deliver? One report a message, to its envelope sender.

A 250 is a promise to deliver or to say so (RFC 5321 §6.1). The report goes from the null sender, so that nothing ever
answers it (§4.5.5), in the name of the mail domain, and costs nothing. It stands among the mail of the account it is
about: a suspended one's waits like all else, a deleted one's is not made. Nobody is told who asked not to be (NOTIFY),
nor the null sender.

The envelope sender is whatever a client wrote, and mail that waits for credit was never paid for. So that nobody sends
for nothing through reports, they return the header alone, and the whole message (RET=FULL) only to an address under a
verified domain of the account or of one above it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from uuid import UUID

from kit.db import Connection
from kit.ids import new_id
from mail.intake import Accepted, Envelope, EnvelopeRecipient, Submission, enter
from mail.wire import dsn
from mail.wire.address import domain_of
from tenants.scope import Scope

_WHOLE = 1024 * 1024
"""Bytes of a message that is returned whole; of a larger one only the header (RFC 3461 §6.2 leaves that to us)."""
_HEADER = 128 * 1024

_WHY = {
    "no_credits": "there were no credits to send it",
    "monthly_limit": "the limit of the month left no room for it",
    "suspended": "the account was suspended",
}
_WORDS = """\
This is the mail system at {host}.

Your message of {arrived} was not sent to the addresses below.
It waited because {why},
until its time was over. It is not tried again.

{addresses}
"""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A recipient of a message that we gave up."""

    message_id: UUID
    address: str
    notify: str | None
    orcpt: str | None
    status: str
    cause: str | None
    """For what it was held, in the words of `mail.admission` and `mail.dispatch.outcomes`."""


async def tell(conn: Connection, lost: Sequence[Undelivered], *, mail_domain: str) -> list[Accepted]:
    """Store the reports about these recipients in the caller's transaction; ring for them once it is committed."""
    by_message: dict[UUID, list[Undelivered]] = {}
    for one in lost:
        if dsn.wanted(one.notify):
            by_message.setdefault(one.message_id, []).append(one)
    rows = await conn.fetch(
        """select m.id, m.account_id, m.envelope_from, m.dsn_ret, m.dsn_envid, m.sandbox, m.size, m.accepted_at,
                  livery_now() as now
             from message m join account a on a.id = m.account_id
            where m.id = any ($1::uuid[]) and m.envelope_from <> '' and a.deleted_at is null order by m.id""",
        list(by_message),
    )
    told = []
    for row in rows:
        to = row["envelope_from"]
        whole = (
            row["dsn_ret"] == "FULL" and row["size"] <= _WHOLE and await under_own_domain(conn, row["account_id"], to)
        )
        # One at a time: contents are large.
        content = await conn.fetchval(
            "select substring(content from 1 for $2) from body where message_id = $1",
            row["id"],
            _WHOLE if whole else _HEADER,
        )
        about = by_message[row["id"]]
        report = dsn.Report(
            host=mail_domain,
            to=to,
            id=new_id().hex,
            words=_words(about, mail_domain, row["accepted_at"]),
            envid=row["dsn_envid"],
            arrived=row["accepted_at"],
            failed=[dsn.Failed(one.address, one.orcpt, one.status) for one in about],
        )
        submission = Submission(
            envelope=Envelope("", (EnvelopeRecipient(to),), smtputf8=not to.isascii()),
            content=dsn.write(report, content or b"", whole=whole),
            door="smtp",
            trace=f"by {mail_domain}; {format_datetime(row['now'])}",  # RFC 5321 §4.4
        )
        told.append(await enter(conn, Scope(row["account_id"], sandbox=row["sandbox"]), submission))
    return told


async def under_own_domain(conn: Connection, account_id: UUID, address: str) -> bool:
    """Whether an address lies under a domain that the account, or one above it, has verified."""
    found: bool = await conn.fetchval(
        """select exists (select from domain d join account a on d.account_id = any (a.lineage)
                           where a.id = $1 and d.verified_at is not null
                             and ($2::text = d.name or $2 like '%.' || d.name))""",
        account_id,
        domain_of(address),
    )
    return found


def _words(about: Sequence[Undelivered], host: str, arrived: datetime) -> str:
    why = {_WHY.get(one.cause or "", "somebody had to look at it") for one in about}
    return _WORDS.format(
        host=host,
        arrived=format_datetime(arrived),
        why=" and because ".join(sorted(why)),
        addresses="\n".join(f"    {one.address}" for one in about),
    )
