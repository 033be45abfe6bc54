"""SMTP users, API keys and networks: made and shown once, changed, switched off and on, revoked for ever."""

import asyncio
import smtplib

import httpx
from playwright.async_api import Browser, Page, expect

from tests.e2e.browser import Visit, visited
from tests.support.stage import Stage, eventually

PAGE = "/settings/credentials"


async def _make(page: Page, kind: str, name: str) -> list[str]:
    """Make a credential and return what was shown of it, once."""
    await page.get_by_role("button", name=f"New {kind}").click()
    await page.get_by_role("dialog").get_by_label("Name").fill(name)
    await page.get_by_role("dialog").get_by_role("button", name="Create").click()
    shown = page.get_by_test_id("secret").locator("dd bdi")
    await shown.first.wait_for()
    return await shown.all_inner_texts()


async def _menu(page: Page, name: str, item: str) -> None:
    await page.get_by_role("button", name=f"Actions for {name}").click()
    await page.get_by_role("menuitem", name=item).click()


async def test_an_smtp_user_is_shown_once_and_lets_in(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.enter(stage.world.shop, PAGE)
    user, password = await _make(page, "SMTP user", "Web shop")
    await visit.is_clean()
    await page.keyboard.press("Escape")  # only the acknowledgement closes it
    await expect(page.get_by_test_id("secret")).to_be_visible()
    await page.get_by_role("button", name="I have kept it").click()
    await expect(page.get_by_role("row", name="Web shop")).to_contain_text(user)
    await expect(page.get_by_text(password)).to_have_count(0)
    await visit.is_clean()
    with smtplib.SMTP("127.0.0.1", stage.platform.submission, timeout=30) as session:
        session.starttls(context=stage.platform.client_tls())
        assert session.login(user, password)[0] == 235


async def test_a_key_has_its_terms_and_is_switched_off_on_and_revoked(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.enter(stage.world.shop, PAGE)
    await page.get_by_role("button", name="New API key").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Create").click()
    await expect(dialog.get_by_text("Give it a name, so that you know later what uses it.")).to_be_visible()
    await dialog.get_by_label("Name").fill("Reports")
    await dialog.get_by_role("checkbox", name="Send").uncheck()
    await dialog.get_by_label("A day").fill("500")
    await dialog.get_by_label("Networks").fill("not a network")
    await visit.is_clean()
    await dialog.get_by_role("button", name="Create").click()
    await expect(dialog.get_by_text("networks are written like")).to_be_visible()
    await dialog.get_by_label("Networks").fill("127.0.0.0/8\n203.0.113.0/24")
    await dialog.get_by_role("button", name="Create").click()
    key = await page.get_by_test_id("secret").locator("dd bdi").inner_text()
    await page.get_by_role("button", name="I have kept it").click()
    row = page.get_by_role("row", name="Reports")
    for told in ("Read", "500 a day", "127.0.0.0/8, 203.0.113.0/24", "Active"):
        await expect(row).to_contain_text(told)

    async def answered() -> bool:
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                f"{stage.platform.url}/graphql",
                json={"query": "{ me { permissions } }"},
                headers={"Authorization": f"Bearer {key}"},
            )
        told: dict[str, object] = answer.json()
        return told.get("data") == {"me": {"permissions": ["READ"]}}

    assert await answered()
    await _menu(page, "Reports", "Switch off")
    await expect(row).to_contain_text("Switched off")
    assert not await answered()
    await _menu(page, "Reports", "Switch on")
    await expect(row).to_contain_text("Active")
    assert await answered()

    await _menu(page, "Reports", "Change")
    await dialog.get_by_label("Name").fill("Daily reports")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("row", name="Daily reports")).to_contain_text("500 a day")

    await _menu(page, "Daily reports", "Revoke for ever")
    confirm = dialog.get_by_role("button", name="Revoke for ever")
    await expect(confirm).to_be_disabled()
    await dialog.get_by_label("Type Daily reports to confirm").fill("Daily reports")
    await visit.is_clean()
    await confirm.click()
    await expect(dialog).to_have_count(0)  # behind an open dialog nothing has a role
    await expect(page.get_by_role("row", name="Daily reports")).to_have_count(0)
    assert not await answered()
    await page.get_by_role("checkbox", name="Show revoked ones").check()
    await expect(page.get_by_role("row", name="Daily reports")).to_contain_text("Revoked")


async def test_the_operator_names_a_network_that_needs_no_password(
    stage: Stage, visit: Visit, browser: Browser
) -> None:
    page = visit.page
    cafe = stage.world.cafe
    await visit.enter(stage.world.platform, f"/accounts/{cafe.id}?show=credentials")
    await page.get_by_role("button", name="New network").click()
    dialog = page.get_by_role("dialog")
    create = dialog.get_by_role("button", name="Create")
    await dialog.get_by_label("Name").fill("Cash desks")
    await create.click()
    await expect(dialog.get_by_text("Name the network it sends from")).to_be_visible()
    await dialog.get_by_label("Networks").fill("10.0.0.0/8")
    await create.click()
    await expect(dialog.get_by_text("10.0.0.0/8 is too wide")).to_be_visible()
    await visit.is_clean()
    await dialog.get_by_label("Networks").fill("127.0.0.0/24")
    await create.click()
    await expect(page.get_by_text("Mail from 127.0.0.0/24 is accepted").first).to_be_visible()
    row = page.get_by_role("row", name="Cash desks")
    for told in ("Network", "127.0.0.0/24", "Active"):
        await expect(row).to_contain_text(told)
    await visit.is_clean()

    def accepted() -> int:
        with smtplib.SMTP("127.0.0.1", stage.platform.submission, timeout=30) as session:
            session.starttls(context=stage.platform.client_tls())
            session.ehlo()
            return session.mail(cafe.email)[0]

    async def lets_in() -> bool | None:
        return await asyncio.to_thread(accepted) == 250 or None

    await eventually(lets_in, "mail without a password")

    async with visited(browser, stage.platform.url) as owner:
        await owner.enter(cafe, PAGE)
        await expect(owner.page.get_by_role("row", name="Cash desks")).to_contain_text("127.0.0.0/24")
        await expect(owner.page.get_by_role("button", name="New network")).to_have_count(0)
        await _menu(owner.page, "Cash desks", "Change")
        theirs = owner.page.get_by_role("dialog")
        await expect(theirs.get_by_label("Networks")).to_be_disabled()
        await theirs.get_by_label("A day").fill("50")
        await owner.is_clean()
        await theirs.get_by_role("button", name="Save").click()
        await expect(owner.page.get_by_role("row", name="Cash desks")).to_contain_text("50 a day")


async def test_another_account_sees_none_of_them(stage: Stage, visit: Visit) -> None:
    await visit.enter(stage.world.rival, PAGE)
    await visit.page.get_by_role("row", name="rival-smtp").wait_for()
    await expect(visit.page.get_by_role("row", name="shop-smtp")).to_have_count(0)
