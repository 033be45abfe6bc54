"""What came back of mail: bounces, spam reports, unsubscribes, suppressions, opens and clicks, as people see and mend it."""

import csv

from playwright.async_api import Browser, Page, expect

from tests.e2e.browser import PHONE, Visit, visited
from tests.support.stage import Stage, eventually
from tests.support.world import Role

HOUSE = "simulator.livery.test"
LINK = "https://shop.test/a?b=c&d=%20e"
LOOP = "simulator.test"


async def _lived(stage: Stage, name: str, kind: str) -> str:
    """Send a newsletter to one of the simulator's people and wait for what they do; return their address."""
    address = f"{name}@{HOUSE}"
    content = (
        f"From: user@shop.test\r\nTo: {address}\r\nSubject: News of {name}\r\nX-Lv-Track: opens, clicks\r\n"
        "X-Lv-Unsubscribe: yes\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        f'<html><body><a href="{LINK.replace("&", "&amp;")}">a</a></body></html>\r\n'
    )
    await stage.submit(content.encode(), [address])

    async def look() -> bool | None:
        async with stage.database() as conn:
            told = await conn.fetchval(
                """select exists (select from event e join recipient r on r.id = e.recipient_id
                                   where r.address = $1 and e.kind = $2)""",
                address,
                kind,
            )
        return True if told else None

    await eventually(look, f"{kind} {address}", explain=stage.explain)
    return address


async def _leads_to_its_mail(page: Page, subject: str) -> None:
    await page.get_by_role("link", name=subject, exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(subject)
    await page.go_back()


async def _file(page: Page) -> list[dict[str, str]]:
    """The rows of the file behind the button; it begins so that spreadsheets know its letters."""
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Export CSV").click()
    content = (await (await download.value).path()).read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(content.decode("utf-8-sig").splitlines()))


