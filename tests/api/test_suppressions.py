"""Who keeps which suppression list, by question and by file, and what is never told to anybody else?"""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from api.suppressions import BODY
from mail.suppressions import Listed, Reason, suppress, suppressed
from tests.api.conftest import Client, World, until
from tests.api.people import member

LIST = """query ($first: Int! = 50, $after: String, $account: ID, $everybody: Boolean! = false, $filter: SuppressionFilter) {
  suppressions(first: $first, after: $after, accountId: $account, forEverybody: $everybody, filter: $filter) {
    nodes { id accountId address reason source recipientId expiresAt } pageInfo { hasNextPage endCursor } } }"""
ADD = """mutation ($input: AddSuppressionInput!) { addSuppression(input: $input) {
  ... on Suppression { id accountId address reason source expiresAt } ... on Problem { code field message next } } }"""
REMOVE = """mutation ($id: ID!) { removeSuppression(id: $id) {
  ... on RemovedSuppression { id address remains } ... on Problem { code field } } }"""
SEND = """mutation ($to: [String!]!) { sendMail(input: {sender: "user@shop.test", to: $to, text: "Hi"}) {
  ... on SentMail { recipientIds suppressed } ... on Problem { code } } }"""
EXPORT, IMPORT = "/v1/suppressions/export", "/v1/suppressions/import"


async def listed(world: World, slug: str | None, address: str, reason: Reason = Reason.MANUAL) -> None:
    async with world.db.connection() as conn:
        await suppress(conn, world.accounts[slug] if slug else None, address, reason, "test")


async def shown(client: Client, **variables: Any) -> list[str]:
    return [row["address"] for row in (await client.ask(LIST, **variables))["suppressions"]["nodes"]]


async def stored(world: World) -> list[tuple[UUID | None, str, str]]:
    async with world.db.connection() as conn:
        rows = await conn.fetch(
            "select account_id, address, reason from suppression order by address, reason, account_id"
        )
    return [tuple(row.values()) for row in rows]


async def test_an_address_is_added_found_and_taken_off(world: World) -> None:
    program = world.client(key="shop.test")
    added = (await program.ask(ADD, input={"address": " Ann@BÜCHER.example ", "note": "asked  by phone"}))[
        "addSuppression"
    ]
    assert added == {
        "id": added["id"],
        "accountId": str(world.accounts["shop.test"]),
        "address": "Ann@xn--bcher-kva.example",
        "reason": "MANUAL",
        "source": "api: asked by phone",
        "expiresAt": None,
    }
    again = (await program.ask(ADD, input={"address": "Ann@bücher.example"}))["addSuppression"]
    assert again == added, "it stands, and nothing about it changes"
    bounce = (await program.ask(ADD, input={"address": "Ann@bücher.example", "reason": "BOUNCE"}))["addSuppression"]
    assert (bounce["source"], bounce["expiresAt"] is not None) == ("api", True)
    sent = (await program.ask(SEND, to=["Ann@bücher.example", "bob@x.test"]))["sendMail"]
    assert sent["suppressed"] == ["Ann@xn--bcher-kva.example"]
    assert len(sent["recipientIds"]) == 2
    gone = (await program.ask(REMOVE, id=added["id"]))["removeSuppression"]
    assert gone == {"id": added["id"], "address": "Ann@xn--bcher-kva.example", "remains": ["BOUNCE"]}
    assert (await program.ask(REMOVE, id=added["id"]))["removeSuppression"] == {"code": "MISSING", "field": ["id"]}
    assert (await program.ask(REMOVE, id=bounce["id"]))["removeSuppression"]["remains"] == []
    assert (await program.ask(SEND, to=["Ann@bücher.example"]))["sendMail"]["suppressed"] == []
    async with world.db.connection() as conn:
        wrote = await conn.fetch("select action, target from audit_entry order by id")
    assert [tuple(row.values()) for row in wrote] == [
        ("suppression.add", added["id"]),
        ("suppression.add", bounce["id"]),
        ("suppression.remove", added["id"]),
        ("suppression.remove", bounce["id"]),
    ]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"address": "nobody"}, ["address"]),
        ({"address": ""}, ["address"]),
        ({"address": "ann@x.test", "note": "x" * 201}, ["note"]),
    ],
)
async def test_what_is_no_entry_is_a_problem(world: World, given: dict[str, Any], field: list[str]) -> None:
    refused = (await world.client(key="shop.test").ask(ADD, input=given))["addSuppression"]
    assert (refused["code"], refused["field"]) == ("INVALID", field)
    assert await stored(world) == []


