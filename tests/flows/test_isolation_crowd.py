"""Fifty tenants on two connections, all at once, cut short at every moment: does anybody ever get a row of somebody else?

Row-level security goes by a setting of the transaction. It would leak if a connection went from one tenant to the next
with the setting still on it, or if two operations shared a transaction; so both are tried, 1,000 times, with the
application's filter and without it.
"""

import asyncio
import json
import random
import re
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from kit.crypto import Keyring
from kit.db import open_database
from tenants.credentials import create_credential
from tenants.models import AccountKind, CredentialKind
from tenants.permissions import Permission
from tenants.tree import create_account
from tests.support.belongings import make
from tests.support.graphql import Api
from tests.support.postgres import Postgres
from tests.support.stage import Stage, staged
from tests.support.world import SECRET_KEY

TENANTS = 50
REQUESTS = 1_000
AT_ONCE = 60
_MARK = re.compile(r"crowd(\d\d)")

# Seven fields, each in a transaction of its own, which run side by side within the operation.
ASK = """query { messages(first: 5) { nodes { sender subject headers recipients { nodes { address } } } }
  recipients(first: 5) { nodes { address reply } } latestEvents(first: 5) { subject reply attempt { conversation } }
  events(first: 5) { nodes { sender } } credentials { nodes { name } } subAccounts(deep: true) { nodes { name } }
  me { account { name credits } } }"""


@dataclass(frozen=True)
class Guest:
    """One of the tenants: its mark is in everything it owns."""

    mark: str
    api: Api


@pytest.fixture(scope="module", params=["with the filter", "by row-level security alone"])
def crowded(request: pytest.FixtureRequest, populated: Postgres) -> Iterator[Stage]:
    """The API on a pool of two; nothing else runs."""
    yield from staged(
        populated,
        processes=("api",),
        programs={"api": "tests.support.crowded_api"},
        settings={"UNFILTERED": "1"} if request.param != "with the filter" else None,
    )


@pytest.fixture(autouse=True)
async def _laws() -> None:
    """Things made by hand obey no laws of the ledger."""


async def guests(stage: Stage) -> list[Guest]:
    """Fifty customers of two resellers, each with a message, a credential and a customer of its own."""
    keyring = Keyring(SECRET_KEY)
    db = await open_database(stage.database_url, size=2)
    found = []
    try:
        for number in range(TENANTS):
            mark, key = f"crowd{number:02}", f"lv_crowd{number:02}_test_key"
            async with db.unit_of_work() as unit:
                id = await create_account(
                    unit,
                    slug=f"{mark}.test",
                    name=f"{mark} account",
                    kind=AccountKind.SUB_ACCOUNT,
                    parent_slug="acme.test" if number % 2 else "other.test",
                )
                await create_credential(
                    unit.conn,
                    keyring,
                    account_id=id,
                    kind=CredentialKind.API,
                    name=mark,
                    secret=key,
                    permissions=list(Permission),
                )
                for kind in ("message", "account"):
                    await make(unit.conn, kind, id, mark)
            found.append(Guest(mark, Api(stage.platform.url, key)))
    finally:
        await db.close()
    return found


def returned(stage: Stage) -> tuple[float, float]:
    """How many connections went back into the pool, and how many of them still spoke for an account."""
    with urllib.request.urlopen(f"http://127.0.0.1:{stage.platform.metrics['api']}/metrics", timeout=5) as answer:
        said = answer.read().decode()
    returns, leftovers = (re.search(rf"(?m)^pool_{name}_total ([\d.]+)", said) for name in ("returns", "leftovers"))
    assert returns and leftovers
    return float(returns[1]), float(leftovers[1])


async def test_fifty_tenants_on_two_connections_never_meet(crowded: Stage) -> None:
    chance = random.Random(20261123)
    everybody = await guests(crowded)
    asked = [(guest, chance.random()) for guest in everybody for _ in range(REQUESTS // TENANTS)]
    chance.shuffle(asked)
    cuts = [chance.randrange(1, 2_000) for _ in asked]
    room = asyncio.Semaphore(AT_ONCE)
    fates: Counter[str] = Counter()
    foreign: list[str] = []
    served: set[str] = set()

    def judge(guest: Guest, text: str) -> None:
        if strange := set(_MARK.findall(text)) - {guest.mark[-2:]}:
            foreign.append(f"{guest.mark} got something of {sorted(strange)}: {text[:2000]}")

    async def ask(guest: Guest, before: int | None) -> None:
        """An operation: to its end, or cut by the server after a while."""
        body = {"query": ASK}
        if before is not None:
            body = {"query": ASK.replace("query", f"query after_{before}"), "operationName": f"after_{before}"}
        answer = await http.post(f"{guest.api.url}/graphql", json=body, headers=guest.api.headers)
        judge(guest, answer.text)
        if "errors" in answer.json():
            assert {error["extensions"]["code"] for error in answer.json()["errors"]} == {"UNAVAILABLE"}, answer.text
            fates["cut"] += 1
            return
        fates["whole"] += 1
        served.add(guest.mark)
        data = answer.json()["data"]
        for field in ("messages", "recipients", "events", "latestEvents", "credentials", "subAccounts", "me"):
            assert guest.mark in json.dumps(data[field]), f"{guest.mark} lacks its own {field}: {answer.text}"

    async def hang_up(guest: Guest, after: float) -> None:
        """A client that goes away while it is answered."""
        try:
            async with asyncio.timeout(after), httpx.AsyncClient(timeout=30, verify=False) as own:  # noqa: S501
                body = {"query": ASK}
                judge(guest, (await own.post(f"{guest.api.url}/graphql", json=body, headers=guest.api.headers)).text)
        except TimeoutError:
            fates["hung up"] += 1
        else:
            fates["whole"] += 1

    async def follow(guest: Guest) -> None:
        """A live connection that replays from the start, and is torn at the first page."""
        feed = guest.api.follow("0-0-0")
        try:
            batch = await anext(feed)
        finally:
            await feed.aclose()
        judge(guest, json.dumps(batch))
        assert {event["subject"] for event in batch["events"]} == {f"{guest.mark} message"}
        fates["followed"] += 1

    async def one(guest: Guest, kind: float, cut: int) -> None:
        async with room:
            if kind < 0.4:
                await ask(guest, None)
            elif kind < 0.8:
                await ask(guest, cut)
            elif kind < 0.9:
                await hang_up(guest, cut / 10_000)
            else:
                await follow(guest)

    async with httpx.AsyncClient(timeout=30, verify=False) as http:  # noqa: S501 - plain HTTP on loopback
        async with asyncio.timeout(240), asyncio.TaskGroup() as group:
            for (guest, kind), cut in zip(asked, cuts, strict=True):
                group.create_task(one(guest, kind, cut))
        assert foreign == []
        assert sum(fates.values()) == REQUESTS
        assert served == {guest.mark for guest in everybody}, "each got its own"
        assert min(fates["cut"], fates["hung up"], fates["followed"]) > 20, fates
        returns, leftovers = returned(crowded)
        assert returns > REQUESTS
        assert leftovers == 0
        # Nobody took a connection with them: everybody is served again, two at a time.
        for guest in everybody:
            await ask(guest, None)
    assert foreign == []