async def test_bounces_say_why_in_plain_words(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.enter(stage.world.rival, "/bounces")
    await expect(page.get_by_text("No bounces", exact=True)).to_be_visible()
    await visit.is_clean()
    hard = await _lived(stage, "bounced", "bounced")
    soft = await _lived(stage, "bounced+late-full", "bounced")
    async with visited(visit.page.context.browser, visit.origin) as owner:  # type: ignore[arg-type]
        await owner.enter(stage.world.shop, "/bounces")
        row = owner.page.get_by_role("row", name=hard)
        for told in ("Hard", "suppressed", "No such mailbox at this domain.", "News of bounced"):
            await expect(row).to_contain_text(told)
        for told in ("Soft", "The mailbox is full."):
            await expect(owner.page.get_by_role("row", name=soft)).to_contain_text(told)
        await expect(owner.page.get_by_role("row", name=soft)).not_to_contain_text("suppressed")
        await owner.is_clean()
        await owner.page.get_by_label("Kind", exact=True).click()
        await owner.page.get_by_role("option", name="Hard").click()
        await expect(owner.page).to_have_url(f"{owner.origin}/bounces?kind=HARD")
        await expect(owner.page.get_by_role("row", name=soft)).to_have_count(0)
        kept = [(one["address"], one["kind"], one["suppressed"]) for one in await _file(owner.page)]
        assert (hard, "hard", "yes") in kept
        assert {kind for _, kind, _ in kept} == {"hard"}, "as the page is narrowed"
        await owner.go("/bounces")
        await owner.page.get_by_role("searchbox").fill("late-full")
        await expect(row).to_have_count(0)
        await owner.page.get_by_role("link", name="News of bounced+late-full").click()
        await expect(owner.page.get_by_role("heading", level=1)).to_have_text("News of bounced+late-full")


async def test_spam_reports_and_unsubscribes_lead_to_their_mail(stage: Stage, visit: Visit) -> None:
    page = visit.page
    complained = await _lived(stage, "complained", "complained")
    gone = await _lived(stage, "unsubscribed", "unsubscribed")
    await visit.enter(stage.world.shop, "/complaints")
    row = page.get_by_role("row", name=complained)
    for told in (LOOP, "reported as spam", "suppressed"):
        await expect(row).to_contain_text(told)
    await visit.is_clean()
    kept = [(one["address"], one["loop"], one["feedback"]) for one in await _file(page)]
    assert kept == [(complained, LOOP, "abuse")]
    await _leads_to_its_mail(page, "News of complained")

    await visit.go("/unsubscribes")
    row = page.get_by_role("row", name=gone)
    for told in ("button of the mail program", "News of unsubscribed"):
        await expect(row).to_contain_text(told)
    await expect(page.get_by_role("row", name=complained)).to_have_count(0)
    await visit.is_clean()
    await _leads_to_its_mail(page, "News of unsubscribed")
    kept = [(one["address"], one["source"], one["subject"]) for one in await _file(page)]
    assert kept == [(gone, "one_click", "News of unsubscribed")]


async def test_a_reseller_sees_whose_mail_it_was_and_looks_at_one_account(stage: Stage, visit: Visit) -> None:
    page = visit.page
    hard = await _lived(stage, "bounced+of-shop", "bounced")
    shop = stage.world.shop
    await visit.enter(stage.world.acme, "/bounces")
    row = page.get_by_role("row", name=hard)
    async with stage.database() as conn:
        name = await conn.fetchval("select name from account where id = $1", shop.id)
        own = await conn.fetchrow("select name, slug from account where id = $1", stage.world.acme.id)
    await expect(row).to_contain_text(name)
    await visit.is_clean()
    picker = page.get_by_role("combobox", name="Account", exact=True)
    await picker.fill(f"{own['name']} ({own['slug']})")
    await expect(page).to_have_url(f"{visit.origin}/bounces?account={stage.world.acme.id}")
    await expect(row).to_have_count(0)
    assert await _file(page) == []
    await visit.go(f"/bounces?account={shop.id}")
    await expect(row).to_be_visible()
    assert hard in [one["address"] for one in await _file(page)]


async def test_addresses_are_added_found_and_taken_off_the_list(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.enter(stage.world.acme, "/suppressions")
    await expect(page.get_by_text("No suppressed addresses")).to_be_visible()
    await visit.is_clean()
    await page.get_by_role("button", name="Add address").click()
    dialog = page.get_by_role("dialog")
    submit = dialog.get_by_role("button", name="Add address")
    await submit.click()
    await expect(dialog.get_by_text("Enter an address, such as name@example.com.")).to_be_visible()
    await dialog.get_by_label("Address").fill("not an address")
    await submit.click()
    await expect(dialog.get_by_text("This is no address")).to_be_visible()
    await visit.is_clean()
    await dialog.get_by_label("Address").fill("Ann+news@Far.test")
    await dialog.get_by_label("Note").fill("Asked on the phone")
    await submit.click()
    row = page.get_by_role("row", name="Ann+news@far.test")
    for told in ("By hand", "Asked on the phone", "for good"):
        await expect(row).to_contain_text(told)
    await visit.is_clean()

    await page.get_by_label("Reason", exact=True).click()
    await page.get_by_role("option", name="Spam report").click()
    await expect(page.get_by_text("No address matches")).to_be_visible()
    await expect(page).to_have_url(f"{visit.origin}/suppressions?reason=COMPLAINT")
    await page.get_by_role("link", name="Clear filters").click()
    await page.get_by_role("searchbox").fill("NEWS@")
    await expect(row).to_be_visible()

    await page.get_by_role("button", name="Remove Ann+news@far.test").click()
    await visit.is_clean()
    await dialog.get_by_role("button", name="Remove from list").click()
    await expect(dialog).to_have_count(0)  # behind an open dialog nothing has a role
    await expect(row).to_have_count(0)
    async with stage.database() as conn:
        left = await conn.fetchval("select count(*) from suppression where account_id = $1", stage.world.acme.id)
        noted = await conn.fetchval("select count(*) from audit_entry where action like 'suppression.%'")
    assert (left, noted) == (0, 2)


async def test_a_file_goes_in_with_a_report_and_out_again(stage: Stage, visit: Visit, browser: Browser) -> None:
    page = visit.page
    await visit.enter(stage.world.cafe, "/suppressions")
    await page.get_by_role("button", name="Import").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Import").click()
    await expect(dialog.get_by_text("Choose a file.")).to_be_visible()
    await visit.is_clean()
    text = "email,reason\na@far.test,bounce\nb@far.test,\nb@far.test,\noh no,\n"
    await dialog.get_by_label("File").set_input_files(
        [{"name": "list.csv", "mimeType": "text/csv", "buffer": text.encode()}]
    )
    await dialog.get_by_role("button", name="Import").click()
    report = dialog.get_by_test_id("report")
    for name, figure in (("Added", "2"), ("There already", "1"), ("Not understood", "1")):
        tile = report.locator("dl > div", has=page.get_by_text(name, exact=True))
        await expect(tile.locator("dd")).to_have_text(figure)
    await expect(report.get_by_role("row", name="5")).to_contain_text("oh no")
    await visit.is_clean()
    await dialog.get_by_role("button", name="Done").click()
    await expect(page.get_by_role("row", name="a@far.test")).to_contain_text("Bounced")
    await expect(page.get_by_role("row", name="b@far.test")).to_contain_text("By hand")
    kept = [(one["address"], one["reason"], one["source"]) for one in await _file(page)]
    assert kept == [("b@far.test", "manual", "import"), ("a@far.test", "bounce", "import")]
    async with visited(browser, visit.origin, size=PHONE, scheme="dark") as analyst:
        await analyst.enter(stage.world.cafe, "/suppressions", role=Role.ANALYST)
        await analyst.page.get_by_role("row", name="a@far.test").wait_for()
        for name in ("Import", "Add address", "Remove a@far.test"):
            await expect(analyst.page.get_by_role("button", name=name)).to_have_count(0)
        await analyst.is_clean()


async def test_the_operator_keeps_the_list_for_everybody(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.enter(stage.world.platform, "/suppressions?list=everybody")
    await page.get_by_role("button", name="Add address").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Address").fill("nobody@far.test")
    await dialog.get_by_role("button", name="Add address").click()
    await page.get_by_role("row", name="nobody@far.test").wait_for()
    await visit.is_clean()
    await page.get_by_role("button", name="Of one account").click()
    await expect(page.get_by_role("row", name="nobody@far.test")).to_have_count(0)
    async with stage.database() as conn:
        assert await conn.fetchval(
            "select true from suppression where address = 'nobody@far.test' and account_id is null"
        )


async def test_opens_and_clicks_are_counted_and_a_link_is_switched_off(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await _lived(stage, "clicked", "clicked")
    await visit.enter(stage.world.shop, "/engagement")
    await expect(page.get_by_test_id("figure-clicks")).to_contain_text("1 person")
    await expect(page.get_by_test_id("programs-pie")).to_be_visible()
    await expect(page.get_by_role("list", name="Links by clicks")).to_contain_text(LINK)
    await visit.is_clean()
    await page.get_by_role("button", name=f"Switch off {LINK}").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Switch off").click()
    await expect(dialog.get_by_text("Say why.")).to_be_visible()
    await dialog.get_by_label("Reason").fill("The shop was taken over")
    await visit.is_clean()
    await dialog.get_by_role("button", name="Switch off").click()
    dead = page.get_by_test_id("dead-links")
    for told in (LINK, "The shop was taken over"):
        await expect(dead).to_contain_text(told)
    await visit.is_clean()
    async with stage.database() as conn:
        assert await conn.fetchval("select target from killed_link") == LINK
    await page.get_by_role("button", name=f"Switch on again: {LINK}").click()
    await expect(dead).to_have_count(0)
    async with stage.database() as conn:
        assert await conn.fetchval("select count(*) from killed_link") == 0


async def test_who_has_no_opens_is_told_how_to_count_them(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.enter(stage.world.rival, "/engagement")
    await expect(page.get_by_text("No opens or clicks", exact=True)).to_be_visible()
    await visit.is_clean()
    await page.get_by_role("main").get_by_role("link", name="Additions and tracking").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Additions and tracking")
