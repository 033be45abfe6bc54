"""Is every visit recorded once, with what it was, and are people alone counted?"""

import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from kit import clock
from kit.countries import Countries
from kit.db import Database
from kit.ids import new_id
from mail import engagement, ledger, visits
from mail.intake import Intake
from mail.ledger import Fact
from mail.lifecycle import EventKind
from mail.stats import fold
from mail.visits import Note
from tenants.scope import Scope
from tests.mail.conftest import submission
from tests.support import laws
from tests.support.geography import write
from tests.support.world import World

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
OUTLOOK = "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.14326; Pro)"
PRIVACY = "Mozilla/5.0"


@dataclass(frozen=True)
class Reader:
    """Somebody whose mail of shop's was delivered a minute ago."""

    account_id: UUID
    recipient_id: UUID

    def opens(self, agent: str = CHROME, *, ago: float = 0.0) -> Note:
        return Note(new_id(), self.account_id, self.recipient_id, time.time() - ago, None, agent, "203.0.113.77")

    def clicks(self, target: str = "https://shop.test/", agent: str = CHROME, *, ago: float = 0.0) -> Note:
        return msgspec.structs.replace(self.opens(agent, ago=ago), target=target)


async def reader(db: Database, world: World, intake: Intake, address: str = "a@x.test") -> Reader:
    message = await intake.accept(Scope(world.shop.id), submission(address))
    [id] = message.recipient_ids
    async with db.transaction() as conn:
        await conn.execute("update recipient set state = 'sending', fence = 1 where id = $1", id)
        before = await clock.now(conn) - timedelta(seconds=60)
        await ledger.record(conn, [Fact(EventKind.DELIVERED, id, message.message_id, world.shop.id, at=before)])
    return Reader(world.shop.id, id)


async def record(db: Database, *notes: Note) -> frozenset[UUID]:
    async with db.transaction() as conn:
        return await visits.record(conn, notes)


async def rows(db: Database, table: str = "visit") -> list[Any]:
    async with db.connection() as conn:
        order = "at, id" if table == "visit" else "id"
        found: list[Any] = await conn.fetch(f"select * from {table} order by {order}")
        return found


async def counted(db: Database) -> tuple[int, int]:
    """Opened and clicked, as the dashboard counts them; and the laws hold."""
    while await fold(db):
        pass
    async with db.connection() as conn:
        await laws.check(conn)
        row = await conn.fetchrow("select sum(opened)::int, sum(clicked)::int from tally")
    assert row is not None
    return tuple(row)


async def test_an_open_and_a_click_are_told_with_their_details(
    world_db: Database, world: World, intake: Intake
) -> None:
    who = await reader(world_db, world, intake)
    assert await record(world_db, who.opens(OUTLOOK, ago=20), who.clicks(ago=5)) == {world.shop.id}
    opened, clicked = await rows(world_db)
    assert (opened["kind"], opened["url"], opened["machine"], opened["is_first"]) == ("opened", None, None, True)
    assert (opened["agent"], opened["system"], opened["device"], opened["ip"]) == (
        "Outlook",
        "Windows",
        "desktop",
        "203.0.113.0/24",
    )
    assert 39 < opened["delay"] < 45
    assert (clicked["kind"], clicked["url"], clicked["agent"], clicked["is_first"]) == (
        "clicked",
        "https://shop.test/",
        "Chrome",
        True,
    )
    assert 14 < clicked["delay"] < 16
    assert await counted(world_db) == (1, 1)
    facts = [row for row in await rows(world_db, "event") if row["kind"] in {"opened", "clicked"}]
    assert [(row["kind"], row["is_first"], row["machine"]) for row in facts] == [
        ("opened", True, False),
        ("clicked", True, False),
    ]
    assert [row["at"] for row in facts] == [opened["at"], clicked["at"]]


async def test_what_is_told_again_is_recorded_once(world_db: Database, world: World, intake: Intake) -> None:
    who = await reader(world_db, world, intake)
    notes = [who.opens(ago=3), who.clicks(ago=2)]
    assert await record(world_db, *notes, *notes) == {world.shop.id}
    assert await record(world_db, *notes) == frozenset()
    assert await record(world_db, *notes, who.opens()) == {world.shop.id}
    assert [row["kind"] for row in await rows(world_db)] == ["opened", "clicked", "opened"]
    assert await counted(world_db) == (1, 1)


async def test_machines_are_kept_and_not_counted(world_db: Database, world: World, intake: Intake) -> None:
    who = await reader(world_db, world, intake)
    await record(world_db, who.opens(PRIVACY, ago=30), msgspec.structs.replace(who.clicks(ago=29), head=True))
    assert await counted(world_db) == (0, 0)
    await record(world_db, who.opens(ago=10))
    assert await counted(world_db) == (1, 0)
    assert [(row["machine"], row["is_first"]) for row in await rows(world_db)] == [
        ("privacy_proxy", False),
        ("head", False),
        (None, True),
    ]


