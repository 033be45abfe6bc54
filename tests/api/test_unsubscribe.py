"""Is whoever wants no more mail heard, once and for all, by nothing but a POST, and in whose name is it asked? T-TR7."""

import asyncio
import random
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from api import unsubscribe
from api.context import STRANGERS
from api.reader_page import preferred
from api.unsubscribe_page import Stage, render
from api.unsubscribe_words import WORDS
from kit.clock import shift
from mail.unsubscribes import NOBODY, Sender
from mail.wire.unsubscribe import LANGUAGES
from tests.api.conftest import World
from tests.api.unsubscribing import FORM, ONE_CLICK, sent

UNSUBSCRIBES = """query ($filter: UnsubscribeFilter, $first: Int! = 50, $after: String) {
  unsubscribes(filter: $filter, first: $first, after: $after) {
    nodes { address source recipientId sender subject } pageInfo { hasNextPage endCursor } } }"""


async def test_whoever_only_looks_changes_nothing(world: World) -> None:
    link = await sent(world, "shop.test", "ann@far.test")
    for _ in range(20):
        looks = [
            link.get(method, **{"user-agent": agent, "purpose": "prefetch", "sec-purpose": "prefetch;prerender"})
            for method in ("GET", "HEAD", "OPTIONS")
            for agent in ("Scanner/1.0", "Mozilla/5.0")
            for _ in range(9)
        ]
        assert {answer.status_code for answer in await asyncio.gather(*looks)} == {200, 204}
    for method in ("PUT", "PATCH", "DELETE"):
        assert (await link.get(method)).status_code == 405
    assert (await link.listed(), await link.facts()) == ([], 0)
    # The twin: one POST.
    assert (await link.post()).status_code == 200
    assert await link.listed() == [(world.accounts["shop.test"], "unsubscribe", "one_click", link.ticket.recipient_id)]
    assert await link.facts() == 1