async def test_a_list_is_narrowed_and_paged(world: World) -> None:
    program = world.client(key="shop.test")
    for n in range(5):
        await listed(world, "shop.test", f"r{n}@x.test", Reason.BOUNCE if n % 2 else Reason.MANUAL)
    await listed(world, "bar.test", "r9@x.test")
    assert await shown(program) == [f"r{n}@x.test" for n in reversed(range(5))]
    assert await shown(program, filter={"address": "r3@X.test"}) == ["r3@x.test"]
    assert await shown(program, filter={"search": "R3@"}) == ["r3@x.test"]
    assert await shown(program, filter={"search": "%"}) == []
    assert await shown(program, filter={"reasons": ["BOUNCE"]}) == ["r3@x.test", "r1@x.test"]
    assert await shown(program, filter={"until": "2026-01-01T00:00:00Z"}) == []
    assert len(await shown(program, filter={"since": "2026-01-01T00:00:00Z"})) == 5
    seen: list[str] = []
    after = None
    while True:
        page = (await program.ask(LIST, first=2, after=after))["suppressions"]
        seen += [row["address"] for row in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        await listed(world, "shop.test", f"new{len(seen)}@x.test")
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == [f"r{n}@x.test" for n in reversed(range(5))]


async def test_lists_are_kept_by_those_who_may_see_the_account(world: World) -> None:
    await listed(world, "shop.test", "ann@x.test")
    shop = str(world.accounts["shop.test"])
    assert await shown(world.client(key="acme.test"), account=shop) == ["ann@x.test"]
    assert await shown(world.client(key="acme.test")) == [], "a reseller's own list is its own"
    async with world.db.connection() as conn:
        id = str(await conn.fetchval("select id from suppression"))
    for slug in ("bar.test", "rival.test"):
        stranger = world.client(key=slug)
        assert await shown(stranger) == []
        assert [error["extensions"]["code"] for error in await stranger.errors(LIST, account=shop)] == ["MISSING"]
        refused = await stranger.ask(ADD, input={"address": "evil@x.test", "accountId": shop})
        assert refused["addSuppression"]["code"] == "MISSING"
        assert (await stranger.ask(REMOVE, id=id))["removeSuppression"]["code"] == "MISSING"
    assert await stored(world) == [(world.accounts["shop.test"], "ann@x.test", "manual")]
    added = (await world.client(key="acme.test").ask(ADD, input={"address": "bob@x.test", "accountId": shop}))[
        "addSuppression"
    ]
    assert added["accountId"] == shop
    assert (await world.client(key="acme.test").ask(REMOVE, id=id))["removeSuppression"]["id"] == id


async def test_the_list_for_everybody_is_the_operators(world: World) -> None:
    everybodys = {"address": "trap@x.test", "forEverybody": True}
    for slug in ("acme.test", "shop.test"):
        for key in (slug, f"admin@{slug}"):
            refused = (await world.client(key=key).ask(ADD, input=everybodys))["addSuppression"]
            assert refused["code"] == "FORBIDDEN"
            errors = await world.client(key=key).errors(LIST, everybody=True)
            assert [error["extensions"]["code"] for error in errors] == ["FORBIDDEN"]
    assert await stored(world) == []
    operator = world.client(key="admin@operator.test")
    added = (await operator.ask(ADD, input=everybodys))["addSuppression"]
    assert (added["accountId"], await shown(operator, everybody=True), await shown(operator)) == (
        None,
        ["trap@x.test"],
        [],
    )
    sent = (await world.client(key="shop.test").ask(SEND, to=["trap@x.test", "ann@x.test"]))["sendMail"]
    assert sent["suppressed"] == ["trap@x.test"]
    assert await shown(world.client(key="admin@shop.test"), filter={"address": "trap@x.test"}) == []
    stolen = await world.client(key="admin@acme.test").ask(REMOVE, id=added["id"])
    assert stolen["removeSuppression"]["code"] == "MISSING"
    both = await operator.ask(ADD, input={**everybodys, "accountId": str(world.accounts["shop.test"])})
    assert (both["addSuppression"]["code"], both["addSuppression"]["field"]) == ("INVALID", ["accountId"])
    assert (await operator.ask(REMOVE, id=added["id"]))["removeSuppression"]["remains"] == []
    assert await stored(world) == []


async def test_the_apis_role_learns_of_the_own_list_and_that_an_address_is_on_everybodys(world: World) -> None:
    await listed(world, "shop.test", "a@x.test")
    await listed(world, "rival.test", "c@x.test")
    await listed(world, None, "b@x.test", Reason.COMPLAINT)
    addresses = ["a@x.test", "b@x.test", "c@x.test"]
    shop = world.accounts["shop.test"]
    async with world.platform.db.transaction(sees=shop) as conn:
        assert await suppressed(conn, shop, addresses) == {"a@x.test": Listed.MANUAL, "b@x.test": Listed.PLATFORM}
        assert [row["address"] for row in await conn.fetch("select * from suppression")] == ["a@x.test"]
    await world.submit("shop.test", *addresses)
    async with world.db.connection() as conn:
        rows = await conn.fetch("select address, state, cause from recipient order by id")
    assert [tuple(row.values()) for row in rows] == [
        ("a@x.test", "suppressed", "listed_manual"),
        ("b@x.test", "suppressed", "listed_platform"),
        ("c@x.test", "queued", None),
    ]


async def test_a_complaint_is_taken_off_by_owners_and_admins_alone(world: World) -> None:
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test")
    sender = await member(world, owner, "sender@new.test", "SENDER")
    for reason in (Reason.COMPLAINT, Reason.UNSUBSCRIBE):
        await listed(world, "shop.test", "ann@x.test", reason)
    nodes = (await sender.ask(LIST))["suppressions"]["nodes"]
    ids = {row["reason"]: row["id"] for row in nodes}
    refused = (await sender.ask(REMOVE, id=ids["COMPLAINT"]))["removeSuppression"]
    assert refused == {"code": "FORBIDDEN", "field": ["id"]}
    program = await world.client(key="shop.test").ask(REMOVE, id=ids["COMPLAINT"])
    assert program["removeSuppression"]["code"] == "FORBIDDEN"
    assert len(await stored(world)) == 2
    assert (await sender.ask(REMOVE, id=ids["UNSUBSCRIBE"]))["removeSuppression"]["remains"] == ["COMPLAINT"]
    assert (await owner.ask(REMOVE, id=ids["COMPLAINT"]))["removeSuppression"]["remains"] == []
    assert await stored(world) == []


# As files


async def upload(
    client: Client, content: bytes | AsyncIterator[bytes], path: str = IMPORT, **headers: str
) -> httpx.Response:
    return await client.http.post(path, content=content, headers={**client._cookies(), **headers})


async def download(client: Client, query: str = "") -> list[list[str]]:
    answer = await client.http.get(f"{EXPORT}{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8"), answer.text
    return table(answer)


def table(answer: httpx.Response) -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.text)))


