"""A reseller makes, stops, enters and deletes the accounts below; a customer who may not resell finds no word of it."""

import re
from uuid import UUID

import pytest
from playwright.async_api import Browser, Page, expect

from tenants.models import Role
from tests.e2e.browser import PHONE, Visit, visited
from tests.support.stage import Stage, eventually
from tests.support.world import CREDITS

ABOVE_ALL = str(CREDITS + 1)


async def _next(page: Page) -> None:
    await page.get_by_role("button", name="Next").click()


async def _field(page: Page, name: str, value: str) -> None:
    await page.get_by_label(name, exact=True).fill(value)


async def _credits(stage: Stage, account: UUID) -> int:
    async with stage.database() as conn:
        remaining: int = await conn.fetchval("select remaining from balance where account_id = $1", account)
    return remaining


async def _action(page: Page, tenant: str, name: str) -> None:
    await page.get_by_role("button", name=f"Actions for {tenant}").click()
    await page.get_by_role("menuitem", name=name).click()


async def test_the_wizard_makes_everything_in_one_go(stage: Stage, visit: Visit) -> None:
    page = visit.page
    acme = stage.world.acme
    before = await _credits(stage, acme.id)
    await visit.enter(acme, "/accounts")
    await page.get_by_role("link", name="New sub-account").click()

    await _next(page)
    await expect(page.get_by_text("Give the account a name.")).to_be_visible()
    await expect(page.get_by_label("Name", exact=True)).to_be_focused()
    await _field(page, "Name", "Bakery & Sons")
    await visit.is_clean()
    await _next(page)
    await _field(page, "Credits to hand down", "1 500")
    await _field(page, "Monthly limit", "1000")
    await page.get_by_role("radio", name=re.compile("Hold")).check()
    await visit.is_clean()
    await _next(page)
    await _field(page, "Sender domain", "bakery.example")
    await _field(page, "Address of its privacy policy", "https://bakery.example/privacy")
    await visit.is_clean()
    await _next(page)
    await _field(page, "Brand name", "Bakery Mail")
    await _field(page, "Brand colour", "#7c3aed")
    await _field(page, "Email address", "baker@bakery.example")
    await visit.is_clean()
    await _next(page)
    summary = page.get_by_test_id("summary")
    for told in ("Bakery & Sons", "1 500", "bakery.example", "baker@bakery.example, Owner"):
        await expect(summary).to_contain_text(told)
    await visit.is_clean()
    await page.get_by_role("button", name="Create sub-account").click()

    await expect(page.get_by_role("heading", level=1)).to_have_text("Bakery & Sons")
    async with stage.database() as conn:
        made = await conn.fetchrow("select * from account where name = 'Bakery & Sons'")
        invited = await conn.fetchrow("select email, role from invitation where account_id = $1", made["id"])
        domain = await conn.fetchval("select name from domain where account_id = $1", made["id"])
    assert (made["parent_id"], made["monthly_limit"], made["when_spent"]) == (acme.id, 1000, "hold")
    assert (made["privacy_url"], made["brand_name"], made["brand_color"]) == (
        "https://bakery.example/privacy",
        "Bakery Mail",
        "#7c3aed",
    )
    assert tuple(invited) == ("baker@bakery.example", "owner")
    assert domain == "bakery.example"
    assert await _credits(stage, made["id"]) == 1500
    assert await _credits(stage, acme.id) == before - 1500


async def test_an_account_starts_with_a_plan(stage: Stage, visit: Visit) -> None:
    page = visit.page
    acme = stage.world.acme
    async with stage.database() as conn:
        for name, credits in (("Basic", 2_000), ("Giant", CREDITS + 1)):
            await conn.execute(
                """insert into plan (id, account_id, name, credits, monthly, valid_days)
                   values (gen_random_uuid(), $1, $2, $3, true, 90)""",
                acme.id,
                name,
                credits,
            )
    before = await _credits(stage, acme.id)
    await visit.enter(acme, "/accounts/new")
    await _field(page, "Name", "Planned")
    await _next(page)
    await page.get_by_label("Plan", exact=True).click()
    await page.get_by_role("option", name="Giant: 100,001 credits every month").click()
    await expect(page.get_by_label("Credits to hand down")).to_have_count(0)
    await visit.is_clean()
    for _ in range(3):
        await _next(page)
    await expect(page.get_by_test_id("summary")).to_contain_text("Giant: 100,001 credits every month")
    await page.get_by_role("button", name="Create sub-account").click()
    await expect(page.get_by_role("heading", level=2)).to_have_text("Credits")
    await expect(page.get_by_text("There are not enough credits")).to_be_visible()
    await page.get_by_label("Plan", exact=True).click()
    await page.get_by_role("option", name="Basic: 2,000 credits every month").click()
    for _ in range(3):
        await _next(page)
    await page.get_by_role("button", name="Create sub-account").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Planned")
    async with stage.database() as conn:
        made = await conn.fetchrow(
            """select a.id, o.state, p.name from account a join plan_order o on o.account_id = a.id
                 join plan p on p.id = o.plan_id where a.name = 'Planned'"""
        )
    assert (made["state"], made["name"]) == ("fulfilled", "Basic")
    assert await _credits(stage, made["id"]) == 2_000
    assert await _credits(stage, acme.id) == before - 2_000
    await visit.go("/plans")
    await expect(page.get_by_role("row").filter(has_text="Planned")).to_contain_text("Fulfilled")


