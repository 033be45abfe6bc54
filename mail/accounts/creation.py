"""How is an account made in one call? Details, plan, credits, sender domain and first member, or nothing at all."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kit.crypto import Keyring
from kit.db import Connection, UnitOfWork
from kit.errors import LiveryError, invalid
from mail import domains
from mail.notices import Notices
from mail.wire.address import AddressError
from mail.wire.dkim import make_key
from tenants import credits, grants, limits, orders, sub_accounts
from tenants.models import Role
from tenants.permissions import Permission
from tenants.scope import Scope


@dataclass(frozen=True)
class NewAccount:
    """What is wanted."""

    details: Mapping[str, Any]
    """Settings by column, as `tenants.details` checks them."""
    parent_id: UUID | None = None
    """None: below the scope's own account."""
    may_resell: bool = False
    shares_pool: bool = False
    source_id: UUID | None = None
    plan_id: UUID | None = None
    """One that the account above sells, given at once."""
    credits: int | None = None
    """To be handed down from the scope's own account."""
    credits_expire_at: datetime | None = None
    domain: str | None = None
    """The domain it will send as, not verified yet."""


async def create(
    unit: UnitOfWork, scope: Scope, keyring: Keyring, wanted: NewAccount, key: tuple[bytes, str] | None
) -> UUID:
    """Make the account and return its id; `key` is what `signing_key` made for its domain.

    Raises LiveryError as its parts do, with the field at fault; then nothing is made.
    """
    scope.require(Permission.ACCOUNTS)
    for field, given in (("credits", wanted.credits), ("planId", wanted.plan_id)):
        if given is not None and wanted.shares_pool:
            raise invalid("A coworker spends the credits of the account above and is given none.", field)
    id = await sub_accounts.create(
        unit,
        scope,
        wanted.details,
        parent_id=wanted.parent_id,
        may_resell=wanted.may_resell,
        shares_pool=wanted.shares_pool,
        source_id=wanted.source_id,
    )
    limited = wanted.details.get("monthly_limit") is not None
    if limited or wanted.plan_id is not None or wanted.credits is not None:
        await _hold(unit.conn, scope, id)
    if limited:
        await limits.begin(unit.conn, id)
    if wanted.plan_id is not None:
        try:
            await orders.start(unit, scope, wanted.plan_id, account_id=id)
        except LiveryError as refusal:
            refusal.field = ("planId",)
            raise
    if wanted.credits is not None:
        try:
            await credits.hand_down(unit, scope, to=id, amount=wanted.credits, expires_at=wanted.credits_expire_at)
        except LiveryError as refusal:
            refusal.field = ("creditsExpireAt",) if refusal.field == ("expiresAt",) else ("credits",)
            raise
    if wanted.domain is not None:
        try:
            await domains.add_domain(unit.conn, keyring, account_id=id, name=wanted.domain, key=key)
        except AddressError:
            raise invalid("This is no domain name.", "domain", next="Write it like shop.example.") from None
    return id


async def _hold(conn: Connection, scope: Scope, account_id: UUID) -> None:
    """Hold every balance that the making touches, at once (`tenants.grants` has the order): the payer's and the givers'."""
    above = await conn.fetchrow("select parent_id, pool_id from account where id = $1", account_id)
    await grants.hold(conn, {scope.account_id, above["parent_id"], above["pool_id"] or account_id})


async def invite(notices: Notices, unit: UnitOfWork, scope: Scope, account_id: UUID, email: str, role: str) -> None:
    """Invite the new account's first member; the mail goes out after the commit. Raises LiveryError at firstMember."""
    try:
        await notices.invite(unit, scope, account_id, email, Role(role))
    except LiveryError as refusal:
        refusal.field = ("firstMember", *(refusal.field or ()))
        raise


async def signing_key(wanted: NewAccount) -> tuple[bytes, str] | None:
    """The key of the wanted domain, made before the transaction and off the event loop: it takes a tenth of a second."""
    return await asyncio.to_thread(make_key) if wanted.domain is not None else None
