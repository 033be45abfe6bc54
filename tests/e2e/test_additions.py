"""What is added to mail: templates, footers, unsubscribe tags, tracking and copies, as people write and choose it."""

from email import message_from_bytes, policy

import pytest
from playwright.async_api import Browser, Page, expect

from api.unsubscribe_words import WORDS
from mail.wire.unsubscribe import DISCLAIMERS
from tests.e2e.browser import PHONE, Visit, visited
from tests.support.mails import plain
from tests.support.stage import Stage, eventually
from tests.support.world import Role

TEMPLATE = '<div style="border:1px solid #333333"><script>alert(1)</script><p>Acme Times</p><% body %></div>'


async def _menu(page: Page, name: str, item: str) -> None:
    await page.get_by_role("button", name=f"Actions for {name}").click()
    await page.get_by_role("menuitem", name=item).click()


async def test_a_template_is_written_seen_and_made_the_default(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.enter(stage.world.shop, "/settings/templates")
    await expect(page.get_by_text("No templates yet")).to_be_visible()
    await visit.is_clean()
    await page.get_by_role("link", name="New template").first.click()
    frame = page.frame_locator("[data-testid=preview]")
    await expect(frame.get_by_text("this is where the text of your message stands")).to_be_visible()
    # Its links lead nowhere: neither by the mouse nor, in the place of the preview, by the keyboard.
    await expect(frame.get_by_role("link", name="example.com")).to_have_css("pointer-events", "none")
    await expect(frame.locator("base")).to_have_attribute("target", "_blank")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Give it a name.")).to_be_visible()
    await page.get_by_label("Name").fill("Newsletter")
    await page.get_by_label("HTML", exact=True).fill("<p>no place</p>")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("A template holds the message once").first).to_be_visible()
    await visit.is_clean()
    await page.get_by_label("HTML", exact=True).fill(TEMPLATE)
    await expect(frame.get_by_text("Acme Times")).to_be_visible()
    await expect(frame.locator("script")).to_have_count(0)
    await page.get_by_role("button", name="HTML to text").click()
    await expect(page.get_by_role("textbox", name="Plain text")).to_have_value("Acme Times\n\n<% body %>")
    await page.get_by_role("button", name="Plain text").click()
    await expect(page.get_by_test_id("preview-text")).to_contain_text("Acme Times")
    await page.get_by_role("checkbox", name="Default").check()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved, without what may not stand in mail.").first).to_be_visible()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Newsletter")
    await expect(page.get_by_label("HTML", exact=True)).not_to_have_value(TEMPLATE)
    await visit.is_clean()

    async def kept(word: str) -> str:
        async def look() -> str | None:
            async with stage.database() as conn:
                found: str | None = await conn.fetchval(
                    "select rtrim(text, E'\\n') from template where name = 'Newsletter' and html like $1", f"%{word}%"
                )
                return found

        return await eventually(look, f"a template that says {word}")

    # Text that was made of the HTML goes with it; text of one's own stays.
    own = page.get_by_role("checkbox", name="Plain text of its own")
    await expect(own).not_to_be_checked()
    await page.get_by_label("HTML", exact=True).fill("<p>Acme Herald</p><% body %>")
    await page.get_by_role("button", name="Save").click()
    assert await kept("Herald") == "Acme Herald\n\n<% body %>"
    await own.check()
    await page.get_by_role("textbox", name="Plain text").fill("In short\n\n<% body %>")
    await page.get_by_label("HTML", exact=True).fill("<p>Acme Mirror</p><% body %>")
    await page.get_by_role("button", name="Save").click()
    assert await kept("Mirror") == "In short\n\n<% body %>"
    await page.reload()
    await expect(own).to_be_checked()
    await expect(page.get_by_role("textbox", name="Plain text")).to_have_value("In short\n\n<% body %>")
    await page.get_by_role("link", name="All templates and footers").click()
    row = page.get_by_role("row", name="Newsletter")
    await expect(row).to_contain_text("Default")
    await visit.is_clean()

    await _menu(page, "Newsletter", "No longer default")
    await expect(row).to_contain_text("where chosen")
    await _menu(page, "Newsletter", "Delete")
    await visit.is_clean()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("No templates yet")).to_be_visible()


