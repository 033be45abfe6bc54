"""How does the database get its present form, and the demo its accounts? `livery migrate`."""

import asyncio

import click

from cli.environment import settled
from kit.settings import Settings


@click.command()
def migrate() -> None:
    """Give the database its present form. Safe to repeat, and for several to type at once.

    With LIVERY_DEMO=1 the demo's accounts are made too.
    """
    with settled() as settings:
        asyncio.run(_bring_up_to_date(settings))
    click.echo("The database is up to date.")


async def _bring_up_to_date(settings: Settings) -> None:
    from cli import demo
    from kit.crypto import Keyring
    from kit.db import open_database
    from kit.migrate import migrate as bring_tables_up_to_date
    from mail.domains import ensure_neutral_domain

    await bring_tables_up_to_date(settings.database_url)
    db = await open_database(settings.database_url, size=1)
    try:
        async with db.unit_of_work() as unit:
            if settings.demo:
                await demo.seed(unit, Keyring(settings.secret_key))
            await ensure_neutral_domain(unit.conn, Keyring(settings.secret_key), settings.mail_domain)
    finally:
        await db.close()
