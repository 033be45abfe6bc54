"""What does a client read? Its own messages, whole, page by page, and nothing of anybody else's."""

import base64
import json
from datetime import timedelta
from uuid import UUID

import pytest

from kit.ids import new_id
from mail.ledger import Attempt, Fact, record
from mail.lifecycle import EventKind
from tests.api.conftest import World, until

LIST = """query ($first: Int!, $after: String) { recipients(first: $first, after: $after) {
  nodes { id address } pageInfo { hasNextPage endCursor } } }"""

MESSAGE = """query ($id: ID!) { message(id: $id) {
  id sender subject size acceptedAt messageIdHeader door recipientCount headers source
  recipients { nodes { id address state attempts nextAttemptAt reply deliveredAt: updatedAt message { id }
    timeline { kind at reply recipient sender subject attempt { host ip tls conversation startedAt endedAt } } } } } }"""


async def settle(world: World, message: UUID, kind: EventKind, code: int, status: str, reply: str) -> None:
    """Claim the message's recipients and record one outcome, as a worker does."""
    async with world.db.transaction() as conn:
        rows = await conn.fetch(
            "update recipient set state = 'sending', attempts = attempts + 1, fence = fence + 1 "
            "where message_id = $1 returning id, account_id, fence",
            message,
        )
        now = await conn.fetchval("select livery_now()")
        attempt = Attempt(
            id=new_id(),
            account_id=rows[0]["account_id"],
            message_id=message,
            host="mx.remote.test",
            ip="192.0.2.1",
            tls="TLSv1.3 TLS_AES_256_GCM_SHA384",
            started_at=now,
            ended_at=now,
            conversation="< 220 mx.remote.test\n> EHLO mail.test\n< 250 mx.remote.test",
        )
        facts = [
            Fact(
                kind,
                row["id"],
                message,
                row["account_id"],
                fence=row["fence"],
                attempt_id=attempt.id,
                code=code,
                status=status,
                reply=reply,
            )
            for row in rows
        ]
        await record(conn, facts, [attempt])


async def test_a_message_is_read_whole(world: World) -> None:
    program = world.client(key="shop.test")
    id = await world.submit("shop.test", "Ann@B.test", subject="Hello", body=b"caf\xc3\xa9\r\n")
    await settle(world, id, EventKind.BOUNCED, 550, "5.1.1", "no such user")
    message = (await program.ask(MESSAGE, id=str(id)))["message"]
    assert message["id"] == str(id)
    assert (message["sender"], message["subject"], message["door"]) == ("shop@shop.test", "Hello", "smtp")
    source = base64.b64decode(message["source"])
    assert source.endswith(b"\r\n\r\ncaf\xc3\xa9\r\n")
    assert message["size"] == len(source)
    assert message["headers"].rstrip().split("\r\n") == [
        "From: Shop <shop@shop.test>",
        "To: x@y.test",
        "Subject: Hello",
    ]
    assert message["acceptedAt"].endswith("Z")
    [recipient] = message["recipients"]["nodes"]
    assert (recipient["address"], recipient["state"], recipient["attempts"]) == ("Ann@B.test", "BOUNCED", 1)
    assert recipient["reply"] == "550 5.1.1 no such user"
    assert recipient["nextAttemptAt"] is None
    assert recipient["message"] == {"id": str(id)}
    assert [event["kind"] for event in recipient["timeline"]] == ["ACCEPTED", "BOUNCED"]
    accepted, bounced = recipient["timeline"]
    assert accepted["attempt"] is None
    assert bounced["reply"] == "550 5.1.1 no such user"
    assert (bounced["recipient"], bounced["sender"], bounced["subject"]) == ("Ann@B.test", "shop@shop.test", "Hello")
    assert bounced["attempt"]["host"] == "mx.remote.test"
    assert bounced["attempt"]["conversation"] == [
        "< 220 mx.remote.test",
        "> EHLO mail.test",
        "< 250 mx.remote.test",
    ]


async def test_another_accounts_things_are_missing_not_denied(world: World) -> None:
    id = await world.submit("shop.test", "secret@recipient.test", subject="Secret subject")
    owner = world.client(key="shop.test")
    [mine] = (await owner.ask(LIST, first=10))["recipients"]["nodes"]
    query = "query ($m: ID!, $r: ID!) { message(id: $m) { id } recipient(id: $r) { id address } }"
    found = await owner.ask(query, m=str(id), r=mine["id"])
    assert found["message"]["id"] == str(id)
    assert found["recipient"] == mine
    everything = """{ messages { nodes { id subject } } recipients { nodes { address } } latestEvents { id }
      events { nodes { id subject } } }"""
    for slug in ("bar.test", "rival.test"):
        stranger = world.client(key=slug)
        foreign = await stranger.post(query, m=str(id), r=mine["id"])
        absent = await stranger.post(query, m=str(new_id()), r=str(new_id()))
        nonsense = await stranger.post(query, m="no id", r="' or true --")
        assert foreign.content == absent.content == nonsense.content
        assert foreign.json() == {"data": {"message": None, "recipient": None}}
        seen = await stranger.ask(everything)
        assert "ecret" not in json.dumps(seen)
        assert seen["messages"]["nodes"] == seen["recipients"]["nodes"] == seen["latestEvents"] == []
    for slug in ("acme.test", "operator.test"):
        above = world.client(key=slug)
        assert (await above.ask(query, m=str(id), r=mine["id"]))["message"] == {"id": str(id)}
        assert "Secret subject" in json.dumps(await above.ask(everything))


