"""Who lives in a test? A platform, two resellers and their customers, with members, keys, credits and domains."""

from dataclasses import dataclass
from uuid import UUID

from kit.crypto import Keyring
from kit.db import Database, UnitOfWork, open_database
from mail.domains import add_verified_domain
from tenants.credentials import create_credential
from tenants.credits import grant
from tenants.members import create_member
from tenants.models import AccountKind, CredentialKind, Role
from tenants.permissions import Permission
from tenants.tree import add_host, create_account

SECRET_KEY = bytes.fromhex("5e" * 32)
PASSWORD = "a long test password"
CREDITS = 100_000


@dataclass(frozen=True)
class Tenant:
    """One account and how it is entered. Secrets follow from the slug, so that a copied database needs no list."""

    id: UUID
    slug: str

    @property
    def name(self) -> str:
        """The first label of the slug: "shop"."""
        return self.slug.partition(".")[0]

    @property
    def email(self) -> str:
        """The login of its member; PASSWORD opens it."""
        return f"user@{self.slug}"

    def login(self, role: Role) -> str:
        """The login of its member of a role, by PASSWORD too; `email` is the owner's."""
        return self.email if role is Role.OWNER else f"{role.value}@{self.slug}"

    @property
    def smtp_user(self) -> str:
        """The name of its SMTP credential."""
        return f"{self.name}-smtp"

    @property
    def smtp_password(self) -> str:
        """The password of its SMTP credential."""
        return f"{self.name}-smtp-password"

    @property
    def api_key(self) -> str:
        """Its API key, which may read and send."""
        return f"lv_{self.name}_test_key"

    @property
    def full_key(self) -> str:
        """Its API key with every permission."""
        return f"lv_{self.name}_full_key"

    @property
    def read_key(self) -> str:
        """Its API key that may only read."""
        return f"lv_{self.name}_read_key"

    @property
    def host(self) -> str:
        """The host on which its own dashboard answers; browsers take *.localhost to loopback."""
        return f"{self.name}.localhost"

    @property
    def domain(self) -> str:
        """The sender domain it has verified and signs with."""
        return self.slug


@dataclass(frozen=True)
class World:
    """The accounts: platform > acme > shop and cafe, and platform > other > rival, which must see nothing of acme's."""

    platform: Tenant
    acme: Tenant
    shop: Tenant
    cafe: Tenant
    other: Tenant
    rival: Tenant

    @property
    def tenants(self) -> tuple[Tenant, ...]:
        """All of them, parents first."""
        return (self.platform, self.acme, self.shop, self.cafe, self.other, self.rival)


_TREE = (
    ("platform", "platform.test", AccountKind.OPERATOR, None),
    ("acme", "acme.test", AccountKind.RESELLER, "platform.test"),
    ("shop", "shop.test", AccountKind.SUB_ACCOUNT, "acme.test"),
    ("cafe", "cafe.test", AccountKind.SUB_ACCOUNT, "acme.test"),
    ("other", "other.test", AccountKind.RESELLER, "platform.test"),
    ("rival", "rival.test", AccountKind.SUB_ACCOUNT, "other.test"),
)


async def populate(url: str) -> None:
    """Make the world in an empty, migrated database."""
    db = await open_database(url, size=1)
    try:
        async with db.unit_of_work() as unit:
            for _, slug, kind, parent in _TREE:
                id = await create_account(unit, slug=slug, name=slug.title(), kind=kind, parent_slug=parent)
                await _furnish(unit, Tenant(id, slug))
    finally:
        await db.close()


async def find(db: Database) -> World:
    """Return the world in a database that was populated or copied from one that was."""
    async with db.connection() as conn:
        ids = {row["slug"]: row["id"] for row in await conn.fetch("select slug, id from account")}
    return World(**{name: Tenant(ids[slug], slug) for name, slug, _, _ in _TREE})


async def _furnish(unit: UnitOfWork, tenant: Tenant) -> None:
    keyring = Keyring(SECRET_KEY)
    await add_host(unit, host=tenant.host, account_id=tenant.id)
    await create_member(unit, account_id=tenant.id, email=tenant.email, name=tenant.name, password=PASSWORD)
    # argon2 is slow on purpose: the others have the owner's password by its hash.
    await unit.conn.execute(
        """insert into member (id, account_id, email, name, role, password_hash)
           select gen_random_uuid(), m.account_id, r.email, m.name || ' ' || r.role, r.role, m.password_hash
             from member m, unnest($2::text[], $3::text[]) as r (role, email) where m.account_id = $1""",
        tenant.id,
        [role.value for role in Role if role is not Role.OWNER],
        [tenant.login(role) for role in Role if role is not Role.OWNER],
    )
    await grant(unit.conn, tenant.id, CREDITS)
    await create_credential(
        unit.conn,
        keyring,
        account_id=tenant.id,
        kind=CredentialKind.SMTP,
        name="Test",
        username=tenant.smtp_user,
        secret=tenant.smtp_password,
    )
    await create_credential(
        unit.conn, keyring, account_id=tenant.id, kind=CredentialKind.API, name="Test", secret=tenant.api_key
    )
    for secret, may in ((tenant.full_key, list(Permission)), (tenant.read_key, [Permission.READ])):
        made = await create_credential(
            unit.conn, keyring, account_id=tenant.id, kind=CredentialKind.API, name="Test", secret=secret
        )
        await unit.conn.execute("update credential set permissions = $2 where id = $1", made.id, may)
    await add_verified_domain(unit.conn, keyring, account_id=tenant.id, name=tenant.domain)
