"""Who lives in the demo? A platform, a reseller and its customer, with logins that are printed at every start.

Everything here is public, so the demo listens on loopback only (`kit.settings` sees to it). Safe to repeat: what is
there stays as it is, changed passwords included.
"""

from uuid import UUID

from cli.welcome import API_KEY, PASSWORD, SMTP_PASSWORD, SMTP_USER
from kit.crypto import Keyring
from kit.db import UnitOfWork
from kit.errors import Kind, LiveryError
from mail.domains import add_verified_domain
from tenants.credentials import create_credential
from tenants.credits import grant
from tenants.members import create_member
from tenants.models import AccountKind, CredentialKind
from tenants.tree import add_host, create_account, find_account

_CREDITS = 1_000_000


async def seed(unit: UnitOfWork, keyring: Keyring) -> None:
    """Make the demo's accounts, people, credentials, credits and sender domain, where they are missing."""
    if await find_account("shop.test") is not None:
        return
    platform = await find_account("livery")
    if platform is None:
        platform = await create_account(
            unit, slug="livery", name="Livery", kind=AccountKind.OPERATOR, parent_slug=None, brand_name="Livery"
        )
    reseller = await create_account(
        unit,
        slug="acme.test",
        name="Acme",
        kind=AccountKind.RESELLER,
        parent_slug="livery",
        brand_name="Acme Mail",
        brand_color="#0f766e",
    )
    shop = await create_account(
        unit, slug="shop.test", name="Shop", kind=AccountKind.SUB_ACCOUNT, parent_slug="acme.test"
    )
    await add_host(unit, host="acme.localhost", account_id=reseller)
    await add_host(unit, host="shop.localhost", account_id=shop)
    for account_id, email, name in (
        (platform, "operator@livery.test", "Olive Operator"),
        (reseller, "reseller@acme.test", "Remy Reseller"),
        (shop, "user@shop.test", "Uma User"),
    ):
        await _member(unit, account_id, email, name)
        await grant(unit.conn, account_id, _CREDITS)
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
    await add_verified_domain(unit.conn, keyring, account_id=shop, name="shop.test")


async def _member(unit: UnitOfWork, account_id: UUID, email: str, name: str) -> None:
    try:
        await create_member(unit, account_id=account_id, email=email, name=name, password=PASSWORD)
    except LiveryError as fault:
        if fault.kind is not Kind.CONFLICT:
            raise
