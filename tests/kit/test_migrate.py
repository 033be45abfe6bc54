"""Do migrations come through where the processor is short, and the server impatient with idle transactions?"""

import asyncpg

from kit.migrate import migrate, pending
from tests.support.postgres import Postgres


async def test_a_server_that_ends_idle_transactions_waits_for_migrations(postgres: Postgres) -> None:
    name = postgres.create()
    url = postgres.url(name)
    conn = await asyncpg.connect(url)
    try:
        # Every pause is too long for it, as five seconds are on a busy machine.
        await conn.execute(f'alter database "{name}" set idle_in_transaction_session_timeout = 1')
        await migrate(url)
        assert await pending(url) == []
    finally:
        await conn.close()
        postgres.drop(name)