async def test_all_links_at_once_are_a_scanner_s(world_db: Database, world: World, intake: Intake) -> None:
    who, other = await reader(world_db, world, intake), await reader(world_db, world, intake, "b@x.test")
    burst = [who.clicks(f"https://shop.test/{n}", ago=20 + n / 100) for n in range(4)]
    await record(world_db, *burst, other.clicks(ago=20))
    found = {(row["recipient_id"], row["machine"]) for row in await rows(world_db)}
    assert found == {(who.recipient_id, "all_links"), (other.recipient_id, None)}
    # One more of the same burst, told in another batch.
    await record(world_db, who.clicks("https://shop.test/last", ago=19.9))
    # And a person, later.
    await record(world_db, who.clicks("https://shop.test/1"))
    assert [row["machine"] for row in await rows(world_db)][-2:] == ["all_links", None]
    assert await counted(world_db) == (0, 2)


async def test_a_click_while_the_mail_is_handed_over_is_a_scanner_s(
    world_db: Database, world: World, intake: Intake
) -> None:
    message = await intake.accept(Scope(world.shop.id), submission("a@x.test"))
    who = Reader(world.shop.id, message.recipient_ids[0])
    async with world_db.connection() as conn:
        await conn.execute("update recipient set state = 'sending' where id = $1", who.recipient_id)
    await record(world_db, who.clicks(), who.opens())
    assert [row["machine"] for row in await rows(world_db)] == ["too_soon", "too_soon"]


async def test_copies_strangers_and_the_deleted_leave_nothing(world_db: Database, world: World, intake: Intake) -> None:
    who, copy = await reader(world_db, world, intake), await reader(world_db, world, intake, "copy@x.test")
    async with world_db.connection() as conn:
        await conn.execute("update recipient set copy_rule_id = $2 where id = $1", copy.recipient_id, new_id())
    nobody = Reader(world.shop.id, new_id())
    elsewhere = Reader(world.rival.id, who.recipient_id)
    assert await record(world_db, copy.opens(), nobody.opens(), elsewhere.clicks()) == frozenset()
    assert await rows(world_db) == []
    assert await record(world_db, copy.opens(), nobody.opens(), elsewhere.clicks(), who.opens()) == {world.shop.id}
    assert len(await rows(world_db)) == 1
    async with world_db.connection() as conn:
        await conn.execute("update account set deleted_at = livery_now() where id = $1", world.shop.id)
    assert await record(world_db, who.opens()) == frozenset()
    assert len(await rows(world_db)) == 1


async def test_an_account_may_keep_whole_addresses(world_db: Database, world: World, intake: Intake) -> None:
    who = await reader(world_db, world, intake)
    async with world_db.connection() as conn:
        await conn.execute(
            "insert into treatment (id, account_id, whole_ip) values ($1, $2, true)", new_id(), world.shop.id
        )
    await record(world_db, who.opens())
    assert [row["ip"] for row in await rows(world_db)] == ["203.0.113.77"]


async def test_visits_are_forgotten_when_their_account_says_and_the_facts_stay(
    world_db: Database, world: World, intake: Intake
) -> None:
    who = await reader(world_db, world, intake)
    message = await intake.accept(Scope(world.cafe.id), submission("b@x.test", sender=world.cafe.email))
    async with world_db.transaction() as conn:
        await conn.execute(
            "update recipient set state = 'delivered' where id = any ($1::uuid[])", message.recipient_ids
        )
        await conn.execute(
            "insert into treatment (id, account_id, visit_days) values ($1, $2, 30)", new_id(), who.account_id
        )
    other = Reader(world.cafe.id, message.recipient_ids[0])
    await record(world_db, who.opens(), who.clicks(), other.opens())

    async def kept(after: timedelta) -> list[UUID]:
        async with world_db.connection() as conn:
            await clock.shift(conn, after)
        await visits.forget_old(world_db)
        return [row["account_id"] for row in await rows(world_db)]

    assert await kept(timedelta(days=29)) == [who.account_id, who.account_id, other.account_id]
    assert await kept(timedelta(days=2)) == [other.account_id]
    assert await kept(timedelta(days=368)) == [other.account_id]
    assert await kept(timedelta(days=2)) == []
    async with world_db.connection() as conn:
        facts = await conn.fetch("select kind from event where kind in ('opened', 'clicked') order by id")
    assert [fact["kind"] for fact in facts] == ["opened", "clicked", "opened"]


async def test_where_a_visit_comes_from_is_told_where_somebody_knows(
    world_db: Database, world: World, intake: Intake, tmp_path: Path
) -> None:
    who = await reader(world_db, world, intake)
    countries = Countries(write(tmp_path / "one.mmdb", "203.0.113.0/24", "IT"))
    async with world_db.transaction() as conn:
        elsewhere = msgspec.structs.replace(who.opens(), ip="192.0.2.1")
        await visits.record(conn, [who.opens(ago=5), elsewhere], country=countries.of)
        found = await engagement.visits(conn, Scope(world.shop.id), [who.recipient_id])
    assert [(one.network, one.country) for one in found[who.recipient_id]] == [
        ("203.0.113.0/24", "IT"),
        ("192.0.2.0/24", None),
    ]
    countries.close()


