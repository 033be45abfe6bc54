"""Who opened and clicked? Each visit is answered from memory, kept in a spool on disk, and recorded once.

A link leads on whether the database is there or not: its token says whose it is and where it leads, what else decides
(dead links, long targets) is held in memory, and the visit waits in a file (`kit.spool`) until it is recorded. It is
recorded by its id, once, however often it is read from the file, with its fact in the ledger in the same transaction.

After as many days as its account wants (LONGEST at most) a visit is forgotten: with what, from where, at which link. The fact
that somebody opened or clicked stays in the ledger.

What came together is judged together: a visit waits half a second, for a scanner that follows all links at once shows
by that. The moment of a visit is told by its age, so that the database's clock alone says when it was. A clock that was
set meanwhile makes it no older than its message.
"""

import time
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from kit.db import Connection, Database
from mail import ledger, visitors
from mail.ledger import Fact
from mail.lifecycle import EventKind, State
from mail.visitors import Visitor

LONGEST = timedelta(days=400)
"""So long a visit is kept, as long as links are good, unless its account wants it forgotten sooner."""
_SLICE = 5_000

MOST_OF_ONE = 1_000
"""Visits of one recipient that are kept: whoever repeats a link for ever fills no table."""


class Note(msgspec.Struct, frozen=True, gc=False):
    """A visit as it waits in the spool."""

    id: UUID
    account_id: UUID
    recipient_id: UUID
    at: float
    """By the clock of the machine that answered; only differences of it are ever used."""
    target: str | None
    """Where a click led; None for an open."""
    agent: str
    ip: str
    head: bool = False
    ahead: bool = False


# Those of accounts that are not seen or are deleted, of recipients that are gone and of copies are left out.
_PEOPLE = f"""
select r.id, r.message_id, r.account_id, r.state, r.opened_at, r.clicked_at, livery_now() as now,
       (select m.accepted_at from message m where m.id = r.message_id) as accepted_at,
       (select min(e.at) from event e where e.recipient_id = r.id and e.kind = '{EventKind.DELIVERED.value}') as delivered_at,
       coalesce((select t.whole_ip from treatment t where t.account_id = r.account_id and t.credential_id is null), false)
         as whole_ip,
       (select count(*) from (select from visit v where v.recipient_id = r.id limit {MOST_OF_ONE}) as v) as visits
  from recipient r
 where r.id = any ($1::uuid[]) and r.copy_rule_id is null
   and exists (select from account a where a.id = r.account_id and a.deleted_at is null)
 order by r.id for no key update of r
"""


async def record(
    conn: Connection, notes: Sequence[Note], *, country: Callable[[str], str | None] = lambda ip: None
) -> frozenset[UUID]:
    """Record visits, each once, with their facts; the accounts that have news. The connection sees the notes' accounts.

    `country` tells that of an address.
    """
    told = time.time()
    notes = list({note.id: note for note in notes}.values())
    known = {
        row["id"]
        for row in await conn.fetch("select id from visit where id = any ($1::uuid[])", [note.id for note in notes])
    }
    notes = sorted((note for note in notes if note.id not in known), key=lambda note: (note.at, note.id))
    people = {row["id"]: _Person(row) for row in await conn.fetch(_PEOPLE, list({note.recipient_id for note in notes}))}
    clicks = await _clicks(conn, people, notes, told)
    rows, facts = [], []
    for note in notes:
        person = people.get(note.recipient_id)
        if person is None or person.account_id != note.account_id or person.visits >= MOST_OF_ONE:
            continue
        row, fact = person.visit(note, max(told - note.at, 0.0), clicks.get(note.recipient_id, ()))
        rows.append((*row, country(note.ip)))
        facts.append(fact)
    if not rows:
        return frozenset()
    await conn.execute(
        """insert into visit (id, account_id, message_id, recipient_id, kind, at, url, machine, is_first, delay,
                              agent, system, device, ip, country)
           select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[], $7::text[],
                                $8::text[], $9::bool[], $10::float8[], $11::text[], $12::text[], $13::text[], $14::text[],
                                $15::text[])""",
        *map(list, zip(*rows, strict=True)),
    )
    await ledger.record(conn, facts)
    return frozenset(fact.account_id for fact in facts)


