"""What does the wall between tenants cost? Lists over a million recipients of two thousand accounts, for docs/decisions/0007.

    .venv/bin/python -m bench.walls [recipients]

Each question is asked by the owner of the tables, whom no policy binds, and by the API's role: as the operator, a reseller
with two hundred sub-accounts, a sub-account with much mail and one that has sent nothing for days. Each time is the
fastest in milliseconds: of the first five times that a session asks, when PostgreSQL plans for the values, and of those
from the sixth on, when it may keep one plan for all. Planning, the setting and the rows' way to Python are included.
"""

import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import uvloop

from kit.db import Connection, connect
from mail import feed, search, stats
from tenants import audit, credits, views
from tenants.permissions import Permission
from tenants.scope import Scope
from tests.support.databases import make_template
from tests.support.postgres import TEMPLATE, Postgres, embedded_binaries

RECIPIENTS = 1_000_000
_SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB"}
_TIMES = 20  # of each question: five planned for their values, the rest perhaps not

_OPERATOR = "00000000-0000-7000-8000-000000000001"
_RESELLER = "'00000000-0000-7000-8001-' || lpad(to_hex({}), 12, '0')"
_CUSTOMER = "'00000000-0000-7000-8002-' || lpad(to_hex({}), 12, '0')"

WHO = {
    "operator": UUID(_OPERATOR),
    "reseller": UUID("00000000-0000-7000-8001-000000000001"),
    "sub-account": UUID(f"00000000-0000-7000-8002-{10:012x}"),
    "quiet sub-account": UUID(f"00000000-0000-7000-8002-{2000:012x}"),
}

# Customers send unequally: the first one 2 % of everything, half of them less than a quarter of it; the last one sent
# twenty mails ten days ago. Each mail has one recipient, two facts and one charge.
_DATA = f"""
insert into account (id, slug, name, kind, lineage)
values ('{_OPERATOR}', 'operator', 'operator', 'operator', '{{{_OPERATOR}}}');
insert into account (id, slug, name, kind, parent_id, lineage)
select id, 'r' || n, 'Reseller ' || n, 'reseller', '{_OPERATOR}', array['{_OPERATOR}', id]
  from (select n, ({_RESELLER.format("n")})::uuid as id from generate_series(1, 10) n) r;
insert into account (id, slug, name, kind, parent_id, lineage)
select s.id, 's' || n, 'Customer ' || n, 'sub_account', p.id, p.lineage || s.id
  from (select n, ({_CUSTOMER.format("n")})::uuid as id from generate_series(1, 2000) n) s
  join account p on p.slug = 'r' || (1 + n % 10);
insert into message (id, account_id, door, envelope_from, sender, subject, size, eight_bit, smtputf8, trace, sandbox,
                     recipient_count, accepted_at, expires_at)
select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, ({_CUSTOMER.format("customer")})::uuid, 'smtp',
       'a@b.test', 'a@b.test', 'Subject ' || n, 4000, false, false, 'x', false, 1,
       now() - interval '10 days' + n * interval '10 days' / $1::int, now()
  from (select n, case when n <= 20 then 2000 else 1 + (n * 7919::bigint % 1999) * (n * 7919::bigint % 1999) / 1999 end
                  as customer from generate_series(1, $1::int) n) m;
insert into recipient (id, message_id, account_id, address, domain, state, next_attempt_at)
select id, id, account_id, 'r' || right(id::text, 6) || '@x.test', 'x.test', 'delivered', null from message;
insert into event (epoch, xid, account_id, message_id, recipient_id, kind, from_state, at)
select 1, 3 + row_number() over (order by m.id, k.n) / 100, m.account_id, m.id, m.id, k.kind, k.state, m.accepted_at
  from message m, (values (1, 'accepted', null), (2, 'delivered', 'sending')) as k (n, kind, state) order by m.id, k.n;
insert into tally (account_id, starts_at, total, delivered)
select account_id, date_bin('15 minutes', accepted_at, 'epoch'), count(*), count(*) from message group by 1, 2;
insert into standing (account_id) select id from account;
insert into balance (account_id, remaining) select id, 1000 from account;
insert into credit_entry (account_id, delta, reason, message_id, created_at)
select account_id, -1, 'message', id, accepted_at from message order by id;
insert into audit_entry (id, account_id, at, action, changes)
select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, ({_CUSTOMER.format("1 + n % 2000")})::uuid,
       now(), 'account.update', '{{}}' from generate_series(1, 50000) n
"""

