"""How do the first people and programs get in? `livery operator create`, `livery credential create` and `revoke`."""

import asyncio
import sys

import click

from cli.environment import settled
from kit.errors import LiveryError, invalid, missing
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


@click.group()
def credential() -> None:
    """What programs send with."""


@credential.command("create")
@click.option("--account", required=True, metavar="SLUG", help="The account it sends for: shop.test")
@click.option("--name", default="Command line", help="For people: what it is used by.")
@click.option("--ip", "networks", multiple=True, metavar="CIDR", help="No password: mail from this network is let in.")
def create_credential(account: str, name: str, networks: tuple[str, ...]) -> None:
    """Make an SMTP user and password, shown once; with --ip a source that needs neither."""
    with settled() as settings:
        lines = asyncio.run(_create_credential(settings, account, name, networks))
    for line in lines:
        click.echo(line)


@credential.command("revoke")
@click.argument("called", metavar="USER|NETWORK|NAME")
@click.option("--account", required=True, metavar="SLUG", help="The account it sends for: shop.test")
def revoke_credential(called: str, account: str) -> None:
    """Let nobody log in with a credential any more."""
    with settled() as settings:
        asyncio.run(_revoke_credential(settings, account, called))
    click.echo(f"{called} is revoked: from now on nobody is let in with it for {account}.")


async def _create_operator(settings: Settings, email: str, name: str, password: str) -> None:
    from kit.crypto import Keyring
    from kit.db import open_database
    from mail.domains import ensure_neutral_domain
    from tenants.members import create_member
    from tenants.models import AccountKind
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
            await create_member(unit, account_id=account_id, email=email, name=name, password=password)
    finally:
        await db.close()


async def _create_credential(settings: Settings, slug: str, name: str, networks: tuple[str, ...]) -> list[str]:
    from kit.crypto import Keyring
    from kit.db import open_database
    from tenants.credentials import create_credential
    from tenants.models import CredentialKind
    from tenants.tree import find_account

    db = await open_database(settings.database_url, size=1)
    try:
        async with db.unit_of_work() as unit:
            account_id = await find_account(slug)
            if account_id is None:
                raise _unknown(slug)
            made = await create_credential(
                unit.conn,
                Keyring(settings.secret_key),
                account_id=account_id,
                kind=CredentialKind.SOURCE if networks else CredentialKind.SMTP,
                name=name,
                networks=networks,
            )
    finally:
        await db.close()
    if networks:
        return [f"Mail from {', '.join(networks)} is sent for {slug}, without a password."]
    return [f"user      {made.username}", f"password  {made.secret}", "The password is shown this once."]


async def _revoke_credential(settings: Settings, slug: str, called: str) -> None:
    from kit.db import open_database
    from tenants.credentials import revoke_credential
    from tenants.tree import find_account

    db = await open_database(settings.database_url, size=1)
    try:
        async with db.unit_of_work() as unit:
            account_id = await find_account(slug)
            if account_id is None:
                raise _unknown(slug)
            await revoke_credential(unit.conn, account_id=account_id, called=called)
    finally:
        await db.close()


def _unknown(slug: str) -> LiveryError:
    fault = missing("account")
    fault.message, fault.next = f"There is no account {slug}.", "An account's short name looks like shop.test."
    return fault
