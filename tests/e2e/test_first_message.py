"""An account without mail learns how to send, and its page turns by itself when the first message comes in."""

from playwright.async_api import expect

from tests.e2e.browser import Visit
from tests.support.mails import plain
from tests.support.stage import Stage

WAITING = "Waiting for the first message …"
ARRIVED = "Your first message has arrived"


async def test_the_page_turns_when_a_mail_program_sends(stage: Stage, visit: Visit) -> None:
    await visit.enter(stage.world.shop)
    page = visit.page
    await expect(page.get_by_test_id("first-wait")).to_have_text(WAITING)
    settings = page.get_by_test_id("first-message")
    await expect(settings).to_contain_text(str(stage.platform.submission))
    await expect(settings).to_contain_text(stage.world.shop.smtp_user)
    await page.evaluate("window.untouched = true")

    await stage.swaks(plain(stage.world.shop.email, "anna@example.test", "The first"), ["anna@example.test"])

    await expect(page.get_by_test_id("first-wait")).to_have_text(ARRIVED)
    await expect(page.get_by_test_id("feed").locator("li")).to_have_count(1, timeout=10_000)
    await expect(page.get_by_test_id("feed")).to_contain_text("The first")
    assert await page.evaluate("window.untouched") is True


async def test_the_page_turns_when_the_button_sends(stage: Stage, visit: Visit) -> None:
    await visit.enter(stage.world.rival)
    page = visit.page
    await expect(page.get_by_test_id("first-wait")).to_have_text(WAITING)
    await page.get_by_role("button", name="Send a test message").click()
    await expect(page.get_by_test_id("feed").locator("li[data-status=delivered]")).to_have_count(1, timeout=10_000)
    await expect(page.get_by_test_id("tile-delivered").get_by_test_id("value")).to_have_text("1")


async def test_the_offered_line_is_ready_to_paste(stage: Stage, visit: Visit) -> None:
    tenant = stage.world.other
    await visit.enter(tenant, "/settings/smtp")
    line = visit.page.get_by_role("region", name="swaks example")
    await expect(line).to_contain_text(f"--server 127.0.0.1:{stage.platform.submission} --tls")
    await expect(line).to_contain_text(f"--auth-user {tenant.smtp_user}")
    await expect(line).to_contain_text(f"--from {tenant.email}")
