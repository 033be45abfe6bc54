"""Is a claim fair between accounts, strict in priority, and blind to nobody?"""

from collections import Counter
from datetime import timedelta

from mail import holds
from mail.dispatch import claim as queue
from mail.dispatch import sweep
from tests.mail.test_dispatch.conftest import Office

LEASE = timedelta(seconds=90)


async def test_each_account_gets_the_same_share_however_much_it_has_queued(office: Office) -> None:
    for _ in range(5):
        await office.accept(*[f"{number}@x.test" for number in range(100)], tenant=office.world.shop)
    await office.accept(*[f"{number}@y.test" for number in range(30)], tenant=office.world.rival)
    async with office.db.connection() as conn:
        first = await queue.claim(conn, 40, LEASE)
        second = await queue.claim(conn, 40, LEASE)
        third = await queue.claim(conn, 40, LEASE)
    shop, rival = office.world.shop.id, office.world.rival.id
    assert Counter(one.account_id for one in first.claimed) == {shop: 20, rival: 20}
    assert Counter(one.account_id for one in second.claimed) == {shop: 20, rival: 10}
    assert Counter(one.account_id for one in third.claimed) == {shop: 40}
    assert (first.more, second.more, third.more) == (True, True, True)


async def test_a_claim_that_takes_everything_says_so(office: Office) -> None:
    ids = await office.accept("a@x.test", "b@x.test")
    async with office.db.connection() as conn:
        batch = await queue.claim(conn, 40, LEASE)
        assert ({one.id for one in batch.claimed}, batch.more) == (set(ids), False)
        again = await queue.claim(conn, 40, LEASE)
        assert (again.claimed, again.more) == ((), False)


async def test_a_lower_priority_number_goes_first_across_accounts(office: Office) -> None:
    await office.accept(*[f"{number}@x.test" for number in range(20)], tenant=office.world.shop)
    urgent = await office.accept(*[f"{number}@y.test" for number in range(8)], tenant=office.world.rival)
    async with office.db.connection() as conn:
        await conn.execute("update recipient set priority = 0 where id = any($1::uuid[])", list(urgent))
        batch = await queue.claim(conn, 10, LEASE)
    assert Counter(one.priority for one in batch.claimed) == {0: 8, 1: 2}


async def test_more_accounts_than_places_all_get_their_turn(office: Office) -> None:
    for tenant in office.world.tenants:
        await office.accept(*[f"{number}@x.test" for number in range(4)], tenant=tenant)
    claimed: Counter[object] = Counter()
    async with office.db.connection() as conn:
        while batch := (await queue.claim(conn, 3, LEASE)).claimed:
            claimed.update(one.account_id for one in batch)
    assert claimed == {tenant.id: 4 for tenant in office.world.tenants}


async def test_crowded_domains_are_left_alone(office: Office) -> None:
    await office.accept("a@slow.test", "b@quick.test")
    async with office.db.connection() as conn:
        batch = await queue.claim(conn, 10, LEASE, avoid={"slow.test"})
        assert [one.address for one in batch.claimed] == ["b@quick.test"]
        batch = await queue.claim(conn, 10, LEASE)
        assert [one.address for one in batch.claimed] == ["a@slow.test"]


async def test_a_claim_writes_fence_attempt_and_lease_before_anything_is_sent(office: Office) -> None:
    (id,) = await office.accept("a@x.test")
    async with office.db.connection() as conn:
        (claimed,) = (await queue.claim(conn, 10, LEASE)).claimed
        left = await conn.fetchval("select next_attempt_at - livery_now() from recipient")
    row = await office.row(id)
    assert (row["state"], row["fence"], row["attempts"], claimed.fence) == ("sending", 1, 1, 1)
    assert timedelta(seconds=80) < left <= LEASE


async def test_what_is_given_back_is_as_it_was(office: Office) -> None:
    queued, deferred = await office.accept("a@x.test", "b@x.test")
    office.remote.answers("b@x.test", "451 4.3.0 later")
    async with office.working():
        await office.until("deferred", deferred)
    async with office.db.connection() as conn:
        await conn.execute(
            "update recipient set state = 'queued', next_attempt_at = livery_now() where id = $1", queued
        )
    # The first one was delivered; put back by hand it stands for a message that was never tried.
    async with office.db.connection() as conn:
        await conn.execute("delete from event where recipient_id = $1 and kind = 'delivered'", queued)
    await office.pass_time(timedelta(minutes=6))
    async with office.db.connection() as conn:
        batch = await queue.claim(conn, 10, LEASE)
        await queue.give_back(conn, batch.claimed)
        again = await queue.claim(conn, 10, LEASE)
        await queue.give_back(conn, batch.claimed)  # an old fence changes nothing
        assert await office.states([queued, deferred]) == ["sending", "sending"]
        await queue.give_back(conn, again.claimed)
    assert await office.states([queued, deferred]) == ["queued", "deferred"]


async def test_a_million_that_wait_for_later_hide_nobody(office: Office) -> None:
    # Reduced to some thousands; bench counts the million.
    later = await office.accept(*[f"{number}@x.test" for number in range(900)])
    async with office.db.connection() as conn:
        await conn.execute(
            "update recipient set next_attempt_at = livery_now() + interval '1 hour' where id = any($1::uuid[])",
            list(later),
        )
    (due,) = await office.accept("now@x.test", tenant=office.world.rival)
    async with office.db.connection() as conn:
        assert [one.id for one in (await queue.claim(conn, 10, LEASE)).claimed] == [due]
        assert await sweep.due(conn) == ()


async def test_the_clock_finds_what_is_due(office: Office) -> None:
    ids = await office.accept("a@x.test", "b@x.test")
    async with office.db.connection() as conn:
        assert set(await sweep.due(conn)) == set(ids)
        await queue.claim(conn, 10, LEASE)
        assert await sweep.due(conn) == ()
        await office.pass_time(timedelta(seconds=91))
        assert set(await sweep.due(conn)) == set(ids)


async def test_held_mail_is_given_up_at_the_end_of_its_life(office: Office) -> None:
    (id,) = await office.accept("a@x.test")
    async with office.db.connection() as conn:
        await conn.execute("update account set suspended_at = livery_now() where id = $1", office.world.shop.id)
    async with office.working():
        await office.until("held", id)
        await office.pass_time(timedelta(hours=73))
        (report,) = (await holds.expire(office.db, mail_domain="mx.neutral.test")).recipient_ids
        assert await office.kinds(id) == ["accepted", "held", "expired"]
        # The report is the account's mail, and waits as all of it does; about itself there is none.
        await office.until("held", report)
    await office.pass_time(timedelta(hours=73))
    assert (await holds.expire(office.db, mail_domain="mx.neutral.test")).recipient_ids == ()
    assert await office.kinds(report) == ["accepted", "held", "expired"]


async def test_the_platform_s_standing_is_told(office: Office) -> None:
    await office.accept("a@x.test")
    await office.pass_time(timedelta(seconds=40))
    async with office.db.connection() as conn:
        standing = await sweep.standing(conn)
    assert (standing.waiting, 39 < standing.oldest_due < 60, 39 < standing.ledger_lag < 60) == (0, True, True)
    await office.check_laws()
    async with office.db.connection() as conn:
        standing = await sweep.standing(conn)
    assert (standing.waiting, standing.ledger_lag) == (1, 0.0)