async def test_pages_are_stable_while_rows_arrive(world: World) -> None:
    program = world.client(key="shop.test")
    for number in range(25):
        await world.submit("shop.test", f"r{number}@b.test")
    seen: list[str] = []
    after, pages = None, 0
    while True:
        page = (await program.ask(LIST, first=10, after=after))["recipients"]
        seen += [row["address"] for row in page["nodes"]]
        pages += 1
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
        await world.submit("shop.test", "late@b.test", "later@b.test")
    assert seen == [f"r{number}@b.test" for number in reversed(range(25))]
    assert pages == 3


async def test_a_full_last_page_is_the_last(world: World) -> None:
    program = world.client(key="shop.test")
    for number in range(4):
        await world.submit("shop.test", f"r{number}@b.test")
    page = (await program.ask(LIST, first=4))["recipients"]
    assert (len(page["nodes"]), page["pageInfo"]["hasNextPage"]) == (4, False)
    beyond = (await program.ask(LIST, first=4, after=page["pageInfo"]["endCursor"]))["recipients"]
    assert beyond == {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}


async def test_recipients_of_one_message_are_paged_in_order(world: World) -> None:
    program = world.client(key="shop.test")
    addresses = [f"r{number:02}@b.test" for number in range(7)]
    id = await world.submit("shop.test", *addresses)
    query = """query ($id: ID!, $after: String) { message(id: $id) { recipientCount recipients(first: 3, after: $after) {
      nodes { address } pageInfo { hasNextPage endCursor } } } }"""
    seen: list[str] = []
    after = None
    for more in (True, True, False):
        found = (await program.ask(query, id=str(id), after=after))["message"]
        assert found["recipientCount"] == 7
        assert found["recipients"]["pageInfo"]["hasNextPage"] is more
        seen += [row["address"] for row in found["recipients"]["nodes"]]
        after = found["recipients"]["pageInfo"]["endCursor"]
    assert seen == addresses


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({}, ["three@c.test", "two@b.test", "one@b.test"]),
        ({"states": ["BOUNCED"]}, ["two@b.test"]),
        ({"states": ["BOUNCED", "QUEUED"]}, ["three@c.test", "two@b.test", "one@b.test"]),
        ({"states": []}, ["three@c.test", "two@b.test", "one@b.test"]),
        ({"search": "B.TEST"}, ["two@b.test", "one@b.test"]),
        ({"search": "100%"}, ["three@c.test"]),
        ({"search": "_"}, []),
        ({"search": "  "}, ["three@c.test", "two@b.test", "one@b.test"]),
        ({"since": "2020-01-01T00:00:00Z", "until": "2020-01-02T00:00:00+01:00"}, []),
        ({"since": "2020-01-01T00:00:00Z", "search": "One"}, ["one@b.test"]),
    ],
)
async def test_the_list_is_narrowed(world: World, filter: dict[str, object], expected: list[str]) -> None:
    program = world.client(key="shop.test")
    await world.submit("shop.test", "one@b.test")
    two = await world.submit("shop.test", "two@b.test")
    await world.submit("shop.test", "three@c.test", subject="100% off")
    await settle(world, two, EventKind.BOUNCED, 550, "5.1.1", "no")
    query = "query ($f: RecipientFilter) { recipients(filter: $f) { nodes { address } } }"
    assert [row["address"] for row in (await program.ask(query, f=filter))["recipients"]["nodes"]] == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ('{ messages(after: "x") { nodes { id } } }', ["after"]),
        ('{ recipients(after: "x") { nodes { id } } }', ["after"]),
        ('{ events(after: "x") { nodes { id } } }', ["after"]),
        ('{ events(after: "99999999999-1-1") { nodes { id } } }', ["after"]),
    ],
)
async def test_a_cursor_that_is_none_is_named(world: World, query: str, field: list[str]) -> None:
    errors = await world.client(key="shop.test").errors(query)
    assert errors[0]["extensions"]["code"] == "INVALID"
    assert errors[0]["extensions"]["field"] == field
    assert errors[0]["extensions"]["next"]


