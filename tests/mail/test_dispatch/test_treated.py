"""Does each recipient get what was chosen for them, everybody else the same bytes, and who chose nothing what they sent?"""

import re
from typing import Any
from uuid import UUID

from kit.crypto import Keyring
from kit.ids import new_id
from mail.wire import tracked, unsubscribe
from mail.wire.tracked import Click, Open
from tests.mail.test_dispatch.conftest import Office
from tests.support.world import SECRET_KEY, Tenant

KEYS = Keyring(SECRET_KEY)
HTML = "Content-Type: text/html; charset=utf-8\r\n"
PAGE = b'<html><body><p>hi <a href="https://shop.test/?a=1&amp;b=2">shop</a></p></body></html>\r\n'
BASE = "http://[a-z.]+"


async def choose(office: Office, tenant: Tenant, **choices: Any) -> None:
    """Write an account's own choice."""
    names, places = ", ".join(choices), ", ".join(f"${n + 3}" for n in range(len(choices)))
    async with office.db.connection() as conn:
        await conn.execute(
            f"insert into treatment (id, account_id, {names}) values ($1, $2, {places})",
            new_id(),
            tenant.id,
            *choices.values(),
        )


async def footer(office: Office, tenant: Tenant, html: str, text: str) -> None:
    async with office.db.connection() as conn:
        await conn.execute(
            """insert into template (id, account_id, kind, name, html, text, is_default)
               values ($1, $2, 'footer', 'f', $3, $4, true)""",
            new_id(),
            tenant.id,
            html,
            text,
        )


async def sent(office: Office, ids: tuple[UUID, ...]) -> dict[str, bytes]:
    """What reached whom."""
    async with office.working():
        await office.until("delivered", *ids)
    return {address: content for address, _, content in office.remote.sent}


def body(content: bytes) -> bytes:
    return content.partition(b"\r\n\r\n")[2]


async def test_mail_of_an_account_that_chose_nothing_is_what_it_sent(office: Office) -> None:
    ids = await office.accept("a@far.test", body=PAGE + b"<% unsubscribe %>\r\n", headers=HTML)
    made = await sent(office, ids)
    assert body(made["a@far.test"]) == PAGE + b"<% unsubscribe %>\r\n"
    assert b"list-unsubscribe:" not in made["a@far.test"].lower()


async def test_each_recipient_has_links_a_pixel_and_a_way_out_of_its_own(office: Office) -> None:
    await choose(office, office.world.shop, track_opens=True, track_clicks=True, list_unsubscribe=True)
    ids = await office.accept("a@far.test", "b@near.test", body=PAGE, headers=HTML)
    made = await sent(office, ids)
    assert body(made["a@far.test"]) != body(made["b@near.test"])
    for id, address in zip(ids, ("a@far.test", "b@near.test"), strict=True):
        content = made[address].decode()
        click = re.search(
            rf'<a href="{BASE}[^"]*/t/([^"]+)">shop</a></p><img src="{BASE}[^"]*/t/([^"]+)\.gif"', content
        )
        assert click is not None, content
        found, opened = tracked.read(KEYS, click[1]), tracked.read(KEYS, click[2])
        assert isinstance(found, Click)
        assert isinstance(opened, Open)
        assert found.target == "https://shop.test/?a=1&b=2"
        assert found.whose == opened.whose
        assert (found.whose.recipient_id, found.whose.account_id) == (id, office.world.shop.id)
        ticket = re.search(rf"List-Unsubscribe: <{BASE}[^>]*/u/([^>]+)>", content)
        assert ticket is not None
        said = unsubscribe.unseal(KEYS, ticket[1])
        assert said is not None
        assert (said.recipient_id, said.address) == (id, address)
        assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in content
        signature = content[: content.index("b=", content.index("bh="))]
        assert "list-unsubscribe-post" in re.sub(r"\s", "", signature)


async def test_what_is_the_same_for_all_is_made_once(office: Office) -> None:
    await footer(office, office.world.shop, "<p>Shop Ltd</p>", "Shop Ltd\n")
    ids = await office.accept("a@far.test", "b@near.test", body=PAGE, headers=HTML)
    made = await sent(office, ids)
    assert made["a@far.test"] is made["b@near.test"]
    assert b"</p><p>Shop Ltd</p></body></html>\r\n" in made["a@far.test"]


async def test_a_message_says_for_itself_what_is_done_to_it(office: Office) -> None:
    shop, cafe = office.world.shop, office.world.cafe
    await choose(office, shop, track_opens=True, track_clicks=True, list_unsubscribe=True)
    plain = await office.accept(
        "a@far.test", body=PAGE, headers=f"{HTML}X-Lv-Track: none\r\nX-Lv-Unsubscribe: none\r\n", tenant=shop
    )
    clicks = await office.accept("b@far.test", body=PAGE, headers=f"{HTML}X-Lv-Track: clicks\r\n", tenant=cafe)
    offer = await office.accept("c@far.test", body=PAGE, headers=f"{HTML}X-Lv-Unsubscribe: yes\r\n", tenant=cafe)
    made = await sent(office, (*plain, *clicks, *offer))
    assert body(made["a@far.test"]) == PAGE
    assert (
        b"List-Unsubscribe"
        not in made["a@far.test"].partition(b"\r\n\r\n")[0].replace(b"DKIM-Signature", b"").split(b"From: ")[1]
    )
    assert b"/t/" in body(made["b@far.test"])
    assert b".gif" not in body(made["b@far.test"])
    assert b"\r\nList-Unsubscribe: <" in made["c@far.test"]
    assert body(made["c@far.test"]) == PAGE
    assert all(b"x-lv-" not in content.lower() for content in made.values())