async def test_what_is_refused_leads_back_to_its_field_and_nothing_is_made(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.enter(stage.world.other, "/accounts/new")
    await _field(page, "Name", "Too Much")
    await _next(page)
    await _field(page, "Credits to hand down", "lots")
    await _next(page)
    await expect(page.get_by_text("Type a whole number, or leave it empty.")).to_be_visible()
    await _field(page, "Credits to hand down", ABOVE_ALL)
    for _ in range(3):
        await _next(page)
    await page.get_by_role("button", name="Create sub-account").click()
    await expect(page.get_by_role("heading", level=2)).to_have_text("Credits")
    await expect(page.get_by_label("Credits to hand down")).to_be_focused()
    await expect(page.get_by_text("There are not enough credits")).to_be_visible()
    async with stage.database() as conn:
        assert await conn.fetchval("select count(*) from account where name = 'Too Much'") == 0
    assert await _credits(stage, stage.world.other.id) == CREDITS


async def test_settings_are_changed_field_by_field(stage: Stage, visit: Visit) -> None:
    page = visit.page
    cafe = stage.world.cafe
    await visit.enter(stage.world.acme, f"/accounts/{cafe.id}?show=settings")
    await expect(page.get_by_label("Name", exact=True)).to_have_value("Cafe.Test")
    await _field(page, "Monthly limit", "250")
    await _field(page, "Address of its privacy policy", "no address")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("This is no address of a page.")).to_be_visible()
    await _field(page, "Address of its privacy policy", "https://cafe.test/privacy")
    await visit.is_clean()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.", exact=True).first).to_be_visible()
    async with stage.database() as conn:
        row = await conn.fetchrow("select monthly_limit, privacy_url from account where id = $1", cafe.id)
    assert tuple(row) == (250, "https://cafe.test/privacy")


async def test_an_account_is_suspended_with_a_reason_its_people_are_shown_and_goes_on(
    stage: Stage, visit: Visit, browser: Browser
) -> None:
    page = visit.page
    cafe = stage.world.cafe
    await visit.enter(stage.world.acme, "/accounts")
    await page.get_by_role("link", name="cafe.test").click()
    await _action(page, "Cafe.Test", "Suspend")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Suspend").click()
    await expect(dialog.get_by_text("Say why: its people are shown this.")).to_be_visible()
    await visit.is_clean()
    await dialog.get_by_label("Reason").fill("Bill not paid")
    await dialog.get_by_role("button", name="Suspend").click()
    await expect(page.get_by_text("Suspended: Bill not paid")).to_be_visible()
    await visit.is_clean()
    async with visited(browser, stage.platform.url) as inside:
        await inside.enter(cafe, "/emails")
        await expect(inside.page.get_by_test_id("suspended")).to_contain_text("Bill not paid")
        await inside.page.get_by_text("No emails yet").wait_for()
        await expect(inside.page.get_by_role("link", name="Members")).to_have_count(0)
        await inside.is_clean()
    await page.get_by_role("button", name="Resume").click()
    await expect(page.get_by_text("Suspended: Bill not paid")).to_have_count(0)
    async with stage.database() as conn:
        assert await conn.fetchval("select suspended_at from account where id = $1", cafe.id) is None


