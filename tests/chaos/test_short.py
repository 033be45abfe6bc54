"""A kill at every point, on both brokers, with the services under them struck as well: nothing is lost."""

from collections import Counter

from tests.chaos.__main__ import Services
from tests.chaos.accounting import Sums
from tests.chaos.act import act
from tests.chaos.points import POINTS, SERVICES

ROUNDS = 3
"""One is enough on a quiet machine; where others keep it busy, the points that were not reached get another."""


async def test_killed_at_every_point_it_keeps_every_promise(beneath: Services) -> None:
    sums, missing = Sums(), [*POINTS, *SERVICES[beneath.broker]]
    async with act(beneath.server, beneath.rabbitmq, "short") as play:
        while missing and sums.rounds < ROUNDS:
            strikes = [name for name in missing if name not in POINTS]
            points = [name for name in missing if name in POINTS]
            sums.add(
                await play.round(
                    f"short{sums.rounds}",
                    goal=1,
                    before=Counter(),
                    seconds=45,
                    strikes=strikes,
                    every=2,
                    most=120,
                    points=points,
                )
            )
            missing = [name for name in missing if not play.crew.hits[name]]
    assert sums.sound, sums
    assert missing == []
    assert 0 < sums.accepted == sums.delivered