async def test_a_tag_in_the_text_brings_words_and_header_fields(office: Office) -> None:
    async with office.db.connection() as conn:
        await conn.execute(
            "insert into unsubscribe_tag (id, account_id, number, text, language) values ($1, $2, 3, 'Enough? [Out].', 'en')",
            new_id(),
            office.world.shop.id,
        )
    ids = await office.accept("a@far.test", body=b"<p>&lt;% unsubscribe 3 %&gt;</p>\r\n", headers=HTML)
    made = (await sent(office, ids))["a@far.test"].decode()
    assert re.search(rf'Enough\? <a href="{BASE}[^"]*/u/[^"]+">Out</a>\.', made), made
    assert "\r\nList-Unsubscribe: <http" in made


async def test_the_link_in_the_header_speaks_as_the_tag_in_the_mail(office: Office) -> None:
    shop = office.world.shop
    async with office.db.connection() as conn:
        await conn.executemany(
            "insert into unsubscribe_tag (id, account_id, number, text, language) values ($1, $2, $3, 'Out', $4)",
            [(new_id(), shop.id, number, language) for number, language in ((1, "de"), (3, "he"), (4, "fr"))],
        )
    await footer(office, shop, "<p><% unsubscribe 4 %></p>", "<% unsubscribe 4 %>\n")
    named, none = "X-Lv-Unsubscribe: 1\r\n", "X-Lv-Footer: none\r\n"
    cases = {
        "he@far.test": (b"<p><% unsubscribe 3 %></p>", none, "he", ["he"]),
        "first@far.test": (b"<% unsubscribe 9 %><% unsubscribe %><% unsubscribe 3 %>", none, "he", ["de", "de", "he"]),
        "footer@far.test": (b"<p>hi</p>", "", "fr", ["fr"]),
        "both@far.test": (b"<% unsubscribe 3 %>", "", "he", ["he", "fr"]),
        "wish@far.test": (b"<% unsubscribe 3 %>", named + none, "de", ["he"]),
        "default@far.test": (b"<% unsubscribe %>", none, "de", ["de"]),
    }
    ids = [await office.accept(to, body=text, headers=HTML + wish) for to, (text, wish, *_) in cases.items()]
    made = await sent(office, tuple(id for some in ids for id in some))
    for to, (_, _, header, links) in cases.items():
        tickets = re.findall(r'[<"]http[^>"]*/u/([^>"]+)', made[to].decode())
        assert [getattr(unsubscribe.unseal(KEYS, ticket), "language", None) for ticket in tickets] == [
            header,
            *links,
        ], to


async def test_what_must_not_be_changed_goes_as_it_is_and_its_conversation_says_why(office: Office) -> None:
    await choose(office, office.world.shop, track_opens=True)
    signed = "Content-Type: multipart/signed; boundary=s\r\nX-Lv-Template: nosuch\r\n"
    content = b"--s\r\n\r\nhello\r\n--s\r\n\r\nsignature\r\n--s--\r\n"
    ids = await office.accept("a@far.test", body=content, headers=signed)
    made = await sent(office, ids)
    assert body(made["a@far.test"]) == content
    async with office.db.connection() as conn:
        said = await conn.fetchval("select conversation from attempt")
    assert said.splitlines()[-1] == "* not changed: it is signed or encrypted; no template called nosuch"


async def test_a_long_target_is_kept_before_the_mail_leaves(office: Office) -> None:
    await choose(office, office.world.shop, track_clicks=True)
    target = "https://shop.test/?q=" + "x" * 2_000
    kept: list[int] = []

    async def look() -> str:
        async with office.db.connection() as conn:
            kept.append(await conn.fetchval("select count(*) from long_target where target = $1", target))
        return "250 2.0.0 taken"

    office.remote.answers("a@far.test", look)
    ids = await office.accept("a@far.test", body=f'<a href="{target}">x</a>\r\n'.encode(), headers=HTML)
    made = await sent(office, ids)
    assert kept == [1]
    link = re.search(rb'<a href="([^"]+)"', made["a@far.test"])
    assert link is not None
    assert len(link[1]) <= 400


async def test_copies_are_marked_and_neither_tracked_nor_offered_a_way_out(office: Office) -> None:
    await choose(office, office.world.shop, track_opens=True, track_clicks=True, list_unsubscribe=True)
    ids = await office.accept("a@far.test", "copy@far.test", body=PAGE + b"<% unsubscribe %>\r\n", headers=HTML)
    async with office.db.connection() as conn:
        await conn.execute("update recipient set copy_rule_id = $2 where id = $1", ids[1], new_id())
    made = await sent(office, ids)
    assert b"/t/" in body(made["a@far.test"])
    assert body(made["copy@far.test"]) == PAGE + b"\r\n"
    header = made["copy@far.test"].partition(b"\r\n\r\n")[0]
    assert b"\r\nX-Copy-Of: <" in header
    assert b"\r\nList-Unsubscribe: " not in header
    assert b"X-Copy-Of" not in made["a@far.test"]
