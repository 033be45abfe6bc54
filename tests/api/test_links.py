"""Is every visit kept until it is recorded, once, whoever comes how often, and is nobody kept waiting for it?"""

import asyncio
from pathlib import Path

import msgspec
import pytest

from kit import spool
from kit.ids import new_id
from mail import links, visits
from mail.visits import Note
from tests.api.conftest import Seeded, World, made, until
from tests.api.test_tracking import delivered, fetch, seen, told
from tests.mail.test_visits import CHROME
from tests.support.postgres import Postgres


async def test_what_a_dead_process_left_is_told_once(postgres: Postgres, seeded: Seeded, tmp_path: Path) -> None:
    recipient = new_id()
    note = Note(new_id(), seeded[0]["shop.test"], recipient, 1_000.0, "https://shop.test/", CHROME, "192.0.2.1")
    (tmp_path / "visits").mkdir()
    left = tmp_path / "visits" / "gone.spool"
    left.write_bytes(b"not a visit\n" + msgspec.json.encode(note) + b"\n" + msgspec.json.encode(note)[:30])
    async with made(postgres, seeded, tmp_path) as world:

        async def taken() -> bool:
            return not left.exists()

        await until(taken, seconds=20)
        assert await seen(world) == [], "of a recipient who is gone"
        tracker = await delivered(world)
        kept = spool.make(tmp_path / "visits", most=10_000)
        mine = msgspec.structs.replace(note, recipient_id=tracker.whose.recipient_id)
        assert kept.append(msgspec.json.encode(mine))
        kept.close()
        await world.platform.links._adopt()
        await world.platform.links._adopt()
        [row] = await seen(world)
        assert (row["id"], row["kind"], row["url"]) == (note.id, "clicked", "https://shop.test/")


async def test_whoever_follows_a_link_for_ever_takes_nobody_s_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits, "MOST_OF_ONE", 5)
    one, other = await delivered(world), await delivered(world, to="b@x.test")
    for _ in range(9):
        assert (await fetch(world, one.link("https://shop.test/"))).status_code == 302
    assert (await fetch(world, other.link("https://shop.test/"))).status_code == 302
    rows = await told(world, 6)
    assert sorted(row["recipient_id"] == other.whose.recipient_id for row in rows) == [False] * 5 + [True]
    assert world.platform.links.lost == 0


async def test_others_are_answered_while_many_visits_are_judged(world: World) -> None:
    who = (await delivered(world)).whose
    notes = [
        Note(new_id(), who.account_id, who.recipient_id, 0.0, None, f"{CHROME} Some/{number}", "192.0.2.1")
        for number in range(200)
    ]
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(other())
    await world.platform.links._commit(notes)
    waiting.cancel()
    assert turns >= len(notes), "between any two of what has to be thought about"
    assert len(await seen(world)) == len(notes)


async def test_what_failed_is_tried_again_soon_however_seldom_it_is_done() -> None:
    done, tries = asyncio.Event(), 0

    async def work() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError("away")
        done.set()

    task = asyncio.create_task(links._for_ever(work, 600.0))
    await asyncio.wait_for(done.wait(), 60)
    task.cancel()
    assert tries == 2


async def test_without_room_links_lead_on_and_it_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = await delivered(world)
    links = world.platform.links
    monkeypatch.setattr(links._spool, "_most", 0)
    assert (await fetch(world, tracker.link("https://shop.test/"))).status_code == 302
    assert links.lost == 1
    monkeypatch.setattr(links._spool, "_most", 1_000_000)
    assert (await fetch(world, tracker.link("https://shop.test/"))).status_code == 302
    assert len(await told(world, 1)) == 1
    assert (links.lost, links.waiting) == (1, 0)
