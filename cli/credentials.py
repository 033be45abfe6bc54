"""How does an operator let programs in, and keep them out? `livery credential create`, `list`, `disable`, `enable`, `revoke`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from uuid import UUID

import click

from cli.environment import settled
from kit.errors import LiveryError, missing
from kit.settings import Settings

if TYPE_CHECKING:
    from kit.db import UnitOfWork

_ACCOUNT = click.option("--account", required=True, metavar="SLUG", help="The account it sends for: shop.test")
_CALLED = click.argument("called", metavar="USER|NETWORK|NAME")


@click.group()
def credential() -> None:
    """What programs send with."""


@credential.command("create")
@_ACCOUNT
@click.option("--name", default="Command line", help="For people: what it is used by.")
@click.option("--key", is_flag=True, help="An API key instead of an SMTP user.")
@click.option(
    "--may",
    "permissions",
    multiple=True,
    type=click.Choice(["read", "send", "accounts", "members", "keys", "credits", "audit"]),
    help="What the API key is allowed, one at a time; read and send unless given.",
)
@click.option("--sandbox", is_flag=True, help="Its mail never leaves the house.")
@click.option("--ip", "networks", multiple=True, metavar="CIDR", help="No password: mail from this network is let in.")
def create(
    account: str, name: str, key: bool, permissions: tuple[str, ...], sandbox: bool, networks: tuple[str, ...]
) -> None:
    """Make an SMTP user and password, or an API key, shown once; with --ip a source that needs neither."""
    if key and networks:
        raise click.UsageError("A network needs no key: leave out --key or --ip.")
    if permissions and not key:
        raise click.UsageError("Only API keys have permissions of their own: add --key.")
    with settled() as settings:
        lines = asyncio.run(_create(settings, account, name, key, permissions, sandbox, networks))
    for line in lines:
        click.echo(line)


@credential.command("list")
@_ACCOUNT
def list_(account: str) -> None:
    """Show an account's credentials, one a line, secrets apart: nobody can read those."""
    with settled() as settings:
        lines = asyncio.run(_list(settings, account))
    for line in lines:
        click.echo(line)


@credential.command("disable")
@_CALLED
@_ACCOUNT
def disable(called: str, account: str) -> None:
    """Let nobody in with a credential until it is enabled again."""
    with settled() as settings:
        asyncio.run(_act(settings, account, called, "disable"))
    click.echo(f"{called} is switched off for {account}.")


@credential.command("enable")
@_CALLED
@_ACCOUNT
def enable(called: str, account: str) -> None:
    """Let programs in again with a credential that was disabled."""
    with settled() as settings:
        asyncio.run(_act(settings, account, called, "enable"))
    click.echo(f"{called} is switched on for {account}.")


@credential.command("revoke")
@_CALLED
@_ACCOUNT
def revoke(called: str, account: str) -> None:
    """Let nobody log in with a credential any more, for ever."""
    with settled() as settings:
        asyncio.run(_act(settings, account, called, "revoke"))
    click.echo(f"{called} is revoked: from now on nobody is let in with it for {account}.")


@contextlib.asynccontextmanager
async def _account(settings: Settings, slug: str) -> AsyncIterator[tuple["UnitOfWork", UUID]]:
    from kit.db import open_database
    from tenants.tree import find_account

    db = await open_database(settings.database_url, size=1)
    try:
        async with db.unit_of_work() as unit:
            account_id = await find_account(slug)
            if account_id is None:
                raise _unknown(slug)
            yield unit, account_id
    finally:
        await db.close()


async def _create(
    settings: Settings,
    slug: str,
    name: str,
    key: bool,
    permissions: tuple[str, ...],
    sandbox: bool,
    networks: tuple[str, ...],
) -> list[str]:
    from kit.crypto import Keyring
    from tenants import audit
    from tenants.credentials import create_credential
    from tenants.models import CredentialKind
    from tenants.permissions import Permission
    from tenants.scope import Scope

    kind = CredentialKind.SOURCE if networks else CredentialKind.API if key else CredentialKind.SMTP
    async with _account(settings, slug) as (unit, account_id):
        made = await create_credential(
            unit.conn,
            Keyring(settings.secret_key),
            account_id=account_id,
            kind=kind,
            name=name,
            networks=networks,
            sandbox=sandbox,
            permissions=[Permission(one) for one in permissions] or None,
        )
        await audit.note(
            unit.conn,
            Scope(account_id),
            "credential.create",
            account_id=account_id,
            target=made.id,
            changes={"kind": (None, kind.value), "name": (None, name), "networks": (None, ", ".join(networks) or None)},
        )
    if networks:
        return [f"Mail from {', '.join(networks)} is sent for {slug}, without a password."]
    if key:
        return [f"key       {made.secret}", "The key is shown this once."]
    return [f"user      {made.username}", f"password  {made.secret}", "The password is shown this once."]


async def _list(settings: Settings, slug: str) -> list[str]:
    from tenants.keys import MOST, credentials
    from tenants.scope import Scope

    async with _account(settings, slug) as (unit, account_id):
        found = await credentials(unit.conn, Scope(account_id), account_id=account_id, first=MOST)
    lines = []
    for one in found:
        shown = one.username or one.prefix or ", ".join(one.terms.networks) or "-"
        used = f"{one.last_used_at:%Y-%m-%d %H:%M} UTC" if one.last_used_at else "never used"
        lines.append(f"{one.kind:<6}  {one.state:<8}  {shown:<24}  {used:<20}  {one.terms.name}")
    return lines or [f"{slug} has no credentials."]


async def _act(settings: Settings, slug: str, called: str, what: str) -> None:
    from tenants import keys
    from tenants.credentials import find_credential
    from tenants.permissions import Permission
    from tenants.scope import Scope

    async with _account(settings, slug) as (unit, account_id):
        # Whoever may run this may do everything.
        scope = Scope(account_id, may=frozenset(Permission))
        id = await find_credential(unit.conn, account_id=account_id, called=called)
        await {"disable": keys.disable, "enable": keys.enable, "revoke": keys.revoke}[what](unit, scope, id)


def _unknown(slug: str) -> LiveryError:
    fault = missing("account")
    fault.message, fault.next = f"There is no account {slug}.", "An account's short name looks like shop.test."
    return fault
