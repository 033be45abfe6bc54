"""Is the demo whole, from nothing, from an earlier version's data and after somebody has played with it?"""

from typing import Any

import pytest

from cli import demo
from kit.crypto import Keyring
from kit.db import Database
from kit.errors import LiveryError
from mail.accounts import deletion
from tenants import sub_accounts
from tenants.authentication import authenticate_key, authenticate_smtp
from tenants.permissions import Permission
from tenants.scope import Scope
from tenants.tree import find_account, operator_account
from tests.support import laws

RING = Keyring(bytes(range(32)))
EVERYTHING = frozenset(Permission)


async def seed(db: Database) -> None:
    async with db.unit_of_work() as unit:
        await demo.seed(unit, RING)


async def shown(db: Database) -> list[tuple[Any, ...]]:
    """Each account with what the demo shows of it."""
    async with db.connection() as conn:
        await laws.check(conn, seconds=1)
        rows = await conn.fetch(
            """select a.name, a.slug, h.host, p.slug as above, a.referral_code, s.ip, b.remaining,
                      (select count(*) from member m where m.account_id = a.id) as people,
                      (select count(*) from credential c where c.account_id = a.id) as credentials
                 from account a join balance b on b.account_id = a.id left join account p on p.id = a.parent_id
                 left join source s on s.id = a.source_id left join account_host h on h.account_id = a.id
                where a.deleted_at is null order by a.lineage"""
        )
    return [tuple(row) for row in rows]


WHOLE = [
    ("Livery", "livery", None, None, None, None, 1_000_000, 1, 0),
    ("Acme", "acme.test", "acme.localhost", "livery", "ACME", "192.0.2.26", 1_000_000, 1, 0),
    ("Shop", "shop.test", "shop.localhost", "acme.test", None, None, 1_000_000, 1, 2),
]


async def test_the_demo_is_made_once(db: Database) -> None:
    await seed(db)
    assert await shown(db) == WHOLE
    await seed(db)
    assert await shown(db) == WHOLE
    async with db.connection() as conn:
        rows = await conn.fetch(
            "select s.ip, a.slug from source s left join account a on a.id = s.account_id order by s.ip"
        )
    assert [tuple(row) for row in rows] == [("192.0.2.25", None), ("192.0.2.26", "acme.test")]


async def test_an_earlier_versions_demo_gets_what_it_lacks_and_keeps_what_was_changed(db: Database) -> None:
    await seed(db)
    async with db.connection() as conn:
        await conn.execute("update account set source_id = null, referral_code = 'MINE' where slug = 'acme.test'")
        await conn.execute("delete from source")
        await conn.execute("update account set slug = 'boutique', name = 'Boutique' where slug = 'shop.test'")
    await seed(db)
    changed = [list(row) for row in WHOLE]
    changed[1][4] = "MINE"
    changed[2][:2] = ["Boutique", "boutique"]
    assert await shown(db) == [tuple(row) for row in changed]


@pytest.mark.parametrize("names", [("Shop",), ("Shop", "Acme")])
async def test_who_was_deleted_is_there_again_with_the_logins_that_are_printed(
    db: Database, names: tuple[str, ...]
) -> None:
    await seed(db)
    async with db.unit_of_work() as unit:
        operator = await operator_account(unit.conn)
        assert operator is not None
        for name in names:
            id = await find_account(f"{name.lower()}.test")
            assert id is not None
            await deletion.delete(unit, Scope(operator, may=EVERYTHING), id, typed=name)
    assert await authenticate_key(db, RING, "lv_demo_key", ip="127.0.0.1") is None
    await seed(db)
    found = await shown(db)
    assert [row[:4] for row in found] == [row[:4] for row in WHOLE]
    assert found[2] == WHOLE[2]
    assert await authenticate_key(db, RING, "lv_demo_key", ip="127.0.0.1") is not None
    login = {"username": "demo", "password": "livery-demo-smtp", "ip": "127.0.0.1"}
    assert await authenticate_smtp(db, RING, **login) is not None
    with pytest.raises(LiveryError) as refused:  # an account like any other
        async with db.unit_of_work() as unit:
            await sub_accounts.create(unit, Scope(operator, may=EVERYTHING), {"name": "X", "slug": "shop.test"})
    assert refused.value.code == "TAKEN"
