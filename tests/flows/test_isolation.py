"""Nobody gets anything of anybody else: every field, mutation, subscription and id of the schema, asked by strangers.

A question with an id of somebody else's thing gets the bytes that one with an id of nothing gets, and changes nothing; no
answer to a stranger holds a mark of what was asked about. The positive twin: somebody who may see it gets another answer.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
import pytest

from kit.db import connect
from tests.support.belongings import KINDS, make
from tests.support.graphql import Api
from tests.support.postgres import Postgres
from tests.support.questions import IDS, NOWHERE, Asker, root_fields, schema
from tests.support.stage import Stage, staged
from tests.support.world import PASSWORD, Tenant

SDL = schema()
MARK = "canary7f3a"

VALUES: dict[str, Any] = {
    "Query.statistics.to": "2026-01-02T00:00:00Z",
    "Query.engagement.to": "2026-01-02T00:00:00Z",
    "Query.unsubscribePage.language": "en",
    "Query.creditEntries.first": 5,
    "Query.subAccounts.search": "",
    "Mutation.login.password": "a wrong password",
    "Mutation.sendMail.input.to": ["r@far.test"],
    "Mutation.sendMail.input.sender": "x@far.test",
    "Mutation.sendMail.input.text": "t",
    "Query.suppressions.forEverybody": False,
    "Mutation.addSuppression.input.address": "nobody@far.test",
    "Mutation.addSuppression.input.forEverybody": False,
    "Mutation.inviteMember.email": "somebody@new.test",
    "Mutation.inviteMember.role": "ANALYST",
    "Mutation.changeMemberRole.role": "SENDER",
    "Mutation.createSubAccount.input.sharesPool": False,
    "Mutation.createSource.input.ip": "203.0.113.77",
    "Mutation.createSource.input.hostname": "out.far.test",
}
"""What questions need so that they get as far as the thing they name."""

OFFERED = {
    "Mutation.orderPlan.planId",
    "Mutation.createSubAccount.input.sourceId",
    "Mutation.updateAccount.input.sourceId",
}
"""What those below may name of those above: plans that are sold to them, addresses that they may send from."""


@pytest.fixture(scope="module")
def stage(populated: Postgres) -> Iterator[Stage]:
    """The doors without workers and clock: nothing happens but what is asked for."""
    yield from staged(populated, processes=("api",))


@pytest.fixture(scope="module")
def unfiltered(populated: Postgres) -> Iterator[Stage]:
    """The same with the application's filter switched off."""
    yield from staged(populated, processes=("api",), programs={"api": "tests.support.unfiltered_api"})


@pytest.fixture(autouse=True)
async def _laws() -> None:
    """Things made by hand obey no laws of the ledger."""


@dataclass
class Court:
    """Who is asked about, and by whom."""

    stage: Stage
    conn: asyncpg.Connection
    http: httpx.AsyncClient
    sessions: dict[str, Api] = field(default_factory=dict)

    async def session(self, tenant: Tenant) -> Api:
        """The tenant's owner, signed in."""
        if tenant.slug not in self.sessions:
            self.sessions[tenant.slug] = await Api(self.stage.platform.url).login(tenant.email, PASSWORD)
        return self.sessions[tenant.slug]

    def key(self, tenant: Tenant) -> Api:
        """A program of the tenant's with every permission."""
        return Api(self.stage.platform.url, tenant.full_key)

    async def ask(self, api: Api, path: str, values: dict[str, Any], ids: dict[str, str], depth: int = 3) -> bytes:
        """The bytes of an answer."""
        question = Asker(SDL, lambda kind: ids.get(kind, NOWHERE), VALUES | values, depth=depth).question(path)
        body = {"query": question.text, "variables": question.variables}
        await self.conn.execute("delete from attempts")  # asked this often, anything would be throttled
        answer = await self.http.post(f"{self.stage.platform.url}/graphql", json=body, headers=api.headers)
        # What is ours to mend would be a difference, too; an invalid question would prove nothing.
        assert b"Something went wrong" not in answer.content, (path, answer.text)
        assert answer.status_code == 200, (path, question.text, answer.text)
        # An operation that is refused as a whole (too deep, too dear, misspelt) proves nothing; a field's refusal has a path.
        assert all("path" in error for error in answer.json().get("errors", [])), (path, question.text, answer.text)
        return re.sub(rb'"(?:at|createdAt|lastSeenAt)":"[^"]*"', b"", answer.content)

    async def own(self, tenant: Tenant, mark: str) -> dict[str, str]:
        """One thing of every kind."""
        return {kind: await make(self.conn, kind, tenant.id, mark) for kind in sorted(KINDS)}

    async def digest(self, mark: str, *ids: object) -> dict[str, str]:
        """What every table holds of a mark and of these ids."""
        tables = await self.conn.fetch("select tablename from pg_tables where schemaname = 'public' order by 1")
        wanted = "|".join([mark, *map(str, ids)])
        return {
            row["tablename"]: await self.conn.fetchval(
                f"""select md5(coalesce(string_agg(t::text, E'\\n' order by t::text), ''))
                      from {row["tablename"]} t where t::text ~ $1""",
                wanted,
            )
            for row in tables
            if row["tablename"] not in {"attempts", "session"}
        }


