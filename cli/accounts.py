"""How do the first people get in? `livery operator create`."""

import asyncio
import sys

import click

from cli.environment import settled
from kit.errors import invalid
from kit.settings import Settings

_PLATFORM = "livery"


@click.group()
def operator() -> None:
    """The platform's own people."""


@operator.command("create")
@click.option("--email", required=True, help="What they sign in with.")
@click.option("--name", default="", help="What people call them; the address unless given.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
def create_operator(email: str, name: str, password_stdin: bool) -> None:
    """Let a person operate the platform. The first one makes the platform's account too."""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = click.prompt("Password (ten characters or more)", hide_input=True, confirmation_prompt=True)
    else:
        raise invalid("Nobody is there to ask for the password.", "password", next="Add --password-stdin.")
    with settled() as settings:
        asyncio.run(_create_operator(settings, email, name or email, password))
    click.echo(f"{email} may sign in at {settings.public_url}")


async def _create_operator(settings: Settings, email: str, name: str, password: str) -> None:
    from kit.crypto import Keyring
    from kit.db import open_database
    from mail.domains import ensure_neutral_domain
    from tenants import audit, emails
    from tenants.members import create_member
    from tenants.models import AccountKind
    from tenants.scope import Scope
    from tenants.tree import create_account, find_account

    db = await open_database(settings.database_url, size=1)
    try:
        async with db.unit_of_work() as unit:
            account_id = await find_account(_PLATFORM) or await create_account(
                unit,
                slug=_PLATFORM,
                name="Livery",
                kind=AccountKind.OPERATOR,
                parent_slug=None,
                brand_name="Livery",
            )
            await ensure_neutral_domain(unit.conn, Keyring(settings.secret_key), settings.mail_domain)
            member = await create_member(unit, account_id=account_id, email=email, name=name, password=password)
            await audit.note(
                unit.conn,
                Scope(account_id),
                "member.create",
                account_id=account_id,
                target=member,
                changes={"email": (None, emails.checked(email)), "role": (None, "owner")},
            )
    finally:
        await db.close()
