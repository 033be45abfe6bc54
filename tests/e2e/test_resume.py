"""A cut connection says so, counts down, and goes on where it was: nothing missing, nothing twice."""

import asyncio
from collections.abc import Sequence

from playwright.async_api import Page, expect

from tests.e2e.browser import Visit
from tests.support.mails import plain
from tests.support.stage import Stage


async def _send(stage: Stage, names: Sequence[str]) -> None:
    for name in names:
        address = f"{name}@example.test"
        await stage.submit(plain(stage.world.shop.email, address, name), [address])


async def _rows(page: Page) -> list[str]:
    found: list[str] = (
        await page.get_by_test_id("feed").locator("li").evaluate_all("rows => rows.map(row => row.dataset.recipient)")
    )
    return found


async def test_after_a_cut_the_feed_has_every_recipient_once(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await _send(stage, ["before-1", "before-2"])
    await visit.enter(stage.world.shop)
    await visit.is_live()
    await page.evaluate("window.untouched = true")

    visit.outage = True
    stage.platform.kill("api")
    badge = page.get_by_test_id("live")
    await expect(badge).to_have_attribute("data-state", "offline", timeout=20_000)
    await expect(badge).to_contain_text("Offline, next try in")
    await _send(stage, [f"during-{number}" for number in range(5)])
    await asyncio.to_thread(stage.platform.launch, "api")
    await visit.is_live()
    await _send(stage, ["after-1"])

    rows = page.get_by_test_id("feed").locator("li")
    await expect(rows).to_have_count(8, timeout=10_000)
    await expect(rows.locator("visible=true", has_text="after-1")).to_have_count(1)
    async with stage.database() as conn:
        ledger = {str(row["recipient_id"]) for row in await conn.fetch("select distinct recipient_id from event")}
    shown = await _rows(page)
    assert len(shown) == len(set(shown))
    assert set(shown) == ledger
    for row in await rows.all():
        await expect(row).to_have_attribute("data-status", "delivered", timeout=20_000)
    assert await page.evaluate("window.untouched") is True


async def test_a_session_that_ends_elsewhere_ends_here_too(stage: Stage, visit: Visit) -> None:
    await visit.enter(stage.world.shop, "/emails")
    await visit.is_live()
    await visit.page.wait_for_load_state("networkidle")  # from here on only the socket can tell
    visit.outage = True
    async with stage.database() as conn:
        await conn.execute("delete from session")
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("Sign in to your account", timeout=15_000)
    assert await visit.page.get_by_text("@example.test").count() == 0
