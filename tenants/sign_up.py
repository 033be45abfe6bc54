"""How does a stranger come to an account? By asking on a brand's host, and by a link that proves the address.

Off unless the brand's account has opened it. Nothing exists before the link is used but a row that forgets itself; then
there is an account right below the brand's, with the stranger as its owner and what the starting plan gives.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from kit.addresses import neighbourhood
from kit.crypto import fingerprint
from kit.db import Connection, Database, UnitOfWork
from kit.errors import Kind, LiveryError, invalid
from kit.ids import new_id
from tenants import audit, details, emails, orders, tree
from tenants.models import AccountKind, Role
from tenants.permissions import ROLES
from tenants.scope import Scope, adopt, owner_of
from tenants.sessions import Person
from tenants.states import AccountState, Use, blocks
from tenants.throttle import Limit

LIFE = timedelta(hours=24)
"""How long a link can be used."""

_GOOD = "token_hash = $1 and confirmed_at is null and expires_at > livery_now()"
_MAILS = 3  # to one address in an hour, whoever asks


@dataclass(frozen=True, slots=True)
class Wish:
    """What a stranger says, checked."""

    email: str
    name: str
    company: str
    referral_code: str | None


def limits(ip: str) -> list[Limit]:
    """How often one address of the network may ask."""
    place = neighbourhood(ip)
    return [
        Limit(f"sign_up|minute|{place}", 5, timedelta(minutes=1)),
        Limit(f"sign_up|day|{place}", 50, timedelta(days=1)),
    ]


def mailing(email: str) -> list[Limit]:
    """How often one mailbox is written to; whoever asks more often gets the same answer, and no further mail."""
    return [Limit(f"sign_up|mail|{emails.known(email)[:150]}", _MAILS, timedelta(hours=1))]


def checked(*, email: str, name: str, company: str, password: str, referral_code: str | None) -> Wish:
    """What was typed, if it can be taken. Raises LiveryError INVALID with the field at fault."""
    email = emails.checked(email)
    if len(password) < 10:
        raise invalid("A password needs at least ten characters.", "password")
    if len(password) > 1000:
        raise invalid("A password has at most 1,000 characters.", "password")
    texts = {}
    for field, value in (("name", name), ("company", company)):
        try:
            texts[field] = details.checked({"name": value})["name"]
        except LiveryError as refusal:
            refusal.message, refusal.field = "This cannot be left empty, and has at most 200 characters.", (field,)
            raise
    code = details.checked({"referral_code": referral_code or None})["referral_code"]
    return Wish(email, texts["name"], texts["company"], code)


async def brand_of(conn: Connection, brand_id: UUID | None) -> UUID:
    """The account below which strangers are taken on a host of `brand_id` (None: the platform's own hosts).

    The connection sees what that account sees from here on. Raises LiveryError DENIED where sign-up is not open.
    """
    id: UUID | None = brand_id or await conn.fetchval("select operator_account()")
    await conn.execute("select set_config('livery.account', $1, true)", str(id or ""))
    row = await conn.fetchrow(
        "select sign_up_open and may_resell as open, account_state(lineage) as state from account where id = $1", id
    )
    if id is None or row is None or not row["open"] or blocks(AccountState(row["state"]), Use.CHANGE):
        raise closed()
    return id


async def is_open(conn: Connection, brand_id: UUID | None) -> bool:
    """Whether strangers are taken on a host of `brand_id`, as `brand_of` decides it; likewise in a transaction."""
    try:
        await brand_of(conn, brand_id)
    except LiveryError:
        return False
    return True


async def begin(conn: Connection, brand_id: UUID, wish: Wish, password_hash: str) -> str | None:
    """Note a wish; the token that confirms it, or None for an address that is a member's already.

    Raises LiveryError INVALID for a referral code that is nobody's. After `brand_of`, in the same transaction.
    """
    if wish.referral_code is not None and not await conn.fetchval(
        "select account_by_referral($1) is not null", wish.referral_code
    ):
        raise invalid("This referral code is not known.", "referralCode", next="Check it, or leave it out.")
    if await owner_of(conn, "member", wish.email) is not None:
        return None
    token = secrets.token_urlsafe(32)
    await conn.execute(
        """insert into sign_up (token_hash, brand_id, email, name, company, password_hash, referral_code, expires_at)
           values ($1, $2, $3, $4, $5, $6, $7, livery_now() + $8)""",
        fingerprint(token),
        brand_id,
        wish.email,
        wish.name,
        wish.company,
        password_hash,
        wish.referral_code,
        LIFE,
    )
    return token


async def confirm(unit: UnitOfWork, token: str, *, ip: str, host_brand: UUID | None) -> Person:
    """Make the account that a link stands for, and its owner, who is not signed in yet, on a host of this brand.

    Raises LiveryError INVALID for a link that is unknown, used or over, all alike; DENIED where sign-up was closed.
    """
    conn = unit.conn
    await adopt(conn, "sign_up", fingerprint(token))
    if not await conn.fetchval(f"select exists (select from sign_up where {_GOOD})", fingerprint(token)):
        raise _over()
    # Before the link is taken: a deletion of the brand's account locks in that order.
    await tree.alone(conn)
    row = await conn.fetchrow(
        f"update sign_up set confirmed_at = livery_now() where {_GOOD} returning *",
        fingerprint(token),
    )
    if row is None:
        raise _over()
    # The account will be right below the brand's: its people exist on hosts of that one and of those above it.
    above = await conn.fetchval("select lineage from account where id = $1", row["brand_id"])
    if host_brand is not None and host_brand not in (above or ()):
        raise _over()
    brand_id = await brand_of(conn, row["brand_id"])
    given = {"name": row["company"]}
    if row["referral_code"] is not None:
        given["referred_by_id"] = await conn.fetchval("select account_by_referral($1)", row["referral_code"])
    account_id = await tree.insert(conn, parent_id=brand_id, kind=AccountKind.SUB_ACCOUNT, given=given)
    member_id: UUID | None = await conn.fetchval(
        """insert into member (id, account_id, email, name, password_hash, role) values ($1, $2, $3, $4, $5, $6)
           on conflict (email) do nothing returning id""",
        new_id(),
        account_id,
        row["email"],
        row["name"],
        row["password_hash"],
        Role.OWNER.value,
    )
    if member_id is None:  # by an invitation meanwhile
        raise _over()
    newcomer = Scope(account_id, member_id=member_id, may=ROLES[Role.OWNER], ip=ip)
    await audit.note(
        conn,
        newcomer,
        "account.sign_up",
        account_id=account_id,
        target=account_id,
        changes={"name": (None, row["company"]), "referral_code": (None, row["referral_code"])},
    )
    plan_id = await conn.fetchval(
        """select p.id from account a join plan p on p.id = a.sign_up_plan_id
            where a.id = $1 and p.account_id = a.id and p.archived_at is null""",
        brand_id,
    )
    if plan_id is not None:
        await orders.welcome(conn, newcomer, plan_id)
    return Person(member_id, account_id, Role.OWNER, second_factor=False)


async def forget_old(db: Database) -> None:
    """Drop wishes whose link is over; the clock calls it now and then."""
    async with db.connection() as conn:
        await conn.execute("delete from sign_up where expires_at < livery_now() - interval '1 day'")


def closed() -> LiveryError:
    """Nobody can sign up on this host."""
    return LiveryError(
        Kind.DENIED, "SIGN_UP_CLOSED", "Nobody can sign up here.", next="Ask whoever runs this site for an invitation."
    )


def _over() -> LiveryError:
    return LiveryError(
        Kind.INVALID,
        "LINK_OVER",
        "This link is not valid any more.",
        field=("token",),
        next="Sign up again; if you have an account already, sign in.",
    )