async def test_a_footer_has_a_language_and_is_seen_under_a_real_message(stage: Stage, visit: Visit) -> None:
    page = visit.page
    shop = stage.world.shop
    await stage.submit(plain(shop.email, "ann@far.test", "An order"), ["ann@far.test"])
    await visit.enter(shop, "/settings/templates?show=footers")
    await page.get_by_role("link", name="New footer").first.click()
    await page.get_by_label("Name").fill("Impressum")
    await page.get_by_label("Language").click()
    await page.get_by_role("option", name="German", exact=True).click()
    await page.get_by_label("HTML", exact=True).fill("<p>Acme GmbH, Berlin</p>")
    await page.get_by_label("Message to look at").click()
    await page.get_by_role("option", name="An order").click()
    await expect(page.get_by_text("This message has no HTML, only plain text.")).to_be_visible()
    await expect(page.get_by_test_id("preview-text")).to_contain_text("Acme GmbH, Berlin")
    await visit.is_clean()
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("link", name="All templates and footers").click()
    await expect(page.get_by_role("row", name="Impressum")).to_contain_text("German")
    await visit.is_clean()


async def test_a_tag_is_written_in_a_language_and_copied(stage: Stage, visit: Visit, browser: Browser) -> None:
    page = visit.page
    await visit.enter(stage.world.acme, "/unsubscribes?show=tags")
    await page.get_by_role("button", name="New tag").first.click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Language").click()
    await page.get_by_role("option", name="Deutsch").click()
    await expect(dialog.get_by_label("Text")).to_have_value(
        "Wenn Sie diese E-Mails nicht mehr erhalten möchten, [melden Sie sich hier ab]."
    )
    await dialog.get_by_label("Text").fill("Genug? [Abmelden].")
    await visit.is_clean()
    await dialog.get_by_role("button", name="Create").click()
    row = page.get_by_role("row", name="<% unsubscribe 1 %>")
    for told in ("Genug? Abmelden.", "Deutsch"):
        await expect(row).to_contain_text(told)
    await row.get_by_role("button", name="Copy <% unsubscribe 1 %>").click()
    await expect(row.get_by_text("<% unsubscribe 1 %> copied")).to_be_attached()
    await visit.is_clean()
    async with stage.database() as conn:
        made = await conn.fetchrow("select number, text, language from unsubscribe_tag")
    assert tuple(made) == (1, "Genug? [Abmelden].", "de")
    async with visited(browser, visit.origin, size=PHONE, scheme="dark") as analyst:
        await analyst.enter(stage.world.acme, "/unsubscribes?show=tags", role=Role.ANALYST)
        await analyst.page.get_by_role("row", name="<% unsubscribe 1 %>").wait_for()
        await expect(analyst.page.get_by_role("button", name="New tag")).to_have_count(0)
        await analyst.is_clean()
    await _menu(page, "<% unsubscribe 1 %>", "Delete")
    await dialog.get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("No tags of your own yet")).to_be_visible()


