"""Which recipients are this worker's now, and until when? The queue's SQL: claim, renew, give back.

A claim writes the new fence, the attempt and the end of the lease before anything is connected to. Whoever holds a row
renews its lease; a row whose worker died comes back when the lease runs out, under a higher fence, and what the dead
worker may still say about it is not recorded. Nobody claims what they hold themselves (`mine`), however long its lease is
over: their conversation about it goes on, and they renew it. All times are the database's (`livery_now()`).

Fairness: among what is due the lowest priority number goes first, and within a priority each account gets the same
share of a claim, however much it has queued.

Suspicion: a row that is still `sending` when it is claimed has lapsed: its worker died or hung. The first time that
says nothing about it, because its neighbours lapsed as well. From then on it is claimed alone (`claim_suspect`) and
processed with nothing beside it, so that a message which kills its worker counts against nobody else; `POISONED`
lapses are enough.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from kit.db import Connection
from mail import treatments
from mail.suppressions import entries
from mail.suppressions.entries import NOBODY, Lists
from mail.transports import Source
from tenants import sources
from tenants.states import AccountState, Use, blocks

POISONED = 3
"""So many workers have been lost, or faults met, over one recipient before a person must look at it."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A recipient that is ours until its lease ends, with what dispatch must know of its message; no content yet."""

    id: UUID
    message_id: UUID
    account_id: UUID
    address: str
    domain: str
    priority: int
    attempts: int
    """Attempts begun, this one included."""
    lapses: int
    """Attempts whose worker never came back; this one is not lost yet."""
    fence: int
    notify: str | None
    orcpt: str | None
    envelope_from: str
    sender: str
    """The From address; empty where there is none."""
    size: int
    """Bytes as received."""
    eight_bit: bool
    smtputf8: bool
    dsn_ret: str | None
    dsn_envid: str | None
    trace: str
    sandbox: bool
    accepted_at: datetime
    life: timedelta
    """What remains until the message is given up; negative: past it."""
    ours: bool
    """The platform wrote it: no list holds for it, and nothing is put in."""
    credential_id: UUID | None
    """What the message came by."""
    copy_rule_id: UUID | None
    """Set: a copy (`mail.copies`), which is marked and never tracked."""

    @property
    def notice(self) -> bool:
        """The platform's own letter to a person; not a report (from the null sender), which is about the account's mail."""
        return self.ours and self.envelope_from != ""


_FIELDS = tuple(field.name for field in fields(Claimed))


@dataclass(frozen=True, slots=True)
class Batch:
    """The yield of one claim."""

    claimed: tuple[Claimed, ...]
    more: bool
    """Somebody has more due than their share of this claim."""


_ROW = """
    r.id, r.message_id, r.account_id, r.address, r.domain, r.priority, r.attempts, r.lapses, r.fence, r.notify,
    r.orcpt, m.envelope_from, m.sender, m.size, m.eight_bit, m.smtputf8, m.dsn_ret, m.dsn_envid, m.trace, m.sandbox,
    m.accepted_at, m.door = 'note' as ours, m.credential_id, r.copy_rule_id,
    m.expires_at - (select now from moment) as life
"""

_TAKE = """
update recipient r
   set state = 'sending', fence = r.fence + 1, attempts = r.attempts + 1,
       lapses = r.lapses + (r.state = 'sending')::int,
       next_attempt_at = (select now from moment) + $1::interval
  from picked p, message m
 where r.id = p.id and m.id = r.message_id
"""

LINES = """
recursive moment as materialized (select livery_now() as now),
lines(account_id, priority) as (
  (select account_id, priority from recipient where next_attempt_at is not null order by account_id, priority limit 1)
  union all
  select n.account_id, n.priority from lines l cross join lateral (
    select account_id, priority from recipient
     where next_attempt_at is not null and (account_id, priority) > (l.account_id, l.priority)
     order by account_id, priority limit 1) n
)"""
"""SQL after WITH: `moment` and `lines`, the (account, priority) pairs with anything waiting, found by hopping through the
queue's index. A million rows that wait for later cost one hop a line."""

# `quota` is a line's share among the due lines of its priority.
_CLAIM = f"""
with {LINES},
due as (
  select account_id, priority, greatest(1, $2::int / count(*) over (partition by priority)) as quota from lines l
   where exists (select from recipient r where r.account_id = l.account_id and r.priority = l.priority
                    and r.next_attempt_at <= (select now from moment))
),
picked as materialized (
  select w.id, d.quota from due d cross join lateral (
    select r.id from recipient r
     where r.account_id = d.account_id and r.priority = d.priority and r.next_attempt_at <= (select now from moment)
       and not (r.state = 'sending' and (r.lapses > 0 or r.id = any($4::uuid[]))) and r.domain <> all($3::text[])
     order by r.next_attempt_at limit d.quota for update skip locked) w
   order by d.priority, random() limit $2
)
{_TAKE} returning {_ROW}, p.quota
"""

_CLAIM_SUSPECT = f"""
with moment as materialized (select livery_now() as now),
picked as materialized (
  select id from recipient
   where lapses > 0 and next_attempt_at is not null and state = 'sending'
     and next_attempt_at <= (select now from moment) and id <> all($2::uuid[])
   order by next_attempt_at limit 1 for update skip locked
)
{_TAKE} returning {_ROW}
"""

