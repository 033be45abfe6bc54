"""Only who signs in sees anything, and a login leads back to where one wanted to go."""

from urllib.parse import urlsplit

from playwright.async_api import expect

from tests.e2e.browser import Visit
from tests.support.stage import Stage


async def test_a_wrong_password_is_refused_in_plain_words_and_the_right_one_leads_to_the_page_asked_for(
    stage: Stage, visit: Visit
) -> None:
    await visit.go("/settings/smtp")
    assert urlsplit(visit.page.url).path == "/login"
    await visit.sign_in(stage.world.shop, password="not the password")
    await expect(visit.page.get_by_role("alert")).to_be_visible()
    assert urlsplit(visit.page.url).path == "/login"
    assert await visit.page.context.cookies() == []
    await visit.sign_in(stage.world.shop)
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("SMTP settings")
    assert urlsplit(visit.page.url).path == "/settings/smtp"


async def test_the_session_is_a_cookie_that_scripts_cannot_read(stage: Stage, visit: Visit) -> None:
    await visit.enter(stage.world.shop)
    cookies = await visit.page.context.cookies()
    assert [(cookie["httpOnly"], cookie["sameSite"]) for cookie in cookies] == [(True, "Lax")]
    assert await visit.page.evaluate("document.cookie") == ""


async def test_signing_out_leaves_nothing_to_see(stage: Stage, visit: Visit) -> None:
    await visit.enter(stage.world.shop)
    await visit.page.get_by_test_id("account").click()
    await visit.page.get_by_role("menuitem", name="Sign out").click()
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("Sign in to your account")
    await visit.go("/emails")
    assert urlsplit(visit.page.url).path == "/login"


async def test_an_address_of_another_site_is_no_place_to_lead_to(stage: Stage, visit: Visit) -> None:
    await visit.enter(stage.world.shop, "/login?next=//evil.test/")
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("Dashboard")
    assert visit.page.url == f"{visit.origin}/"