async def test_a_file_goes_in_line_by_line_and_comes_out_again(world: World) -> None:
    program = world.client(key="shop.test")
    answer = await upload(
        program, b"address,reason\nann@x.test,unsubscribe\nnobody\nann@x.test,unsubscribe\nbob@x.test\n"
    )
    assert table(answer) == [
        ["line", "address", "outcome", "detail"],
        ["2", "ann@x.test", "added", ""],
        ["3", "nobody", "bad", "the address has no domain"],
        ["4", "ann@x.test", "duplicate", ""],
        ["5", "bob@x.test", "added", ""],
    ]
    assert answer.headers["content-disposition"] == 'attachment; filename="report.csv"'
    rows = await download(program)
    assert [row[:3] for row in rows] == [
        ["address", "reason", "source"],
        ["bob@x.test", "manual", "import"],
        ["ann@x.test", "unsubscribe", "import"],
    ]
    assert [row[0] for row in (await download(program, "?reason=unsubscribe&search=AN"))[1:]] == ["ann@x.test"]
    assert (await download(world.client(key="bar.test")))[1:] == []


async def test_a_long_file_is_imported_and_exported_whole(world: World) -> None:
    program = world.client(key="shop.test")
    addresses = [f"r{n}@x.test" for n in range(2_345)]

    async def chunks() -> AsyncIterator[bytes]:
        content = "\n".join(addresses).encode()
        for start in range(0, len(content), 1_000):
            yield content[start : start + 1_000]

    report = table(await upload(program, chunks()))
    assert [row[2] for row in report[1:]] == ["added"] * 2_345
    assert sorted(row[0] for row in (await download(program))[1:]) == sorted(addresses)
    async with world.db.connection() as conn:
        added = await conn.fetch("select changes::jsonb -> 'added' ->> 1 as n from audit_entry order by id")
    assert [int(row["n"]) for row in added] == [500, 500, 500, 500, 345]


