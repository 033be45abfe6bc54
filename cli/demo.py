"""Who lives in the demo? A platform, a reseller and its customer, with logins that are printed at every start.

Everything here is public, so the demo listens on loopback only (`kit.settings` sees to it). Safe to repeat: what is
there stays as it is, changed passwords and names included; who was deleted is there again. Accounts are known by
their hosts.
"""

from uuid import UUID

from cli.welcome import API_KEY, PASSWORD, SMTP_PASSWORD, SMTP_USER
from kit.crypto import Keyring
from kit.db import UnitOfWork
from kit.errors import Kind, LiveryError
from mail.domains import add_verified_domain
from tenants import details, sub_accounts, tree
from tenants.credentials import create_credential
from tenants.credits import grant
from tenants.members import create_member
from tenants.models import AccountKind, CredentialKind
from tenants.permissions import Permission
from tenants.scope import Scope
from tenants.sources import create_source

_CREDITS = 1_000_000
_REFERRAL_CODE = "ACME"


async def seed(unit: UnitOfWork, keyring: Keyring) -> None:
    """Make the demo's accounts, people, credentials, credits, sender domain and sources, where they are missing."""
    reseller, shop = await _at(unit, "acme.localhost"), await _at(unit, "shop.localhost")
    platform = await tree.operator_account(unit.conn)
    if platform is None:
        platform = await tree.create_account(
            unit, slug="livery", name="Livery", kind=AccountKind.OPERATOR, parent_slug=None, brand_name="Livery"
        )
    if reseller is None and shop is None:
        await _member(unit, platform, "operator@livery.test", "Olive Operator")
        await grant(unit.conn, platform, _CREDITS)
    if reseller is None:
        brand = {"brand_name": "Acme Mail", "brand_color": "#0f766e"}
        reseller = await _account(unit, platform, AccountKind.RESELLER, "acme", "Acme", **brand)
        await _member(unit, reseller, "reseller@acme.test", "Remy Reseller")
    if shop is None:
        shop = await _account(unit, reseller, AccountKind.SUB_ACCOUNT, "shop", "Shop")
        await _member(unit, shop, "user@shop.test", "Uma User")
        await _credentials(unit, keyring, shop)
        await add_verified_domain(unit.conn, keyring, account_id=shop, name="shop.test")
    if not await unit.conn.fetchval("select exists (select from source)"):
        await _sources(unit, platform, reseller)


async def _at(unit: UnitOfWork, host: str) -> UUID | None:
    """The account that has a host."""
    id: UUID | None = await unit.conn.fetchval("select account_id from account_host where host = $1", host)
    return id


async def _account(unit: UnitOfWork, above: UUID, kind: AccountKind, label: str, name: str, **more: str) -> UUID:
    given = details.checked({"slug": f"{label}.test", "name": name, **more})
    id = await tree.insert(unit.conn, parent_id=above, kind=kind, given=given)
    await tree.add_host(unit, host=f"{label}.localhost", account_id=id)
    await grant(unit.conn, id, _CREDITS)
    return id


async def _credentials(unit: UnitOfWork, keyring: Keyring, shop: UUID) -> None:
    await create_credential(
        unit.conn,
        keyring,
        account_id=shop,
        kind=CredentialKind.SMTP,
        name="Demo",
        username=SMTP_USER,
        secret=SMTP_PASSWORD,
    )
    await create_credential(unit.conn, keyring, account_id=shop, kind=CredentialKind.API, name="Demo", secret=API_KEY)


async def _sources(unit: UnitOfWork, platform: UUID, reseller: UUID) -> None:
    """Addresses to choose from, one of them the reseller's, and a code by which that brings sign-ups."""
    operator = Scope(platform, may=frozenset(Permission))
    # Addresses for examples (RFC 5737): no machine has them, so mail leaves from its default address all the same.
    await create_source(unit, operator, name="Shared", ip="192.0.2.25", hostname="mta1.relay.test")
    own = await create_source(
        unit, operator, name="Acme's own", ip="192.0.2.26", hostname="mta2.relay.test", account_id=reseller
    )
    code = await unit.conn.fetchval(
        """select $2 from account where id = $1 and referral_code is null
              and not exists (select from account where referral_code = $2)""",
        reseller,
        _REFERRAL_CODE,
    )
    await sub_accounts.update(unit, operator, reseller, {"source_id": own} | ({"referral_code": code} if code else {}))


async def _member(unit: UnitOfWork, account_id: UUID, email: str, name: str) -> None:
    try:
        await create_member(unit, account_id=account_id, email=email, name=name, password=PASSWORD)
    except LiveryError as fault:
        if fault.kind is not Kind.CONFLICT:
            raise