async def test_the_page_behind_a_tag_is_seen_in_its_brand_and_does_nothing(
    stage: Stage, visit: Visit, browser: Browser
) -> None:
    page, acme = visit.page, stage.world.acme
    async with stage.database() as conn:
        await conn.execute(
            """update account set brand_name = 'Acme & Söhne', brand_color = '#ffcc00',
                                  privacy_url = 'https://acme.test/privacy' where id = $1""",
            acme.id,
        )
        await conn.execute(
            """insert into unsubscribe_tag (id, account_id, number, text, language)
               values (gen_random_uuid(), $1, 90, '[Hebrew]', 'he')""",
            acme.id,
        )
    await visit.enter(acme, "/unsubscribes?show=tags")
    await _menu(page, "<% unsubscribe 90 %>", "See the page")
    dialog, frame = page.get_by_role("dialog"), page.frame_locator("[data-testid=page-preview]")
    await expect(frame.get_by_role("heading", name=WORDS["he"].title)).to_be_visible()
    assert await frame.locator("html").get_attribute("dir") == "rtl"
    await expect(frame.get_by_text("Acme & Söhne")).to_be_visible()
    await visit.is_clean()
    await dialog.get_by_label("Language").click()
    await page.get_by_role("option", name="English").click()
    await expect(frame.get_by_text("Stop all mail from this sender to reader@example.com?")).to_be_visible()
    await expect(frame.get_by_role("button", name="Unsubscribe")).to_be_disabled()
    await expect(frame.get_by_role("link", name="Privacy policy")).to_have_attribute("target", "_blank")
    await dialog.get_by_role("button", name="Unsubscribed").click()
    await expect(frame.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    await expect(frame.get_by_role("button", name="Undo")).to_be_disabled()
    await dialog.get_by_role("button", name="Undone").click()
    await expect(frame.get_by_role("heading", name="You are no longer unsubscribed")).to_be_visible()
    await visit.is_clean()
    async with visited(browser, visit.origin, size=PHONE, scheme="dark") as analyst:
        await analyst.enter(stage.world.rival, "/unsubscribes?show=tags", role=Role.ANALYST)
        await analyst.page.get_by_role("button", name="See the page").click()
        other = analyst.page.frame_locator("[data-testid=page-preview]")
        await expect(other.get_by_role("button", name="Unsubscribe")).to_be_disabled()
        await expect(other.get_by_text("Acme")).to_have_count(0)
        await analyst.is_clean()
    async with stage.database() as conn:
        await conn.execute("delete from unsubscribe_tag")
        assert await conn.fetchval("select count(*) from suppression where reason = 'unsubscribe'") == 0


async def test_tracking_is_switched_for_the_account_and_otherwise_for_a_credential(stage: Stage, visit: Visit) -> None:
    page = visit.page
    cafe = stage.world.cafe
    await visit.enter(cafe, "/settings/treatment")
    clicks = page.get_by_role("switch", name="Count clicks")
    await expect(clicks).not_to_be_checked()
    await expect(page.get_by_label("Template", exact=True)).to_have_text("The default: none so far")
    await clicks.click()
    await page.get_by_label("Keep details of opens and clicks").click()
    await page.get_by_role("option", name="90 days").click()
    await visit.is_clean()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved. It holds within half a minute.").first).to_be_visible()
    await visit.go("/settings/credentials")
    row = page.get_by_role("row").filter(has_text="cafe-smtp")
    await row.get_by_role("button", name="Actions for").click()
    await page.get_by_role("menuitem", name="What is done to its mail").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Count clicks").click()
    await page.get_by_role("option", name="Off").click()
    await dialog.get_by_label("Footer").click()
    await page.get_by_role("option", name="None").click()
    await visit.is_clean()
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_have_count(0)
    async with stage.database() as conn:
        rows = await conn.fetch(
            """select credential_id is null as whole, track_opens, track_clicks, list_unsubscribe,
                      footer_id = '00000000-0000-0000-0000-000000000000' as none, visit_days
                 from treatment where account_id = $1 order by 1 desc""",
            cafe.id,
        )
    assert [tuple(row) for row in rows] == [(True, None, True, None, None, 90), (False, None, False, None, True, None)]


async def test_copies_begin_when_whoever_reads_the_address_agrees(stage: Stage, visit: Visit) -> None:
    page = visit.page
    rival = stage.world.rival
    await visit.enter(rival, "/settings/copies")
    await expect(page.get_by_text("No copies are made")).to_be_visible()
    await visit.is_clean()
    await page.get_by_role("button", name="New rule").first.click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Copy to").fill("archive@far.test")
    await dialog.get_by_label("Only mail tagged").fill("orders")
    await visit.is_clean()
    await dialog.get_by_role("button", name="Create").click()
    row = page.get_by_role("row", name="archive@far.test")
    for told in ("mail tagged orders", "Waits for consent"):
        await expect(row).to_contain_text(told)
    await visit.is_clean()

    async def mailed() -> str | None:
        async with stage.database() as conn:
            content = await conn.fetchval(
                """select b.content from body b join recipient r on r.message_id = b.message_id
                    where r.address = 'archive@far.test'"""
            )
        if content is None:
            return None
        body = message_from_bytes(content, policy=policy.default).get_body(("plain",))
        assert body is not None
        return next(line for line in body.get_content().splitlines() if "/c/" in line)

    link = (await eventually(mailed, "a mail with a link")).strip()
    async with visited(page.context.browser, visit.origin) as reader:  # type: ignore[arg-type]
        await reader.page.goto(visit.origin + link[link.index("/c/") :])
        await reader.page.get_by_role("button").click()
        await expect(reader.page.get_by_role("button")).to_have_count(0)
    await page.reload()
    await expect(row).to_contain_text("Active")
    await _menu(page, "archive@far.test", "Delete rule")
    await dialog.get_by_role("button", name="Delete rule").click()
    await expect(page.get_by_text("No copies are made")).to_be_visible()


WIDER = """width => [...document.querySelectorAll('main *, [role=dialog] *')]
  .filter(one => { const { left, right } = one.getBoundingClientRect(); return right > width + 0.5 || left < -0.5 })
  .filter(one => !one.closest('.sr-only, [aria-hidden=true]')).map(one => one.outerHTML.slice(0, 200))"""


@pytest.mark.parametrize("language", ["en", "de"])
async def test_what_is_chosen_has_a_long_name_and_fits_a_phone(stage: Stage, browser: Browser, language: str) -> None:
    other = stage.world.other
    long = "Newsletter of all customers in Germany, Austria and Switzerland 2026, spring and summer"
    async with stage.database() as conn:
        for kind in ("template", "footer"):
            await conn.execute(
                """insert into template (id, account_id, kind, name, html, text, is_default)
                   values (gen_random_uuid(), $1, $2, $3, '<% body %>', '<% body %>', true)
                   on conflict (account_id, kind, name) do nothing""",
                other.id,
                kind,
                long,
            )
        await conn.execute(
            """with tag as (insert into unsubscribe_tag (id, account_id, number, text, language)
                            values (gen_random_uuid(), $1, $2, $3, $4) returning id)
               insert into treatment (id, account_id, credential_id, unsubscribe_tag_id)
               select gen_random_uuid(), $1, credential_id, tag.id
                 from tag, (select null::uuid union all select id from credential where account_id = $1 and username = $5)
                           as c (credential_id)
               on conflict (account_id, credential_id) do update set unsubscribe_tag_id = excluded.unsubscribe_tag_id""",
            other.id,
            101 if language == "en" else 102,
            DISCLAIMERS[language],
            language,
            other.smtp_user,
        )
    async with visited(browser, stage.platform.url, size=PHONE) as reader:
        page = reader.page
        await reader.enter(other, "/settings/treatment")
        said = DISCLAIMERS[language].replace("[", "").replace("]", "")
        tag = page.get_by_label("Unsubscribe tag")
        await expect(tag).to_contain_text(said[:20])
        await expect(page.get_by_label("Template", exact=True)).to_contain_text(long)
        await reader.is_clean()
        assert await page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
        assert await page.evaluate(WIDER, PHONE[0]) == []
        await reader.go("/settings/credentials")
        row = page.get_by_role("row").filter(has_text=other.smtp_user)
        await row.get_by_role("button", name="Actions for").click()
        await page.get_by_role("menuitem", name="What is done to its mail").click()
        await expect(page.get_by_role("dialog").get_by_label("Unsubscribe tag")).to_contain_text(said[:20])
        await reader.calm()
        assert await page.evaluate(WIDER, PHONE[0]) == []
        assert await page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
