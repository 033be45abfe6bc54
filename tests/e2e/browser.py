"""How does a person meet the dashboard? In a Chromium that tolerates no fault on the page and no request to another host."""

import contextlib
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page, Playwright, async_playwright, expect

from tenants.models import Role
from tests.support.world import PASSWORD, Tenant

WEB = Path(__file__).resolve().parents[2] / "web-vue"
AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"

Scheme = Literal["light", "dark"]

DESK = (1440, 900)
PHONE = (390, 844)


def chromium() -> str:
    """Return the path of the browser."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "No Chromium on the PATH. Install it: apt-get install chromium"
    return found


@contextlib.asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """A browser without a window."""
    assert (WEB / "dist" / "index.html").is_file(), "The dashboard is not built: cd web-vue && npm ci && npm run build"
    async with async_playwright() as playwright:
        browser = await _launch(playwright)
        try:
            yield browser
        finally:
            await browser.close()


async def _launch(playwright: Playwright) -> Browser:
    return await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])


@dataclass
class Visit:
    """One person's page, and what went wrong on it."""

    page: Page
    origin: str
    faults: list[str] = field(default_factory=list)
    """Errors and warnings of the console, exceptions, requests to other hosts."""
    outage: bool = False
    """Set while the server is meant to be away: failed requests are then no fault of the page."""

    async def go(self, path: str) -> None:
        """Open an address of this host and wait until the page has drawn itself."""
        await self.page.goto(f"{self.origin}{path}")
        await self.page.locator("#app h1").first.wait_for()

    async def sign_in(self, tenant: Tenant, *, role: Role = Role.OWNER, password: str = PASSWORD) -> None:
        """Fill in the form as the tenant's member of a role and send it."""
        await self.page.get_by_label("Email address").fill(tenant.login(role))
        await self.page.get_by_label("Password", exact=True).fill(password)
        await self.page.get_by_role("button", name="Sign in").click()

    async def enter(self, tenant: Tenant, path: str = "/", *, role: Role = Role.OWNER) -> None:
        """Open an address as a tenant's member who has to sign in first."""
        await self.go(path)
        await self.sign_in(tenant, role=role)
        await self.page.wait_for_url(lambda address: urlsplit(address).path != "/login")

    async def is_live(self) -> None:
        """Wait until the page follows the ledger."""
        await expect(self.page.get_by_test_id("live")).to_have_attribute("data-state", "live", timeout=15_000)

    async def calm(self) -> None:
        """Wait until nothing is drawn any more: no colour in a fade, no dialog that is just going away, no passing notice."""
        await self.page.wait_for_function(
            "() => document.getAnimations().every(one => one.effect.getTiming().iterations === Infinity"
            " || one.playState !== 'running') && (!document.querySelector('[data-reka-focus-guard]')"
            " || document.querySelector('[data-state=open]:is([role=dialog], [role=menu], [role=listbox])'))"
            # Notices bring elements that lead the keyboard to them, and take them away again.
            ' && !document.querySelector(\'span[aria-hidden="true"][tabindex="0"]:not([data-reka-focus-guard])\')'
        )

    async def is_clean(self) -> None:
        """Assert that axe finds nothing on the page as it stands, and that it is no wider than the screen."""
        await self.calm()
        found = await self.axe()
        assert found == [], found
        # Not innerWidth: a phone shows a page that is too wide smaller, and its window is then as wide as the page.
        wide = await self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not wide, "wider than the screen"

    async def axe(self) -> list[dict[str, Any]]:
        """Return what axe finds against WCAG 2.2 AA: rule, and the elements that break it."""
        # By the debugger, because the page's own policy lets no script in.
        session = await self.page.context.new_cdp_session(self.page)
        await session.send("Runtime.evaluate", {"expression": AXE.read_text()})
        rules = json.dumps(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])
        told = await session.send(
            "Runtime.evaluate",
            {
                "expression": f"axe.run(document, {{ runOnly: {rules} }}).then(found => JSON.stringify("
                "found.violations.map(one => ({ rule: one.id, nodes: one.nodes.map(node => node.html) }))))",
                "awaitPromise": True,
                "returnByValue": True,
            },
        )
        await session.detach()
        found: list[dict[str, Any]] = json.loads(told["result"]["value"])
        return found

    def _watch(self) -> None:
        self.page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))
        self.page.on(
            "console",
            lambda message: (
                self.faults.append(f"console: {message.text}")
                if message.type in {"error", "warning"} and not self.outage
                else None
            ),
        )
        self.page.on(
            "request",
            lambda request: (
                None if request.url.startswith((self.origin, "data:", "blob:")) else self.faults.append(request.url)
            ),
        )


@contextlib.asynccontextmanager
async def visited(
    browser: Browser, origin: str, *, size: tuple[int, int] = DESK, scheme: Scheme = "light", locale: str = "en-GB"
) -> AsyncIterator[Visit]:
    """A person with a clean browser on `origin`; at the end nothing may have gone wrong on the page."""
    phone = size[0] < 600
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        locale=locale,
        is_mobile=phone,
        has_touch=phone,
    )
    visit = Visit(await context.new_page(), origin)
    visit._watch()
    try:
        yield visit
    finally:
        await context.close()
    assert visit.faults == []
