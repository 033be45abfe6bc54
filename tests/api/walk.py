"""How is every change of the API made once, and what did it write into the audit list?

Each change that must write something is made twice: first with an audit list that refuses to be written, when it must
leave everything as it was, then for good.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import structlog

from kit.db import Connection
from tests.api.conftest import PASSWORD, Client, World
from tests.api.people import NEW_PASSWORD, code, invited, member, not_at_the_edge, token
from tests.house.audited import WRITES, Entry

LATER = {"requestPasswordReset"}
"""What is answered before it is done, so that the asker's clock tells nothing."""

_TABLES = {"order": "plan_order"}
_BROKEN = """
create function audit_broken() returns trigger language plpgsql as $$ begin raise 'the audit list is broken'; end $$;
create trigger audit_broken before insert on audit_entry for each row execute function audit_broken();
alter table audit_entry disable trigger audit_broken
"""


@dataclass(frozen=True)
class Person:
    """Somebody with a browser; without an address a stranger, whose tries are counted for `home`."""

    browser: Client
    email: str | None
    home: str


@dataclass
class Walk:
    """Makes changes one after another and remembers what each of them wrote."""

    world: World
    wrote: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    """Entries that do not say who did what to whose thing."""
    half: list[str] = field(default_factory=list)
    """Changes that were made, or answered as made, though their entry could not be written."""
    secrets: list[str] = field(default_factory=lambda: [PASSWORD, NEW_PASSWORD])

    async def person(self, home: str, host: str = "127.0.0.1", email: str | None = None) -> Person:
        """A member of `home`, its first unless named, signed in."""
        browser = self.world.client(host)
        address = email or f"user@{home}"
        assert (await browser.login(address, NEW_PASSWORD if email else PASSWORD))["__typename"] == "SignedIn"
        return Person(browser, address, home)

    async def change(
        self, who: Person, name: str, arguments: str = "", answer: str = "", *, of: str | None = None
    ) -> Any:
        """Make one change, which must be made, and return what it answers; `of` is whose thing it is, if not one's own."""
        head = f"({arguments})" if arguments else ""
        asked = f"mutation {{ {name}{head} {{ __typename {answer} ... on Problem {{ code message field }} }} }}"
        expected = WRITES[name]
        if isinstance(expected, tuple):
            await self._with_a_broken_list(who, name, asked)
        async with self.world.db.connection() as conn:
            last = await conn.fetchval("select max(id::text) from audit_entry") or ""
            before = await _ids(conn)
        found = (await who.browser.ask(asked))[name]
        assert found["__typename"] != "Problem", (name, found)
        await self.world.platform.notices.close()
        async with self.world.db.connection() as conn:
            wrote = await conn.fetch(
                """select e.action, e.target, e.changes, e.ip, e.entered, e.credential_id, a.slug as account, h.slug as home,
                          coalesce(m.email, '') as actor, m.id::text as self, a.id::text as account_id
                     from audit_entry e join account a on a.id = e.account_id join account h on h.id = e.home_id
                     left join member m on m.id = e.member_id where e.id::text > $1 order by e.id""",
                last,
            )
            after = await _ids(conn)
        self.wrote[name] = [dict(row) for row in wrote]
        for row, wanted in zip(wrote, expected if isinstance(expected, tuple) else (), strict=False):
            self._check(name, row, wanted, who, of or who.home, arguments, before, after)
        return found

    def _check(
        self,
        name: str,
        row: Any,
        wanted: Entry,
        who: Person,
        of: str,
        arguments: str,
        before: Mapping[str, set[str]],
        after: Mapping[str, set[str]],
    ) -> None:
        inside = name in {"enterAccount", "leaveAccount"}
        said = (row["action"], set(json.loads(row["changes"])), row["ip"], row["entered"], row["credential_id"])
        if said != (wanted.action, set(wanted.fields), "127.0.0.1", inside, None):
            self.wrong.append(f"{name}: {said}")
        if (row["actor"], row["home"]) != (who.email or "", who.home):
            self.wrong.append(f"{name}: done by {row['actor']} of {row['home']}")
        if row["account"] not in ({of, who.home} if inside else {of}):
            self.wrong.append(f"{name}: on behalf of {row['account']}")
        if wanted.target is None:
            right = row["target"] is None
        elif inside:
            right = row["target"] == str(self.world.accounts[of])
        else:
            known = before[wanted.target] | after[wanted.target]
            named = set(re.findall(r"[0-9a-f-]{36}", arguments)) & known
            made = after[wanted.target] - before[wanted.target]
            # A thing that was named, or made; else whoever did it, or the account itself, or what a link stands for.
            right = row["target"] in (named or made or ({row["self"], row["account_id"]} & known) or known)
        if not right:
            self.wrong.append(f"{name}: target {row['target']} is no {wanted.target} that was meant")

    async def _with_a_broken_list(self, who: Person, name: str, asked: str) -> None:
        before = await digest(self.world)
        # What nobody foresaw is logged with its traceback, once; here it was foreseen.
        with structlog.testing.capture_logs() as logged:
            async with self._broken():
                answer = (await who.browser.post(asked)).json()
                await self.world.platform.notices.close()
        after = await digest(self.world)
        changed = sorted(table for table in after if after[table] != before[table])
        told = [line["event"] for line in logged if line["log_level"] == "error"]
        if changed or told != ["notice.failed" if name in LATER else "api.failed"]:
            self.half.append(f"{name}: changed {changed}, logged {told}, answered {answer}")
        if ("errors" in answer) is (name in LATER):
            self.half.append(f"{name}: answered {answer}")

    @asynccontextmanager
    async def _broken(self) -> AsyncIterator[None]:
        async with self.world.db.connection() as conn:
            if not await conn.fetchval("select exists (select from pg_proc where proname = 'audit_broken')"):
                await conn.execute(_BROKEN)
            await conn.execute("alter table audit_entry enable trigger audit_broken")
            try:
                yield
            finally:
                await conn.execute("alter table audit_entry disable trigger audit_broken")

    async def everything(self) -> None:
        """Make every change of the schema."""
        operator = await self.person("operator.test")
        reseller = await self.person("acme.test", "acme.localhost")
        await self._people()
        await self._keys(reseller)
        source = 'input: {name: "s", ip: "192.0.2.9", hostname: "s.mail.test"}'
        made = (await self.change(operator, "createSource", source, "... on Source { id }"))["id"]
        await self.change(operator, "updateSource", f'input: {{id: "{made}", name: "t"}}')
        await self._templates(operator, reseller)
        account = 'input: {name: "Tiny", slug: "tiny.test", whenSpent: HOLD}'
        tiny = (await self.change(reseller, "createSubAccount", account, "... on Account { id }", of="tiny.test"))["id"]
        await self.change(reseller, "updateAccount", f'input: {{id: "{tiny}", name: "Tiny Two"}}', of="tiny.test")
        await self._credits(reseller, tiny)
        await self.change(reseller, "suspendAccount", f'id: "{tiny}", reason: "unpaid"', of="tiny.test")
        await self.change(reseller, "resumeAccount", f'id: "{tiny}"', of="tiny.test")
        rival = self.world.accounts["rival.test"]
        await self.change(operator, "moveAccount", f'id: "{tiny}", below: "{rival}"', of="tiny.test")
        # Noted with the parent: what is written with the account goes with it.
        await self.change(operator, "deleteAccount", f'id: "{tiny}", name: "Tiny Two"', of="rival.test")
        await self._sign_up(operator)
        await self._tags(reseller)
        await self._lists(reseller)
        await self._links(reseller)

    async def _people(self) -> None:
        world, owner = self.world, await self.person("shop.test", "shop.localhost")
        for address in ("one@new.test", "two@new.test"):
            await invited(world, owner.browser, address)
        invite = 'email: "three@new.test", role: SENDER'
        made = await self.change(owner, "inviteMember", invite, "... on Invitation { id }")
        await self.change(owner, "resendInvitation", f'id: "{made["id"]}"')
        await self.change(owner, "revokeInvitation", f'id: "{made["id"]}"')
        one = Person(world.client("shop.localhost"), "one@new.test", "shop.test")
        link = await token(world, "one@new.test")
        await self.change(one, "acceptInvitation", f'token: "{link}", name: "One", password: "{PASSWORD}"')
        self.secrets.append(link)
        id = (await one.browser.ask("{ me { member { id } } }"))["me"]["member"]["id"]
        await self.change(owner, "changeMemberRole", f'id: "{id}", role: ADMIN')
        await self._sign_in_of(one)
        await self.change(owner, "removeMember", f'id: "{id}"')
        visitor = await self.person("acme.test", "acme.localhost")
        await self.change(visitor, "enterAccount", f'accountId: "{world.accounts["shop.test"]}"', of="shop.test")
        await self.change(visitor, "leaveAccount", of="shop.test")

    async def _sign_in_of(self, one: Person) -> None:
        world = self.world
        await not_at_the_edge(world)
        begun = await self.change(
            one, "beginSecondFactor", f'password: "{PASSWORD}"', "... on SecondFactorBegun { secret }"
        )
        given = await code(world, begun["secret"])
        shown = await self.change(one, "confirmSecondFactor", f'code: "{given}"', "... on RecoveryCodes { codes }")
        self.secrets += [begun["secret"], *shown["codes"]]
        await self.change(one, "renewRecoveryCodes", f'password: "{PASSWORD}"')
        await self.change(one, "disableSecondFactor", f'password: "{PASSWORD}"')
        await self.change(one, "changePassword", f'current: "{PASSWORD}", new: "{NEW_PASSWORD}"')
        await self.person("shop.test", "shop.localhost", "one@new.test")
        listed = (await one.browser.ask("{ sessions { id current } }"))["sessions"]
        [other] = [row["id"] for row in listed if not row["current"]]
        await self.change(one, "endSession", f'id: "{other}"')
        await self.change(one, "endOtherSessions")
        stranger = Person(world.client("shop.localhost"), None, "shop.test")
        await self.change(stranger, "requestPasswordReset", 'email: "one@new.test"')
        link = await token(world, "one@new.test")
        self.secrets.append(link)
        reset = f'token: "{link}", password: "{PASSWORD}"'
        await self.change(replace(stranger, email=one.email), "resetPassword", reset)

    async def _keys(self, who: Person) -> None:
        answer = "... on NewCredential { secret credential { id } }"
        made = await self.change(who, "createCredential", 'input: {kind: SMTP, name: "k"}', answer)
        self.secrets.append(made["secret"])
        id = made["credential"]["id"]
        await self.change(who, "updateCredential", f'id: "{id}", input: {{name: "l"}}')
        for step in ("disableCredential", "enableCredential", "revokeCredential"):
            await self.change(who, step, f'id: "{id}"')

    async def _templates(self, operator: Person, who: Person) -> None:
        draft = 'input: {kind: TEMPLATE, name: "t", html: "<p><% body %></p>"}'
        made = (await self.change(who, "createTemplate", draft, "... on Template { id }"))["id"]
        await self.change(who, "updateTemplate", f'input: {{id: "{made}", name: "u"}}')
        await self.change(who, "deleteTemplate", f'id: "{made}"')
        await self.change(who, "updateTreatment", "input: {trackOpens: true}")
        rule = 'input: {address: "copies@far.test"}'
        id = (await self.change(who, "createCopyRule", rule, "... on CopyRule { id }"))["id"]
        # What was tried with a broken list counts too, and a mailbox gets only so many letters a day.
        async with self.world.db.connection() as conn:
            await conn.execute("delete from attempts")
        await self.change(who, "askForCopiesAgain", f'id: "{id}"')
        await self.change(who, "deleteCopyRule", f'id: "{id}"')
        account = f'accountId: "{self.world.accounts[who.home]}", free: true'
        await self.change(operator, "waiveCopies", account, of=who.home)

    async def _credits(self, reseller: Person, tiny: str) -> None:
        below = replace(self.world, accounts={"it": UUID(tiny)})
        held = [str(await below.submit("it", "a@b.test")) for _ in range(2)]
        of = "tiny.test"
        await self.change(reseller, "handDownCredits", f'input: {{accountId: "{tiny}", amount: 10}}', of=of)
        await self.change(reseller, "releaseMessages", f'ids: ["{held[0]}"]', of=of)
        await self.change(reseller, "cancelMessages", f'ids: ["{held[1]}"]', of=of)
        await self.change(reseller, "takeBackCredits", f'input: {{accountId: "{tiny}", amount: 5}}', of=of)
        plan = (await self.change(reseller, "createPlan", 'input: {name: "p", credits: 5}', "... on Plan { id }"))["id"]
        await member(self.world, reseller.browser, "owner@tiny.test", "OWNER", tiny)
        buyer = await self.person("tiny.test", "acme.localhost", "owner@tiny.test")
        order = f'planId: "{plan}"'
        first = (await self.change(buyer, "orderPlan", order, "... on Order { id }"))["id"]
        await self.change(buyer, "cancelOrder", f'id: "{first}"')
        second = (await self.change(buyer, "orderPlan", order, "... on Order { id }"))["id"]
        await self.change(reseller, "fulfilOrder", f'id: "{second}"', of=of)
        await self.change(reseller, "archivePlan", f'id: "{plan}"')
        shown = await self.change(reseller, "renewPaymentSecret", "", "... on PaymentSecret { secret }")
        self.secrets.append(shown["secret"])

    async def _links(self, who: Person) -> None:
        wish = 'target: "https://shop.test/", reason: "Not ours."'
        made = (await self.change(who, "killLink", wish, "... on DeadLink { id }"))["id"]
        await self.change(who, "reviveLink", f'id: "{made}"')

    async def _tags(self, who: Person) -> None:
        wish = 'input: {text: "Click [here].", language: "de"}'
        made = (await self.change(who, "createUnsubscribeTag", wish, "... on UnsubscribeTag { id }"))["id"]
        await self.change(who, "updateUnsubscribeTag", f'input: {{id: "{made}", text: "Click [there]."}}')
        await self.change(who, "deleteUnsubscribeTag", f'id: "{made}"')

    async def _lists(self, who: Person) -> None:
        wish = 'input: {address: "nobody@far.test", note: "asked by phone"}'
        made = (await self.change(who, "addSuppression", wish, "... on Suppression { id }"))["id"]
        await self.change(who, "removeSuppression", f'id: "{made}"')

    async def _sign_up(self, operator: Person) -> None:
        await operator.browser.ask(
            "mutation ($id: ID!) { updateAccount(input: {id: $id, signUpOpen: true}) { __typename } }",
            id=str(self.world.accounts["acme.test"]),
        )
        stranger = Person(self.world.client("acme.localhost"), "new@stranger.test", "new-shop")
        wish = f'email: "{stranger.email}", password: "{NEW_PASSWORD}", name: "New", company: "New Shop"'
        await self.change(stranger, "signUp", f"input: {{{wish}}}")
        link = await token(self.world, "new@stranger.test")
        self.secrets.append(link)
        await self.change(stranger, "confirmSignUp", f'token: "{link}"')


async def digest(world: World) -> dict[str, str]:
    """What every table holds, apart from counters of tries and from when somebody was seen or a key used."""
    async with world.db.connection() as conn:
        tables = await conn.fetch("select tablename from pg_tables where schemaname = 'public'")
        return {
            row["tablename"]: await conn.fetchval(
                f"""select md5(coalesce(string_agg(v, E'\n' order by v), ''))
                      from {row["tablename"]} t, lateral (
                        select (to_jsonb(t) - array['last_seen_at', 'last_used_at', 'last_used_ip'])::text as v) w"""
            )
            for row in tables
            if row["tablename"] != "attempts"
        }


async def _ids(conn: Connection) -> dict[str, set[str]]:
    """The ids of everything there is, by kind."""
    kinds = {entry.target for entries in WRITES.values() if isinstance(entries, tuple) for entry in entries}
    return {
        kind: {
            row["id"]
            for row in await conn.fetch(
                f"select {'public_id' if kind == 'session' else 'id'}::text as id from {_TABLES.get(kind, kind)}"
            )
        }
        for kind in kinds
        if kind is not None
    }
