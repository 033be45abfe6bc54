"""People come by invitation, have a role, keep their own sign-in, and find a way back when a password is lost."""

import base64
import hashlib
import hmac
import json
import re
import struct
import time
from uuid import UUID

from playwright.async_api import Browser, Page, expect

from tenants.models import Role
from tests.e2e.browser import Visit, visited
from tests.support.stage import Stage, eventually
from tests.support.world import PASSWORD

OTHER_PASSWORD = "quite another password"


async def _link(stage: Stage, path: str, to: str) -> str:
    """Return path and token of the newest link that was mailed to an address."""

    async def look() -> str | None:
        async with stage.database() as conn:
            bodies = await conn.fetch(
                """select b.content from body b join recipient r on r.message_id = b.message_id
                    where r.address = $1 order by r.id desc""",
                to,
            )
        for row in bodies:
            text = row["content"].decode().replace("=\r\n", "").replace("=3D", "=")
            if found := re.search(re.escape(path) + r"#([\w-]+)", text):
                return f"{path}#{found[1]}"
        return None

    return await eventually(look, f"mail to {to}")


async def _menu(page: Page, name: str, item: str) -> None:
    await page.get_by_role("button", name=f"Actions for {name}", exact=True).click()
    await page.get_by_role("menuitem", name=item).click()


async def _session_count(stage: Stage, account: UUID, email: str) -> int:
    async with stage.database() as conn:
        count: int = await conn.fetchval(
            """select count(*) from session s join member m on m.id = s.member_id
                where m.account_id = $1 and m.email = $2""",
            account,
            email,
        )
    return count


async def test_an_invited_person_joins_and_gets_a_role(stage: Stage, visit: Visit, browser: Browser) -> None:
    page = visit.page
    await visit.enter(stage.world.shop, "/settings/members")
    await page.get_by_role("button", name="Invite somebody").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Send invitation").click()
    await expect(dialog.get_by_text("Enter an email address")).to_be_visible()
    await dialog.get_by_label("Email address").fill("new@shop.test")
    await visit.is_clean()
    await dialog.get_by_role("button", name="Send invitation").click()
    await expect(page.get_by_role("row", name="new@shop.test")).to_contain_text("Admin")
    await visit.is_clean()
    link = await _link(stage, "/invitation", "new@shop.test")

    async with visited(browser, stage.platform.url) as guest:
        await guest.go(link)
        await expect(guest.page.get_by_text("You are invited to work in the account Shop.Test.")).to_be_visible()
        await guest.page.get_by_label("Your name").fill("Nora New")
        await guest.page.get_by_label("Password", exact=True).fill("short")
        await guest.is_clean()
        await guest.page.get_by_role("button", name="Join").click()
        await expect(guest.page.get_by_label("Password", exact=True)).to_have_attribute("aria-invalid", "true")
        await guest.page.get_by_label("Password", exact=True).fill(OTHER_PASSWORD)
        await guest.page.get_by_role("button", name="Join").click()
        await expect(guest.page.get_by_role("heading", level=1)).to_have_text("Dashboard")
        await guest.go(link)
        await expect(guest.page.get_by_role("heading", level=1)).to_have_text("This invitation is not valid any more")

        await visit.go("/settings/members")
        await _menu(page, "Nora New", "Change role")
        await dialog.get_by_label("Role").click()
        await page.get_by_role("option", name="Analyst").click()
        await dialog.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("row", name="Nora New")).to_contain_text("Analyst")

        await _menu(page, "Nora New", "Remove")
        await dialog.get_by_role("button", name="Remove").click()
        await expect(dialog).to_have_count(0)  # behind an open dialog nothing has a role
        await expect(page.get_by_role("row", name="Nora New")).to_have_count(0)
        await guest.go("/")
        await expect(guest.page.get_by_role("heading", level=1)).to_have_text("Sign in to your account")


async def test_what_a_removed_person_made_is_told_and_found(stage: Stage, visit: Visit, browser: Browser) -> None:
    page = visit.page
    await visit.enter(stage.world.acme, "/settings/members")
    await page.get_by_role("button", name="Invite somebody").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Email address").fill("kay@acme.test")
    await dialog.get_by_role("button", name="Send invitation").click()
    async with visited(browser, stage.platform.url) as guest:
        await guest.go(await _link(stage, "/invitation", "kay@acme.test"))
        await guest.page.get_by_label("Your name").fill("Kay Keys")
        await guest.page.get_by_label("Password", exact=True).fill(OTHER_PASSWORD)
        await guest.page.get_by_role("button", name="Join").click()
        await expect(guest.page.get_by_role("heading", level=1)).to_have_text("Dashboard")
        await guest.go("/settings/credentials")
        await guest.page.get_by_role("button", name="New API key").click()
        await guest.page.get_by_role("dialog").get_by_label("Name").fill("Kay's key")
        await guest.page.get_by_role("dialog").get_by_label("A day").fill("500")
        await guest.page.get_by_role("dialog").get_by_role("button", name="Create").click()
        await guest.page.get_by_role("button", name="I have kept it").click()
        await expect(guest.page.get_by_role("row", name="Kay's key")).to_contain_text("0 of 500 a day")

        await visit.go("/settings/members")
        await _menu(page, "Kay Keys", "Remove")
        await dialog.get_by_role("button", name="Remove").click()
        left = page.get_by_text("One SMTP user or key that Kay Keys made still works.")
        await expect(left).to_be_visible()
        await visit.is_clean()
        await page.get_by_role("link", name="Show them").click()
        row = page.get_by_role("row", name="Kay's key")
        await expect(row).to_contain_text("made by kay@acme.test, who was removed")
        await expect(page.get_by_role("row", name="acme-smtp")).to_have_count(0)
        await visit.is_clean()
        await page.get_by_role("button", name="Show all").click()
        await page.get_by_role("row", name="acme-smtp").wait_for()
        await expect(row).to_be_visible()