_RENEW = """
update recipient r set next_attempt_at = livery_now() + $3::interval
  from unnest($1::uuid[], $2::int[]) as held(id, fence)
 where r.id = held.id and r.fence = held.fence and r.state = 'sending'
returning r.id
"""

# A row that was deferred before carries its cause; one that was not goes back to where the ledger last put it.
_GIVE_BACK = """
update recipient r
   set state = case when r.cause is null then 'queued' else 'deferred' end,
       attempts = r.attempts - 1, next_attempt_at = livery_now()
  from unnest($1::uuid[], $2::int[]) as held(id, fence)
 where r.id = held.id and r.fence = held.fence and r.state = 'sending'
"""


async def claim(
    conn: Connection, limit: int, lease: timedelta, *, avoid: Collection[str] = (), mine: Collection[UUID] = ()
) -> Batch:
    """Take at most `limit` due recipients for the length of `lease`; none of `mine` and none at a domain of `avoid`."""
    rows = await conn.fetch(_CLAIM, lease, limit, list(avoid), list(mine))
    shares = Counter((row["account_id"], row["priority"], row["quota"]) for row in rows)
    more = any(taken >= quota for (_, _, quota), taken in shares.items())
    return Batch(tuple(_claimed(row) for row in rows), more)


async def claim_suspect(conn: Connection, lease: timedelta, *, mine: Collection[UUID] = ()) -> Claimed | None:
    """Take one recipient, if any and none of `mine`, whose worker was lost before, to be processed with nothing beside it."""
    row = await conn.fetchrow(_CLAIM_SUSPECT, lease, list(mine))
    return None if row is None else _claimed(row)


async def renew(conn: Connection, held: Sequence[Claimed], lease: timedelta) -> set[UUID]:
    """Extend the leases and return the ids that are still ours; the others belong to another worker by now."""
    rows = await conn.fetch(_RENEW, *_keys(held), lease)
    return {row["id"] for row in rows}


async def give_back(conn: Connection, held: Sequence[Claimed]) -> None:
    """Return rows that were claimed and not begun, as if they had never been claimed; due at once."""
    await conn.execute(_GIVE_BACK, *_keys(held))


async def suspects_due(conn: Connection, *, mine: Collection[UUID] = ()) -> bool:
    """Whether `claim_suspect` would find anything now."""
    found: bool = await conn.fetchval(
        """select exists (select from recipient
                           where lapses > 0 and next_attempt_at is not null and state = 'sending'
                             and next_attempt_at <= (select livery_now()) and id <> all($1::uuid[]))""",
        list(mine),
    )
    return found


async def bodies(conn: Connection, message_ids: Collection[UUID]) -> dict[UUID, bytes]:
    """The bytes as received, by message; a message without a row is left out."""
    rows = await conn.fetch(
        "select message_id, content from body where message_id = any($1::uuid[])", list(message_ids)
    )
    return {row["message_id"]: row["content"] for row in rows}


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for all mail of an account that is about to leave."""

    state: AccountState
    source: Source | None
    """Where it should leave from, whichever machine has that address; None: nobody has chosen."""
    lists: Lists = NOBODY
    """To whom nothing is sent, of those who were asked about."""
    treated: bool = False
    """It has chosen what is done to its mail (`mail.treatments`), or has what could be."""

    @property
    def barred(self) -> bool:
        """The account's mail may not leave: it is suspended, itself or from above, or deleted (`tenants.states`)."""
        return blocks(self.state, Use.DELIVERY)

    def bars(self, claimed: Claimed) -> bool:
        """This may not leave; of a suspended account, the platform's own letters do."""
        return blocks(self.state, Use.NOTICE if claimed.notice else Use.DELIVERY)


async def standings(
    conn: Connection, account_ids: Collection[UUID], asked: Collection[tuple[UUID, str]] = ()
) -> dict[UUID, Standing]:
    """How these accounts stand now, and whether the addresses `asked` about, as lists compare them, are on lists of theirs."""
    rows = await conn.fetch(
        f"""with listed as materialized ({entries.found("$2::uuid[]", "$3::text[]")})
            select a.id, account_state(a.lineage) as state, s.ip, s.hostname, {entries.COLUMNS},
                   {treatments.EXISTS.format(account="a.id")} as treated
              from account a left join lateral {sources.chosen("a.lineage")} s on true where a.id = any ($1::uuid[])""",
        list(account_ids),
        [account_id for account_id, _ in asked],
        [address for _, address in asked],
    )
    lists = entries.lists(rows[0]) if rows else NOBODY
    return {
        row["id"]: Standing(
            AccountState(row["state"]),
            Source(row["ip"], row["hostname"]) if row["ip"] is not None else None,
            lists,
            row["treated"],
        )
        for row in rows
    }


def _keys(held: Sequence[Claimed]) -> tuple[list[UUID], list[int]]:
    return [one.id for one in held], [one.fence for one in held]


def _claimed(row: Mapping[str, Any]) -> Claimed:
    return Claimed(**{name: row[name] for name in _FIELDS})