async def test_a_line_without_end_is_one_bad_line(world: World) -> None:
    report = table(await upload(world.client(key="shop.test"), b"a" * 3_000_000 + b"@x.test\nann@x.test"))
    assert [(row[0], row[2], row[3]) for row in report[1:]] == [
        ("1", "bad", "the line is too long"),
        ("2", "added", ""),
    ]


async def test_a_file_that_is_too_long_is_refused_before_it_is_read(world: World) -> None:
    program = world.client(key="shop.test")

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(BODY // 1_000_000 + 1):
            yield b"ann@x.test\n" * 91_000

    for content in (b"ann@x.test\n" * (BODY // 11 + 1), endless()):
        answer = await upload(program, content)
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (413, "TOO_LARGE")
    assert await stored(world) == []


async def test_files_need_the_same_proof_as_questions(world: World) -> None:
    shop = world.accounts["shop.test"]
    await listed(world, "shop.test", "secret@x.test")
    async with world.db.connection() as conn:
        await conn.execute("update credential set permissions = '{read}' where account_id = $1 and name = 'key'", shop)
    stranger, reader, admin = (world.client(), world.client(key="shop.test"), world.client(key="admin@shop.test"))
    browser = world.client("shop.localhost")
    await browser.login("user@shop.test")
    cases = [
        (await upload(stranger, b"x@x.test"), 401, "UNAUTHENTICATED"),
        (await stranger.http.get(EXPORT), 401, "UNAUTHENTICATED"),
        (await upload(reader, b"x@x.test"), 403, "FORBIDDEN"),
        (await upload(world.client(key="bar.test"), b"x@x.test", f"{IMPORT}?account={shop}"), 404, "MISSING"),
        (await world.client(key="rival.test").http.get(f"{EXPORT}?account={shop}"), 404, "MISSING"),
        (await world.client(key="rival.test").http.get(f"{EXPORT}?account=nonsense"), 404, "MISSING"),
        (await upload(admin, b"x@x.test", f"{IMPORT}?everybody=true"), 403, "FORBIDDEN"),
        (await admin.http.get(f"{EXPORT}?everybody=true"), 403, "FORBIDDEN"),
        (await upload(admin, b"x@x.test", f"{IMPORT}?reason=holiday"), 400, "INVALID"),
        (await admin.http.get(f"{EXPORT}?since=yesterday"), 400, "INVALID"),
        (await upload(browser, b"x@x.test", **{"x-requested-with": ""}), 403, "HEADER_MISSING"),
        (await upload(browser, b"x@x.test", origin="https://evil.test"), 403, "ORIGIN_FOREIGN"),
        (await upload(browser, b"", EXPORT, origin="https://evil.test"), 403, "ORIGIN_FOREIGN"),
    ]
    assert [(answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) for answer, *_ in cases] == [
        (status, code) for _, status, code in cases
    ]
    assert all("secret" not in answer.text for answer, *_ in cases)
    assert await stored(world) == [(shop, "secret@x.test", "manual")]
    assert table(await upload(browser, b"x@x.test"))[1] == ["1", "x@x.test", "added", ""]
    assert [row[0] for row in table(await upload(browser, b"", EXPORT))[1:]] == ["x@x.test", "secret@x.test"]
    assert [row[0] for row in (await download(reader))[1:]] == ["x@x.test", "secret@x.test"]
    acme = world.client(key="acme.test")
    assert len(await download(acme, f"?account={shop}")) == 3
    assert table(await upload(acme, b"y@x.test", f"{IMPORT}?account={shop}"))[1][2] == "added"
    operator = world.client(key="admin@operator.test")
    assert table(await upload(operator, b"trap@x.test", f"{IMPORT}?everybody=true&reason=complaint"))[1][2] == "added"
    assert (await download(operator, "?everybody=true"))[1][:2] == ["trap@x.test", "complaint"]


async def test_two_files_at_once_add_each_address_once(world: World) -> None:
    program = world.client(key="shop.test")
    content = "\n".join(f"r{n}@x.test" for n in range(1_500)).encode()
    backwards = b"\n".join(reversed(content.split(b"\n")))
    reports = [table(answer) for answer in await asyncio.gather(upload(program, content), upload(program, backwards))]
    outcomes = [row[2] for report in reports for row in report[1:]]
    assert (outcomes.count("added"), outcomes.count("duplicate")) == (1_500, 1_500)
    assert len(await stored(world)) == 1_500


@pytest.mark.parametrize(
    "query",
    [
        "address=%00",
        "search=a%00b",
        "since=%00",
        "since=0001-01-01T00:00:00%2B14:00",
        "until=9999-12-31T23:59:59-14:00",
    ],
)
async def test_what_no_database_holds_is_refused_by_its_name(world: World, query: str) -> None:
    answer = await world.client(key="shop.test").http.get(f"{EXPORT}?{query}")
    refused = answer.json()["errors"][0]["extensions"]
    assert (answer.status_code, refused["code"], refused["field"]) == (400, "INVALID", [query.partition("=")[0]])


async def test_an_end_beyond_the_calendar_is_one_bad_line(world: World) -> None:
    lines = b"address,expires\nann@x.test,9999-12-31T23:59:59-14:00\nbob@x.test,9999-12-31T23:59:59Z\n"
    report = table(await upload(world.client(key="shop.test"), lines))
    assert [row[1:3] for row in report[1:]] == [["ann@x.test", "bad"], ["bob@x.test", "added"]]


async def test_whoever_sends_slowly_keeps_no_other_account_from_importing(world: World) -> None:
    shop, go_on = world.client(key="shop.test"), asyncio.Event()

    async def slowly(address: bytes) -> AsyncIterator[bytes]:
        yield address
        await go_on.wait()

    async def taken() -> bool:
        return world.platform.importing[world.accounts["shop.test"]] == 2

    under_way = [asyncio.create_task(upload(shop, slowly(address))) for address in (b"a@x.test", b"b@x.test")]
    await until(taken)
    refused = await upload(shop, b"c@x.test")
    assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (503, "BUSY")
    assert table(await upload(world.client(key="bar.test"), b"d@x.test"))[1][2] == "added"
    go_on.set()
    assert [table(await one)[1][2] for one in under_way] == ["added"] * 2
    assert table(await upload(shop, b"c@x.test"))[1][2] == "added"
    assert world.platform.importing == {}
