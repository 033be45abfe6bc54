"""Each account's mail leaves from the address that was chosen for it or above it, under its name; where this machine has it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.flows.mx.internet import Internet, conversations, fate
from tests.support.graphql import Api
from tests.support.mails import plain
from tests.support.platform import MAIL_DOMAIN
from tests.support.sink import Sink
from tests.support.stage import Stage
from tests.support.world import PASSWORD, Tenant

_CREATE = "mutation($input: CreateSourceInput!) { createSource(input: $input) { ... on Source { id } ... on Problem { code } } }"
_UPDATE = (
    "mutation($input: UpdateAccountInput!) { updateAccount(input: $input) { __typename ... on Problem { code } } }"
)

ACME, SHOP, ABSENT = (
    ("127.0.3.1", "mta1.relay.test"),
    ("127.0.3.2", "mta2.relay.test"),
    ("192.0.2.77", "far.relay.test"),
)
DEFAULT = ("127.0.0.1", MAIL_DOMAIN)


@pytest.fixture
async def root(stage: Stage) -> Api:
    """The operator."""
    return await Api(stage.platform.url).login(stage.world.platform.email, PASSWORD)


@pytest.fixture
async def sources(root: Api) -> dict[tuple[str, str], str]:
    """The ids of three sources; the last is no address of this machine."""
    for ip, hostname in (ACME, SHOP, ABSENT):
        await root.run(_CREATE, input={"name": hostname, "ip": ip, "hostname": hostname})
    found = await root.run("{ sources { id ip hostname } }")
    return {(source["ip"], source["hostname"]): source["id"] for source in found["sources"]}


@pytest.fixture(autouse=True)
async def _nobody_has_one(stage: Stage, root: Api) -> AsyncIterator[None]:
    yield
    for tenant in (stage.world.acme, stage.world.shop, stage.world.cafe):
        await give(root, tenant, None)


async def give(root: Api, tenant: Tenant, source: str | None) -> None:
    """Have the operator choose where an account's mail leaves from."""
    answer = await root.run(_UPDATE, input={"id": str(tenant.id), "sourceId": source})
    assert answer == {"updateAccount": {"__typename": "Account"}}


async def send(stage: Stage, tenant: Tenant, reader: str) -> dict[str, Any]:
    """Submit as a tenant, and wait for the end of its first attempt."""
    await stage.submit(plain(tenant.email, reader), [reader], tenant=tenant)
    return await fate(stage, reader, "delivered", "deferred", "bounced")


def seen(host: Sink) -> dict[str, tuple[str, str]]:
    """Where each mail came from and what was said at EHLO, by reader."""
    return {mail.recipients[0]: (mail.peer, mail.helo) for mail in host.accepted}


async def test_the_nearest_choice_counts_and_no_connection_is_shared(
    stage: Stage, internet: Internet, root: Api, sources: dict[tuple[str, str], str]
) -> None:
    world, address = stage.world, internet.address()
    internet.domain("from.test", address)
    await give(root, world.acme, sources[ACME])
    await give(root, world.shop, sources[SHOP])
    async with internet.host(address) as host:
        # One after the other, so that connections that are kept would be used again.
        for round_ in range(2):
            for tenant in (world.rival, world.cafe, world.shop, world.acme):
                assert (await send(stage, tenant, f"{tenant.name}{round_}@from.test"))["state"] == "delivered"
        assert seen(host) == {
            "rival0@from.test": DEFAULT,
            "cafe0@from.test": ACME,
            "shop0@from.test": SHOP,
            "acme0@from.test": ACME,
            "rival1@from.test": DEFAULT,
            "cafe1@from.test": ACME,
            "shop1@from.test": SHOP,
            "acme1@from.test": ACME,
        }
        at: dict[tuple[str, str], set[int]] = {}
        for mail in host.accepted:
            at.setdefault((mail.peer, mail.helo), set()).add(mail.session)
        assert len(set.union(*at.values())) == sum(map(len, at.values())), "a connection carried mail of two sources"
    [talk] = await conversations(stage, "shop0@from.test")
    assert talk["text"].splitlines()[0] == "* from 127.0.3.2"
    assert "> EHLO mta2.relay.test" in talk["text"]


async def test_what_is_chosen_anew_counts_for_the_next_mail(
    stage: Stage, internet: Internet, root: Api, sources: dict[tuple[str, str], str]
) -> None:
    world, address = stage.world, internet.address()
    internet.domain("anew.test", address)
    async with internet.host(address) as host:
        for number, choice in enumerate((ACME, SHOP, None)):
            await give(root, world.shop, sources[choice] if choice else None)
            await send(stage, world.shop, f"r{number}@anew.test")
        assert seen(host) == {"r0@anew.test": ACME, "r1@anew.test": SHOP, "r2@anew.test": DEFAULT}


async def test_a_source_of_another_machine_neither_loses_nor_delays_mail(
    stage: Stage, internet: Internet, root: Api, sources: dict[tuple[str, str], str]
) -> None:
    world, address = stage.world, internet.address()
    internet.domain("absent.test", address)
    await give(root, world.acme, sources[SHOP])
    await give(root, world.shop, sources[ABSENT])
    async with internet.host(address) as host:
        row = await send(stage, world.shop, "r@absent.test")
        assert (row["state"], row["attempts"]) == ("delivered", 1)
        assert seen(host) == {"r@absent.test": DEFAULT}
