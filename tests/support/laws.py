"""Which laws hold after every flow, whatever happened in it? Checked on the whole database, and through the API.

fold(events) = states        every recipient's row says what its facts add up to
fold(events) = tallies       so do the counts people see
entries = balance = grants   credits sum to the unit, one a recipient accepted (but the free ones), in every account and grant
a message is whole           body, recipients, first facts and charge, or none of them
replay = ledger              from any cursor: every later event once, in order (`check_feed`)
"""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from mail.lifecycle import MARKS, WAITING, EventKind, State, advance
from tests.support.graphql import Api

_COUNTED = ("total", "delivered", "bounced", "opened", "clicked", "unsubscribed", "complained")

_YEAR = datetime.now(UTC).year
EVER = f'from: "{_YEAR - 1}-01-01T00:00:00Z", to: "{_YEAR + 3}-01-01T00:00:00Z", bucket: MONTH, timeZone: "UTC"'
"""Of statistics: wide enough for every clock that a test shifts."""

_STATISTICS = f"""{{ statistics({EVER})
    {{ totals {{ {" ".join(_COUNTED)} }} buckets {{ counts {{ total }} }} }} }}"""


async def check(conn: asyncpg.Connection, *, seconds: float = 10) -> None:
    """Assert every law of the database; the tallies, which follow the ledger, have `seconds` to catch up."""
    events = await conn.fetch("select * from event order by epoch, xid, id")
    recipients = {row["id"]: row for row in await conn.fetch("select * from recipient")}
    folded = fold(events)
    assert folded.keys() == recipients.keys(), "recipients without facts, or facts without recipients"
    for id, row in recipients.items():
        shown = State(row["state"])
        # `sending` is a claim and no fact: the ledger alone still says where it was claimed from.
        allowed = {State.QUEUED, State.DEFERRED} if shown is State.SENDING else {shown}
        assert folded[id] in allowed, f"{row['address']}: row says {shown}, ledger says {folded[id]}"
        waits = shown in WAITING and shown is not State.HELD
        assert (row["next_attempt_at"] is not None) == waits, f"{row['address']}: {shown}, due {row['next_attempt_at']}"
    await _check_messages(conn)
    await check_credits(conn)
    await _check_tallies(conn, events, recipients, seconds)


def fold(events: Sequence[Mapping[str, Any]]) -> dict[UUID, State]:
    """Return each recipient's state as its facts say, by the one table; ValueError for a fact that breaks it."""
    states: dict[UUID, State] = {}
    for event in events:
        states[event["recipient_id"]] = advance(states.get(event["recipient_id"]), EventKind(event["kind"]))
    return states


def tallies(events: Sequence[Mapping[str, Any]]) -> dict[tuple[UUID, datetime], Counter[str]]:
    """Return the counts by account and quarter of an hour, computed the slow way."""
    counts: dict[tuple[UUID, datetime], Counter[str]] = {}
    for event in events:
        kind = EventKind(event["kind"])
        at: datetime = event["at"]
        start = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
        name = {EventKind.ACCEPTED: "total", EventKind.EXPIRED: "bounced"}.get(kind, kind.value)
        if name in _COUNTED and (event["is_first"] or kind not in MARKS):
            counts.setdefault((event["account_id"], start), Counter())[name] += 1
    return counts


async def check_feed(api: Api, *, seed: int = 1, cursors: int = 5) -> list[dict[str, Any]]:
    """Assert that replay from any cursor gives every later event once and in order; return what this client sees."""
    everything = await api.ledger()
    ids = [event["id"] for event in everything]
    assert len(ids) == len(set(ids)), "an event came twice"
    chance = random.Random(seed)
    for _ in range(min(cursors, len(everything))):
        at = chance.randrange(len(everything))
        rest = await api.ledger(after=everything[at]["cursor"])
        assert [event["id"] for event in rest] == ids[at + 1 :], f"replay from event {at} of {len(ids)} differs"
    return everything


async def check_statistics(conn: asyncpg.Connection, api: Api, account: UUID) -> None:
    """Assert that the counts an account is shown are what the ledger of its subtree adds up to."""
    rows = await conn.fetch(
        "select e.* from event e join account a on a.id = e.account_id"
        " where a.lineage @> array[$1::uuid] and a.deleted_at is null",
        account,
    )
    wanted = sum(tallies(rows).values(), Counter())
    # Of accounts that were deleted the sums are kept and the facts are gone.
    for row in await conn.fetch(
        "select t.* from tally t join account a on a.id = t.account_id"
        " where a.lineage @> array[$1::uuid] and a.deleted_at is not null",
        account,
    ):
        wanted.update({name: row[name] for name in _COUNTED})
    shown = (await api.run(_STATISTICS))["statistics"]
    assert {name: int(shown["totals"][name]) for name in _COUNTED} == {name: wanted[name] for name in _COUNTED}
    assert sum(int(bucket["counts"]["total"]) for bucket in shown["buckets"]) == wanted["total"]


