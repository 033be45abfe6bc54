"""Is nothing sent twice and nothing left behind when workers die, hang, lose their lease or the database?"""

import asyncio
from datetime import timedelta

from mail.dispatch import Limits
from mail.dispatch import claim as queue
from mail.dispatch.claim import POISONED
from tests.mail.test_dispatch.conftest import Office

LEASE = timedelta(seconds=90)
# A third of this is trusted without asking: short enough for a test, long enough for its statements.
SHORT = Limits(lease=timedelta(milliseconds=900))


async def test_a_worker_killed_after_its_claim_delays_the_message_by_its_lease(office: Office) -> None:
    (id,) = await office.accept("a@x.test")
    async with office.db.connection() as conn:
        assert [one.id for one in (await queue.claim(conn, 10, LEASE)).claimed] == [id]
    async with office.working() as desk:
        desk.look()
        (other,) = await office.accept("b@x.test")
        desk.look()
        await office.until("delivered", other)
        assert (await office.row(id))["state"] == "sending"
        await office.pass_time(timedelta(seconds=91))
        desk.look()
        await office.until("delivered", id)
    assert (await office.row(id))["attempts"] == 2
    assert [recipient for recipient, _, _ in office.remote.sent] == ["b@x.test", "a@x.test"]


async def test_a_worker_that_lost_its_lease_sends_nothing(office: Office) -> None:
    (id,) = await office.accept("a@x.test")
    taken_over = asyncio.Event()

    async def wait() -> str:
        await taken_over.wait()
        return "250 2.0.0 taken"

    office.remote.answers("a@x.test", wait)
    async with office.working(SHORT):
        await office.remote.until(lambda: office.remote.asked == ["a@x.test"])
        async with office.db.connection() as conn:
            # Another worker's claim, after this one slept through its lease.
            await conn.execute(
                """update recipient set fence = fence + 1, attempts = attempts + 1,
                          next_attempt_at = livery_now() + interval '90 seconds' where id = $1""",
                id,
            )
        await asyncio.sleep(SHORT.lease.total_seconds() / 2)  # so that the old lease is no longer trusted unasked
        taken_over.set()
    assert office.remote.sent == []
    row = await office.row(id)
    assert (row["state"], row["fence"], await office.kinds(id)) == ("sending", 2, ["accepted"])


async def test_a_lease_is_renewed_for_as_long_as_its_worker_lives(office: Office) -> None:
    (id,) = await office.accept("a@x.test")
    slow = asyncio.Event()

    async def wait() -> str:
        await slow.wait()
        return "250 2.0.0 taken"

    office.remote.answers("a@x.test", wait)
    async with office.working(SHORT):
        await office.remote.until(lambda: office.remote.asked == ["a@x.test"])
        async with office.db.connection() as conn:
            first = (await office.row(id))["next_attempt_at"]
            while (await office.row(id))["next_attempt_at"] < first + 3 * SHORT.lease:
                await asyncio.sleep(0.05)
                assert (await queue.claim(conn, 10, LEASE)).claimed == ()
        slow.set()
        await office.until("delivered", id)
    assert (await office.row(id))["attempts"] == 1


async def test_two_desks_deliver_everything_once(office: Office) -> None:
    for number in range(40):
        await office.accept(*[f"{number}-{at}@{number % 7}.test" for at in range(10)])
    limits = Limits(recipients=30, batch=10)
    async with office.working(limits), office.working(limits):
        await office.remote.until(lambda: len(office.remote.sent) >= 400)
    recipients = [recipient for recipient, _, _ in office.remote.sent]
    assert len(recipients) == len(set(recipients)) == 400


async def test_a_message_that_faults_is_held_the_third_time_while_others_leave(office: Office) -> None:
    (poison,) = await office.accept("poison@x.test")
    office.remote.answers("poison@x.test", RuntimeError("a bug of ours"))
    others = [(await office.accept(f"{number}@x.test"))[0] for number in range(20)]
    async with office.working() as desk:
        await office.until("delivered", *others)
        for lapses in range(1, POISONED):
            await office.until("deferred", poison)
            row = await office.row(poison)
            assert (row["lapses"], row["cause"]) == (lapses, "fault")
            await office.pass_time(timedelta(minutes=2))
            desk.look()
            await office.remote.until(lambda lapses=lapses: office.remote.asked.count("poison@x.test") == lapses + 1)
        await office.until("held", poison)
    row = await office.row(poison)
    assert (row["cause"], row["next_attempt_at"]) == ("poison", None)
    assert office.remote.asked.count("poison@x.test") == POISONED


