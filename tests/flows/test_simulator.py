"""Without the internet, the simulator's addresses live the life that their name says."""

from collections.abc import Iterator

import pytest

from tests.support.mails import plain
from tests.support.postgres import Postgres
from tests.support.stage import Stage, staged


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
