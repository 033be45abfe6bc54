"""Does anything of one tenant ever turn up with another? Mail, pages, lists and logs of two houses that live side by side.

Two resellers and a customer of each do the same at the same time: invite, forget passwords, sign up strangers, send, run
low. Everything of the first house is called by a mark; whoever finds it with the second one has found a leak. The sibling
of the first house's customer shares its reseller's brand and nothing else.
"""

import asyncio
import email
import email.policy
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.flows.test_isolation import VALUES
from tests.support.mails import plain
from tests.support.postgres import Postgres
from tests.support.questions import Asker, root_fields, schema
from tests.support.sink import Sink
from tests.support.stage import Stage, eventually, staged
from tests.support.world import PASSWORD, Tenant

ACME, SHOP = "canaryacme", "canaryshop"
"""The marks: of the first reseller, and of its customer."""

PAGES = ("/", "/login", "/forgotten", "/reset", "/invitation", "/sign-up", "/sign-up/confirm", "/accounts")

KINDS = (
    "You are invited to",
    "Choose a new password for",
    "was changed",
    "Confirm your account at",
    "You have an account already",
)
"""What the platform writes to people, by subject."""

_PAGE = '<!doctype html><title>x</title><script type="application/json" id="branding">{}</script><div id="app"></div>'
_NEW = "another long password"
_DONE = "{ __typename ... on Problem { code message } }"
INVITE = f"mutation ($email: String!) {{ inviteMember(email: $email, role: ANALYST) {_DONE} }}"
ACCEPT = f"""mutation ($token: String!, $name: String!) {{
  acceptInvitation(token: $token, name: $name, password: "{_NEW}") {_DONE} }}"""
FORGET = f"mutation ($email: String!) {{ requestPasswordReset(email: $email) {_DONE} }}"
RESET = f'mutation ($token: String!) {{ resetPassword(token: $token, password: "{_NEW}") {_DONE} }}'
SIGN_UP = f"mutation ($input: SignUpInput!) {{ signUp(input: $input) {_DONE} }}"
CONFIRM = f"mutation ($token: String!) {{ confirmSignUp(token: $token) {_DONE} }}"
SEND = f"mutation ($input: SendMailInput!) {{ sendMail(input: $input) {_DONE} }}"
LOGIN = f"mutation ($email: String!, $password: String!) {{ login(email: $email, password: $password) {_DONE} }}"


@dataclass
class Browser:
    """Somebody at a host, with the cookie of that host and everything that was answered."""

    url: str
    host: str
    cookie: str = ""
    heard: str = ""

    async def ask(self, query: str, **variables: Any) -> Any:
        """The answer to an operation; what it sets is kept as a browser would."""
        answer = await self._send("POST", "/graphql", json={"query": query, "variables": variables})
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                self.cookie = f"{name}={morsel.value}"
        return answer.json()

    async def does(self, query: str, **variables: Any) -> None:
        """An operation that must be carried out."""
        answer = await self.ask(query, **variables)
        assert "errors" not in answer, answer
        [done] = answer["data"].values()
        assert done["__typename"] != "Problem", done

    async def page(self, path: str) -> str:
        """What a page is."""
        return (await self._send("GET", path)).text

    async def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Host": self.host, "Origin": f"http://{self.host}", "X-Requested-With": "web"}
        headers |= {"Cookie": self.cookie} if self.cookie else {}
        async with httpx.AsyncClient(timeout=30, verify=False) as http:  # noqa: S501 - plain HTTP on loopback
            answer = await http.request(method, f"{self.url}{path}", headers=headers, **more)
        self.heard += f"{answer.headers}\n{answer.text}\n"
        return answer


@dataclass(frozen=True)
class House:
    """A reseller, a customer of it, and how everything of theirs is called."""

    reseller: Tenant
    customer: Tenant
    mark: str
    customer_mark: str

    @property
    def people(self) -> str:
        """Where those live who are asked in, or come by themselves."""
        return f"{self.customer_mark}.example"