async def test_a_domain_whose_site_cannot_be_found_faults_alone(office: Office) -> None:
    ids = await office.accept("a@fault.test", "b@x.test")
    async with office.working():
        await office.until("delivered", ids[1])
        await office.until("deferred", ids[0])
    assert ((await office.row(ids[0]))["cause"], (await office.row(ids[0]))["lapses"]) == ("fault", 1)


async def test_a_message_that_kills_its_workers_is_held_and_blamed_alone(office: Office) -> None:
    (poison,) = await office.accept("poison@x.test")
    others = [(await office.accept(f"{number}@x.test"))[0] for number in range(5)]
    async with office.db.connection() as conn:
        # Two workers in a row die with everything they had claimed.
        for _ in range(2):
            assert len((await queue.claim(conn, 10, LEASE)).claimed) == 6
            await office.pass_time(timedelta(seconds=91))
        # From now on each is claimed alone; the third worker dies over the poison.
        assert (await queue.claim(conn, 10, LEASE)).claimed == ()
        suspects = []
        while (suspect := await queue.claim_suspect(conn, LEASE)) is not None:
            suspects.append(suspect)
        assert {suspect.lapses for suspect in suspects} == {2}
        await queue.give_back(conn, [suspect for suspect in suspects if suspect.id != poison])
        await office.pass_time(timedelta(seconds=91))
    async with office.working():
        await office.until("delivered", *others)
        await office.until("held", poison)
    assert ((await office.row(poison))["cause"], (await office.row(others[0]))["lapses"]) == ("poison", 0)
    assert "poison@x.test" not in office.remote.asked


async def test_suspects_get_the_process_for_themselves(office: Office) -> None:
    (suspect,) = await office.accept("suspect@x.test")
    async with office.db.connection() as conn:
        for _ in range(2):
            await queue.claim(conn, 10, LEASE)
            await office.pass_time(timedelta(seconds=91))
    running = 0
    most = 0

    async def counted() -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        return "250 2.0.0 taken"

    async def alone() -> str:
        assert running == 0
        text = await counted()
        assert running == 0
        return text

    office.remote.answers("suspect@x.test", alone)
    others = await office.accept(*[f"{number}@x.test" for number in range(30)])
    for number in range(30):
        office.remote.answers(f"{number}@x.test", counted)
    async with office.working():
        await office.until("delivered", suspect, *others)
    assert most > 1
    assert ((await office.row(suspect))["lapses"], (await office.row(suspect))["attempts"]) == (0, 3)


async def test_outcomes_are_kept_while_the_database_is_away(office: Office) -> None:
    (id,) = await office.accept("a@x.test")
    cut = asyncio.Event()

    async def wait() -> str:
        async with office.db.connection() as conn:
            await conn.execute(
                """select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and pid <> pg_backend_pid()"""
            )
        cut.set()
        return "250 2.0.0 taken"

    office.remote.answers("a@x.test", wait)
    async with office.working():
        await cut.wait()
        await office.until("delivered", id)
    assert (await office.row(id))["attempts"] == 1
    assert len(office.remote.sent) == 1


async def test_words_that_cannot_be_stored_do_not_stop_the_record(office: Office) -> None:
    ids = await office.accept("a@x.test", "b@x.test")
    office.remote.answers("a@x.test", "550 5.1.1 no \x00 such \udcff user")
    async with office.working():
        await office.until("bounced", ids[0])
        await office.until("delivered", ids[1])
    async with office.db.connection() as conn:
        talks = [row["conversation"] for row in await conn.fetch("select conversation from attempt")]
    assert "> DATA\n< 550 5.1.1 no \N{REPLACEMENT CHARACTER} such ? user" in talks
