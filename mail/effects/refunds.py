"""What is given back when a recipient was never sent to? Its credit, to the grant that paid, once, unless it was free.

Suppressed at delivery, or cancelled while it waited. Mail that was tried and failed has cost what it costs, and mail that was
held uncharged has nothing to give back, nor has a recipient that was free from the start (suppressed on arrival, a copy).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kit.db import Connection
from mail.lifecycle import EventKind, State
from tenants import charges

if TYPE_CHECKING:
    from mail.ledger import Fact

_FREE = {EventKind.SUPPRESSED: State.SUPPRESSED, EventKind.CANCELLED: State.CANCELLED}


async def give_back(conn: Connection, facts: Sequence["Fact"]) -> None:
    """Refund the messages of these facts, which have moved their recipients, for all that were never sent to."""
    messages = {fact.message_id for fact in facts if fact.kind in _FREE}
    if messages:
        rows = await conn.fetch(
            """select message_id, count(*) as recipients from recipient
                where message_id = any ($1::uuid[]) and state = any ($2::text[]) and not free group by message_id""",
            list(messages),
            [state.value for state in _FREE.values()],
        )
        await charges.refund(conn, {row["message_id"]: row["recipients"] for row in rows})
