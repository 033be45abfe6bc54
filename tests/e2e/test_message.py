"""A message shows what became of each recipient, what was said on the way, and what was submitted."""

import base64
import re
from datetime import timedelta

import httpx
from playwright.async_api import expect

from kit.crypto import Keyring
from mail.tracking import Tracker
from mail.wire.tracked import Whose
from tests.e2e.browser import PHONE, Visit
from tests.support.mails import plain, rich
from tests.support.stage import Stage
from tests.support.world import SECRET_KEY

BOUNCED = "bounced@simulator.livery.test"
DELIVERED = "delivered@simulator.livery.test"


async def test_each_recipient_has_a_timeline_and_the_conversation_of_its_attempt(stage: Stage, visit: Visit) -> None:
    page = visit.page
    tenant = stage.world.shop
    await stage.submit(plain(tenant.email, DELIVERED, "Two fates"), [DELIVERED, BOUNCED])
    await stage.settle()
    await visit.enter(tenant, "/emails")
    await page.locator("li", has_text=BOUNCED).get_by_role("link").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Two fates")
    await expect(page.get_by_role("heading", name="2 recipients")).to_be_visible()

    timeline = page.get_by_test_id("timeline")
    await expect(timeline).to_contain_text("Accepted")
    await expect(timeline).to_contain_text("Bounced")
    conversation = page.get_by_test_id("conversation")
    await expect(conversation).to_contain_text(f"> RCPT TO:<{BOUNCED}>")
    await expect(conversation).to_contain_text("< 550")

    await page.get_by_role("button", name=DELIVERED).click()
    await expect(timeline).to_contain_text("Delivered")
    await expect(conversation).to_contain_text(f"> RCPT TO:<{DELIVERED}>")
    await expect(conversation).not_to_contain_text("< 550")


async def test_a_click_tells_which_link_and_with_what_and_leads_nowhere(stage: Stage, visit: Visit) -> None:
    page = visit.page
    shop = stage.world.shop
    await stage.submit(plain(shop.email, DELIVERED, "Many links"), [DELIVERED])
    await stage.settle()
    async with stage.database() as conn:
        message_id, id, day = await conn.fetchrow(
            """select m.id, r.id, m.accepted_at::date from message m join recipient r on r.message_id = m.id
                order by m.accepted_at desc limit 1"""
        )
    await stage.later(timedelta(minutes=5))  # sooner than any person
    tracker = Tracker(Keyring(SECRET_KEY), stage.platform.url, Whose(shop.id, id, day))
    target = f"https://shop.test/autumn?{'x' * 150}&offer=last"
    firefox = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"
    async with httpx.AsyncClient() as client:
        for agent in (firefox, "python-requests/2.32"):
            answer = await client.get(tracker.link(target) or "", headers={"user-agent": agent})
            assert (answer.status_code, answer.headers["location"]) == (302, target)
    await visit.enter(shop, f"/emails/{message_id}")
    timeline = page.get_by_test_id("timeline")
    steps = timeline.get_by_role("listitem").filter(has_text="Clicked a link")
    await expect(steps).to_have_count(2)
    person, program = (
        steps.filter(has_text="Firefox Mobile on Android"),
        steps.filter(has_text="by a program, not a person"),
    )
    for step in (person, program):
        await expect(step).to_have_count(1)
        shown = step.get_by_title(target)
        await expect(shown).to_have_text(re.compile(r"^https://shop\.test/autumn\?x+…x+&offer=last$"))
    await expect(timeline.get_by_role("link")).to_have_count(0)
    await visit.is_clean()
    await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    await expect(person.get_by_title(target)).to_be_visible()
    await visit.is_clean()


async def test_headers_and_source_are_those_submitted(stage: Stage, visit: Visit) -> None:
    page = visit.page
    content = rich(stage.world.shop.email, DELIVERED)
    await stage.submit(content, [DELIVERED])
    await stage.settle()
    await visit.enter(stage.world.shop)
    await page.get_by_test_id("feed").locator("li", has_text="Grüße").get_by_role("link").click()
    await page.get_by_role("button", name="Headers").click()
    await expect(page.get_by_role("region", name="Headers")).to_contain_text("X-Odd-Spacing:   kept   as  it is")
    await page.get_by_role("button", name="Source").click()
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download").click()
    path = await (await download.value).path()
    assert path.read_bytes() == content


async def test_a_message_of_another_account_is_not_there(stage: Stage, visit: Visit) -> None:
    await stage.submit(plain(stage.world.shop.email, DELIVERED, "Private"), [DELIVERED])
    async with stage.database() as conn:
        id = await conn.fetchval("select id from message order by accepted_at desc limit 1")
    await visit.enter(stage.world.rival, f"/emails/{id}")
    await expect(visit.page.get_by_text("No such message")).to_be_visible()
    assert await visit.page.get_by_text("Private").count() == 0


async def test_the_list_is_narrowed_by_word_and_state_and_the_address_remembers(stage: Stage, visit: Visit) -> None:
    page = visit.page
    tenant = stage.world.shop
    needle = base64.b32encode(b"needle").decode().strip("=").lower()
    await stage.submit(plain(tenant.email, DELIVERED, f"Hay {needle}"), [f"{needle}@simulator.livery.test"])
    await stage.settle()
    await visit.enter(tenant, "/emails")
    lines = page.locator("li[data-recipient]")
    await page.get_by_role("searchbox", name="Search addresses and subjects").fill(needle)
    await expect(lines).to_have_count(1)
    await page.get_by_role("button", name="Bounced").click()
    await expect(page.get_by_text("No email matches")).to_be_visible()
    await visit.go(page.url.removeprefix(visit.origin))
    await expect(page.get_by_text("No email matches")).to_be_visible()
    await page.get_by_role("button", name="Clear filters").click()
    await expect(lines.first).to_be_visible()
