"""What does a fact do to its recipient's row? It moves the state by the table of `mail.lifecycle`, or notes a first time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from kit.db import Connection
from mail.lifecycle import MARKS, EventKind, State, sources, target

if TYPE_CHECKING:
    from mail.ledger import Fact

# Only these states are due again; every other one leaves the queue.
_DUE = frozenset({State.QUEUED, State.DEFERRED})

_MOVE = """
with fact as (
  select * from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::interval[], $6::int[], $7::text[], $8::text[],
                       $9::text[], $10::bool[], $11::bool[])
    as f (recipient_id, fence, sources, target, retry_in, code, status, reply, cause, uncertain, due)
), present as (
  select r.id, r.state from recipient r join fact f on f.recipient_id = r.id order by r.id for no key update of r
)
update recipient r set
  state = f.target,
  next_attempt_at = case when f.due then livery_now() + coalesce(f.retry_in, interval '0') end,
  lapses = 0,
  -- One reply: whoever says anything of it says all of it, and whoever says nothing leaves what was said last.
  code = case when said then f.code else r.code end,
  status = case when said then f.status else r.status end,
  reply = case when said then f.reply else r.reply end,
  cause = f.cause,
  uncertain = r.uncertain or f.uncertain,
  updated_at = livery_now()
from fact f join present p on p.id = f.recipient_id
  cross join lateral (select num_nonnulls(f.code, f.status, f.reply) > 0 as said) as s
where r.id = f.recipient_id
  and r.state = any (string_to_array(f.sources, ','))
  and (f.fence is null or r.fence = f.fence)
returning r.id, p.state
"""


async def move(conn: Connection, facts: Sequence["Fact"]) -> dict[UUID, str]:
    """Move each recipient once, where table and fence allow; return the state that each moved one left."""
    rows = await conn.fetch(
        _MOVE,
        [fact.recipient_id for fact in facts],
        [fact.fence for fact in facts],
        [",".join(sorted(sources(fact.kind))) for fact in facts],
        [target(fact.kind) for fact in facts],
        [fact.retry_in for fact in facts],
        [fact.code for fact in facts],
        [fact.status for fact in facts],
        [fact.reply for fact in facts],
        [fact.cause for fact in facts],
        [fact.uncertain for fact in facts],
        [target(fact.kind) in _DUE for fact in facts],
    )
    return {row["id"]: row["state"] for row in rows}


async def mark(conn: Connection, facts: Sequence["Fact"]) -> list[bool]:
    """Note the first open, click, unsubscribe or complaint by a person; return which of the facts was the first."""
    news = [False] * len(facts)
    for kind in dict.fromkeys(fact.kind for fact in facts):
        column = MARKS[EventKind(kind)]
        earliest: dict[UUID, int] = {}
        for number, fact in enumerate(facts):
            if fact.kind is kind and not fact.machine:
                earliest.setdefault(fact.recipient_id, number)
        if not earliest:
            continue
        # Locked in one order: several processes tell of the same people at the same time.
        rows = await conn.fetch(
            f"""with fact as (
                  select * from unnest($1::uuid[], $2::timestamptz[]) as f (recipient_id, at)
                ), unmarked as (
                  select r.id from recipient r join fact f on f.recipient_id = r.id
                   where r.{column} is null order by r.id for no key update of r
                )
                update recipient r set {column} = coalesce(f.at, livery_now()), updated_at = livery_now()
                  from fact f join unmarked u on u.id = f.recipient_id
                 where r.id = f.recipient_id and r.{column} is null returning r.id""",
            list(earliest),
            [facts[number].at for number in earliest.values()],
        )
        for row in rows:
            news[earliest[row["id"]]] = True
    return news