async def test_log_in_as_shows_where_one_is_and_leads_out_with_one_click(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.enter(stage.world.acme, f"/accounts/{stage.world.shop.id}")
    await page.get_by_role("button", name="Log in as").click()
    banner = page.get_by_test_id("entered")
    await expect(banner).to_contain_text("You are inside Shop.Test.")
    navigation = page.get_by_role("navigation", name="Navigation")
    await expect(navigation.get_by_role("link", name="Emails")).to_be_visible()
    for hidden in ("Members", "SMTP users and keys", "Sub-accounts"):
        await expect(navigation.get_by_role("link", name=hidden)).to_have_count(0)
    await visit.calm()
    await visit.is_clean()
    await banner.get_by_role("button", name="Leave").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sub-accounts")
    await expect(banner).to_have_count(0)


async def test_an_account_is_moved_below_another(stage: Stage, visit: Visit) -> None:
    page = visit.page
    world = stage.world
    await visit.enter(world.platform, f"/accounts/{world.rival.id}")
    await _action(page, "Rival.Test", "Move")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Move").click()
    await expect(dialog.get_by_text("It is below this account already.")).to_be_visible()
    await expect(dialog.get_by_label("Below")).to_have_value("Other.Test (other.test)")
    await dialog.get_by_label("Below").fill("acme")
    await page.locator("datalist option[value='Acme.Test (acme.test)']").wait_for(state="attached")
    await dialog.get_by_label("Below").fill("Acme.Test (acme.test)")
    await visit.is_clean()
    await dialog.get_by_role("button", name="Move").click()
    await expect(dialog).to_have_count(0)
    async with stage.database() as conn:
        assert await conn.fetchval("select parent_id from account where id = $1", world.rival.id) == world.acme.id


async def test_deleting_for_ever_needs_the_name_typed(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.enter(stage.world.acme, "/accounts/new")
    await _field(page, "Name", "Short Lived")
    for _ in range(4):
        await _next(page)
    await page.get_by_role("button", name="Create sub-account").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Short Lived")
    await _action(page, "Short Lived", "Delete for ever")
    dialog = page.get_by_role("dialog")
    button = dialog.get_by_role("button", name="Delete for ever")
    await expect(button).to_be_disabled()
    await dialog.get_by_label("Type Short Lived to confirm").fill("short lived")
    await expect(button).to_be_disabled()
    await visit.is_clean()
    await dialog.get_by_label("Type Short Lived to confirm").fill("Short Lived")
    await button.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sub-accounts")
    await expect(page.get_by_role("link", name="Short Lived")).to_have_count(0)

    async def gone() -> bool | None:
        async with stage.database() as conn:
            living = await conn.fetchval("select count(*) from account where name = 'Short Lived'")
        return True if living == 0 else None

    await eventually(gone, "deleted account")


async def test_a_customer_finds_no_sub_accounts(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.enter(stage.world.shop)
    await page.get_by_role("navigation", name="Navigation").get_by_role("link", name="Members").wait_for()
    for name in ("Sub-accounts", "Partner report"):
        await expect(page.get_by_role("link", name=name)).to_have_count(0)
    for path in ("/accounts", "/accounts/new", f"/accounts/{stage.world.cafe.id}", "/partners"):
        await visit.go(path)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Page not found")


_OF_MAIL = [
    "Dashboard",
    "Emails",
    "Opens and clicks",
    "Bounces",
    "Spam reports",
    "Unsubscribes",
    "Suppressions",
    "SMTP settings",
    "Templates and footers",
    "Additions and tracking",
    "Copies (BCC)",
]


@pytest.mark.parametrize(
    ("role", "links"),
    [
        (Role.ANALYST, _OF_MAIL),
        (Role.SENDER, _OF_MAIL),
        (Role.BILLING, ["Credits", "Plans and orders"]),
    ],
)
async def test_navigation_follows_the_role(stage: Stage, visit: Visit, role: Role, links: list[str]) -> None:
    page = visit.page
    await visit.enter(stage.world.acme, role=role)
    navigation = page.get_by_role("navigation", name="Navigation")
    await expect(navigation.get_by_role("link")).to_have_text(links)
    await visit.go("/settings/members")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Page not found")


async def test_the_list_is_readable_on_a_phone(stage: Stage, browser: Browser) -> None:
    async with visited(browser, stage.platform.url, size=PHONE) as phone:
        await phone.enter(stage.world.acme, "/accounts")
        await phone.page.get_by_role("link", name="shop.test").wait_for()
        await phone.is_clean()
        for show in ("overview", "settings", "credentials", "members"):
            await phone.go(f"/accounts/{stage.world.shop.id}?show={show}")
            await phone.page.wait_for_load_state("networkidle")
            await phone.is_clean()