async def test_times_are_rfc_3339_with_a_zone(world: World) -> None:
    program = world.client(key="shop.test")
    query = "query ($t: DateTime!) { recipients(filter: {since: $t}) { nodes { id } } }"
    for wrong in ("yesterday", "2026-11-23", "2026-11-23T05:00:00", 7, "9999999-01-01T00:00:00Z"):
        errors = await program.errors(query, t=wrong)
        assert errors[0]["extensions"]["code"] == "INVALID"
        assert "with its zone" in errors[0]["message"]
    assert await program.ask(query, t="2026-11-23T05:00:00+02:00")


async def test_the_newest_events_lead_into_the_feed(world: World) -> None:
    program = world.client(key="shop.test")
    ids = [str(await world.submit("shop.test", f"r{n}@b.test")) for n in range(3)]
    latest: list[dict[str, str]] = []

    async def settled() -> bool:
        # A neighbour's transaction with a lower number, of any database of the server, holds the newest back.
        nonlocal latest
        latest = (await program.ask("{ latestEvents(first: 2) { messageId cursor } }"))["latestEvents"]
        return latest[0]["messageId"] == ids[2]

    await until(settled)
    assert [event["messageId"] for event in latest] == [ids[2], ids[1]]
    query = "query ($after: String) { events(first: 1, after: $after) { nodes { messageId } pageInfo { hasNextPage endCursor } } }"
    after = (await program.ask(query))["events"]
    assert after["nodes"] == [{"messageId": ids[0]}]
    assert after["pageInfo"]["hasNextPage"] is True
    assert (await program.ask(query, after=latest[0]["cursor"]))["events"]["nodes"] == []
    assert (await program.ask(query, after=latest[1]["cursor"]))["events"]["nodes"] == [{"messageId": ids[2]}]


async def test_statistics_count_what_happened(world: World) -> None:
    from mail.stats import fold

    program = world.client(key="shop.test")
    await world.submit("shop.test", "a@b.test", "c@d.test")
    bounced = await world.submit("shop.test", "e@f.test")
    await settle(world, bounced, EventKind.BOUNCED, 550, "5.1.1", "no")
    await world.submit("bar.test", "x@y.test")
    counted = 0

    async def all_counted() -> bool:
        nonlocal counted
        counted += await fold(world.db)
        return counted == 5

    # A fact is counted once nothing older can still appear, and any transaction of the server may hold that back.
    await until(all_counted)
    query = """query ($f: DateTime!, $t: DateTime!, $b: Bucket!, $z: String) {
      statistics(from: $f, to: $t, bucket: $b, timeZone: $z) { from to bucket timeZone
        totals { total queued delivered bounced opened clicked unsubscribed complained }
        previous { total } buckets { start counts { total bounced } } } }"""
    async with world.db.connection() as conn:
        now = await conn.fetchval("select livery_now()")
    lately = {"f": (now - timedelta(hours=2)).isoformat(), "t": now.isoformat(), "b": "HOUR"}
    found = (await program.ask(query, **lately))["statistics"]
    assert found["totals"] == {
        "total": 3, "queued": 2, "delivered": 0, "bounced": 1,
        "opened": 0, "clicked": 0, "unsubscribed": 0, "complained": 0,
    }  # fmt: skip
    assert found["previous"] == {"total": 0}
    assert found["timeZone"] == "UTC"
    assert len(found["buckets"]) == 3  # two hours and what there is of the third
    filled = [bucket["counts"] for bucket in found["buckets"][1:]]  # both, when an hour ended just now
    assert {name: sum(one[name] for one in filled) for name in filled[0]} == {"total": 3, "bounced": 1}
    above = (await world.client(key="acme.test").ask(query, **lately))["statistics"]
    assert above["totals"]["total"] == 4
    kathmandu = (await program.ask(query, **lately | {"b": "DAY", "z": "Asia/Kathmandu"}))["statistics"]
    assert kathmandu["timeZone"] == "Asia/Kathmandu"
    assert all(bucket["start"].endswith("T18:15:00.000000Z") for bucket in kathmandu["buckets"])
    for wrong, field in [
        ({"z": "Mars/Base"}, ["timeZone"]),
        ({"t": lately["f"]}, ["to"]),
        ({"f": "1990-01-01T00:00:00Z"}, ["bucket"]),
    ]:
        errors = await program.errors(query, **lately | wrong)
        assert errors[0]["extensions"]["field"] == field


async def test_a_mail_programs_settings(world: World) -> None:
    program = world.client(key="shop.test")
    found = (await program.ask("{ smtpSettings { host startTlsPorts implicitTlsPorts users testRecipient } }"))[
        "smtpSettings"
    ]
    assert found == {
        "host": "127.0.0.1",
        "startTlsPorts": [2525, 2587],
        "implicitTlsPorts": [2465, 25025],
        "users": ["smtp@shop.test"],
        "testRecipient": f"delivered@simulator.{world.platform.settings.mail_domain}",
    }
