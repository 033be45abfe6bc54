"""What follows for a rule when one of its copies comes back or is complained about? It stops, whatever became of the others.

Nobody is put on a list for it (`mail.effects.suppressions`): who reads copies is no customer of the account's.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kit.db import Connection
from mail.copies import COMPLAINT
from mail.lifecycle import EventKind
from mail.verdict import Cause

if TYPE_CHECKING:
    from mail.ledger import Fact

_ENDS = frozenset({EventKind.BOUNCED, EventKind.EXPIRED, EventKind.COMPLAINED})


async def stop(conn: Connection, facts: Sequence["Fact"]) -> None:
    """Stop the rules whose copies these facts, which were taken, are about; what ended a rule first stays its reason.

    A copy whose life ended before anybody answered for its address says nothing of it: it was held, or we were away.
    """
    ends = [fact for fact in facts if fact.kind in _ENDS]
    if not ends:
        return
    # Held in one order before they are changed: two workers may have met bounces of the same rules.
    await conn.execute(
        """with ended as (
             select distinct on (r.copy_rule_id) r.copy_rule_id as id, f.cause
               from unnest($1::uuid[], $2::text[], $3::bool[]) with ordinality as f (recipient_id, cause, tried, n)
               join recipient r on r.id = f.recipient_id
              where r.copy_rule_id is not null
                and (f.tried or exists (select from event e
                                         where e.recipient_id = r.id and e.kind = 'deferred' and e.cause = any ($4::text[])))
              order by r.copy_rule_id, f.n
           ), held as (
             select c.id, e.cause from copy_rule c join ended e on e.id = c.id
              where c.stopped_at is null order by c.id for no key update of c
           )
           update copy_rule c set stopped_at = livery_now(), stopped_for = h.cause from held h where c.id = h.id""",
        [fact.recipient_id for fact in ends],
        [_cause(fact) for fact in ends],
        # Where it is told by the last attempt, that has a cause of its own.
        [fact.kind is not EventKind.EXPIRED or fact.cause != Cause.EXPIRED for fact in ends],
        [cause.value for cause in Cause],
    )


def _cause(fact: "Fact") -> str:
    return COMPLAINT if fact.kind is EventKind.COMPLAINED else (fact.cause or fact.kind.value)[:40]
