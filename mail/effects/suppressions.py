"""What follows from a fact for mail that comes later? The address goes on the account's list, once, and nothing is sent to it.

A dead address, a complaint, an unsubscription. Copies are nobody's mail to suppress for (their rule stops instead), and
the platform's own notices are not the account's: neither puts anybody on a list.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kit.db import Connection
from mail.lifecycle import EventKind
from mail.suppressions import Newcomer, Reason, put

if TYPE_CHECKING:
    from mail.ledger import Fact

_REASONS = {
    EventKind.BOUNCED: Reason.BOUNCE,
    EventKind.COMPLAINED: Reason.COMPLAINT,
    EventKind.UNSUBSCRIBED: Reason.UNSUBSCRIBE,
}


async def learn(conn: Connection, facts: Sequence["Fact"]) -> None:
    """Put on lists what these facts, which were taken, say of their addresses. A bounce says it where it has `suppress`."""
    telling = [
        fact for fact in facts if fact.kind in _REASONS and (fact.suppress or fact.kind is not EventKind.BOUNCED)
    ]
    if not telling:
        return
    rows = await conn.fetch(
        """select r.id, r.account_id, r.address from recipient r join message m on m.id = r.message_id
            where r.id = any ($1::uuid[]) and r.copy_rule_id is null and m.door <> 'note'""",
        [fact.recipient_id for fact in telling],
    )
    known = {row["id"]: row for row in rows}
    await put(
        conn,
        [
            Newcomer(row["account_id"], row["address"], _REASONS[fact.kind], _source(fact), fact.recipient_id)
            for fact in telling
            if (row := known.get(fact.recipient_id)) is not None
        ],
    )


def _source(fact: "Fact") -> str:
    """By what the address got there: of an unsubscription the way it was said, "unsubscribed_page" (`mail.unsubscribes`)."""
    if fact.kind is EventKind.UNSUBSCRIBED and fact.cause is not None:
        return fact.cause.removeprefix("unsubscribed_")
    return "event"
