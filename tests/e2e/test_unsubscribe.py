"""Can a person take themselves off with the link of a mail, in their language, on a phone, without any script?"""

from dataclasses import replace

import pytest
from playwright.async_api import Browser, expect

from api.unsubscribe_words import WORDS
from kit.crypto import Keyring
from mail.wire import unsubscribe
from mail.wire.unsubscribe import Ticket
from tests.e2e.browser import DESK, PHONE, Scheme, Visit, visited
from tests.support.mails import plain
from tests.support.stage import Stage
from tests.support.world import SECRET_KEY


@pytest.fixture
async def ticket(stage: Stage) -> Ticket:
    """What the link in a mail of shop.test to ann@far.test carries."""
    shop = stage.world.shop
    async with stage.database() as conn:
        await conn.execute(
            """update account set brand_name = 'Acme & Söhne', brand_color = '#ffcc00',
                                  privacy_url = 'https://acme.test/privacy' where id = $1""",
            stage.world.acme.id,
        )
    await stage.submit(plain(shop.email, "ann@far.test"), ["ann@far.test"])
    async with stage.database() as conn:
        id = await conn.fetchval("select id from recipient where address = 'ann@far.test' order by id desc limit 1")
        await conn.execute("delete from suppression")
    return Ticket(shop.id, id, "ann@far.test", "en")


def path(ticket: Ticket) -> str:
    return f"/u/{unsubscribe.seal(Keyring(SECRET_KEY), ticket)}"


async def listed(stage: Stage) -> int:
    async with stage.database() as conn:
        found: int = await conn.fetchval("select count(*) from suppression where reason = 'unsubscribe'")
        return found


async def test_one_press_unsubscribes_and_another_undoes_it(stage: Stage, visit: Visit, ticket: Ticket) -> None:
    page = visit.page
    await page.goto(visit.origin + path(ticket))
    await expect(page.get_by_text("Acme & Söhne")).to_be_visible()
    await expect(page.get_by_role("link", name="Privacy policy")).to_have_attribute("href", "https://acme.test/privacy")
    assert await listed(stage) == 0
    await page.get_by_role("button", name="Unsubscribe").click()
    await expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    assert await listed(stage) == 1
    await page.reload()
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_role("heading", name="You are no longer unsubscribed")).to_be_visible()
    assert await listed(stage) == 0


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everybody_can_read_it(
    stage: Stage, browser: Browser, ticket: Ticket, size: tuple[int, int], scheme: Scheme
) -> None:
    async with visited(browser, stage.platform.url, size=size, scheme=scheme) as visit:
        for language in unsubscribe.LANGUAGES:
            await visit.page.goto(visit.origin + path(replace(ticket, language=language)))
            heading = visit.page.get_by_role("heading", name=WORDS[language].title)
            await expect(heading).to_be_visible()
            direction = await heading.evaluate("element => getComputedStyle(element).direction")
            assert direction == ("rtl" if language == "he" else "ltr")
            await visit.is_clean()
