"""Without the internet, the simulator's addresses live the life that their name says."""

from collections.abc import Iterator

import pytest

from tests.support.mails import plain
from tests.support.postgres import Postgres
from tests.support.stage import Stage, eventually, staged


@pytest.fixture(scope="module")
def stage(populated: Postgres) -> Iterator[Stage]:
    yield from staged(populated, route="simulator")


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("delivered", "delivered"),
        ("delivered+anything", "delivered"),
        ("bounced", "bounced"),
        ("deferred", "deferred"),
    ],
)
async def test_an_address_lives_the_life_its_name_says(stage: Stage, name: str, state: str) -> None:
    address = f"{name}@simulator.livery.test"
    await stage.submit(plain("user@shop.test", address, name), [address])
    states = await stage.reach(lambda states: states.get(address) == state, state)
    assert states[address] == state


async def test_any_other_address_counts_as_delivered_and_the_mail_is_kept(stage: Stage) -> None:
    content = plain("user@shop.test", "anybody@elsewhere.test", "kept")
    await stage.submit(content, ["anybody@elsewhere.test"])
    states = await stage.settle()
    assert states["anybody@elsewhere.test"] == "delivered"
    async with stage.database() as conn:
        assert await conn.fetchval("select content from body order by message_id desc limit 1") == content


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("bounced+late", ["accepted", "delivered", "bounced"]),
        ("bounced+late-full", ["accepted", "delivered", "bounced"]),
        ("bounced+late-prose", ["accepted", "delivered", "bounced"]),
        ("bounced+late+again", ["accepted", "delivered", "bounced"]),
        ("complained", ["accepted", "delivered", "complained"]),
    ],
)
async def test_what_comes_back_comes_from_outside_in_real_time(stage: Stage, name: str, kinds: list[str]) -> None:
    address = f"{name}@simulator.livery.test"
    await stage.submit(plain("user@shop.test", address, name), [address])
    assert await lived(stage, address, kinds[-1]) == kinds
    async with stage.database() as conn:
        reasons = await conn.fetch("select reason from suppression where address = $1", address)
    wanted = {"bounced+late-full": [], "complained": ["complaint"]}.get(name, ["bounce"])
    assert [row["reason"] for row in reasons] == wanted


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("opened", ["accepted", "delivered", "opened"]),
        ("clicked", ["accepted", "delivered", "opened", "clicked"]),
        ("unsubscribed", ["accepted", "delivered", "unsubscribed"]),
    ],
)
async def test_people_open_click_and_unsubscribe_in_real_time(stage: Stage, name: str, kinds: list[str]) -> None:
    address = f"{name}@simulator.livery.test"
    content = (
        f"From: user@shop.test\r\nTo: {address}\r\nSubject: News\r\nX-Lv-Track: opens, clicks\r\nX-Lv-Unsubscribe: yes\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        '<html><body><a href="https://shop.test/a?b=c">a</a> <a href="https://shop.test/d">d</a></body></html>\r\n'
    )
    await stage.submit(content.encode(), [address])
    assert await lived(stage, address, kinds[-1]) == kinds
    async with stage.database() as conn:
        # They count as people, and nobody else was there.
        machines = await conn.fetchval(
            "select count(*) from event e join recipient r on r.id = e.recipient_id where r.address = $1 and e.machine",
            address,
        )
        urls = await conn.fetch(
            "select v.url from visit v join recipient r on r.id = v.recipient_id where r.address = $1 and v.url is not null",
            address,
        )
        reasons = await conn.fetch("select reason from suppression where address = $1", address)
    assert machines == 0
    assert [row["url"] for row in urls] == (["https://shop.test/a?b=c"] if name == "clicked" else [])
    assert [row["reason"] for row in reasons] == (["unsubscribe"] if name == "unsubscribed" else [])


async def lived(stage: Stage, address: str, kind: str) -> list[str]:
    """Wait for a fact of this kind; all facts of the address, in order."""

    async def look() -> list[str] | None:
        async with stage.database() as conn:
            rows = await conn.fetch(
                """select e.kind from event e join recipient r on r.id = e.recipient_id
                    where r.address = $1 order by e.epoch, e.xid, e.id""",
                address,
            )
        kinds = [row["kind"] for row in rows]
        return kinds if kind in kinds else None

    return await eventually(look, kind, explain=stage.explain)