async def test_a_clock_that_was_set_makes_no_visit_older_than_its_mail_or_of_tomorrow(
    world_db: Database, world: World, intake: Intake
) -> None:
    who, other = await reader(world_db, world, intake), await reader(world_db, world, intake, "b@x.test")
    await record(world_db, who.clicks(ago=40 * 365 * 86_400), other.opens(ago=-7_200))
    async with world_db.connection() as conn:
        now = await clock.now(conn)
        delivered = await conn.fetchval(
            "select at from event where kind = 'delivered' and recipient_id = $1", who.recipient_id
        )
    found = {row["recipient_id"]: row["at"] for row in await rows(world_db)}
    assert found[who.recipient_id] == delivered, "which was first here"
    assert timedelta(0) <= now - found[other.recipient_id] < timedelta(minutes=1)


async def test_whoever_repeats_a_link_for_ever_fills_no_table(world_db: Database, world: World, intake: Intake) -> None:
    who = await reader(world_db, world, intake)
    for _ in range(6):
        await record(world_db, *(who.opens() for _ in range(200)))
    assert len(await rows(world_db)) == visits.MOST_OF_ONE
    assert await counted(world_db) == (1, 0)


async def test_loads_within_seconds_are_one_open_of_one_reader(
    world_db: Database, world: World, intake: Intake
) -> None:
    one, two = await reader(world_db, world, intake), await reader(world_db, world, intake, "b@x.test")
    await record(world_db, *(one.opens(ago=40 + n / 600) for n in range(600)))
    await record(
        world_db,
        *(one.opens(OUTLOOK, ago=ago) for ago in (35, 21)),  # of the same open; another
        *(one.opens(PRIVACY, ago=ago) for ago in (40.5, 40.2, 22)),
        *(two.opens(ago=ago) for ago in (40.5, 12, 1)),
        *(two.clicks("https://shop.test/a", ago=ago) for ago in (11, 10)),
    )
    async with world_db.connection() as conn:
        now = await clock.now(conn)
        period = {"start": now - timedelta(hours=1), "end": now + timedelta(hours=1)}
        found = await engagement.engagement(conn, Scope(world.shop.id), machines=True, **period)
    assert (found.opens, found.opened, found.opens_per_mail, found.machine_opens) == (5, 2, 2.5, 2)
    assert (found.clicks, found.clicked, [link.clicks for link in found.links]) == (2, 1, [2])
    assert {(program.agent, program.opens, program.clicks) for program in found.programs} == {
        ("Chrome", 4, 2),
        ("Outlook", 1, 0),
        (None, 2, 0),
    }
    assert await counted(world_db) == (2, 1)


async def test_engagement_counts_people_and_machines_where_asked(
    world_db: Database, world: World, intake: Intake
) -> None:
    one, two = await reader(world_db, world, intake), await reader(world_db, world, intake, "b@x.test")
    await record(
        world_db,
        one.opens(OUTLOOK, ago=40),
        one.opens(OUTLOOK, ago=29),
        one.opens(CHROME, ago=18),
        one.clicks("https://shop.test/a", ago=15),
        one.clicks("https://shop.test/a", ago=12),
        one.clicks("https://shop.test/b", ago=9),
        two.opens(PRIVACY, ago=50),
        two.opens(OUTLOOK, ago=20),
        two.clicks("https://shop.test/a", "curl/8.5.0", ago=10),
    )
    async with world_db.connection() as conn:
        now = await clock.now(conn)
        period = {"start": now - timedelta(hours=1), "end": now + timedelta(hours=1)}
        found = await engagement.engagement(conn, Scope(world.shop.id), **period)
        assert (found.opens, found.machine_opens, found.opened) == (4, 1, 2)
        assert (found.clicks, found.machine_clicks, found.clicked) == (3, 1, 1)
        assert found.opens_per_mail == 2.0
        assert found.first_open_delay is not None
        assert 29 < found.first_open_delay < 35  # 20 s and 40 s
        assert found.click_delay is not None
        assert 24 < found.click_delay < 26
        assert [(one.agent, one.opens, one.clicks) for one in found.programs] == [("Chrome", 1, 3), ("Outlook", 3, 0)]
        assert [(one.target, one.clicks, one.people) for one in found.links] == [
            ("https://shop.test/a", 2, 1),
            ("https://shop.test/b", 1, 1),
        ]
        found = await engagement.engagement(conn, Scope(world.shop.id), machines=True, **period)
        assert [(one.target, one.clicks, one.people) for one in found.links] == [
            ("https://shop.test/a", 3, 1),
            ("https://shop.test/b", 1, 1),
        ]
        assert (await engagement.engagement(conn, Scope(world.acme.id), **period)).opens == 4
        assert (await engagement.engagement(conn, Scope(world.cafe.id), **period)).opens == 0
        later = {"start": now + timedelta(hours=1), "end": now + timedelta(hours=2)}
        nothing = await engagement.engagement(conn, Scope(world.shop.id), **later)
        assert (nothing.opens, nothing.opens_per_mail, nothing.first_open_delay) == (0, None, None)
