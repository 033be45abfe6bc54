"""What happens is seen as it happens: a message goes queued, then delivered, and the figures move, without a reload."""

import asyncio
import time

from playwright.async_api import Page, expect

from tests.e2e.browser import Visit
from tests.support.mails import plain
from tests.support.stage import Stage

SOON = 5_000  # milliseconds; the promise is one second, the machine is shared


async def _figure(page: Page, name: str, value: str) -> None:
    await expect(page.get_by_test_id(f"tile-{name}").get_by_test_id("value")).to_have_text(value, timeout=SOON)


async def test_a_message_appears_queued_and_becomes_delivered_while_the_figures_move(
    stage: Stage, visit: Visit
) -> None:
    page = visit.page
    tenant = stage.world.shop
    await stage.submit(plain(tenant.email, "earlier@example.test", "Earlier"), ["earlier@example.test"])
    await stage.settle()
    await visit.enter(tenant)
    await visit.is_live()
    await _figure(page, "total", "1")
    await page.evaluate("window.untouched = true")

    await asyncio.to_thread(stage.platform.stop, "workers")
    await stage.submit(plain(tenant.email, "anna@example.test", "Now"), ["anna@example.test"])
    row = page.get_by_test_id("feed").locator("li", has_text="anna@example.test")
    await expect(row).to_have_attribute("data-status", "queued", timeout=SOON)
    await expect(row).to_contain_text("Queued")
    await _figure(page, "total", "2")
    await _figure(page, "queued", "1")

    await asyncio.to_thread(stage.platform.launch, "workers")
    await expect(row).to_have_attribute("data-status", "delivered", timeout=30_000)
    await _figure(page, "delivered", "2")
    await _figure(page, "queued", "0")
    assert await page.evaluate("window.untouched") is True


async def test_different_fates_are_told_apart_by_a_word(stage: Stage, visit: Visit) -> None:
    tenant = stage.world.rival
    fates = {"delivered": "Delivered", "bounced": "Bounced", "deferred": "Deferred"}
    addresses = [f"{fate}@simulator.livery.test" for fate in fates]
    await visit.enter(tenant)
    await stage.submit(plain(tenant.email, addresses[0], "Fates"), addresses, tenant=tenant)
    feed = visit.page.get_by_test_id("feed")
    for fate, word in fates.items():
        row = feed.locator("li", has_text=f"{fate}@simulator")
        await expect(row).to_have_attribute("data-status", fate, timeout=20_000)
        await expect(row).to_contain_text(word)


async def test_rows_keep_still_under_the_pointer_and_say_how_many_wait(stage: Stage, visit: Visit) -> None:
    page = visit.page
    tenant = stage.world.acme
    for name in ("one", "two"):
        await stage.submit(plain(tenant.email, f"{name}@example.test", name), [f"{name}@example.test"], tenant=tenant)
    await stage.settle()
    await visit.enter(tenant)
    await visit.is_live()
    rows = page.get_by_test_id("feed").locator("li")
    await rows.nth(1).hover()
    before = await rows.all_inner_texts()

    await stage.submit(plain(tenant.email, "three@example.test", "three"), ["three@example.test"], tenant=tenant)
    badge = page.get_by_test_id("live")
    await expect(badge).to_have_attribute("data-state", "paused", timeout=SOON)
    await expect(badge).to_have_text("Paused, +1 new")
    assert await rows.all_inner_texts() == before

    await page.mouse.move(5, 5)
    await expect(rows.first).to_contain_text("three@example.test")
    await expect(badge).to_have_attribute("data-state", "live")


async def test_another_account_sees_nothing_of_it(stage: Stage, visit: Visit) -> None:
    await visit.enter(stage.world.other)
    await visit.page.get_by_test_id("feed").or_(visit.page.get_by_test_id("first-message")).wait_for()
    await stage.submit(plain(stage.world.shop.email, "secret@example.test", "Secret"), ["secret@example.test"])
    await stage.settle()
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        assert await visit.page.get_by_text("secret@example.test").count() == 0