async def forget_old(db: Database) -> None:
    """Forget visits that their accounts do not want to be kept any longer, a slice at a time; the clock calls it."""
    while True:
        async with db.transaction() as conn:
            gone = await conn.execute(
                f"""delete from visit where id in (
                      select v.id from account a
                        left join treatment t on t.account_id = a.id and t.credential_id is null
                       cross join lateral (
                         select id from visit
                          where account_id = a.id
                            and at < (select livery_now()) - make_interval(days => coalesce(t.visit_days, {LONGEST.days}))
                          order by at limit {_SLICE}) v
                       limit {_SLICE})"""
            )
        if gone == "DELETE 0":
            return


async def _clicks(
    conn: Connection, people: Collection[UUID], notes: Sequence[Note], told: float
) -> dict[UUID, list[tuple[str, float]]]:
    """Where else these recipients clicked at about the same time, by the notes' clock: told now, or recorded before."""
    found: dict[UUID, list[tuple[str, float]]] = {}
    for note in notes:  # in the order of their moments
        if note.target is not None and note.recipient_id in people:
            found.setdefault(note.recipient_id, []).append((note.target, note.at))
    if found:
        rows = await conn.fetch(
            f"""select v.recipient_id, v.url, extract(epoch from livery_now() - v.at)::float8 as age
                  from unnest($1::uuid[], $2::float8[], $3::float8[]) as n (recipient_id, oldest, newest)
                  join visit v on v.recipient_id = n.recipient_id and v.kind = '{EventKind.CLICKED.value}'
                   and v.at between livery_now() - make_interval(secs => n.oldest)
                                and livery_now() - make_interval(secs => n.newest)""",
            list(found),
            [told - clicks[0][1] + visitors.BURST for clicks in found.values()],
            [told - clicks[-1][1] - visitors.BURST for clicks in found.values()],
        )
        for row in rows:
            found[row["recipient_id"]].append((row["url"], told - row["age"]))
    return found


class _Person:
    """A recipient as a batch of visits finds and leaves them."""

    def __init__(self, row: Any) -> None:
        self._row = row
        self.account_id: UUID = row["account_id"]
        self.visits: int = row["visits"]
        self._opened_at = row["opened_at"]
        self._clicked_at = row["clicked_at"]

    def visit(self, note: Note, age: float, clicks: Sequence[tuple[str, float]]) -> tuple[tuple[Any, ...], Fact]:
        """The row and the fact of one more visit, `age` seconds ago."""
        delivered = self._row["delivered_at"]
        before = [then for then in (self._row["accepted_at"], delivered) if then is not None]
        at = max([self._row["now"] - timedelta(seconds=age), *([min(before)] if before else [])])
        since = (at - delivered).total_seconds() if delivered is not None else None
        if since is None and self._row["state"] == State.SENDING:
            since = 0.0  # it is just being handed over: a gateway on the way looks into it
        click = note.target is not None
        machine = visitors.machine(
            Visitor(
                click=click,
                agent=note.agent,
                head=note.head,
                ahead=note.ahead,
                since=since,
                at_once=note.target is not None and visitors.at_once(clicks, note.target, note.at),
            )
        )
        program = visitors.program(note.agent)
        kind = EventKind.CLICKED if click else EventKind.OPENED
        delay = (at - self._opened_at).total_seconds() if click and self._opened_at else None if click else since
        first = machine is None and (self._clicked_at if click else self._opened_at) is None
        if first and click:
            self._clicked_at = at
        elif first:
            self._opened_at = at
        self.visits += 1
        message_id: UUID = self._row["message_id"]
        row = (
            *(note.id, note.account_id, message_id, note.recipient_id, kind.value, at, note.target, machine, first),
            *(delay, program.agent, program.system, program.device),
            visitors.network(note.ip, whole=self._row["whole_ip"]),
        )
        fact = Fact(kind, note.recipient_id, message_id, note.account_id, machine=machine is not None, at=at)
        return row, fact
