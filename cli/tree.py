"""What does an operator do with accounts and sources on the command line? `livery account …` and `livery source …`."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING
from uuid import UUID

import click

from cli.environment import settled
from kit.errors import LiveryError, missing
from kit.settings import Settings

if TYPE_CHECKING:
    from kit.crypto import Keyring
    from kit.db import UnitOfWork
    from tenants.scope import Scope


@click.group()
def account() -> None:
    """Resellers and their sub-accounts."""


@account.command("list")
def list_accounts() -> None:
    """Every account, a line each, indented by where it stands."""

    async def act(unit: "UnitOfWork", scope: "Scope", keyring: "Keyring") -> list[str]:
        from tenants.tree import outline

        return _columns(
            ("  " * line.depth + line.slug, line.name, line.state, f"{line.credits} credits")
            for line in await outline(unit.conn)
        )

    for line in _as_operator(act):
        click.echo(line)


@account.command("create")
@click.argument("name")
@click.option("--parent", metavar="SLUG", default=None, help="The account above it; the platform's own unless given.")
@click.option("--slug", default=None, help="Its short name; made from the name unless given.")
@click.option("--reseller", is_flag=True, help="It may have sub-accounts.")
@click.option("--credits", "credits_", type=int, default=None, help="Credits to begin with, good for a year.")
def create_account(name: str, parent: str | None, slug: str | None, reseller: bool, credits_: int | None) -> None:
    """Make an account below the platform's own, or below another one."""

    async def act(unit: "UnitOfWork", scope: "Scope", keyring: "Keyring") -> list[str]:
        from mail.accounts import creation
        from tenants.views import view_account

        wanted = creation.NewAccount(
            details={"name": name} | ({"slug": slug} if slug else {}),
            parent_id=await _find(parent) if parent else None,
            may_resell=reseller,
            credits=credits_,
        )
        id = await creation.create(unit, scope, keyring, wanted, None)
        return [(await view_account(unit.conn, scope, id)).slug]

    [made] = _as_operator(act)
    click.echo(f"{made} is there. It sends once it has a credential: livery credential create --account {made}")


@account.command("suspend")
@click.argument("slug")
@click.option("--reason", required=True, help="Its people are shown this.")
def suspend_account(slug: str, reason: str) -> None:
    """Stop an account and everything below it."""

    async def act(unit: "UnitOfWork", scope: "Scope", keyring: "Keyring") -> list[str]:
        from mail.accounts.suspension import suspend

        await suspend(unit, scope, await _find(slug), reason)
        return []

    _as_operator(act)
    click.echo(f"{slug} is suspended: nothing of it is taken or sent until it is resumed.")


@account.command("resume")
@click.argument("slug")
def resume_account(slug: str) -> None:
    """Set a suspended account going again."""

    async def act(unit: "UnitOfWork", scope: "Scope", keyring: "Keyring") -> list[str]:
        from mail.accounts.suspension import resume

        await resume(unit, scope, await _find(slug))
        return []

    _as_operator(act)
    click.echo(f"{slug} is resumed: what was held leaves within seconds.")


@click.group()
def source() -> None:
    """Addresses that mail leaves from."""


@source.command("list")
def list_sources() -> None:
    """Every source, a line each."""

    async def act(unit: "UnitOfWork", scope: "Scope", keyring: "Keyring") -> list[str]:
        from tenants import sources
        from tenants.views import view_accounts

        found = await sources.list_sources(unit.conn, scope)
        owners = await view_accounts(unit.conn, scope, [one.account_id for one in found if one.account_id])
        return _columns(
            (one.ip, one.hostname, owners[one.account_id].slug if one.account_id else "shared", one.name)
            for one in found
        )

    for line in _as_operator(act) or ["There are no sources: all mail leaves from the machine's default address."]:
        click.echo(line)


@source.command("add")
@click.argument("ip")
@click.argument("hostname")
@click.option("--name", default=None, help="What people call it; the host name unless given.")
@click.option("--account", "slug", metavar="SLUG", default=None, help="Only it and those below may use it.")
def add_source(ip: str, hostname: str, name: str | None, slug: str | None) -> None:
    """Add an address; HOSTNAME is what its PTR record says."""

    async def act(unit: "UnitOfWork", scope: "Scope", keyring: "Keyring") -> list[str]:
        from tenants import sources

        owner = await _find(slug) if slug else None
        await sources.create_source(unit, scope, name=name or hostname, ip=ip, hostname=hostname, account_id=owner)
        return []

    _as_operator(act)
    click.echo(f"{ip} is a source now, {'for ' + slug if slug else 'for every account'}.")


def _as_operator(act: Callable[["UnitOfWork", "Scope", "Keyring"], Awaitable[list[str]]]) -> list[str]:
    """Carry out a command in one unit of work, as the platform's own account."""

    async def run(settings: Settings) -> list[str]:
        from kit.crypto import Keyring
        from kit.db import open_database
        from tenants.permissions import Permission
        from tenants.scope import Scope
        from tenants.tree import operator_account

        db = await open_database(settings.database_url, size=1)
        try:
            async with db.unit_of_work() as unit:
                operator_id = await operator_account(unit.conn)
                if operator_id is None:
                    fault = missing("operator")
                    fault.message, fault.next = "Nobody operates this platform yet.", "First: livery operator create"
                    raise fault
                # Whoever may run this may do everything.
                scope = Scope(operator_id, may=frozenset(Permission))
                return await act(unit, scope, Keyring(settings.secret_key))
        finally:
            await db.close()

    with settled() as settings:
        return asyncio.run(run(settings))


def _columns(rows: Iterable[tuple[str, ...]]) -> list[str]:
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


async def _find(slug: str) -> UUID:
    from tenants.tree import find_account

    id = await find_account(slug)
    if id is None:
        raise _unknown(slug)
    return id


def _unknown(slug: str) -> LiveryError:
    fault = missing("account")
    fault.message, fault.next = f"There is no account {slug}.", "livery account list names them all."
    return fault
