"""Does the nearest choice count: the message's own, its credential's, its account's, the usual; and never somebody else's?"""

from typing import Any
from uuid import UUID

import pytest

from kit.db import Connection, Database
from kit.ids import new_id
from mail.choices import NONE
from mail.treatments import EXISTS, Asked, Treatment, Wishes, speaks, treatments_of, wishes
from mail.wire.headers import scan
from mail.wire.places import Piece
from tests.support.world import World

URL = "https://mail.test/"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Subject: x", Wishes()),
        ("X-Lv-Template: My news\r\nX-Lv-Footer: none", Wishes("My news", "none")),
        ("X-Lv-Track: Opens, Clicks", Wishes(opens=True, clicks=True)),
        ("X-Lv-Track: clicks", Wishes(opens=False, clicks=True)),
        ("X-Lv-Track: none", Wishes(opens=False, clicks=False)),
        ("X-Lv-Track: nonsense", Wishes()),
        ("X-Lv-Track: none\r\nX-Lv-Track-Opens: yes", Wishes(opens=True, clicks=False)),
        ("X-Lv-Unsubscribe: yes", Wishes(unsubscribe=True)),
        ("X-Lv-Unsubscribe: none", Wishes(unsubscribe=False)),
        ("X-Lv-Unsubscribe: 3", Wishes(unsubscribe=True, tag=3)),
        ("X-Lv-Unsubscribe: 9999999999999", Wishes(unsubscribe=True)),
        ("Content-Language: de-AT, en", Wishes(language="de")),
        ("Content-Language: deu", Wishes()),
    ],
)
def test_what_a_message_says_of_itself(header: str, expected: Wishes) -> None:
    assert wishes(scan(f"{header}\r\n\r\n".encode())) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Subject: x\r\n\r\nX-Lv-Template: in the text\r\n", False),
        # What it is filed under, and what nobody knows, is nothing to be done.
        ("X-Lv-Tag: news\r\nSubject: x-lv-template\r\nX-Lv-Tags: x\r\n\r\n", False),
        ("X-Lv-Template: news\r\n\r\n", True),
        ("Subject: x\r\nx-LV-footer : none\r\n\r\n", True),
        ("X-Lv-Tag: news\r\nX-Lv-Track-Opens: yes\r\n", True),
        ("X-Lv-Unsubscribe: 3\r\n\r\n", True),
    ],
)
def test_only_mail_that_wishes_something_is_looked_at(content: str, expected: bool) -> None:
    assert speaks(content.encode()) is expected


async def piece(
    conn: Connection, account: UUID, kind: str, name: str, *, language: str | None = None, default: bool = False
) -> UUID:
    id = new_id()
    await conn.execute(
        """insert into template (id, account_id, kind, name, language, html, text, is_default)
           values ($1, $2, $3, $4::text, $5, $4::text || ' html', $4::text || ' text', $6)""",
        id,
        account,
        kind,
        name,
        language,
        default,
    )
    return id


async def choose(conn: Connection, account: UUID, credential: UUID | None, **choices: Any) -> None:
    names, places = ", ".join(choices), ", ".join(f"${n + 4}" for n in range(len(choices)))
    await conn.execute(
        f"insert into treatment (id, account_id, credential_id, {names}) values ($1, $2, $3, {places})",
        new_id(),
        account,
        credential,
        *choices.values(),
    )


def called(name: str) -> Piece:
    return Piece(f"{name} html", f"{name} text")


async def test_the_nearest_choice_counts(world_db: Database, world: World) -> None:
    shop, cafe = world.shop.id, world.cafe.id
    first, second = new_id(), new_id()
    async with world_db.transaction() as conn:
        usual = await piece(conn, shop, "template", "usual", default=True)
        other = await piece(conn, shop, "template", "other")
        await piece(conn, shop, "footer", "any", default=True)
        await piece(conn, shop, "footer", "german", language="de", default=True)
        foreign = await piece(conn, cafe, "template", "foreign")
        await choose(conn, shop, None, track_opens=True, track_clicks=True, list_unsubscribe=True)
        await choose(conn, shop, first, template_id=other, track_opens=False, footer_id=NONE)
        await choose(conn, shop, second, template_id=foreign)
        asked = {
            "account": Asked(shop),
            "first": Asked(shop, first),
            "second": Asked(shop, second),
            "unknown": Asked(shop, new_id()),
            "named": Asked(shop, first, template="usual", footer="german"),
            "by id": Asked(shop, None, template=str(other)),
            "none": Asked(shop, None, template="None", footer="none"),
            "missing": Asked(shop, None, template="foreign", footer="usual"),
            "foreign": Asked(shop, None, template=str(foreign)),
            "plain": Asked(cafe),
        }
        made = await treatments_of(conn, list(asked.values()), public_url=URL)
    found = {name: made[one] for name, one in asked.items()}
    base = found["account"].base
    footers = {None: called("any"), "de": called("german")}
    assert found["account"] == Treatment(base, called("usual"), footers, True, True, False, True)
    assert found["first"] == Treatment(base, called("other"), {}, False, True, False, True)
    # What belongs to somebody else is as good as not there.
    assert found["second"] == found["unknown"] == found["account"]
    assert found["named"].template == called("usual")
    assert found["named"].footer("fr") == called("german")
    assert found["by id"].template == called("other")
    assert (found["none"].template, found["none"].footer(None)) == (None, None)
    assert found["missing"].lacks == ("no template called foreign", "no footer called usual")
    assert found["missing"].template == called("usual")
    assert found["foreign"].template == called("usual")
    assert (found["account"].footer("de"), found["account"].footer("fr")) == (called("german"), called("any"))
    assert found["plain"] == Treatment(found["plain"].base, None, {})
    assert usual != other
    async with world_db.connection() as conn:
        rows = await conn.fetch(f"select a.id from account a where {EXISTS.format(account='a.id')}")
    assert [row["id"] for row in rows] == [shop]


async def test_what_does_nothing_to_mail_is_no_choice_of_a_treatment(world_db: Database, world: World) -> None:
    async with world_db.transaction() as conn:
        await choose(conn, world.shop.id, None, whole_ip=True, visit_days=30, forward_returns=True, track_opens=False)
        await choose(conn, world.cafe.id, new_id(), track_opens=True)
        await choose(conn, world.acme.id, None, list_unsubscribe=True)
        rows = await conn.fetch(f"select a.id from account a where {EXISTS.format(account='a.id')}")
    assert {row["id"] for row in rows} == {world.cafe.id, world.acme.id}
