"""On a reseller's host everything wears the reseller's brand, and no word of the platform shows."""

from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Browser, expect

from tests.e2e.browser import Visit, visited
from tests.support.stage import Stage, eventually

HOST = "mail.acme.localhost"
NAME = "Acme & Söhne"
YELLOW = "#ffcc00"
PATHS = (
    "/",
    "/emails",
    "/credits",
    "/plans",
    "/settings/smtp",
    "/settings/credentials",
    "/settings/sources",
    "/settings/account",
    "/settings/members",
    "/settings/audit",
    "/settings/security",
    "/nowhere",
)


@pytest.fixture
async def branded(stage: Stage, browser: Browser) -> AsyncIterator[Visit]:
    """A person on the host of a reseller who chose a colour that white text cannot be read on."""
    acme = stage.world.acme.id
    async with stage.database() as conn:
        await conn.execute("update account set brand_name = $2, brand_color = $3 where id = $1", acme, NAME, YELLOW)
        await conn.execute(
            "insert into account_host (host, account_id) values ($1, $2) on conflict do nothing", HOST, acme
        )
    origin = f"http://{HOST}:{stage.platform.http}"

    async def known() -> bool | None:
        async with httpx.AsyncClient() as client:
            address = f"{stage.platform.url}/login"
            answer = await client.get(address, headers={"Host": f"{HOST}:{stage.platform.http}"})
        return answer.status_code == 200 or None

    await eventually(known, "answer on the reseller's host")
    async with visited(browser, origin) as visit:
        yield visit


async def test_name_title_icon_and_colour_are_the_resellers_and_can_be_read(stage: Stage, branded: Visit) -> None:
    page = branded.page
    await branded.go("/login")
    await expect(page).to_have_title(f"Sign in to your account · {NAME}")
    await expect(page.get_by_text(NAME)).to_be_visible()
    icon = await page.locator("link[rel=icon]").get_attribute("href")
    assert icon is not None
    assert icon.startswith("data:image/svg+xml,")
    button = page.get_by_role("button", name="Sign in")
    colour = await button.evaluate("button => getComputedStyle(button).backgroundColor")
    red, green, blue = (int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
    assert red > green > blue  # still a yellow, only darker
    assert await branded.axe() == []


async def test_no_page_names_the_platform(stage: Stage, branded: Visit) -> None:
    await branded.enter(stage.world.shop)
    for path in PATHS:
        await branded.go(path)
        await branded.page.wait_for_load_state("networkidle")
        told = await branded.page.content()
        assert "livery" not in told.lower(), path
        assert NAME in await branded.page.title()
