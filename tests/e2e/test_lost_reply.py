"""Where nobody can know whether a host took a message, or no host answered at all, the message's page says so in words."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.async_api import expect

from tests.e2e.browser import Visit
from tests.support.mails import plain
from tests.support.postgres import Postgres
from tests.support.sink import RESET
from tests.support.stage import Stage, staged


@pytest.fixture(scope="module")
def stage(populated: Postgres) -> Iterator[Stage]:
    """A running platform that delivers to a host of the test's own."""
    yield from staged(populated)


async def test_a_lost_reply_is_told_beside_the_attempt(stage: Stage, visit: Visit) -> None:
    timeline = visit.page.get_by_test_id("timeline")
    async with stage.host() as sink:
        sink.answers(RESET, "250 2.0.0 taken", at="dot", to="unsure@far.test")
        await stage.submit(plain(stage.world.shop.email, "unsure@far.test", "Unsure"), ["unsure@far.test"])
        await stage.reach(lambda states: states.get("unsure@far.test") == "deferred", "deferral")
        await visit.enter(stage.world.shop, "/emails")
        await visit.page.locator("li", has_text="unsure@far.test").get_by_role("link").click()
        await expect(timeline).to_contain_text("The host's answer was lost; a second copy may have arrived.")
        await stage.later(timedelta(minutes=7))
        await sink.receives(1)
        await stage.settle()
    await expect(timeline).to_contain_text("Delivered")
    await expect(timeline.get_by_text("a second copy may have arrived")).to_have_count(1)


async def test_where_no_host_answers_the_page_says_what_happened(stage: Stage, visit: Visit) -> None:
    await stage.submit(plain(stage.world.shop.email, "away@far.test", "Away"), ["away@far.test"])
    await stage.reach(lambda states: states.get("away@far.test") == "deferred", "deferral")
    await visit.enter(stage.world.shop, "/emails")
    await visit.page.locator("li", has_text="away@far.test").get_by_role("link").click()
    await expect(visit.page.get_by_test_id("timeline")).to_contain_text("127.0.0.1: connecting: Connection refused")
