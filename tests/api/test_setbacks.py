"""Which bounces and complaints are told to whom, in which order, and of which kind?"""

from typing import Any
from uuid import UUID

import pytest

from api.graphql.events import reply_line
from mail import ledger
from mail.ledger import Fact
from mail.lifecycle import EventKind
from mail.suppressions import Reason, lift
from tests.api.conftest import Client, World

BOUNCES = """query ($first: Int! = 50, $after: String, $filter: BounceFilter) {
  bounces(first: $first, after: $after, filter: $filter) {
    nodes { id at accountId accountName recipientId messageId address kind reason reply copy suppressed sender subject }
    pageInfo { hasNextPage endCursor } } }"""
COMPLAINTS = """query ($first: Int! = 50, $after: String, $filter: ComplaintFilter) {
  complaints(first: $first, after: $after, filter: $filter) {
    nodes { id at accountId accountName recipientId messageId address loop feedback copy suppressed sender subject }
    pageInfo { hasNextPage endCursor } } }"""

HARD: dict[str, Any] = {
    "kind": EventKind.BOUNCED, "code": 550, "status": "5.1.1", "reply": "no such user", "cause": "no_mailbox", "suppress": True,
}  # fmt: skip
FULL: dict[str, Any] = {"kind": EventKind.BOUNCED, "code": 552, "reply": "over quota", "cause": "mailbox_full"}
SPAM: dict[str, Any] = {"kind": EventKind.BOUNCED, "code": 554, "reply": "this is spam", "cause": "spam"}
# A 4xx for days: nobody ever said that the address is dead for good.
GIVEN_UP: dict[str, Any] = {"kind": EventKind.EXPIRED, "code": 450, "reply": "unknown user", "cause": "no_mailbox"}
HELD: dict[str, Any] = {"kind": EventKind.EXPIRED, "reply": "It waited too long.", "cause": "no_credits"}
COMPLAINED: dict[str, Any] = {"kind": EventKind.COMPLAINED, "reply": "hotmail.com", "cause": "abuse"}


async def fate(world: World, slug: str, address: str, *facts: dict[str, Any], subject: str = "Hello") -> UUID:
    """Mail of an account to an address, and what became of it; the recipient's id."""
    message_id = await world.submit(slug, address, subject=subject)
    async with world.db.transaction() as conn:
        id: UUID = await conn.fetchval("select id from recipient where message_id = $1", message_id)
        for fact in facts:
            if fact["kind"] is not EventKind.COMPLAINED:
                await conn.execute("update recipient set state = 'sending' where id = $1", id)
            told = Fact(recipient_id=id, message_id=message_id, account_id=world.accounts[slug], **fact)
            assert await ledger.record(conn, [told]) == {id}
    return id


async def bounced(client: Client, **filter: Any) -> list[str]:
    """To whom, the newest first."""
    return [row["address"] for row in (await client.ask(BOUNCES, filter=filter))["bounces"]["nodes"]]


async def complained(client: Client, **filter: Any) -> list[str]:
    """Who, the newest first."""
    return [row["address"] for row in (await client.ask(COMPLAINTS, filter=filter))["complaints"]["nodes"]]


async def test_a_bounce_says_why_and_whether_anything_is_sent_there_still(world: World) -> None:
    id = await fate(world, "shop.test", "Ann@X.test", HARD, subject="News")
    await fate(world, "shop.test", "bob@x.test", FULL)
    full, hard = (await world.client(key="shop.test").ask(BOUNCES))["bounces"]["nodes"]
    assert hard == {
        "id": hard["id"], "at": hard["at"], "accountId": str(world.accounts["shop.test"]), "accountName": "Shop",
        "recipientId": str(id), "messageId": hard["messageId"], "address": "Ann@X.test", "kind": "HARD",
        "reason": "No such mailbox at this domain.", "reply": "550 5.1.1 no such user", "copy": False, "suppressed": True,
        "sender": "shop@shop.test", "subject": "News",
    }  # fmt: skip
    assert (full["kind"], full["suppressed"], full["reason"]) == ("SOFT", False, "The mailbox is full.")
    async with world.db.transaction() as conn:
        assert await lift(conn, world.accounts["shop.test"], "Ann@x.test", Reason.BOUNCE)
    lifted = (await world.client(key="shop.test").ask(BOUNCES))["bounces"]["nodes"][1]
    assert lifted == {**hard, "suppressed": False}, "it stays in the report"


@pytest.mark.parametrize(
    ("code", "status", "reply", "line"),
    [
        (550, "5.1.1", "no such user", "550 5.1.1 no such user"),
        (550, "5.1.1", "550 5.1.1 no such user", "550 5.1.1 no such user"),
        (550, "5.1.1", "550-5.1.1 no such user", "550 5.1.1 no such user"),
        (550, "5.1.1", "550 no such user", "550 5.1.1 no such user"),
        (550, None, "550 no such user", "550 no such user"),
        (550, "5.1.1", "5500 mails a day", "550 5.1.1 5500 mails a day"),
        (550, "5.1.1", "5.1.1", "550 5.1.1"),
        (None, None, "connecting: refused", "connecting: refused"),
        (452, None, None, "452"),
        (None, None, None, None),
        (None, None, "", None),
    ],
)
def test_a_reply_says_its_code_once(code: int | None, status: str | None, reply: str | None, line: str | None) -> None:
    assert reply_line(code, status, reply) == line


