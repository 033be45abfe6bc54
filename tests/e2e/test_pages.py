"""Every page can be read by everybody: WCAG 2.2 AA by axe, light and dark, at a desk, on a phone, and right to left."""

from collections import Counter

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.browser import DESK, PHONE, Scheme, Visit, visited
from tests.support.mails import plain
from tests.support.stage import Stage

FATES = ("delivered", "bounced", "deferred")


async def _furnished(stage: Stage) -> str:
    """Return the id of a message with three fates; it is sent once for the file."""
    tenant = stage.world.shop
    async with stage.database() as conn:
        if id := await conn.fetchval("select id from message where account_id = $1 limit 1", tenant.id):
            return str(id)
    to = [f"{fate}@simulator.livery.test" for fate in FATES]
    await stage.submit(plain(tenant.email, to[0], "Fates"), to)
    await stage.settle()
    async with stage.database() as conn:
        # The simulator's host would take it at the second attempt, minutes from now: the pages of this file show it waiting.
        await conn.execute(
            "update recipient set next_attempt_at = livery_now() + interval '1 day' where state = 'deferred'"
        )
    return await _furnished(stage)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize(("scheme", "direction"), [("light", "ltr"), ("dark", "ltr"), ("light", "rtl")])
async def test_every_page_is_clean(
    stage: Stage, browser: Browser, scheme: Scheme, size: tuple[int, int], direction: str
) -> None:
    message = await _furnished(stage)
    found: dict[str, object] = {}
    async with visited(browser, stage.platform.url, scheme=scheme, size=size) as visit:

        async def look(name: str) -> None:
            await visit.page.evaluate(f"document.documentElement.dir = '{direction}'")
            await visit.calm()
            if violations := await visit.axe():
                found[name] = violations
            if await visit.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                found[f"{name} is wider than the screen"] = size

        await visit.go("/login")
        await look("login")
        await visit.sign_in(stage.world.shop)
        await visit.is_live()
        await visit.page.locator("canvas").wait_for()
        await look("dashboard")
        for name, path in {
            "emails": "/emails",
            "message": f"/emails/{message}",
            "headers": f"/emails/{message}?view=headers",
            "smtp": "/settings/smtp",
            "engagement": "/engagement",
            "bounces": "/bounces",
            "suppressions": "/suppressions",
            "treatment": "/settings/treatment",
            "template": "/settings/templates/new",
            "missing": "/nowhere",
        }.items():
            await visit.go(path)
            await visit.page.wait_for_load_state("networkidle")
            await look(name)
    assert found == {}


@pytest.mark.parametrize(("scheme", "direction", "size"), [("dark", "ltr", DESK), ("light", "rtl", PHONE)])
async def test_every_page_of_an_owner_who_resells_is_clean(
    stage: Stage, browser: Browser, scheme: Scheme, direction: str, size: tuple[int, int]
) -> None:
    found: dict[str, object] = {}
    async with visited(browser, stage.platform.url, scheme=scheme, size=size) as visit:
        await visit.enter(stage.world.acme)
        shop = f"/accounts/{stage.world.shop.id}"
        for path in (
            *("/accounts", "/accounts/new", shop, f"{shop}?show=settings", f"{shop}?show=credentials"),
            *("/complaints", "/unsubscribes", "/unsubscribes?show=tags", "/settings/templates", "/settings/copies"),
            *("/credits", "/plans", "/plans?show=buy", "/plans?show=sell", "/partners"),
            *(
                "/settings/credentials",
                "/settings/sources",
                "/settings/account",
                "/settings/members",
                "/settings/audit",
            ),
            "/settings/security",
        ):
            await visit.go(path)
            await visit.page.wait_for_load_state("networkidle")
            await visit.page.evaluate(f"document.documentElement.dir = '{direction}'")
            await visit.calm()
            if violations := await visit.axe():
                found[path] = violations
            if await visit.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                found[f"{path} is wider than the screen"] = size
    assert found == {}


async def test_the_empty_dashboard_is_clean(stage: Stage, visit: Visit) -> None:
    await visit.enter(stage.world.rival)
    await expect(visit.page.get_by_test_id("first-message")).to_be_visible()
    await visit.page.get_by_role("region", name="swaks example").wait_for()
    await visit.calm()
    assert await visit.axe() == []


async def test_figures_are_toggles_and_the_chart_has_a_table(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await _furnished(stage)
    await visit.enter(stage.world.shop)
    tile = page.get_by_test_id("tile-queued")
    await expect(tile).to_have_attribute("aria-pressed", "false")
    await tile.click()
    await expect(tile).to_have_attribute("aria-pressed", "true")
    await page.get_by_role("button", name="Show as table").click()
    table = page.get_by_role("region", name="Figures over time").get_by_role("table")
    heads = await table.locator("thead th").all_inner_texts()
    figures: Counter[str] = Counter()
    for row in await table.locator("tbody tr").all():  # the mail may be of yesterday by now
        figures.update(dict(zip(heads[1:], map(int, await row.locator("td").all_inner_texts()), strict=True)))
    assert (figures["Total"], figures["Delivered"], figures["Bounced"]) == (3, 1, 1)


async def test_a_range_is_chosen_in_the_calendar_and_kept_in_the_address(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await _furnished(stage)
    await visit.enter(stage.world.shop)
    await page.get_by_test_id("range").click()
    await page.get_by_role("button", name="Last 30 days").click()
    await expect(page).to_have_url(f"{visit.origin}/?range=30d")
    await expect(page.get_by_role("dialog")).to_have_count(0)  # keys belong to what is open
    await page.keyboard.press("w")
    await expect(page).to_have_url(f"{visit.origin}/?range=30d&by=week")
    await page.get_by_test_id("range").click()
    days = page.locator("[data-reka-calendar-cell-trigger]:not([data-disabled]):not([data-outside-view])")
    await days.first.click()
    await days.nth(1).click()
    await expect(page.get_by_test_id("range")).to_contain_text("–")
    assert "from=" in page.url
    assert "to=" in page.url


async def test_keys_lead_to_the_pages(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await _furnished(stage)
    await visit.enter(stage.world.shop)
    heading = page.get_by_role("heading", level=1)
    await visit.is_live()
    await page.keyboard.press("g")
    await page.keyboard.press("e")
    await expect(heading).to_have_text("Emails")
    await page.keyboard.press("/")
    await expect(page.get_by_role("searchbox")).to_be_focused()
    await page.keyboard.type("gd")
    await expect(page.get_by_role("searchbox")).to_have_value("gd")
    await page.get_by_role("searchbox").blur()
    await page.keyboard.press("g")
    await page.keyboard.press("d")
    await expect(heading).to_have_text("Dashboard")
    await page.keyboard.press("Control+k")
    await page.get_by_role("combobox").or_(page.get_by_placeholder("Go to a page")).first.fill("smtp settings")
    await expect(page.get_by_role("option").first).to_contain_text("SMTP settings")
    await page.keyboard.press("Enter")
    await expect(heading).to_have_text("SMTP settings")