async def _court(stage: Stage) -> AsyncIterator[Court]:
    conn = await connect(stage.database_url)
    try:
        await conn.execute("update account set may_resell = true")
        async with httpx.AsyncClient(timeout=30, verify=False) as http:  # noqa: S501 - plain HTTP on loopback
            yield Court(stage, conn, http)
    finally:
        await conn.close()


@pytest.fixture
async def court(stage: Stage) -> AsyncIterator[Court]:
    """The platform as shipped."""
    async for found in _court(stage):
        yield found


@pytest.fixture
async def bare(unfiltered: Stage) -> AsyncIterator[Court]:
    """Row-level security alone."""
    async for found in _court(unfiltered):
        yield found


ARGUMENTS = [path for path in IDS if path.partition(".")[0] in {"Query", "Mutation"}]


def root(path: str) -> str:
    """The root field of an argument's path."""
    return ".".join(path.split(".")[:2])


def test_every_kind_of_thing_can_be_made() -> None:
    assert set(IDS.values()) <= KINDS


async def strangers(court: Court, victim: str) -> dict[str, Api]:
    """Who must get nothing of the victim's: its sibling, another reseller and a customer of that one, those below it."""
    world = court.stage.world
    anonymous = Api(court.stage.platform.url)
    found = {
        "anonymous": anonymous,
        "other reseller's owner": await court.session(world.other),
        "other reseller's key": court.key(world.other),
        "other reseller's customer": court.key(world.rival),
    }
    if victim == "acme":
        return {**found, "customer's owner": await court.session(world.cafe), "customer's key": court.key(world.shop)}
    return {
        **found,
        "sibling's owner": await court.session(world.cafe),
        "sibling's key": court.key(world.cafe),
        "sibling's read-only key": Api(anonymous.url, world.cafe.read_key),
    }


async def accomplices(court: Court, victim: str) -> list[tuple[Tenant, Api]]:
    """Who may see what is the victim's: itself, its parent, the operator, whoever is below."""
    world = court.stage.world
    line = [world.shop, world.acme, world.platform] if victim == "shop" else [world.acme, world.platform, world.shop]
    return [(one, api) for one in line for api in (court.key(one), await court.session(one))]


async def _ask_as_strangers(court: Court, victim: str, *, identical: bool) -> None:
    mark = f"{MARK}-{victim}"
    owner: Tenant = getattr(court.stage.world, victim)
    things = await court.own(owner, mark)
    own = {
        tenant.slug: await court.own(tenant, "plain")
        for tenant in (court.stage.world.other, court.stage.world.rival, court.stage.world.cafe, court.stage.world.shop)
    }
    by = {
        "other reseller's owner": "other.test",
        "other reseller's key": "other.test",
        "other reseller's customer": "rival.test",
        "customer's key": "shop.test",
    }
    before = await court.digest(mark, *things.values())
    wrong: list[str] = []
    for name, api in (await strangers(court, victim)).items():
        ids = own[by.get(name, "cafe.test")]
        for path in ARGUMENTS:
            if name.startswith("customer") and path in OFFERED:
                continue
            foreign = await court.ask(api, root(path), {path: things[IDS[path]]}, ids)
            nothing = await court.ask(api, root(path), {path: NOWHERE}, ids)
            if identical and foreign != nothing:
                wrong.append(f"{name}: {path}: {foreign!r} is not {nothing!r}")
            if mark.encode() in foreign or any(
                id.encode() in foreign for kind, id in things.items() if kind != IDS[path]
            ):
                wrong.append(f"{name}: {path} tells of the {victim}: {foreign!r}")
    assert wrong == []
    after = await court.digest(mark, *things.values())
    assert {table for table in after if after[table] != before[table]} == set(), "a stranger changed something"


@pytest.mark.parametrize("victim", ["shop", "acme"])
async def test_an_id_of_somebody_elses_answers_like_one_of_nothing(court: Court, victim: str) -> None:
    await _ask_as_strangers(court, victim, identical=True)


@pytest.mark.parametrize("victim", ["shop", "acme"])
async def test_row_level_security_alone_keeps_strangers_out(bare: Court, victim: str) -> None:
    await _ask_as_strangers(bare, victim, identical=False)


