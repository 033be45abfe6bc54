"""What follows from a fact for mail that comes later? The address goes on the account's list, once, and nothing is sent to it.

A dead address, a complaint, an unsubscription. Copies are nobody's mail to suppress for (their rule stops instead), and
the platform's own notices are not the account's: neither puts anybody on a list.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kit.db import Connection
from mail.lifecycle import GIVEN_UP, EventKind, State
from mail.suppressions import Newcomer, Reason, put
from mail.verdict import Cause

if TYPE_CHECKING:
    from mail.ledger import Fact

_REASONS = {
    EventKind.BOUNCED: Reason.BOUNCE,
    EventKind.COMPLAINED: Reason.COMPLAINT,
    EventKind.UNSUBSCRIBED: Reason.UNSUBSCRIBE,
}
_DEAD = frozenset(cause.value for cause in Cause if cause.dead_address)


async def learn(conn: Connection, facts: Sequence["Fact"], late: Sequence["Fact"] = ()) -> None:
    """Put on lists what these facts, which were taken, say of their addresses. A bounce says it where it has `suppress`.

    `late`: bounces with `suppress` that were not taken. They count where the mail had been given up (GIVEN_UP) and not for
    a dead address: that had been learnt then, and whoever has taken it off the list since is not contradicted by a repetition.
    """
    telling = [
        fact for fact in facts if fact.kind in _REASONS and (fact.suppress or fact.kind is not EventKind.BOUNCED)
    ]
    if not telling and not late:
        return
    rows = await conn.fetch(
        """select r.id, r.account_id, r.address, r.state, r.cause from recipient r join message m on m.id = r.message_id
            where r.id = any ($1::uuid[]) and r.copy_rule_id is null and m.door <> 'note'""",
        [fact.recipient_id for fact in (*telling, *late)],
    )
    known = {row["id"]: row for row in rows}
    await put(
        conn,
        [
            Newcomer(row["account_id"], row["address"], _REASONS[fact.kind], _source(fact), fact.recipient_id)
            for fact in (*telling, *(fact for fact in late if _news(known.get(fact.recipient_id))))
            if (row := known.get(fact.recipient_id)) is not None
        ],
    )


def _news(row: Any) -> bool:
    """Whether it is news about the address of mail that was given up, if it was, that it is dead."""
    if row is None or row["state"] not in GIVEN_UP:
        return False
    return row["state"] == State.EXPIRED or row["cause"] not in _DEAD


def _source(fact: "Fact") -> str:
    """By what the address got there: of an unsubscription the way it was said, "unsubscribed_page" (`mail.unsubscribes`)."""
    if fact.kind is EventKind.UNSUBSCRIBED and fact.cause is not None:
        return fact.cause.removeprefix("unsubscribed_")
    return "event"