type Ask = Callable[[Connection, Scope], Awaitable[object]]


async def build(url: str, recipients: int) -> None:
    """Fill a migrated, empty database."""
    conn = await connect(url)
    try:
        # Of an epoch that is over, so that all of it is settled whatever this server's transactions are numbered.
        await conn.execute("update ledger_epoch set epoch = 2")
        # Without triggers: the foreign keys are right by construction.
        await conn.execute("set session_replication_role = replica")
        for statement in _DATA.split(";\n"):
            await conn.execute(statement.replace("$1::int", str(recipients)))
        await conn.execute("vacuum (analyze)")
    finally:
        await conn.close()


def questions(recipients: int, now: datetime) -> dict[str, Ask]:
    """What the dashboard and programs ask, by what it is called."""
    month = now - timedelta(days=30)
    middle = UUID(f"01900000-0000-7000-8000-{recipients // 2:012x}")
    everything = search.RecipientFilter()
    return {
        "messages": lambda c, s: search.messages(c, s, first=51, after=None),
        "messages, from the middle": lambda c, s: search.messages(c, s, first=51, after=middle),
        "one message": lambda c, s: search.message(c, s, middle),
        "recipients": lambda c, s: search.recipients(c, s, filter=everything, first=51, after=None),
        "recipients, from the middle": lambda c, s: search.recipients(c, s, filter=everything, first=51, after=middle),
        "events, from the start": lambda c, s: feed.read(c, s, feed.START, 100),
        "events, from the middle": lambda c, s: feed.read(c, s, feed.Cursor(1, recipients // 100, 0), 100),
        "events, nothing new": lambda c, s: feed.read(c, s, feed.Cursor(1, recipients, 0), 100),
        "latest events": lambda c, s: feed.latest(c, s, 50),
        "statistics of 30 days": lambda c, s: stats.statistics(
            c, s, start=month, end=now, bucket=stats.Bucket.DAY, zone="UTC"
        ),
        "accounts below": lambda c, s: views.list_accounts(c, s, first=51, after=None),
        "accounts below, deep": lambda c, s: views.list_accounts(c, s, deep=True, first=51, after=None),
        "credit entries of one": lambda c, s: credits.entries(
            c, s, s.account_id if s.account_id == WHO["quiet sub-account"] else WHO["sub-account"], first=51, after=None
        ),
        "audit": lambda c, s: audit.entries(c, s, first=51, after=None),
    }


@dataclass(frozen=True)
class Cell:
    """Milliseconds of one question by one asker: planned for its values, and later."""

    early: float
    late: float

    def __str__(self) -> str:
        return f"{self.early:.1f}, {self.late:.1f}"


async def measure(owner: str, walled: str, recipients: int) -> None:
    """Ask by the owner's URL and by the API's, in turn; print a line a question: without policies → with them."""
    print(f"| | {' | '.join(WHO)} |\n|---|{'---|' * len(WHO)}")
    for name, ask in questions(recipients, datetime.now(UTC)).items():
        cells = []
        for account in WHO.values():
            scope = Scope(account, may=frozenset(Permission))
            took: list[list[float]] = [[], []]
            async with _fresh(owner) as free, _fresh(walled) as bound:
                for _ in range(_TIMES):
                    for conn, times in zip((free, bound), took, strict=True):
                        begun = time.perf_counter()
                        async with conn.transaction():
                            await conn.execute("select set_config('livery.account', $1, true)", str(account))
                            await ask(conn, scope)
                        times.append((time.perf_counter() - begun) * 1000)
            cells.append(" → ".join(str(Cell(min(times[1:5]), min(times[6:]))) for times in took))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


@asynccontextmanager
async def _fresh(url: str) -> AsyncIterator[Connection]:
    """A session that has never been asked, set up as those of `kit.db` are: whose pool is one a process."""
    conn = await connect(url)
    try:
        await conn.execute("set jit = off")
        yield conn
    finally:
        await conn.close()


async def run(server: Postgres, recipients: int) -> None:
    """Build, measure, print the table."""
    name = server.create(TEMPLATE)
    await build(server.url(name), recipients)
    await measure(server.url(name), server.url(name, user="livery_api"), recipients)


def main() -> None:
    """Start a server, measure, remove it."""
    server = Postgres(embedded_binaries(), settings=_SETTINGS)
    try:
        server.start()
        make_template(server)
        uvloop.run(run(server, int(sys.argv[1]) if len(sys.argv) > 1 else RECIPIENTS))
    finally:
        server.remove()


if __name__ == "__main__":
    main()
