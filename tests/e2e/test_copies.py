"""Can whoever reads an address agree to copies by the link of the mail, in their language, on a phone, without any script?"""

import pytest
from playwright.async_api import Browser, expect

from kit.crypto import Keyring
from mail.copy_words import WORDS
from mail.wire import tokens
from mail.wire.unsubscribe import LANGUAGES
from tests.e2e.browser import DESK, PHONE, Scheme, Visit, visited
from tests.support.belongings import make
from tests.support.stage import Stage
from tests.support.world import SECRET_KEY


@pytest.fixture
async def path(stage: Stage) -> str:
    """Where the link leads that was mailed for a rule of shop.test."""
    async with stage.database() as conn:
        await conn.execute("update account set name = 'Shop & Söhne' where id = $1", stage.world.shop.id)
        id = await make(conn, "copy_rule", stage.world.shop.id, "bills")
    plain = stage.world.shop.id.bytes + bytes.fromhex(id.replace("-", ""))
    return f"/c/{tokens.seal(Keyring(SECRET_KEY), 'copies', plain)}"


async def agreed(stage: Stage) -> int:
    async with stage.database() as conn:
        found: int = await conn.fetchval("select count(*) from copy_rule where confirmed_at is not null")
        return found


async def test_one_press_agrees_and_a_look_does_not(stage: Stage, visit: Visit, path: str) -> None:
    page = visit.page
    await page.goto(visit.origin + path)
    await expect(page.get_by_role("heading", name="Do you want these copies?")).to_be_visible()
    await expect(page.get_by_text("Shop & Söhne would like to send to bills@copies.test a copy")).to_be_visible()
    await page.reload()
    assert await agreed(stage) == 0
    await page.get_by_role("button", name="Yes, send me copies").click()
    await expect(page.get_by_role("heading", name="You get copies")).to_be_visible()
    assert await agreed(stage) == 1
    await page.reload()
    await expect(page.get_by_role("button")).to_have_count(0)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everybody_can_read_it(
    stage: Stage, browser: Browser, path: str, size: tuple[int, int], scheme: Scheme
) -> None:
    for language in LANGUAGES:
        async with visited(browser, stage.platform.url, size=size, scheme=scheme, locale=language) as visit:
            await visit.page.goto(visit.origin + path)
            heading = visit.page.get_by_role("heading", name=WORDS[language].asked_title)
            await expect(heading).to_be_visible()
            direction = await heading.evaluate("element => getComputedStyle(element).direction")
            assert direction == ("rtl" if language == "he" else "ltr")
            await visit.is_clean()