async def test_fifty_at_once_are_one(world: World) -> None:
    link = await sent(world, "shop.test", "ann@far.test")
    answers = await asyncio.gather(*(link.post() for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert not any(answer.headers.get("location") or answer.headers.get("set-cookie") for answer in answers)
    assert (len(await link.listed()), await link.facts()) == (1, 1)
    async with world.db.connection() as conn:
        row = await conn.fetchrow(
            "select is_first, (select unsubscribed_at from recipient where id = $1) as at from event"
            " where recipient_id = $1 and kind = 'unsubscribed'",
            link.ticket.recipient_id,
        )
    assert row["is_first"]
    assert row["at"] is not None


@pytest.mark.parametrize(
    ("body", "content_type", "source"),
    [
        (ONE_CLICK, "application/x-www-form-urlencoded", "one_click"),
        (
            '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            "one_click",
        ),
        ("act=unsubscribe", "application/x-www-form-urlencoded", "page"),
        ("&".join(f"f{n}=1" for n in range(50)), "application/x-www-form-urlencoded", "one_click"),
        ("", "text/plain", "one_click"),
    ],
)
async def test_every_program_says_it_its_own_way(world: World, body: str, content_type: str, source: str) -> None:
    link = await sent(world, "shop.test", "ann@far.test")
    answer = await link.http.post(link.path, content=body, headers={"content-type": content_type})
    assert answer.status_code == 200
    assert [row[1:3] for row in await link.listed()] == [("unsubscribe", source)]


async def test_whoever_sends_slowly_keeps_nobody_else_from_anything(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, other = await sent(world, "shop.test", "ann@far.test"), await sent(world, "shop.test", "bob@far.test")
    half = f"POST {link.path} HTTP/1.1\r\nHost: x.test\r\nContent-Type: {FORM['content-type']}\r\n"
    slow = []
    for _ in range(STRANGERS + 1):
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(f"{half}Content-Length: 15\r\n\r\nact=".encode())
        slow.append((reader, writer))
    async with asyncio.timeout(20):
        assert (await other.post()).status_code == 200
        assert (await world.client("shop.localhost").login("user@shop.test"))["__typename"] == "SignedIn"
        assert await link.facts() == 0
        slow[0][1].write(b"unsubscribe")
        assert (await slow[0][0].readline()).split()[1] == b"200"
    assert await link.facts() == 1
    for _, writer in slow:
        writer.close()
    # And who never ends is not waited for.
    monkeypatch.setattr(unsubscribe, "_READ_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    writer.write(f"{half}Content-Length: 15\r\n\r\nact=undo".encode())
    async with asyncio.timeout(20):
        assert (await reader.readline()).split()[1] == b"408"
    writer.close()
    assert len(await link.listed()) == 1


async def test_it_is_undone_by_the_page_and_written_down(world: World) -> None:
    link = await sent(world, "shop.test", "ann@far.test", "en")
    assert WORDS["en"].title in (await link.get()).text
    done = await link.post("act=unsubscribe")
    assert "You are unsubscribed" in done.text
    assert 'value="undo"' in done.text
    assert "You are unsubscribed" in (await link.get()).text
    undone = await link.post("act=undo")
    assert "You are no longer unsubscribed" in undone.text
    assert await link.listed() == []
    assert (await link.post("act=undo")).status_code == 200
    async with world.db.connection() as conn:
        rows = await conn.fetch(
            "select account_id, member_id, ip, changes::text as changes from audit_entry where action = 'unsubscribe.undo'"
        )
    assert [tuple(row) for row in rows] == [
        (world.accounts["shop.test"], None, "127.0.0.1", '{"address": ["ann@far.test", null]}')
    ]
    # And wished again.
    assert (await link.post("act=unsubscribe")).status_code == 200
    assert (len(await link.listed()), await link.facts()) == (1, 2)


async def test_whoever_changes_their_mind_for_ever_fills_no_ledger(world: World) -> None:
    link = await sent(world, "shop.test", "ann@far.test", "he")
    for _ in range(14):
        await link.post("act=unsubscribe")
        last = await link.post("act=undo")
    own = WORDS["he"]
    assert last.status_code == 429
    assert own.later_title in last.text
    assert "24" in last.text, "the page says when"
    assert "<form" not in last.text
    for again in (await link.get(), await link.post("act=unsubscribe")):
        assert again.status_code == 200
        assert own.done_title in again.text, "and what holds"
        assert own.later[:40] in again.text
        assert "<form" not in again.text, "no button that can only fail"
    assert (len(await link.listed()), await link.facts()) == (1, 11)
    async with world.db.connection() as conn:
        assert await conn.fetchval("select count(*) from audit_entry") == 10
        await shift(conn, timedelta(days=1, seconds=1))
    assert 'value="undo"' in (await link.get()).text
    assert own.undone_title in (await link.post("act=undo")).text


async def test_undoing_touches_nothing_that_somebody_else_said(world: World) -> None:
    link = await sent(world, "shop.test", "ann@far.test")
    async with world.db.connection() as conn:
        await conn.execute(
            """insert into suppression (id, account_id, address, reason, source)
               select gen_random_uuid(), a, 'ann@far.test', r, 'api'
                 from (values ($1::uuid, 'complaint'), ($2::uuid, 'unsubscribe'), (null, 'manual')) as v (a, r)""",
            world.accounts["shop.test"],
            world.accounts["bar.test"],
        )
    await link.post()
    await link.post("act=undo")
    assert sorted((str(row[0]), row[1]) for row in await link.listed()) == sorted(
        [
            (str(world.accounts["shop.test"]), "complaint"),
            (str(world.accounts["bar.test"]), "unsubscribe"),
            ("None", "manual"),
        ]
    )


async def test_it_holds_for_this_account_alone(world: World) -> None:
    link = await sent(world, "shop.test", "Ann+News@FAR.test")
    await link.post()
    async with world.db.connection() as conn:
        rows = await conn.fetch("select account_id, address from suppression")
    assert [tuple(row) for row in rows] == [(world.accounts["shop.test"], "Ann+News@far.test")]


async def test_forged_links_do_nothing_and_say_so(world: World) -> None:
    link, rolls = await sent(world, "shop.test", "ann@far.test"), random.Random(5)
    genuine = link.path.removeprefix("/u/")
    # Another account's name on it: made by whoever has another key, or by changing what is sealed.
    forged = {genuine[:-1], genuine + "A", genuine.swapcase(), "x", "a" * 5_000}
    for _ in range(200):
        place = rolls.randrange(len(genuine))
        changed = genuine[:place] + rolls.choice("abcXYZ019-_") + genuine[place + 1 :]
        forged |= {changed} - {genuine}
    for token in forged:
        answer = await link.http.post(f"/u/{token}", content=ONE_CLICK, headers=FORM)
        assert answer.status_code == 404, token
    page = (await link.http.get("/u/x", headers={"accept-language": "fr-CH"})).text
    assert "Ce lien n’est pas valable" in page
    async with world.db.connection() as conn:
        assert await conn.fetchval("select count(*) from suppression") == 0
    assert (await link.post()).status_code == 200
    assert len(await link.listed()) == 1


async def test_a_ticket_of_one_account_never_touches_anothers_mail(world: World) -> None:
    link = await sent(world, "shop.test", "ann@far.test")
    # Nobody can make such a ticket; were there one, the mail would not be found behind it.
    link.ticket = replace(link.ticket, account_id=world.accounts["rival.test"])
    assert (await link.post()).status_code == 200
    assert await link.facts() == 0
    assert [row[0] for row in await link.listed()] == [world.accounts["rival.test"]]


async def test_the_page_has_the_senders_face_and_no_other(world: World) -> None:
    async with world.db.connection() as conn:
        await conn.execute(
            "update account set brand_color = '#b45309', privacy_url = 'https://acme.test/privacy' where slug = 'acme.test'"
        )
        await conn.execute(
            """update account set brand_name = 'Platform', privacy_url = 'https://platform.test/p'
                where parent_id is null"""
        )
    link = await sent(world, "shop.test", "ann@far.test", "de")
    answer = await link.get(**{"accept-language": "fr"})
    assert answer.headers["content-language"] == "de"
    for held in (
        '<html lang="de" dir="ltr">',
        "Acme Mail",
        "#b45309",
        'href="https://acme.test/privacy"',
        "ann@far.test",
    ):
        assert held in answer.text
    for strange in ("livery", "platform", "<script", "src=", "@import", "url("):
        assert strange not in answer.text.lower()
    assert "livery" not in str(answer.headers).lower()
    # The operator's own mail has nobody's name on it.
    own = await (await sent(world, "operator.test", "ann@far.test")).get()
    assert 'class="brand"' not in own.text
    assert "https://platform.test/p" in own.text


async def test_the_page_is_seen_by_nobody_and_kept_nowhere(world: World) -> None:
    link = await sent(world, "shop.test", "ann@far.test")
    for answer in (await link.get(), await link.get("HEAD"), await link.post(), await link.http.get("/u/x")):
        policy = answer.headers.get_list("content-security-policy")
        assert len(policy) == 1
        assert policy[0].startswith("default-src 'none'; style-src 'sha256-")
        assert answer.headers.get_list("referrer-policy") == ["no-referrer"]
        assert answer.headers.get_list("content-type") == ["text/html; charset=utf-8"]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in answer.headers
    head, page = await link.get("HEAD"), await link.get()
    assert head.content == b""
    assert head.headers["content-length"] == str(len(page.content))


async def test_of_a_deleted_account_the_page_is_neutral_and_the_wish_is_heard(world: World) -> None:
    link, other = await sent(world, "shop.test", "ann@far.test"), await sent(world, "shop.test", "bob@far.test")
    async with world.db.connection() as conn:
        await conn.execute("update account set deleted_at = livery_now() where slug = 'shop.test'")
    page = (await link.get()).text
    assert "Acme Mail" not in page
    assert WORDS["en"].button in page
    # As long as there are facts it is one; afterwards there is nothing that it could be said of.
    assert (await link.post()).status_code == 200
    assert await link.facts() == 1
    async with world.db.connection() as conn:
        for table in ("event", "recipient", "message", "suppression"):
            await conn.execute(f"delete from {table}")
        await conn.execute("update account set purged_at = livery_now() where slug = 'shop.test'")
    for late in (link, other):
        assert WORDS["en"].done_title in (await late.post()).text
        assert await late.listed() == []


async def test_of_a_forgotten_mail_the_link_itself_says_who_wants_what(world: World) -> None:
    link = await sent(world, "shop.test", "ann@far.test")
    async with world.db.connection() as conn:
        for table in ("event", "recipient"):
            await conn.execute(f"delete from {table} where account_id = $1", world.accounts["shop.test"])
    assert (await link.post()).status_code == 200
    assert await link.listed() == [(world.accounts["shop.test"], "unsubscribe", "one_click", None)]
    assert await link.facts() == 0


async def test_the_report_is_filtered_by_address_and_time_and_ends_where_one_sees_nothing(world: World) -> None:
    links = [await sent(world, "shop.test", f"{name}@far.test") for name in ("ann", "bob", "Anna")]
    for link in links:
        await link.post()
    shop, acme = world.client("shop.localhost", key="shop.test"), world.client("acme.localhost", key="acme.test")
    seen = (await shop.ask(UNSUBSCRIBES))["unsubscribes"]["nodes"]
    assert [row["address"] for row in seen] == ["Anna@far.test", "bob@far.test", "ann@far.test"]
    assert seen[1] == {
        "address": "bob@far.test",
        "source": "one_click",
        "recipientId": str(links[1].ticket.recipient_id),
        "sender": "shop@shop.test",
        "subject": "Hello",
    }
    for asker in (shop, acme):
        found = (await asker.ask(UNSUBSCRIBES, filter={"address": "ANN"}))["unsubscribes"]["nodes"]
        assert [row["address"] for row in found] == ["Anna@far.test", "ann@far.test"]
    page = (await shop.ask(UNSUBSCRIBES, first=2))["unsubscribes"]
    rest = (await shop.ask(UNSUBSCRIBES, first=2, after=page["pageInfo"]["endCursor"]))["unsubscribes"]
    assert [row["address"] for row in rest["nodes"]] == ["ann@far.test"]
    assert (page["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)
    async with world.db.connection() as conn:
        middle = (await conn.fetchval("select created_at from suppression where address = 'bob@far.test'")).isoformat()
    since = (await shop.ask(UNSUBSCRIBES, filter={"since": middle}))["unsubscribes"]["nodes"]
    until = (await shop.ask(UNSUBSCRIBES, filter={"until": middle}))["unsubscribes"]["nodes"]
    assert [row["address"] for row in since] == ["Anna@far.test", "bob@far.test"]
    assert [row["address"] for row in until] == ["ann@far.test"]
    for slug in ("bar.test", "rival.test"):
        assert (await world.client("127.0.0.1", key=slug).ask(UNSUBSCRIBES))["unsubscribes"]["nodes"] == []
    await links[1].post("act=undo")
    assert len((await shop.ask(UNSUBSCRIBES))["unsubscribes"]["nodes"]) == 2


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("stage", Stage)
def test_every_language_says_everything_and_knows_its_direction(language: str, stage: Stage) -> None:
    page = render(stage, language, Sender("<Acme>", "#ffffff", "javascript:alert(1)"), "<a>@x.test").body.decode()
    assert f'<html lang="{language}" dir="{"rtl" if language == "he" else "ltr"}">' in page
    assert "{address}" not in page
    assert ("&lt;a&gt;@x.test" in page) is (stage is not Stage.INVALID)
    assert "&lt;Acme&gt;" in page
    assert "javascript:" not in page
    assert "color:#000000" in page, "black is read on white"
    own = WORDS[language]
    assert all(own.__getattribute__(name) for name in own.__slots__)
    for said in ("done", "later"):
        assert getattr(own, said) not in [getattr(WORDS[other], said) for other in LANGUAGES if other != language]


def test_a_color_that_is_none_is_not_written_into_the_page() -> None:
    page = render(Stage.ASKED, "en", Sender(None, "red}body{x:url(//evil)", None), "a@b.test")
    assert b"evil" not in page.body
    assert re.search(rb"#374151", page.body)
    assert render(Stage.ASKED, "en", NOBODY, "a@b.test").csp == page.csp


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de-CH, de;q=0.9, en;q=0.8", "de"),
        ("nl, iw;q=0.4, fr;q=0.5", "fr"),
        ("iw", "he"),
        ("nl, zh;q=0.5", "en"),
        ("ru;q=0, es;q=0.1", "es"),
        ("pt;q=much, it", "it"),
        ("," * 10_000 + "fr", "en"),
    ],
)
def test_without_a_tag_the_page_speaks_as_the_browser_asks(header: str, language: str) -> None:
    assert preferred(header) == language
