"""A few kills at every point, on both brokers, with the services under them struck as well: nothing is lost."""

from collections import Counter

from tests.chaos.__main__ import Services
from tests.chaos.act import act
from tests.chaos.points import POINTS, SERVICES


async def test_killed_at_every_point_it_keeps_every_promise(beneath: Services) -> None:
    strikes = SERVICES[beneath.broker]
    async with act(beneath.server, beneath.rabbitmq, "short") as play:
        sums = await play.round("short", goal=1, before=Counter(), seconds=90, strikes=strikes, every=2)
        assert [name for name in (*POINTS, *strikes) if not play.crew.hits[name]] == []
    assert sums.sound, sums
    assert 0 < sums.accepted == sums.delivered
