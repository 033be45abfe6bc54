"""What somebody writes while a form is still being saved stays, and what was sent is kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Page, Route, expect

from tests.e2e.browser import Visit
from tests.support.stage import Stage


@asynccontextmanager
async def slow(page: Page, mutation: str) -> AsyncIterator[asyncio.Event]:
    """Hold the answer to a change until this ends; the event says that the server has made it."""
    made, go_on = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        if mutation not in (route.request.post_data or ""):
            return await route.continue_()
        answer = await route.fetch()
        made.set()
        await go_on.wait()
        await route.fulfill(response=answer)

    await page.route("**/graphql", hold)
    try:
        yield made
    finally:
        go_on.set()


async def test_what_is_written_while_a_template_is_saved_stays(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.enter(stage.world.shop, "/settings/templates/new")
    name, html = page.get_by_label("Name"), page.get_by_label("HTML", exact=True)
    text = page.get_by_role("textbox", name="Plain text")
    own = page.get_by_role("checkbox", name="Plain text of its own")
    save = page.get_by_role("button", name="Save")

    # What one begins with is kept as it is, and nobody is told otherwise.
    await name.fill("First letters")
    await save.click()
    await expect(page.get_by_text("Saved.", exact=True).first).to_be_visible()
    await visit.go("/settings/templates/new")

    await name.fill("Letters")
    await html.fill("<script></script><p>Dear all</p><% body %>")
    async with slow(page, "createTemplate") as made:
        await save.click()
        await made.wait()
        await name.fill("Letters of spring")
        await own.check()
        await text.fill("In short\n\n<% body %>")
    await expect(page).not_to_have_url(f"{visit.origin}/settings/templates/new")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Letters")
    await expect(name).to_have_value("Letters of spring")
    await expect(text).to_have_value("In short\n\n<% body %>")
    await expect(html).to_have_value("<p>Dear all</p><% body %>")  # nobody wrote in it: what was made of it shows
    await page.unroute("**/graphql")
    await save.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Letters of spring")

    await html.fill("<p>Dear friends</p><% body %>")
    async with slow(page, "updateTemplate") as made:
        await save.click()
        await made.wait()
        await html.fill("<p>Dear friends and others</p><% body %>")
        await page.get_by_role("checkbox", name="Default").check()
        async with stage.database() as conn:
            await conn.execute("update template set name = 'Letters to all' where name = 'Letters of spring'")
    # What somebody else wrote shows that the page has been told anew.
    await expect(page.get_by_role("heading", level=1)).to_have_text("Letters to all")
    await expect(name).to_have_value("Letters to all")
    await expect(html).to_have_value("<p>Dear friends and others</p><% body %>")
    await expect(page.get_by_role("checkbox", name="Default")).to_be_checked()
    async with stage.database() as conn:
        kept = await conn.fetchrow(
            "select html, rtrim(text, E'\\n'), is_default from template where name like 'Letters%'"
        )
    assert tuple(kept) == ("<p>Dear friends</p><% body %>", "In short\n\n<% body %>", False)


async def test_what_is_written_while_settings_are_saved_stays(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.enter(stage.world.acme, f"/accounts/{stage.world.cafe.id}?show=settings")
    limit = page.get_by_role("textbox", name="Monthly limit")
    privacy = page.get_by_label("Address of its privacy policy")
    await limit.fill("250")
    async with slow(page, "updateAccount") as made:
        await page.get_by_role("button", name="Save").click()
        await made.wait()
        await privacy.fill("https://cafe.test/privacy")
        async with stage.database() as conn:
            await conn.execute("update account set name = 'Bar' where id = $1", stage.world.cafe.id)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Bar")
    await expect(page.get_by_label("Name", exact=True)).to_have_value("Bar")
    await expect(limit).to_have_value("250")
    await expect(privacy).to_have_value("https://cafe.test/privacy")
    async with stage.database() as conn:
        kept = await conn.fetchrow("select monthly_limit, privacy_url from account where id = $1", stage.world.cafe.id)
    assert tuple(kept) == (250, None)


async def test_what_is_chosen_while_a_treatment_is_saved_stays(stage: Stage, visit: Visit) -> None:
    page, rival = visit.page, stage.world.rival
    await visit.enter(rival, "/settings/treatment")
    clicks = page.get_by_role("switch", name="Count clicks")
    days = page.get_by_label("Keep details of opens and clicks")
    await clicks.click()
    async with slow(page, "updateTreatment") as made:
        await page.get_by_role("button", name="Save").click()
        await made.wait()
        await days.click()
        await page.get_by_role("option", name="90 days").click()
        async with stage.database() as conn:
            await conn.execute("update treatment set track_opens = true where account_id = $1", rival.id)
    await expect(page.get_by_role("switch", name="Count opens")).to_be_checked()
    await expect(clicks).to_be_checked()
    await expect(days).to_have_text("90 days")
    async with stage.database() as conn:
        kept = await conn.fetchrow("select track_clicks, visit_days from treatment where account_id = $1", rival.id)
    assert tuple(kept) == (True, None)