async def check_scopes(conn: asyncpg.Connection, clients: Mapping[UUID, Api]) -> None:
    """Assert that each account's client sees exactly the events of its own subtree."""
    rows = await conn.fetch(
        "select a.id as viewer, e.id from account a join account b on b.lineage @> array[a.id]"
        " and b.deleted_at is null join event e on e.account_id = b.id"
    )
    for account, api in clients.items():
        seen = {int(event["id"]) for event in await api.ledger()}
        assert seen == {row["id"] for row in rows if row["viewer"] == account}


async def _check_messages(conn: asyncpg.Connection) -> None:
    # Each table is read once: databases of thousands of messages come here too.
    broken = await conn.fetch(
        """with addressed as (select message_id, count(*) as count, count(*) filter (where free) as free,
                                     count(*) filter (where free and copy_rule_id is null) as listed,
                                     bool_or(free and copy_rule_id is null and state <> 'suppressed') as wrong
                                from recipient group by message_id),
                accepted as (select message_id, count(*) as count from event where kind = 'accepted' group by message_id),
                charged as (
                  select message_id, -coalesce(sum(delta) filter (where reason = 'message'), 0) as credits
                    from credit_entry where message_id is not null group by message_id),
                waiting as (
                  select message_id, count(*) as count from event e
                   where e.kind = 'held' and e.cause in ('no_credits', 'monthly_limit')
                     and not exists (select from event later where later.recipient_id = e.recipient_id
                                        and later.kind = 'released')
                   group by message_id)
           select m.id from message m
             left join addressed a on a.message_id = m.id left join accepted e on e.message_id = m.id
             left join charged c on c.message_id = m.id left join waiting w on w.message_id = m.id
            where m.recipient_count <> coalesce(a.count, 0)
               or m.recipient_count <> coalesce(e.count, 0)
               or m.recipient_count - coalesce(a.free, 0) <> coalesce(c.credits, 0)
                  and m.door <> 'note'
                  and not (c.message_id is null and m.recipient_count - a.listed = coalesce(w.count, 0))
               or a.wrong"""
    )
    assert [row["id"] for row in broken] == [], "messages that are not whole"
    orphans = await conn.fetchval(
        "select count(*) from body b where not exists (select from message where id = b.message_id)"
    )
    bodiless = await conn.fetchval(
        "select count(*) from message m where not exists (select from body where message_id = m.id)"
    )
    assert (orphans, bodiless) == (0, 0)


async def check_credits(conn: asyncpg.Connection) -> None:
    """Assert that balances, grants and entries add up, and that no grant is good for longer than what it came from."""
    # Each table is read once here too: the model's database has grants by ten thousands.
    wrong = await conn.fetch(
        """select account_id, remaining, coalesce(entries, 0) as entries, coalesce(grants, 0) as grants from balance
             left join (select account_id, sum(delta) as entries from credit_entry group by account_id) e using (account_id)
             left join (select account_id, sum(remaining) as grants from credit_grant group by account_id) g
                 using (account_id)"""
    )
    assert [dict(w) for w in wrong if not w["remaining"] == w["entries"] == w["grants"] or w["remaining"] < 0] == []
    refunds = await conn.fetch(
        """select message_id from credit_entry where message_id is not null group by message_id
           having sum(delta) > 0 or sum(delta) filter (where reason = 'message') is null"""
    )
    assert [row["message_id"] for row in refunds] == [], "more paid back than was charged"
    grants = await conn.fetch(
        """select id, amount, remaining, is_open, coalesce(entries, 0) as entries from credit_grant g
             left join (select grant_id, sum(delta) as entries from credit_entry group by grant_id) e on e.grant_id = g.id"""
    )
    assert [dict(g) for g in grants if g["remaining"] != g["entries"] or g["is_open"] != (g["remaining"] > 0)] == []
    assert [dict(g) for g in grants if not 0 <= g["remaining"] <= g["amount"]] == []
    outliving = await conn.fetch(
        """select g.id from credit_grant g join credit_grant o on o.id = g.origin_id
            where coalesce(g.expires_at, 'infinity') > coalesce(o.expires_at, 'infinity')"""
    )
    assert [row["id"] for row in outliving] == [], "grants that outlive what they came from"


async def _check_tallies(
    conn: asyncpg.Connection, events: Sequence[Any], recipients: Mapping[UUID, Any], seconds: float
) -> None:
    wanted = {key: {name: count[name] for name in _COUNTED} for key, count in tallies(events).items()}
    waiting = Counter(row["account_id"] for row in recipients.values() if State(row["state"]) in WAITING)
    deleted = {row["id"] for row in await conn.fetch("select id from account where deleted_at is not null")}
    wanted = {key: counts for key, counts in wanted.items() if key[0] not in deleted}  # their facts go, the sums stay
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        rows = [row for row in await conn.fetch("select * from tally") if row["account_id"] not in deleted]
        found = {(row["account_id"], row["starts_at"]): {name: row[name] for name in _COUNTED} for row in rows}
        found = {key: counts for key, counts in found.items() if any(counts.values())}
        standing = {
            row["account_id"]: row["queued"] for row in await conn.fetch("select * from standing") if row["queued"]
        }
        if (found, standing) == (wanted, dict(waiting)):
            return
        if asyncio.get_running_loop().time() > deadline:
            assert found == wanted, "the tallies are not what the ledger adds up to"
            assert standing == dict(waiting), "the standing count is not what waits"
        await asyncio.sleep(0.05)