async def test_an_invitation_is_taken_back(stage: Stage, visit: Visit, browser: Browser) -> None:
    page = visit.page
    await visit.enter(stage.world.cafe, "/settings/members")
    await page.get_by_role("button", name="Invite somebody").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Email address").fill("wrong@cafe.test")
    await dialog.get_by_role("button", name="Send invitation").click()
    link = await _link(stage, "/invitation", "wrong@cafe.test")
    await _menu(page, "wrong@cafe.test", "Take back")
    await expect(page.get_by_text("Nobody is invited at the moment.")).to_be_visible()
    async with visited(browser, stage.platform.url) as guest:
        await guest.go(link)
        await expect(guest.page.get_by_role("heading", level=1)).to_have_text("This invitation is not valid any more")


async def test_the_last_owner_stays(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.enter(stage.world.rival, "/settings/members")
    await _menu(page, "rival", "Remove")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Remove").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("owner")
    async with stage.database() as conn:
        owners = await conn.fetchval(
            "select count(*) from member where account_id = $1 and role = 'owner'", stage.world.rival.id
        )
    assert owners == 1


async def test_an_admin_does_not_reach_an_owner(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.enter(stage.world.acme, "/settings/members", role=Role.ADMIN)
    await page.get_by_role("row", name="user@acme.test").wait_for()
    await expect(page.get_by_role("button", name="Actions for acme", exact=True)).to_have_count(0)
    await page.get_by_role("button", name="Invite somebody").click()
    await page.get_by_role("dialog").get_by_label("Role").click()
    await expect(page.get_by_role("option", name="Admin")).to_be_visible()
    await expect(page.get_by_role("option", name="Owner")).to_have_count(0)


async def test_a_forgotten_password_is_replaced_by_a_mailed_link(stage: Stage, visit: Visit) -> None:
    page = visit.page
    tenant = stage.world.other
    for address in ("nobody@nowhere.test", tenant.email):
        await visit.go("/login")
        await page.get_by_role("link", name="Forgot your password?").click()
        await page.get_by_label("Email address").fill(address)
        await visit.is_clean()
        await page.get_by_role("button", name="Send link").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")
        await expect(page.get_by_text(f"If {address} has an account here")).to_be_visible()
    await visit.go(await _link(stage, "/reset", tenant.email))
    await page.get_by_label("New password").fill(OTHER_PASSWORD)
    await visit.is_clean()
    await page.get_by_role("button", name="Change password").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your password is changed")
    await page.get_by_role("button", name="Go to sign in").click()
    await visit.sign_in(tenant, password=PASSWORD)
    await expect(page.get_by_role("alert")).to_be_visible()
    await visit.sign_in(tenant, password=OTHER_PASSWORD)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Dashboard")


def _code(secret: str, step: int) -> str:
    """The code of an authenticator with this secret in the present 30 seconds, moved by `step`."""
    key = base64.b32decode(secret.replace(" ", "") + "=" * (-len(secret.replace(" ", "")) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30 + step), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


async def test_a_second_factor_is_turned_on_asked_for_and_turned_off(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.enter(stage.world.cafe, "/settings/security")
    await visit.is_clean()
    await page.get_by_role("button", name="Turn on").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Password", exact=True).fill("wrong password")
    await dialog.get_by_role("button", name="Go on").click()
    await expect(dialog.locator("[aria-invalid=true]").or_(dialog.get_by_role("alert")).first).to_be_visible()
    await dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    await dialog.get_by_role("button", name="Go on").click()
    secret = await dialog.locator("dd bdi").first.inner_text()
    picture = dialog.get_by_role("img", name="QR code for your authenticator app")
    await expect(picture).to_be_visible()
    size = await picture.bounding_box()
    assert size is not None
    assert size["width"] >= 180
    link = await dialog.get_by_role("link", name="Open an app on this device").get_attribute("href")
    assert f"secret={secret.replace(' ', '')}" in str(link)
    await visit.is_clean()
    await dialog.get_by_label("Code", exact=True).fill(_code(secret, 0))
    await dialog.get_by_role("button", name="Turn on").click()
    codes = (await page.get_by_test_id("secret").locator("dd bdi").inner_text()).split()
    assert len(codes) == len(set(codes)) == 10
    await visit.is_clean()
    await page.get_by_role("button", name="I have kept it").click()
    await expect(page.get_by_role("button", name="Turn off")).to_be_visible()

    for code, heading in (("000000", "Enter your code"), (codes[0], "Dashboard")):
        await page.context.clear_cookies()
        visit.outage = True  # the page that is open is told that its session is over
        await visit.go("/login")
        visit.outage = False
        await visit.sign_in(stage.world.cafe)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Enter your code")
        await visit.is_clean()
        await page.get_by_label("Code").fill(code)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        if heading == "Enter your code":
            await expect(page.get_by_label("Code")).to_have_attribute("aria-invalid", "true")

    await visit.go("/settings/security")
    await page.get_by_role("button", name="Turn off").click()
    await dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    await dialog.get_by_role("button", name="Go on").click()
    await expect(page.get_by_role("button", name="Turn on")).to_be_visible()


async def test_sessions_are_listed_and_ended(stage: Stage, visit: Visit, browser: Browser) -> None:
    page = visit.page
    tenant = stage.world.acme
    async with visited(browser, stage.platform.url) as elsewhere:
        await elsewhere.enter(tenant, "/settings/smtp")
        await visit.enter(tenant, "/settings/security")
        sessions = page.get_by_role("table", name="Where you are signed in").locator("tbody tr")
        await expect(sessions.filter(has_text="this one")).to_have_count(1)
        await page.get_by_role("button", name="Sign out everywhere else").click()
        await expect(sessions).to_have_count(1)
        elsewhere.outage = True
        await elsewhere.page.reload()
        await expect(elsewhere.page.get_by_role("heading", level=1)).to_have_text("Sign in to your account")
    assert await _session_count(stage, tenant.id, tenant.email) == 1


async def test_a_password_is_changed_with_the_present_one(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.enter(stage.world.platform, "/settings/security")
    await page.get_by_label("Present password").fill("wrong password")
    await page.get_by_label("New password").fill(OTHER_PASSWORD)
    await page.get_by_role("button", name="Change password").click()
    await expect(page.get_by_label("Present password")).to_have_attribute("aria-invalid", "true")
    await page.get_by_label("Present password").fill(PASSWORD)
    await page.get_by_role("button", name="Change password").click()
    await expect(page.get_by_text("Your password is changed.").first).to_be_visible()


async def test_the_audit_list_tells_who_did_what(stage: Stage, visit: Visit) -> None:
    page = visit.page
    await visit.enter(stage.world.shop, "/settings/smtp")
    await visit.go("/settings/account")
    await page.get_by_label("Time zone").fill("Europe/Rome")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("Saved.", exact=True).first.wait_for()
    await visit.go("/settings/audit")
    row = page.get_by_role("row").filter(has_text="account.update").first
    await expect(row).to_contain_text("shop")
    await expect(row).to_contain_text("Europe/Rome")
    await visit.is_clean()
    await page.get_by_role("combobox", name="Show").click()
    await page.get_by_role("option", name="Plans").click()
    await expect(page.get_by_text("No such changes")).to_be_visible()
    await visit.is_clean()
    await page.get_by_role("link", name="Show everything").click()
    await expect(row).to_be_visible()
    await expect(page.get_by_role("combobox", name="Account")).to_have_count(0)  # there is nobody below


async def test_the_audit_list_is_narrowed_to_one_account_below(stage: Stage, visit: Visit) -> None:
    page = visit.page
    world = stage.world
    async with stage.database() as conn:
        for tenant in (world.acme, world.cafe, world.shop):
            await conn.execute(
                """insert into audit_entry (id, account_id, home_id, entered, action, changes)
                   values (gen_random_uuid(), $1, $1, false, 'account.update', $2::text::jsonb)""",
                tenant.id,
                json.dumps({"name": [None, f"Name of {tenant.name}"]}),
            )
    await visit.enter(world.acme, f"/accounts/{world.cafe.id}")
    await page.get_by_role("button", name="Actions for Cafe.Test").click()
    await page.get_by_role("menuitem", name="Audit log").click()
    chosen = page.get_by_role("combobox", name="Account")
    await expect(chosen).to_have_value("Cafe.Test (cafe.test)")
    await expect(page.get_by_text("Name of cafe")).to_be_visible()
    await expect(page.get_by_text("Name of shop")).to_have_count(0)
    await visit.is_clean()
    await chosen.fill("shop")
    await page.locator("datalist option[value='Shop.Test (shop.test)']").wait_for(state="attached")
    await expect(page.get_by_text("Name of cafe")).to_be_visible()  # a word that is no account changes nothing
    await chosen.fill("Shop.Test (shop.test)")
    await expect(page.get_by_text("Name of shop")).to_be_visible()
    await expect(page.get_by_text("Name of cafe")).to_have_count(0)
    await visit.is_clean()
    await page.go_back()
    await expect(page.get_by_text("Name of cafe")).to_be_visible()
    await expect(chosen).to_have_value("Cafe.Test (cafe.test)")
    await chosen.fill("")
    for tenant in (world.acme, world.cafe, world.shop):
        await expect(page.get_by_text(f"Name of {tenant.name}")).to_be_visible()
