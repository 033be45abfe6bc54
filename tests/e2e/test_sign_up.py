"""Strangers find the way to an account where a brand takes them, and nowhere else; partners see what they brought."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Browser, expect

from tests.e2e.browser import Visit, visited
from tests.support.stage import Stage, eventually

PASSWORD = "a stranger's password"


@pytest.fixture
async def brand(stage: Stage, browser: Browser) -> AsyncIterator[Visit]:
    """A stranger on the host of a reseller who takes strangers, with a partner who has a referral code."""
    world = stage.world
    async with stage.database() as conn:
        await conn.execute(
            "update account set brand_name = 'Acme Mail', sign_up_open = true where id = $1", world.acme.id
        )
        await conn.execute("update account set referral_code = 'CAFE' where id = $1", world.cafe.id)

    await eventually(lambda: _offers(stage, f"{world.acme.host}:{stage.platform.http}"), "brand that takes strangers")
    async with visited(browser, f"http://{world.acme.host}:{stage.platform.http}") as visit:
        yield visit


async def test_a_stranger_signs_up_and_the_partner_is_told(stage: Stage, brand: Visit, visit: Visit) -> None:
    page = brand.page
    await brand.go("/login")
    await brand.is_clean()
    await page.get_by_role("link", name="Create your account").click()
    await page.get_by_role("button", name="Create account").click()
    await expect(page.get_by_text("Enter your name.")).to_be_visible()
    await page.get_by_label("Your name").fill("Stan Stranger")
    await page.get_by_label("Company").fill("Strange Goods")
    await page.get_by_label("Email address").fill("stan@stranger.test")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_label("Referral code").fill("NOBODYS")
    await page.get_by_role("button", name="Create account").click()
    await expect(page.get_by_text("This referral code is not known.")).to_be_visible()
    await page.get_by_label("Referral code").fill("cafe")
    await brand.is_clean()
    await page.get_by_role("button", name="Create account").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")

    await brand.go(await _link(stage, "stan@stranger.test"))
    await brand.is_clean()
    await page.get_by_role("button", name="Open my account").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Dashboard")
    await expect(page.get_by_test_id("account")).to_contain_text("Strange Goods")
    await expect(page.get_by_role("link", name="Sub-accounts")).to_have_count(0)

    await visit.enter(stage.world.acme, "/partners")
    row = visit.page.get_by_role("row").filter(has_text="CAFE")
    await expect(row.get_by_role("cell").nth(3)).to_contain_text("1")
    await visit.is_clean()


async def test_elsewhere_nobody_is_offered_an_account_and_none_is_given(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.go("/login")
    await expect(page.get_by_role("link", name="Forgot your password?")).to_be_visible()
    await expect(page.get_by_role("link", name="Create your account")).to_have_count(0)
    await visit.go("/sign-up")
    await expect(page.get_by_role("heading", level=1)).to_have_text("By invitation only")
    await expect(page.get_by_role("textbox")).to_have_count(0)
    await visit.is_clean()


async def test_the_operators_own_hosts_take_strangers_where_the_operator_opens_them(stage: Stage, visit: Visit) -> None:
    page = visit.page
    async with stage.database() as conn:
        await conn.execute("update account set sign_up_open = true where id = $1", stage.world.platform.id)
    await eventually(lambda: _offers(stage, f"127.0.0.1:{stage.platform.http}"), "host that takes strangers")
    await visit.go("/login")
    await page.get_by_role("link", name="Create your account").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Create your account")
    await page.get_by_label("Your name").fill("Piet Platform")
    await page.get_by_label("Company").fill("Platform Goods")
    await page.get_by_label("Email address").fill("piet@stranger.test")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Create account").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")
    await visit.go(await _link(stage, "piet@stranger.test"))
    await page.get_by_role("button", name="Open my account").click()
    await expect(page.get_by_test_id("account")).to_contain_text("Platform Goods")
    async with stage.database() as conn:
        parent = await conn.fetchval("select parent_id from account where name = 'Platform Goods'")
    assert parent == stage.world.platform.id


async def _offers(stage: Stage, host: str) -> bool | None:
    """Whether a host's pages offer an account to strangers."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{stage.platform.url}/login", headers={"Host": host})
    return '"signUp":true' in answer.text.replace(" ", "") or None


async def _link(stage: Stage, to: str) -> str:
    async def look() -> str | None:
        async with stage.database() as conn:
            bodies = await conn.fetch(
                """select b.content from body b join recipient r on r.message_id = b.message_id
                    where r.address = $1 order by r.id desc""",
                to,
            )
        for row in bodies:
            text = row["content"].decode().replace("=\r\n", "").replace("=3D", "=")
            if found := re.search(r"/sign-up/confirm#[\w-]+", text):
                return found[0]
        return None

    return await eventually(look, "mail with a link")