@pytest.mark.parametrize("path", ARGUMENTS)
async def test_whoever_may_see_it_gets_another_answer(court: Court, path: str) -> None:
    told: list[bytes] = []
    world = court.stage.world
    for tenant, api in await accomplices(court, "shop"):
        # A plan is ordered from or given by the account above, and offered at sign-up by the account that sells it.
        owner = world.acme if path.endswith(".planId") else world.shop
        more = {"Mutation.updateAccount.input.id": str(owner.id)} if path.endswith(".signUpPlanId") else {}
        ids = await court.own(tenant, "plain")
        # What is listed of an account made just now is nothing; of shop itself there is something.
        listed = path.startswith("Query.") and IDS[path] == "account"
        thing = str(owner.id) if listed else await make(court.conn, IDS[path], owner.id, "plain")
        nothing = await court.ask(api, root(path), {**more, path: NOWHERE}, ids)
        found = await court.ask(api, root(path), {**more, path: thing}, ids)
        told += [found, nothing]
        if root(path) == "Mutation.enterAccount":
            court.sessions.clear()
        if found != nothing:
            return
    pytest.fail(f"nobody gets anything by {path}: the question goes no further than {told}; see VALUES")


async def _lists(court: Court, victim: str) -> None:
    mark = f"{MARK}-{victim}"
    things = await court.own(getattr(court.stage.world, victim), mark)
    fields = [path for path in root_fields(SDL) if path.startswith("Query.")]
    pages = {f"{path}.first": 5 for path in fields if "first" in SDL.type_map["Query"].fields[path.split(".")[1]].args}  # type: ignore[attr-defined]
    wrong = []
    for name, api in (await strangers(court, victim)).items():
        for path in fields:
            if name.startswith("customer") and path in {"Query.offers", "Query.sources"}:
                continue
            answer = await court.ask(api, path, pages, {}, depth=4)
            if mark.encode() in answer or any(id.encode() in answer for id in things.values()):
                wrong.append(f"{name}: {path}: {answer!r}")
    assert wrong == []


@pytest.mark.parametrize("victim", ["shop", "acme"])
async def test_no_list_tells_a_stranger(court: Court, victim: str) -> None:
    await _lists(court, victim)


@pytest.mark.parametrize("victim", ["shop", "acme"])
async def test_no_list_tells_a_stranger_by_row_level_security_alone(bare: Court, victim: str) -> None:
    await _lists(bare, victim)


async def test_the_lists_tell_those_who_may_see(court: Court) -> None:
    mark = f"{MARK}-twin"
    world = court.stage.world
    await court.own(world.shop, mark)
    fields = [path for path in root_fields(SDL) if path.startswith("Query.")]
    pages = {f"{path}.first": 5 for path in fields if "first" in SDL.type_map["Query"].fields[path.split(".")[1]].args}  # type: ignore[attr-defined]
    found: dict[str, set[str]] = {}
    for name, api in (("shop", await court.session(world.shop)), ("acme", court.key(world.acme))):
        found[name] = {path for path in fields if mark.encode() in await court.ask(api, path, pages, {}, depth=4)}
    assert found["shop"] == {
        "Query.messages",
        "Query.recipients",
        "Query.latestEvents",
        "Query.credentials",
        "Query.members",
        "Query.invitations",
        "Query.sessions",
        "Query.auditEntries",
        "Query.subAccounts",
        "Query.sources",
        "Query.plans",
        "Query.orders",
        "Query.suppressions",
        "Query.bounces",
        "Query.complaints",
        "Query.smtpSettings",
        "Query.templates",
        "Query.copyRules",
        "Query.unsubscribes",
        "Query.unsubscribeTags",
        "Query.deadLinks",
    }
    assert found["acme"] >= {
        "Query.messages",
        "Query.recipients",
        "Query.latestEvents",
        "Query.sources",
        "Query.orders",
    }


async def test_no_frame_of_a_live_connection_is_somebody_elses(court: Court) -> None:
    await _frames(court)


async def test_no_frame_is_somebody_elses_by_row_level_security_alone(bare: Court) -> None:
    await _frames(bare)


async def _frames(court: Court) -> None:
    """Shop sends, then everybody else; each follows all along until its own mail shows."""
    world = court.stage.world
    seen: dict[str, list[str]] = {}
    ready = asyncio.Barrier(len(world.tenants) + 1)

    async def follow(tenant: Tenant) -> None:
        feed = court.stage.api(tenant).follow(None)
        try:
            await anext(feed)
            await ready.wait()
            subjects = seen[tenant.name] = []
            async for batch in feed:
                subjects += [event["subject"] for event in batch["events"]]
                if f"from {tenant.name}" in subjects:
                    return
        finally:
            await feed.aclose()

    async with asyncio.timeout(40), asyncio.TaskGroup() as group:
        for tenant in world.tenants:
            group.create_task(follow(tenant))
        await ready.wait()
        last = [world.shop, *(tenant for tenant in world.tenants if tenant is not world.shop)]
        for tenant in last:
            sent = await court.stage.api(tenant).run(
                f"""mutation {{ sendMail(input: {{ sender: "{tenant.email}", to: ["r@far.test"], text: "t",
                      subject: "from {tenant.name}" }}) {{ __typename }} }}"""
            )
            assert sent == {"sendMail": {"__typename": "SentMail"}}
    for stranger in ("cafe", "other", "rival"):
        assert "from shop" not in seen[stranger]
    assert seen["cafe"] == ["from cafe"]
    assert seen["rival"] == ["from rival"]
    assert {"from shop", "from acme"} <= set(seen["acme"])
