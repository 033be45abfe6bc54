"""What does it cost to read the ledger in (epoch, xid, id) order, and what would a sequencer cost? For docs/decisions/0002.

    .venv/bin/python -m bench.ledger_order [messages]

Twenty senders push 4 KB messages through `Intake.accept` into a private PostgreSQL while one follower watches. Printed: the
rate, the delay from commit to follower, the cost of a replay, and the cost of giving every event a position afterwards.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime

import uvloop

from kit.bell import Bell
from kit.db import Database, open_database
from mail import feed
from mail.intake import Envelope, EnvelopeRecipient, Intake, Submission
from mail.live import Live
from tenants.scope import Scope
from tests.support import world
from tests.support.databases import make_template
from tests.support.postgres import TEMPLATE, Postgres, embedded_binaries


def main() -> None:
    """Start a server, measure, remove it."""
    server = Postgres(embedded_binaries())
    try:
        server.start()
        make_template(server)
        uvloop.run(measure(server.url(server.create(TEMPLATE)), int(sys.argv[1]) if len(sys.argv) > 1 else 6000))
    finally:
        server.remove()


async def measure(url: str, messages: int) -> None:
    """Run the three measurements on the database at `url` and print a line each."""
    await world.populate(url)
    db = await open_database(url)
    bell = Bell(url)
    await bell.start()
    scope = Scope((await world.find(db)).shop.id)
    try:
        await accept_and_follow(db, bell, scope, messages)
        await replay(db, scope)
        await sequence(db)
    finally:
        await bell.close()
        await db.close()


async def accept_and_follow(db: Database, bell: Bell, scope: Scope, messages: int) -> None:
    """Rate of accept, and how long after its commit's clock an event reaches a follower."""
    delays: list[float] = []

    async def watch() -> None:
        async for page, _live in live.follow(scope, None):
            now = datetime.now(UTC)
            delays.extend((now - event.at).total_seconds() for event in page.events)

    content = b"From: user@shop.test\r\nSubject: bench\r\n\r\n" + (b"x" * 76 + b"\r\n") * 52
    numbers = iter(range(messages))
    live = Live(db, bell)
    intake = Intake(db, bell)

    async def send() -> None:
        for number in numbers:
            envelope = Envelope("user@shop.test", (EnvelopeRecipient(f"r{number}@x.test"),))
            await intake.accept(scope, Submission(envelope, content, "smtp", "from bench"))

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0.2)
    begun = time.perf_counter()
    await asyncio.gather(*(send() for _ in range(20)))
    taken = time.perf_counter() - begun
    while len(delays) < messages:
        await asyncio.sleep(0.05)
    watcher.cancel()
    await live.close()
    await intake.close()
    delays.sort()
    print(
        f"accepted {messages / taken:.0f} messages/s; commit to follower "
        f"p50 {delays[messages // 2] * 1000:.0f} ms, p95 {delays[messages * 95 // 100] * 1000:.0f} ms"
    )


async def replay(db: Database, scope: Scope) -> None:
    """Reading everything from the start, 200 events a page."""
    begun = time.perf_counter()
    events, cursor, full = 0, feed.START, True
    while full:
        async with db.connection() as conn:
            page = await feed.read(conn, scope, cursor, 200)
        events, cursor, full = events + len(page.events), page.cursor, page.full
    print(f"replay: {(time.perf_counter() - begun) / events * 1e6:.0f} µs an event")


async def sequence(db: Database) -> None:
    """The alternative: one writer that gives each committed event a position, 1,000 at a time."""
    async with db.connection() as conn:
        await conn.execute("alter table event add column position bigint")
        await conn.execute("create index on event (position)")
        begun = time.perf_counter()
        events = 0
        while True:
            done = await conn.execute(
                """update event e set position = p.place
                     from (select id, (select coalesce(max(position), 0) from event) + row_number() over () as place
                             from (select id from event where position is null order by id limit 1000) n) p
                    where e.id = p.id"""
            )
            if done == "UPDATE 0":
                break
            events += int(done.split()[1])
        print(f"sequencer: {(time.perf_counter() - begun) / events * 1e6:.0f} µs an event more, by one more writer")


if __name__ == "__main__":
    main()
