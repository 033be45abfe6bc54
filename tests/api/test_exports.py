"""Do reports go out whole, as their pages list them, to nobody else, and with nothing in them that a spreadsheet runs?"""

import csv
import io
from typing import Any

import httpx
import pytest

from mail.suppressions import Reason, suppress
from mail.unsubscribes import Way
from tests.api.conftest import Client, World
from tests.api.people import member
from tests.api.test_setbacks import COMPLAINED, FULL, HARD, SPAM, fate

BOUNCES, COMPLAINTS, UNSUBSCRIBES = EXPORTS = [
    f"/v1/{name}/export" for name in ("bounces", "complaints", "unsubscribes")
]


async def download(client: Client, path: str, **query: Any) -> list[dict[str, str]]:
    answer = await client.http.get(path, params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8"), answer.text
    return table(answer)


def table(answer: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


async def posted(client: Client, path: str, **headers: str) -> httpx.Response:
    return await client.http.post(path, headers={**client._cookies(), **headers})


async def unsubscribe(world: World, slug: str, address: str) -> None:
    async with world.db.connection() as conn:
        assert await suppress(conn, world.accounts[slug], address, Reason.UNSUBSCRIBE, Way.PAGE.value)


async def setbacks(world: World, slug: str, address: str) -> None:
    """One line in each report."""
    await fate(world, slug, address, HARD)
    await fate(world, slug, f"angry.{address}", COMPLAINED)
    await unsubscribe(world, slug, f"gone.{address}")


async def test_each_report_is_a_file_with_a_name(world: World) -> None:
    program = world.client(key="shop.test")
    shop = str(world.accounts["shop.test"])
    id = str(await fate(world, "shop.test", "ann@x.test", HARD, subject="News"))
    await fate(world, "shop.test", "angry@x.test", COMPLAINED)
    await unsubscribe(world, "shop.test", "gone@x.test")
    [bounce] = await download(program, BOUNCES)
    assert bounce == {
        "at": bounce["at"], "address": "ann@x.test", "kind": "hard", "reason": "No such mailbox at this domain.",
        "reply": "550 5.1.1 no such user", "copy": "no", "suppressed": "yes", "account": "Shop", "account_id": shop,
        "sender": "shop@shop.test", "subject": "News", "message_id": bounce["message_id"], "recipient_id": id,
    }  # fmt: skip
    [complaint] = await download(program, COMPLAINTS)
    told = {name: complaint[name] for name in ("address", "loop", "feedback", "suppressed", "account", "subject")}
    assert told == {
        "address": "angry@x.test", "loop": "hotmail.com", "feedback": "abuse", "suppressed": "yes", "account": "Shop",
        "subject": "Hello",
    }  # fmt: skip
    [gone] = await download(program, UNSUBSCRIBES)
    assert gone == {
        "at": gone["at"], "address": "gone@x.test", "source": "page", "account": "Shop", "account_id": shop,
        "sender": "", "subject": "", "message_id": "", "recipient_id": "",
    }  # fmt: skip
    names = [(await program.http.get(path)).headers["content-disposition"] for path in EXPORTS]
    assert names == [f'attachment; filename="{name}.csv"' for name in ("bounces", "spam-reports", "unsubscribes")]


async def test_a_file_holds_what_its_filter_says(world: World) -> None:
    await fate(world, "shop.test", "hard@x.test", HARD)
    await fate(world, "shop.test", "full@x.test", FULL, subject="Spring")
    await fate(world, "bar.test", "spam@x.test", SPAM)
    reseller = world.client(key="acme.test")

    async def found(path: str, **query: Any) -> list[str]:
        return [row["address"] for row in await download(reseller, path, **query)]

    assert await found(BOUNCES) == ["spam@x.test", "full@x.test", "hard@x.test"]
    assert await found(BOUNCES, kind=["soft", "HARD"]) == ["full@x.test", "hard@x.test"]
    assert await found(BOUNCES, account=str(world.accounts["bar.test"])) == ["spam@x.test"]
    assert await found(BOUNCES, search=" SPRING ") == ["full@x.test"]
    assert await found(BOUNCES, until="2026-01-01T00:00:00Z") == []
    assert len(await found(BOUNCES, since="2026-01-01T00:00:00+02:00")) == 3
    for name in ("a", "b"):
        await fate(world, "shop.test", f"{name}@x.test", COMPLAINED)
        await unsubscribe(world, "shop.test", f"{name}@x.test")
    await unsubscribe(world, "bar.test", "c@x.test")
    assert await found(COMPLAINTS, search="A@X") == ["a@x.test"]
    assert await found(UNSUBSCRIBES, address="B@x") == ["b@x.test"]
    assert await found(UNSUBSCRIBES, account=str(world.accounts["bar.test"])) == ["c@x.test"]
    assert await found(UNSUBSCRIBES, until="2026-01-01T00:00:00Z") == []


async def test_nothing_that_strangers_wrote_is_a_formula(world: World) -> None:
    evil = {**FULL, "code": None, "reply": '=HYPERLINK("http://evil.test")'}
    await fate(world, "shop.test", "=cmd@x.test", evil, subject="@SUM(A1)")
    await fate(world, "shop.test", "+1@x.test", {**COMPLAINED, "reply": "-evil.test", "cause": "=abuse"})
    await unsubscribe(world, "shop.test", "-1@x.test")
    program = world.client(key="shop.test")
    [bounce] = await download(program, BOUNCES)
    assert (bounce["address"], bounce["subject"]) == ("'=cmd@x.test", "'@SUM(A1)")
    assert bounce["reply"] == '\'=HYPERLINK("http://evil.test")'
    [complaint] = await download(program, COMPLAINTS)
    assert (complaint["address"], complaint["loop"], complaint["feedback"]) == ("'+1@x.test", "'-evil.test", "'=abuse")
    assert [row["address"] for row in await download(program, UNSUBSCRIBES)] == ["'-1@x.test"]


async def test_a_long_report_goes_out_whole(world: World) -> None:
    """Two pages and a bit of each, each line once."""
    await fate(world, "shop.test", "r0@x.test", HARD, COMPLAINED)
    async with world.db.connection() as conn:
        await conn.execute(
            """with people as (
                 insert into recipient (id, message_id, account_id, address, domain, state, next_attempt_at)
                 select gen_random_uuid(), r.message_id, r.account_id, 'r' || n || '@x.test', 'x.test', 'bounced', null
                   from recipient r, generate_series(1, 2344) as n returning id, message_id, account_id
               )
               insert into event (epoch, account_id, message_id, recipient_id, kind, cause)
               select (select epoch from ledger_epoch), account_id, message_id, id, kind, 'no_mailbox'
                 from people, unnest(array['bounced', 'complained']) as kind"""
        )
        await conn.execute(
            """insert into suppression (id, account_id, address, reason, source)
               select gen_random_uuid(), $1, 'r' || n || '@x.test', 'unsubscribe', 'page' from generate_series(0, 2344) as n""",
            world.accounts["shop.test"],
        )
    everybody = sorted(f"r{n}@x.test" for n in range(2_345))
    for path in EXPORTS:
        assert sorted(row["address"] for row in await download(world.client(key="shop.test"), path)) == everybody


@pytest.mark.parametrize("path", EXPORTS)
async def test_a_file_needs_the_same_proof_as_the_page(world: World, path: str) -> None:
    shop = world.accounts["shop.test"]
    await setbacks(world, "shop.test", "secret@x.test")
    async with world.db.connection() as conn:
        await conn.execute("update credential set permissions = '{send}' where account_id = $1 and name = 'key'", shop)
    stranger, sender = world.client(), world.client(key="shop.test")
    browser = world.client("shop.localhost")
    await browser.login("user@shop.test")
    biller = await member(world, browser, "biller@new.test", "BILLING")
    program = world.client(key="admin@shop.test")
    cases = [
        (await stranger.http.get(path), 401, "UNAUTHENTICATED"),
        (await posted(stranger, path), 401, "UNAUTHENTICATED"),
        (await sender.http.get(path), 403, "FORBIDDEN"),
        (await posted(biller, path), 403, "FORBIDDEN"),
        (await posted(browser, path, origin="https://evil.test"), 403, "ORIGIN_FOREIGN"),
        (await world.client(key="rival.test").http.get(f"{path}?account=nonsense"), 404, "MISSING"),
        (await program.http.get(f"{path}?since=yesterday"), 400, "INVALID"),
        (await program.http.get(f"{path}?until=2026-11-23T00:00:00"), 400, "INVALID"),
        (await program.http.get(f"{path}?{'address' if path == UNSUBSCRIBES else 'search'}=%00"), 400, "INVALID"),
    ]
    if path == BOUNCES:
        cases.append((await program.http.get(f"{path}?kind=odd"), 400, "INVALID"))
    assert [(answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) for answer, *_ in cases] == [
        (status, code) for _, status, code in cases
    ]
    assert all("secret" not in answer.text for answer, *_ in cases)
    # Those who see neither the account nor any of its mail get files with nothing in them.
    for slug in ("bar.test", "rival.test"):
        assert await download(world.client(key=slug), path) == []
        assert await download(world.client(key=slug), path, account=str(shop)) == []
    own = await posted(browser, path)
    assert own.status_code == 200
    assert [row["address"].endswith("secret@x.test") for row in table(own)] == [True]
    for slug in ("shop.test", "acme.test", "operator.test"):
        assert table(own) == await download(world.client(key=f"admin@{slug}"), path)
        assert table(own) == await download(world.client(key=f"admin@{slug}"), path, account=str(shop))