async def test_each_bounce_is_of_one_kind(world: World) -> None:
    for name, fact in (("hard", HARD), ("full", FULL), ("spam", SPAM), ("given.up", GIVEN_UP), ("held", HELD)):
        await fate(world, "shop.test", f"{name}@x.test", fact)
    await fate(world, "shop.test", "fine@x.test")
    await fate(world, "shop.test", "angry@x.test", COMPLAINED)
    program = world.client(key="shop.test")
    everything = ["held@x.test", "given.up@x.test", "spam@x.test", "full@x.test", "hard@x.test"]
    assert await bounced(program) == await bounced(program, kinds=["HARD", "SOFT", "SPAM"]) == everything
    assert await bounced(program, kinds=["HARD"]) == ["hard@x.test"]
    assert await bounced(program, kinds=["SPAM"]) == ["spam@x.test"]
    assert await bounced(program, kinds=["SOFT"]) == ["held@x.test", "given.up@x.test", "full@x.test"]
    nodes = (await program.ask(BOUNCES))["bounces"]["nodes"]
    assert [row["kind"] for row in nodes] == ["SOFT", "SOFT", "SPAM", "SOFT", "HARD"]
    # The same words of the recipient itself.
    found = await program.ask("{ recipients { nodes { address bounce } } }")
    kinds = {row["address"]: row["bounce"] for row in found["recipients"]["nodes"] if row["bounce"]}
    assert kinds == {row["address"]: row["kind"] for row in nodes}


async def test_a_complaint_names_its_loop(world: World) -> None:
    await fate(world, "shop.test", "angry@x.test", COMPLAINED, subject="Offer")
    await fate(world, "shop.test", "quiet@x.test", {"kind": EventKind.COMPLAINED})
    await fate(world, "shop.test", "gone@x.test", HARD)
    quiet, angry = (await world.client(key="shop.test").ask(COMPLAINTS))["complaints"]["nodes"]
    assert (angry["address"], angry["loop"], angry["feedback"], angry["subject"]) == (
        "angry@x.test",
        "hotmail.com",
        "abuse",
        "Offer",
    )
    assert angry["suppressed"] is True
    assert (quiet["address"], quiet["loop"], quiet["feedback"]) == ("quiet@x.test", None, None)


@pytest.mark.parametrize("report", [bounced, complained])
async def test_a_report_is_narrowed_by_part_of_a_text_time_and_account(world: World, report: Any) -> None:
    fact = HARD if report is bounced else COMPLAINED
    await fate(world, "shop.test", "a_1@x.test", fact, subject="Spring 100%")
    await fate(world, "bar.test", "b2@x.test", fact)
    await fate(world, "acme.test", "c3@x.test", fact)
    reseller = world.client(key="acme.test")
    assert await report(reseller) == ["c3@x.test", "b2@x.test", "a_1@x.test"]
    assert await report(reseller, accountId=str(world.accounts["bar.test"])) == ["b2@x.test"]
    assert await report(reseller, search="SPRING 100%") == await report(reseller, search="A_1@") == ["a_1@x.test"]
    assert await report(reseller, search="_2@") == []
    assert await report(reseller, until="2026-01-01T00:00:00Z") == []
    assert len(await report(reseller, since="2026-01-01T00:00:00Z")) == 3
    async with world.db.connection() as conn:
        await conn.execute(
            """update event e set at = '2026-02-03T12:00:00Z' from recipient r
                where r.id = e.recipient_id and r.address = 'b2@x.test' and e.kind <> 'accepted'"""
        )
    window = {"since": "2026-02-03T12:00:00Z", "until": "2026-02-03T12:00:01Z"}
    assert await report(reseller, **window) == ["b2@x.test"], "by when it happened, not by when it was sent"


@pytest.mark.parametrize("report", [bounced, complained])
async def test_a_report_is_of_what_one_sees(world: World, report: Any) -> None:
    await fate(world, "shop.test", "ann@x.test", HARD if report is bounced else COMPLAINED)
    shop = str(world.accounts["shop.test"])
    for slug in ("shop.test", "acme.test", "operator.test"):
        assert await report(world.client(key=slug)) == ["ann@x.test"]
        assert await report(world.client(key=slug), accountId=shop) == ["ann@x.test"]
    for slug in ("bar.test", "rival.test"):
        assert await report(world.client(key=slug)) == []
        assert await report(world.client(key=slug), accountId=shop) == []


@pytest.mark.parametrize(
    ("query", "name", "fact"), [(BOUNCES, "bounces", FULL), (COMPLAINTS, "complaints", COMPLAINED)]
)
async def test_pages_go_on_where_the_last_one_ended(world: World, query: str, name: str, fact: dict[str, Any]) -> None:
    program = world.client(key="shop.test")
    for n in range(5):
        await fate(world, "shop.test", f"r{n}@x.test", fact)
    seen: list[str] = []
    after = None
    while True:
        page = (await program.ask(query, first=2, after=after))[name]
        seen += [row["address"] for row in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        await fate(world, "shop.test", f"new{len(seen)}@x.test", fact)
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == [f"r{n}@x.test" for n in reversed(range(5))]
    for foreign in ("", "x", "-1", "1" * 19, shop_cursor(world)):
        [error] = await program.errors(query, after=foreign)
        assert (error["extensions"]["code"], error["extensions"]["field"]) == ("INVALID", ["after"])


def shop_cursor(world: World) -> str:
    """A cursor of another list."""
    return str(world.accounts["shop.test"])