@pytest.fixture(scope="module")
def stage(populated: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The platform with a dashboard of one page."""
    root: Path = tmp_path_factory.mktemp("dashboard")
    (root / "index.html").write_text(_PAGE)
    yield from staged(populated, settings={"LIVERY_WEB_ROOT": str(root)})


def browser(stage: Stage, host: str) -> Browser:
    """A fresh browser that has opened a host."""
    return Browser(stage.platform.url, f"{host}:{stage.platform.http}")


async def signed_in(stage: Stage, tenant: Tenant, host: str = "") -> Browser:
    """The tenant's owner, signed in on the tenant's own host or another one."""
    found = browser(stage, host or tenant.host)
    await found.does(LOGIN, email=tenant.email, password=PASSWORD)
    return found


def houses(stage: Stage) -> tuple[House, House]:
    """The house that is marked all over, and the plain one."""
    world = stage.world
    return House(world.acme, world.shop, ACME, SHOP), House(world.other, world.rival, "plainpost", "plainshop")


async def furnish(stage: Stage) -> None:
    """Call everything by its mark, open sign-up, and let every balance be too low."""
    async with stage.database() as conn:
        for house in houses(stage):
            for tenant, mark in ((house.reseller, house.mark), (house.customer, house.customer_mark)):
                await conn.execute("update account set name = $2 where id = $1", tenant.id, f"{mark} account")
                await conn.execute(
                    "update member set name = $2 || ' ' || role where account_id = $1", tenant.id, f"{mark} person"
                )
                await conn.execute("update credential set name = $2 where account_id = $1", tenant.id, f"{mark} key")
            await conn.execute(
                "update account set brand_name = $2, sign_up_open = true where id = $1",
                house.reseller.id,
                f"{house.mark} Mail",
            )
        await conn.execute("update account set alert_below = 1000000000 where kind = 'sub_account'")
    for house in houses(stage):
        page = browser(stage, house.customer.host)

        async def branded(page: Browser = page, mark: str = house.mark) -> bool | None:
            return f"<title>{mark} Mail</title>" in await page.page("/") or None

        await eventually(branded, f"the brand of {house.mark}")


def letters(sink: Sink, to: str = "") -> list[str]:
    """Everything that was delivered to addresses that end like this: envelope, header and text, oldest first."""
    found = []
    for mail in sink.accepted:
        if mail.recipients[0].endswith(to):
            parsed = email.message_from_bytes(mail.content, policy=email.policy.default)
            read = f"{dict(parsed.items())}\n{parsed.get_content()}"
            found.append(f"{mail.sender} {mail.recipients} {mail.helo}\n{mail.content.decode()}\n{read}")
    return found


async def letter(sink: Sink, to: str, subject: str, count: int = 1) -> str:
    """The newest letter to an address with this in its subject, once there are so many."""

    async def look() -> str | None:
        found = [one for one in letters(sink, to) if subject in one]
        return found[-1] if len(found) >= count else None

    return await eventually(look, f"letter to {to} about {subject!r}")


async def token(sink: Sink, to: str, subject: str, count: int = 1) -> str:
    """The token in that letter's link."""
    links: list[str] = re.findall(r"http://\S+#(\S+)", await letter(sink, to, subject, count))
    return links[-1]


async def live(stage: Stage, sink: Sink, house: House, stranger: House) -> list[Browser]:
    """A day in a house; return the browsers of its people, the owners' first."""
    reseller, customer = await signed_in(stage, house.reseller), await signed_in(stage, house.customer)
    partner, clerk, fresh = (f"{who}@{house.people}" for who in ("partner", "clerk", "fresh"))
    # Invitations, one of them taken up.
    await reseller.does(INVITE, email=partner)
    await customer.does(INVITE, email=clerk)
    guest = browser(stage, house.customer.host)
    await guest.does(ACCEPT, token=await token(sink, clerk, "You are invited"), name=f"{house.customer_mark} clerk")
    # A password forgotten, asked for at home and, by mistake, at the other house's door.
    lost = browser(stage, house.customer.host)
    await browser(stage, stranger.customer.host).does(FORGET, email=clerk)
    await letter(sink, clerk, "Choose a new password")
    await lost.does(FORGET, email=clerk)
    await lost.does(RESET, token=await token(sink, clerk, "Choose a new password", 2))
    # A stranger signs up, and somebody whose address is known already.
    newcomer = browser(stage, house.reseller.host)
    wish = {"password": _NEW, "name": f"{house.mark} stranger", "company": f"{house.mark} company"}
    for address in (fresh, clerk):
        await newcomer.does(SIGN_UP, input={**wish, "email": address})
    await newcomer.does(CONFIRM, token=await token(sink, fresh, "Confirm your account"))
    # Mail by both doors; one is refused, in the remote host's words.
    mark, sender = house.customer_mark, house.customer
    sink.answers(f"550 5.1.1 {mark} refused", to=f"gone@{house.people}")
    for to in (f"friend@{house.people}", f"gone@{house.people}"):
        await stage.submit(plain(sender.email, to, f"{mark} secret"), [to], tenant=sender)
    mail = {"sender": sender.email, "to": [f"friend@{house.people}"], "subject": f"{mark} again", "text": mark}
    await customer.does(SEND, input=mail)
    return [reseller, customer, guest, lost, newcomer]


async def read_everything(reader: Browser) -> None:
    """Ask every list there is, as deep as it goes."""
    sdl = schema()
    for path in root_fields(sdl):
        if path.startswith("Query."):
            first = {f"{path}.first": 20} if "first" in sdl.type_map["Query"].fields[path[6:]].args else {}  # type: ignore[attr-defined]
            question = Asker(sdl, values=VALUES | first, depth=4).question(path)
            answer = await reader.ask(question.text, **question.variables)
            assert all("path" in error for error in answer.get("errors", [])), (path, answer)


def tells(said: str, stage: Stage) -> str | None:
    """What of the marked house is in a text: a mark, a name, a host, an id."""
    acme, shop = stage.world.acme, stage.world.shop
    found = re.search(f"{ACME}|{SHOP}|{acme.name}|{acme.id}|{shop.id}|{shop.host}|{shop.slug}", said, re.IGNORECASE)
    return found[0] if found else None


async def test_nothing_of_one_house_turns_up_in_the_other(stage: Stage) -> None:
    await furnish(stage)
    marked, plain_house = houses(stage)
    cafe = stage.world.cafe
    async with stage.host() as sink:
        ours, theirs = await asyncio.gather(
            live(stage, sink, marked, plain_house), live(stage, sink, plain_house, marked)
        )
        sibling = await signed_in(stage, cafe)
        await sibling.does(INVITE, email="clerk@cafe.example")
        await sibling.does(FORGET, email=cafe.email)
        for to, subject in (("clerk@cafe.example", "You are invited"), (cafe.email, "Choose a new password")):
            told = await letter(sink, to, subject)
            assert ACME in told and SHOP not in told, "the brand of its reseller, and nothing of a sibling"
        await letter(sink, marked.people, "You have an account")
        await letter(sink, plain_house.people, "You have an account")
        await stage.settle(seconds=60)

        # Mail: each of the kinds came to both houses, and each in the name of its own.
        for house in (marked, plain_house):
            came = letters(sink, house.people)
            for kind in KINDS:
                assert any(kind in one for one in came), f"{kind!r} did not come to {house.people}"
            assert all(f"{house.mark} Mail" in one or f"{house.customer_mark} " in one for one in came)
        assert [found for one in letters(sink, plain_house.people) if (found := tells(one, stage))] == []

    async def alerted() -> bool | None:
        async with stage.database() as conn:
            return await conn.fetchval("select count(distinct account_id) from credit_alert") >= 3 or None

    await eventually(alerted, "alerts")
    # Everything that can be asked for, and everything that was said on the way.
    for reader in (*ours, *theirs, sibling):
        await read_everything(reader)
    assert ACME in ours[0].heard
    # The brand is on every page of the customer's, and on those that its readers see; nothing else of who is above is.
    assert ACME not in ours[1].heard.replace(f"{ACME} Mail", ""), "who is above is nobody's to see"
    assert all(SHOP in reader.heard for reader in ours[:2])
    assert f"550 5.1.1 {SHOP} refused" in ours[0].heard, "a reseller sees what is below it"
    assert f'"accountName":"{SHOP} account"' in ours[1].heard, "its own alert"
    assert [found for reader in theirs if (found := tells(reader.heard, stage))] == []
    assert SHOP not in sibling.heard

    # What processes say to those who run them is of nobody's mail and nobody's name.
    said = "".join(stage.platform.log(name) for name in stage.platform.names)
    for port in stage.platform.metrics.values():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            said += answer.read().decode()
    assert "credits.low" in said, "the logs are there"
    assert "graphql_seconds_count" in said, "and the metrics"
    assert re.search(f"{ACME}|{SHOP}|plainpost|plainshop", said) is None


async def test_a_page_shows_the_face_of_its_host_and_of_nobody_else(stage: Stage) -> None:
    await furnish(stage)
    marked, plain_house = houses(stage)
    for path in PAGES:
        for tenant in (plain_house.reseller, plain_house.customer):
            page = await browser(stage, tenant.host).page(path)
            assert f"<title>{plain_house.mark} Mail</title>" in page
            assert tells(page, stage) is None
        for tenant in (marked.reseller, marked.customer):
            assert f"<title>{ACME} Mail</title>" in await browser(stage, tenant.host).page(path)


async def test_on_a_strangers_host_nobody_is_known(stage: Stage) -> None:
    await furnish(stage)
    marked, plain_house = houses(stage)
    for host in (marked.reseller.host, marked.customer.host):
        door = browser(stage, host)
        known = await door.ask(LOGIN, email=plain_house.customer.email, password=PASSWORD)
        unknown = await door.ask(LOGIN, email="nobody@nowhere.example", password=PASSWORD)
        assert known == unknown
        assert known["data"]["login"]["code"] == "UNAUTHENTICATED"
        assert door.cookie == ""
    # The cookie of one host is nobody's on another.
    at_home = await signed_in(stage, plain_house.customer)
    who = "{ me { account { name } } }"
    assert (await at_home.ask(who))["data"]["me"]["account"]["name"] == f"{plain_house.customer_mark} account"
    elsewhere = browser(stage, marked.customer.host)
    elsewhere.cookie = at_home.cookie
    assert (await elsewhere.ask(who))["data"]["me"] is None
    assert plain_house.customer_mark not in elsewhere.heard
