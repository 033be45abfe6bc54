"""The addresses that mail leaves from: the operator keeps the table, everybody else sees what may be used."""

from playwright.async_api import Browser, expect

from tests.e2e.browser import PHONE, Visit, visited
from tests.support.stage import Stage

PAGE = "/settings/sources"


async def test_the_operator_adds_and_changes_addresses_and_others_see_what_is_theirs(
    stage: Stage, visit: Visit, browser: Browser
) -> None:
    page = visit.page
    await visit.enter(stage.world.platform, PAGE)
    await expect(page.get_by_text("No IP addresses yet")).to_be_visible()
    await visit.is_clean()
    await page.get_by_role("button", name="New IP address").first.click()
    dialog = page.get_by_role("dialog")
    create = dialog.get_by_role("button", name="Create")
    await create.click()
    await expect(dialog.get_by_text("Enter an address, such as 203.0.113.9.")).to_be_visible()
    await dialog.get_by_label("IP address").fill("300.1.1.1")
    await dialog.get_by_label("Host name").fill("out1.mail.example")
    await create.click()
    await expect(dialog.get_by_text("This is no IP address.")).to_be_visible()
    await expect(dialog.get_by_label("IP address")).to_be_focused()
    await visit.is_clean()
    await dialog.get_by_label("IP address").fill("203.0.113.9")
    await create.click()
    row = page.get_by_role("row", name="203.0.113.9")
    for told in ("out1.mail.example", "Shared", "everybody"):
        await expect(row).to_contain_text(told)
    await visit.is_clean()

    await page.get_by_role("button", name="Change out1.mail.example").click()
    await dialog.get_by_label("Name", exact=True).fill("Acme's own")
    await dialog.get_by_label("For", exact=True).fill("acme")
    await page.locator("datalist option[value='Acme.Test (acme.test)']").wait_for(state="attached")
    await dialog.get_by_label("For", exact=True).fill("Acme.Test (acme.test)")
    await visit.is_clean()
    await dialog.get_by_role("button", name="Save").click()
    for told in ("Acme's own", "Dedicated", "Acme.Test"):
        await expect(row).to_contain_text(told)
    async with stage.database() as conn:
        made = await conn.fetchrow("select name, hostname, account_id from source where ip = '203.0.113.9'")
    assert tuple(made) == ("Acme's own", "out1.mail.example", stage.world.acme.id)

    for tenant, whose in ((stage.world.acme, "Acme.Test"), (stage.world.shop, "you, from above")):
        async with visited(browser, stage.platform.url, size=PHONE) as other:
            await other.enter(tenant, PAGE)
            await expect(other.page.get_by_role("row", name="203.0.113.9")).to_contain_text(whose)
            await expect(other.page.get_by_role("button", name="New IP address")).to_have_count(0)
            await expect(other.page.get_by_role("button", name="Change")).to_have_count(0)
            await other.is_clean()
    async with visited(browser, stage.platform.url) as stranger:
        await stranger.enter(stage.world.rival, PAGE)
        await expect(stranger.page.get_by_text("No IP addresses yet")).to_be_visible()
        await expect(stranger.page.get_by_text("203.0.113.9")).to_have_count(0)


async def test_an_account_is_given_an_address_in_its_settings(stage: Stage, visit: Visit) -> None:
    async with stage.database() as conn:
        await conn.execute(
            """insert into source (id, name, ip, hostname)
               values (gen_random_uuid(), 'Pool', '203.0.113.77', 'pool.mail.example')"""
        )
    page = visit.page
    await visit.enter(stage.world.acme, f"/accounts/{stage.world.cafe.id}?show=settings")
    await page.get_by_label("IP address").click()
    await page.get_by_role("option", name="Pool (203.0.113.77), shared").click()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.", exact=True).first).to_be_visible()
    async with stage.database() as conn:
        given = await conn.fetchval(
            "select s.ip from account a join source s on s.id = a.source_id where a.id = $1", stage.world.cafe.id
        )
    assert given == "203.0.113.77"
