"""How does the database get its present form, and the demo its accounts? `livery migrate`."""

import asyncio

import click

from cli.environment import settled


@click.command()
def migrate() -> None:
    """Give the database its present form. Safe to repeat, and for several to type at once.

    With LIVERY_DEMO=1 the demo's accounts are made too.
    """
    import kit.migrate

    with settled() as settings:
        asyncio.run(kit.migrate.migrate(settings.database_url))
        if settings.demo:
            from cli import demo

            asyncio.run(demo.seed(settings))
    click.echo("The database is up to date.")
