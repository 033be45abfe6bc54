"""Credits are handed down and taken back, plans sold and ordered, and mail that waits for credit is let go or withdrawn."""

from uuid import UUID

from playwright.async_api import Page, expect

from tenants.models import Role
from tests.e2e.browser import Visit
from tests.support.mails import plain
from tests.support.stage import Stage
from tests.support.world import CREDITS, Tenant


async def _balance(stage: Stage, account: UUID) -> int:
    async with stage.database() as conn:
        remaining: int = await conn.fetchval("select remaining from balance where account_id = $1", account)
    return remaining


async def _give(page: Page, button: str, amount: str) -> None:
    await page.get_by_role("button", name=button).click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Credits", exact=True).fill(amount)
    await dialog.get_by_role("button", name=button).click()


async def test_credits_go_down_and_come_back_to_the_credit(stage: Stage, visit: Visit) -> None:
    page = visit.page
    acme, shop = stage.world.acme, stage.world.shop
    await visit.enter(acme, f"/accounts/{shop.id}")
    balance = page.get_by_test_id("balance")
    await expect(balance).to_have_text("100,000")
    await _give(page, "Hand down credits", "many")
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_text("Type how many credits, as a whole number.")).to_be_visible()
    await visit.is_clean()
    await dialog.get_by_label("Credits", exact=True).fill(str(CREDITS + 1))
    await dialog.get_by_role("button", name="Hand down credits").click()
    await expect(dialog.get_by_text("There are not enough credits: 1 are missing.")).to_be_visible()
    assert (await _balance(stage, acme.id), await _balance(stage, shop.id)) == (CREDITS, CREDITS)

    await dialog.get_by_label("Credits", exact=True).fill("2 500")
    await dialog.get_by_role("button", name="Hand down credits").click()
    await expect(balance).to_have_text("102,500")
    assert (await _balance(stage, acme.id), await _balance(stage, shop.id)) == (CREDITS - 2500, CREDITS + 2500)
    await _give(page, "Take back", "500")
    await expect(balance).to_have_text("102,000")
    assert (await _balance(stage, acme.id), await _balance(stage, shop.id)) == (CREDITS - 2000, CREDITS + 2000)

    await visit.go("/credits")
    table = page.get_by_role("table", name="Ledger")
    await expect(table.get_by_role("row", name="Handed down Shop.Test")).to_contain_text("-2,500")
    await expect(table.get_by_role("row", name="Came back from below")).to_contain_text("+500")
    await visit.is_clean()


async def test_billing_sees_credits_and_nothing_else(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.enter(stage.world.cafe, role=Role.BILLING)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Credits")
    await expect(page.get_by_test_id("balance")).to_have_text("100,000")
    await visit.go("/emails")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Page not found")


async def test_an_alert_threshold_is_kept(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.enter(stage.world.cafe, "/credits")
    await page.get_by_role("button", name="Alert threshold").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Tell me when credits fall below").fill("5000")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("An alert is made when fewer than 5,000 are left.")).to_be_visible()


async def test_a_plan_is_sold_ordered_and_fulfilled(stage: Stage, visit: Visit) -> None:
    page = visit.page
    acme, cafe = stage.world.acme, stage.world.cafe
    before = await _balance(stage, cafe.id)
    await visit.enter(acme, "/plans?show=sell")
    await page.get_by_role("button", name="New plan").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("Starter")
    await dialog.get_by_label("Credits", exact=True).fill("3000")
    await dialog.get_by_label("Price").fill("cheap")
    await dialog.get_by_role("button", name="Create").click()
    await expect(dialog.get_by_text("Type a price such as 12.50.")).to_be_visible()
    await visit.is_clean()
    await dialog.get_by_label("Price").fill("12.50")
    await dialog.get_by_role("button", name="Create").click()
    await expect(page.get_by_role("row", name="Starter")).to_contain_text("€12.50")
    await visit.is_clean()

    await _change_to(visit, cafe)
    await visit.go("/plans?show=buy")
    await visit.is_clean()
    await page.get_by_role("button", name="Order Starter").click()
    await expect(dialog).to_contain_text("It costs €12.50.")
    await dialog.get_by_role("button", name="Order").click()
    order = page.get_by_role("row", name="Starter")
    await expect(order).to_contain_text("Open")
    assert await _balance(stage, cafe.id) == before

    await _change_to(visit, acme)
    await visit.go("/plans")
    await page.get_by_role("button", name="Actions for Starter").click()
    await page.get_by_role("menuitem", name="Fulfil").click()
    await dialog.get_by_label("Payment reference").fill("invoice 7")
    await visit.is_clean()
    await dialog.get_by_role("button", name="Fulfil").click()
    await expect(order).to_contain_text("Fulfilled")
    assert await _balance(stage, cafe.id) == before + 3000


async def test_held_mail_is_released_or_withdrawn(stage: Stage, visit: Visit) -> None:
    page = visit.page
    rival = stage.world.rival
    async with stage.database() as conn:
        await conn.execute("update account set when_spent = 'hold', monthly_limit = 0 where id = $1", rival.id)
    for name in ("first", "second"):
        await stage.submit(plain(rival.email, f"{name}@example.test", name), [f"{name}@example.test"], tenant=rival)
    await visit.enter(rival, "/emails?is=held")
    bar = page.get_by_test_id("held")
    await expect(bar).to_contain_text("2 messages wait here.")
    await visit.is_clean()
    await bar.get_by_role("button", name="Release these").click()
    await expect(page.get_by_role("alert")).to_be_visible()  # there is still no room in the month
    async with stage.database() as conn:
        await conn.execute("update account set monthly_limit = null where id = $1", rival.id)

    await page.locator("[data-recipient]", has_text="second@example.test").get_by_role("link").click()
    await page.get_by_role("button", name="Do not send").click()
    await page.get_by_role("dialog").get_by_role("button", name="Do not send").click()
    await expect(bar).to_have_count(0)
    await visit.go("/emails?is=held")
    await expect(bar).to_contain_text("1 message waits here.")
    await bar.get_by_role("button", name="Release these").click()
    await expect(bar).to_have_count(0)
    await stage.reach(
        lambda states: (
            states.get("first@example.test") == "delivered" and states.get("second@example.test") == "cancelled"
        ),
        "one delivered and one withdrawn",
    )


async def _change_to(visit: Visit, tenant: Tenant) -> None:
    """Sign out and in again as somebody else."""
    await visit.page.get_by_test_id("account").click()
    await visit.page.get_by_role("menuitem", name="Sign out").click()
    await visit.page.get_by_label("Email address").wait_for()
    await visit.sign_in(tenant)
    await expect(visit.page.get_by_role("heading", level=1)).not_to_have_text("Sign in to your account")
